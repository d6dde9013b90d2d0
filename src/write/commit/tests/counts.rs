//! What a log counts, and when: whoever is told of an entry finds it counted.

use std::{
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

use crate::write::commit::tests::{
    Bench, DURABILITIES, Gate, LIMIT, WAITED_FOR, assert_intact, draft, entries, eventually, hold_up,
    is_long, numbers, ready,
    storage::{Answer, ENOSPC, What},
    watched, within,
};
use crate::write::{
    health::Health,
    settings::{Durability, OnFailure},
};

#[test]
fn dropped_futures_are_recorded_or_accounted_for() {
    watched(LIMIT, || {
        for durability in DURABILITIES {
            let bench = Bench::new();
            let log = bench.open(durability);
            let filling = "x".repeat(60_000);
            for number in 0..20 {
                drop(log.append_async(draft(number).detail("filling", &filling)));
            }
            log.flush().expect("works");
            assert_eq!(numbers(&entries(&bench.trail())), Vec::from_iter(0..20), "{durability:?}");
            assert_eq!(log.counters().recorded, 20, "{durability:?}");

            if durability != Durability::Buffered {
                bench.faults.rule(|asked| match asked.what {
                    What::Append => Answer::Fail(ENOSPC),
                    _ => Answer::Do,
                });
                drop(log.append_async(draft(20)));
                eventually(|| log.counters().not_recorded == 1);
                bench.faults.clear();
            }
            log.close().expect("closes");
            assert_intact(&bench.trail());
        }
    });
}

/// A waker that takes its time.
struct Slow(Gate);

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        self.0.pass();
    }
}

/// What is flushed is counted, also where nobody hears of it, and though the log's thread is held up.
#[test]
fn a_flush_counts_dropped_futures() {
    watched(LIMIT, || {
        for durability in WAITED_FOR {
            let bench = Bench::new();
            let log = bench.open(durability);
            let (mut recordings, write) = hold_up(&bench, &log, 1);
            let (mut awaited, waking) = (recordings.remove(1), Gate::default());
            drop(recordings);
            let waker = Waker::from(Arc::new(Slow(waking.clone())));
            assert!(Pin::new(&mut awaited).poll(&mut Context::from_waker(&waker)).is_pending());
            write.open();
            waking.reached();

            log.flush().expect("works");

            let recorded = log.counters().recorded;
            waking.open();
            assert_eq!(recorded, 1, "{durability:?}: the dropped one");
            ready(awaited).expect("recorded");
            log.close().expect("closes");
        }
    });
}

/// What a thread is told of is counted, with everything that was written along with it.
#[test]
fn who_is_told_finds_all_that_was_written_counted() {
    watched(LIMIT, || {
        for durability in WAITED_FOR {
            let bench = Bench::new();
            let log = bench.open(durability);
            for round in 0..if is_long() { 2_000 } else { 100 } {
                let (recordings, gate) = hold_up(&bench, &log, 5);
                thread::scope(|scope| {
                    let told = scope.spawn(|| log.append(draft(6)).map(|_| log.counters().recorded));
                    drop(recordings);
                    eventually(|| log.counters().waiting == 1);
                    gate.open();
                    let recorded = told.join().expect("no panic").expect("recorded");
                    assert_eq!(recorded, 7 * (round + 1), "{durability:?}");
                });
                bench.faults.clear();
            }
            log.close().expect("closes");
        }
    });
}

/// What fails while the log is closed is counted in the entry that ends it.
#[test]
fn the_end_tells_of_what_failed_just_before_it() {
    watched(LIMIT, || {
        for durability in WAITED_FOR {
            let bench = Bench::new();
            let log = bench.open(durability);
            let gate = Gate::default();
            let (passed, mut appends) = (gate.clone(), 0);
            bench.faults.rule(move |asked| {
                appends += u64::from(asked.what == What::Append);
                match (asked.what, appends) {
                    (What::Append, 1) => passed.pass(),
                    (What::Append, 2) => return Answer::Fail(ENOSPC),
                    _ => {}
                }
                Answer::Do
            });
            let written = log.append_async(draft(0));
            gate.reached();
            drop((written, log.append_async(draft(1))));
            thread::scope(|scope| {
                let closing = scope.spawn(|| log.close());
                eventually(|| log.counters().waiting == 1);
                gate.open();
                closing.join().expect("no panic").expect("closes");
            });

            assert_intact(&bench.trail());
            let stopped = entries(&bench.trail()).pop().expect("entries");
            assert_eq!(stopped.event_type, "audit_stopped");
            assert_eq!(stopped.details["not_recorded"], 1, "{durability:?}");
        }
    });
}

/// Looking at a log doesn't wait for its disk.
#[test]
fn counters_and_health_do_not_wait_for_the_disk() {
    watched(LIMIT, || {
        let bench = Bench::new();
        let log = bench.open(Durability::Written);
        let (recordings, gate) = hold_up(&bench, &log, 2);

        let waiting = log.counters().waiting;
        let health = log.health();

        gate.open();
        assert_eq!(waiting, 3);
        assert_eq!(health, Health::Recording);
        for recording in recordings {
            ready(recording).expect("recorded");
        }
        assert!(within(Duration::from_millis(1), log.append_async(draft(9))).is_none_or(|told| told.is_ok()));
        log.close().expect("closes");
        assert!(matches!(OnFailure::default(), OnFailure::Report));
    });
}
