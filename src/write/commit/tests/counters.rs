//! The counters of a log: an entry is counted before its caller receives the result.

use std::{
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

use crate::write::{
    commit::tests::{
        fault_storage::{CallKind, CallOutcome, ENOSPC},
        test_trail::{
            DURABILITIES, TestTrail, WAITING_DURABILITIES, assert_intact, draft, draft_numbers, read_entries,
        },
        threads::{TEST_TIME_LIMIT, ThreadGate, block_on, is_long_run, poll_for, run_with_limit, wait_until},
    },
    health::Health,
    settings::{Durability, OnFailure},
};

#[test]
fn dropped_futures_are_recorded_or_counted_as_lost() {
    run_with_limit(TEST_TIME_LIMIT, || {
        for durability in DURABILITIES {
            let trail = TestTrail::new();
            let log = trail.open(durability);
            let filling = "x".repeat(60_000);
            for number in 0..20 {
                drop(log.append_async(draft(number).detail("filling", &filling)));
            }
            log.flush().expect("flushes");
            let numbers = draft_numbers(&read_entries(&trail.directory()));
            assert_eq!(numbers, Vec::from_iter(0..20), "{durability:?}");
            assert_eq!(log.counters().recorded, 20, "{durability:?}");

            // A buffered log keeps the line and refuses nothing.
            if durability != Durability::Buffered {
                trail.faults.fail_appends(ENOSPC);
                drop(log.append_async(draft(20)));
                wait_until(|| log.counters().not_recorded == 1);
                trail.faults.clear();
            }
            log.close().expect("closes");
            assert_intact(&trail.directory());
        }
    });
}

/// A waker that blocks the thread which calls it.
struct BlockingWaker(ThreadGate);

impl Wake for BlockingWaker {
    fn wake(self: Arc<Self>) {
        self.0.block();
    }
}

/// A flush counts every entry that it covers, also if its future was dropped and the flusher thread is blocked.
#[test]
fn flush_counts_entries_of_dropped_futures() {
    run_with_limit(TEST_TIME_LIMIT, || {
        for durability in WAITING_DURABILITIES {
            let trail = TestTrail::new();
            let log = trail.open(durability);
            let (mut pending, write) = trail.block_first_write(&log, 1);
            let (mut awaited, waking) = (pending.remove(1), ThreadGate::default());
            drop(pending);
            let waker = Waker::from(Arc::new(BlockingWaker(waking.clone())));
            assert!(Pin::new(&mut awaited).poll(&mut Context::from_waker(&waker)).is_pending());
            write.open();
            waking.wait_until_reached();

            log.flush().expect("flushes");

            let recorded = log.counters().recorded;
            waking.open();
            assert_eq!(recorded, 1, "{durability:?}: the entry whose future was dropped");
            block_on(awaited).expect("recorded");
            log.close().expect("closes");
        }
    });
}

/// A thread whose entry is acknowledged finds all entries of the same commit counted.
#[test]
fn acknowledged_caller_finds_its_whole_commit_counted() {
    run_with_limit(TEST_TIME_LIMIT, || {
        for durability in WAITING_DURABILITIES {
            let trail = TestTrail::new();
            let log = trail.open(durability);
            for round in 0..if is_long_run() { 2_000 } else { 100 } {
                let (pending, gate) = trail.block_first_write(&log, 5);
                thread::scope(|scope| {
                    let append = scope.spawn(|| log.append(draft(6)).map(|_| log.counters().recorded));
                    drop(pending);
                    wait_until(|| log.counters().waiting == 1);
                    gate.open();
                    let recorded = append.join().expect("no panic").expect("recorded");
                    assert_eq!(recorded, 7 * (round + 1), "{durability:?}");
                });
                trail.faults.clear();
            }
            log.close().expect("closes");
        }
    });
}

/// An entry that fails while the log is closed is counted in `audit_stopped`.
#[test]
fn audit_stopped_counts_entries_that_fail_during_close() {
    run_with_limit(TEST_TIME_LIMIT, || {
        for durability in WAITING_DURABILITIES {
            let trail = TestTrail::new();
            let log = trail.open(durability);
            let gate = ThreadGate::default();
            let (write, mut appends) = (gate.clone(), 0);
            trail.faults.set_rule(move |call| {
                appends += u64::from(call.kind == CallKind::Append);
                match (call.kind, appends) {
                    (CallKind::Append, 1) => write.block(),
                    (CallKind::Append, 2) => return CallOutcome::Fail(ENOSPC),
                    _ => {}
                }
                CallOutcome::Proceed
            });
            let written = log.append_async(draft(0));
            gate.wait_until_reached();
            drop((written, log.append_async(draft(1))));
            thread::scope(|scope| {
                let close = scope.spawn(|| log.close());
                wait_until(|| log.counters().waiting == 1);
                gate.open();
                close.join().expect("no panic").expect("closes");
            });

            assert_intact(&trail.directory());
            let stopped = read_entries(&trail.directory()).pop().expect("entries");
            assert_eq!(stopped.event_type, "audit_stopped");
            assert_eq!(stopped.details["not_recorded"], 1, "{durability:?}");
        }
    });
}

#[test]
fn counters_and_health_do_not_wait_for_the_disk() {
    run_with_limit(TEST_TIME_LIMIT, || {
        let trail = TestTrail::new();
        let log = trail.open(Durability::Written);
        let (pending, gate) = trail.block_first_write(&log, 2);

        let waiting = log.counters().waiting;
        let health = log.health();

        gate.open();
        assert_eq!(waiting, 3);
        assert_eq!(health, Health::Recording);
        for entry in pending {
            block_on(entry).expect("recorded");
        }
        let outcome = poll_for(Duration::from_millis(1), log.append_async(draft(9)));
        assert!(outcome.is_none_or(|outcome| outcome.is_ok()));
        log.close().expect("closes");
        assert!(matches!(OnFailure::default(), OnFailure::Report));
    });
}
