//! Writes, cuts, syncs and heads that fail, one at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::write::commit::state::{MAX_BUFFERED_BYTES, MAX_HELD_BYTES};
use crate::write::commit::tests::{
    Bench, DURABILITIES, Gate, LIMIT, WAITED_FOR, assert_intact, draft, entries, eventually, has_torn_tail,
    hold_up, is_long, look, numbers, ready,
    storage::{Answer, EIO, ENOSPC, EPERM, What},
    watched,
};
use crate::write::health::Health;
use crate::{error::Error, findings::notice::Notice, log::AuditLog, write::settings::Durability};

/// How a write fails.
#[derive(Clone, Copy, Debug)]
enum How {
    /// It stops short, and the next one fails.
    Short,
    /// Bytes land, and the call fails.
    Persist,
}

/// The commit of three entries fails after `at` bytes, with a fourth linked onto them meanwhile.
fn fail_at(durability: Durability, how: How, cuts: bool, at: usize) -> usize {
    let bench = Bench::new();
    let log = bench.open(durability);
    let (mut recordings, gate) = hold_up(&bench, &log, 3);
    let second = Gate::default();
    let (passed, mut appends, length) = (second.clone(), 0, Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&length);
    bench.faults.rule(move |asked| match asked.what {
        What::Append if appends == 0 => {
            appends = 1;
            seen.store(asked.length, Ordering::Relaxed);
            passed.pass();
            match how {
                How::Short if at == 0 => Answer::Fail(ENOSPC),
                How::Short => Answer::Short(at),
                How::Persist => Answer::Persist(at, ENOSPC),
            }
        }
        What::Append => Answer::Fail(ENOSPC),
        What::Cut if !cuts => Answer::Fail(EPERM),
        _ => Answer::Do,
    });
    gate.open();
    second.reached();
    recordings.push(log.append_async(draft(4)));
    second.open();

    let outcomes: Vec<_> = recordings.into_iter().map(ready).collect();
    bench.faults.clear();
    // The log's own thread may be writing still, on storage that fails: nothing is to be linked onto that.
    drop(log.flush());
    let after = log.append(draft(5)).expect("works again");
    log.close().expect("closes");

    let verification = look(&bench.trail());
    let told = entries(&bench.trail());
    let mut there = vec![];
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(receipt) => {
                there.push(number as u64);
                let entry = &told[usize::try_from(receipt.seq).expect("small")];
                assert_eq!((entry.seq, &entry.hash), (receipt.seq, &receipt.hash.to_string()));
            }
            Err(error) => {
                assert!(matches!(error, Error::Io { .. }), "{error}");
                let text = error.to_string();
                assert!(text.contains("audit-2026-11-24") && text.contains("No space left"), "{text}");
            }
        }
    }
    let refused = 5 - there.len() as u64;
    there.push(5);
    assert_eq!(numbers(&told), there, "{durability:?} {how:?} cuts {cuts} at {at}");
    // Whole lines that were written stay.
    let line = length.load(Ordering::Relaxed) / 3;
    let whole = (1..=3).filter(|lines| lines * line <= at).count();
    if matches!(how, How::Short) {
        assert_eq!(there.len(), 2 + whole, "{durability:?} {how:?} cuts {cuts} at {at}");
    }
    if refused > 0 {
        let after = usize::try_from(after.seq).expect("small");
        assert_eq!(told[after - 1].event_type, "audit_degraded");
        assert_eq!(told[after - 1].details["lost"], refused);
        assert!(told[after - 1].details["cause"].as_str().expect("text").contains("No space left"));
        let recovered = told.iter().filter(|entry| entry.event_type == "audit_recovered").count();
        assert_eq!(recovered, usize::from(has_torn_tail(&verification)));
    }
    assert!(cuts || at.is_multiple_of(line) || has_torn_tail(&verification), "{how:?} at {at}");
    bench.reopen();
    length.load(Ordering::Relaxed)
}

#[test]
fn a_failed_write_keeps_whole_lines_and_refuses_the_others() {
    for durability in WAITED_FOR {
        for how in [How::Short, How::Persist] {
            for cuts in [true, false] {
                let length = fail_at(durability, how, cuts, 0);
                let line = length / 3;
                let step = if is_long() { 1 } else { 29 };
                let mut places: Vec<_> = (1..length).step_by(step).collect();
                places.extend((1..=3).flat_map(|lines| [lines * line - 1, lines * line, lines * line + 1]));
                places.retain(|at| *at <= length);
                for at in places {
                    fail_at(durability, how, cuts, at);
                }
            }
        }
    }
}

#[test]
fn a_full_disk_that_is_freed_is_gone_on_with_and_the_count_is_right() {
    for durability in WAITED_FOR {
        let bench = Bench::new();
        let log = bench.open(durability);
        log.append(draft(0)).expect("recorded");
        bench.faults.rule(|asked| match asked.what {
            What::Append => Answer::Fail(ENOSPC),
            _ => Answer::Do,
        });
        thread::scope(|scope| {
            for thread in 0..4 {
                let log = &log;
                scope.spawn(move || {
                    for number in 0..25 {
                        log.append(draft(100 * (thread + 1) + number)).expect_err("the disk is full");
                    }
                });
            }
        });
        assert!(matches!(log.health(), Health::Degraded { lost: 100, .. }), "{:?}", log.health());
        assert_eq!(log.counters().not_recorded, 100);
        bench.faults.clear();

        log.append(draft(1)).expect("recorded");

        assert_eq!(log.health(), Health::Recording);
        log.append(draft(2)).expect("recorded");
        log.close().expect("closes");
        assert_intact(&bench.trail());
        let told = entries(&bench.trail());
        assert_eq!(numbers(&told), [0, 1, 2]);
        let degraded: Vec<_> = told.iter().filter(|entry| entry.event_type == "audit_degraded").collect();
        assert_eq!(degraded.len(), 1);
        assert_eq!(degraded[0].details["lost"], 100);
        assert_eq!(degraded[0].seq, 2);
    }
}

/// Nothing refuses what a buffered log accepted: it is tried again, and the trail says that it had to be.
#[test]
fn a_buffered_log_keeps_its_lines_over_a_full_disk() {
    let bench = Bench::new();
    let log = bench.open(Durability::Buffered);
    bench.faults.rule(|asked| match asked.what {
        What::Append => Answer::Persist(asked.length / 2 + 7, ENOSPC),
        What::Cut => Answer::Fail(EPERM),
        _ => Answer::Do,
    });
    for number in 0..20 {
        log.append(draft(number)).expect("accepted");
    }
    log.flush().expect_err("the disk is full");
    bench.faults.clear();

    log.close().expect("closes");

    assert_intact(&bench.trail());
    let told = entries(&bench.trail());
    assert_eq!(numbers(&told), Vec::from_iter(0..20));
    let degraded: Vec<_> = told.iter().filter(|entry| entry.event_type == "audit_degraded").collect();
    assert_eq!(degraded.len(), 1, "{told:?}");
    assert_eq!(degraded[0].details["lost"], 0);
    assert_eq!(told.last().expect("entries").event_type, "audit_stopped");
    bench.reopen();
}

#[test]
fn a_buffered_log_holds_no_more_than_two_buffers_however_many_fail() {
    let bench = Bench::new();
    let log = bench.open(Durability::Buffered);
    let most = Arc::new(AtomicUsize::new(0));
    let asked_for = Arc::clone(&most);
    bench.faults.rule(move |asked| match asked.what {
        What::Append => {
            asked_for.fetch_max(asked.length, Ordering::Relaxed);
            // Long enough for others to fill a buffer meanwhile.
            thread::sleep(Duration::from_millis(2));
            Answer::Fail(ENOSPC)
        }
        _ => Answer::Do,
    });

    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let log = &log;
            scope.spawn(move || {
                let (mut number, mut refused) = (thread << 32, 0);
                while refused < 5 {
                    refused +=
                        u32::from(log.append(draft(number).detail("more", "x".repeat(4_000))).is_err());
                    number += 1;
                }
            });
        }
    });

    let most = most.load(Ordering::Relaxed);
    assert!((MAX_BUFFERED_BYTES..=MAX_HELD_BYTES).contains(&most), "{most} bytes");
    bench.faults.clear();
    log.close().expect("closes");
    let told = entries(&bench.trail());
    let degraded = told.iter().filter(|entry| entry.event_type == "audit_degraded");
    assert_eq!(degraded.filter_map(|entry| entry.details["lost"].as_u64()).sum::<u64>(), 20);
    bench.reopen();
}

/// Torn bytes that stay are told of in the file that comes next, however full the buffer was.
#[test]
fn torn_bytes_that_stay_are_told_of_over_rotations_and_failures() {
    for durability in DURABILITIES {
        let mut bench = Bench::new();
        bench.max_file_size = Some(700);
        let log = bench.open(durability);
        for round in 0..3 {
            let mut first = true;
            bench.faults.rule(move |asked| match asked.what {
                What::Append if std::mem::take(&mut first) => Answer::Persist(asked.length - 5, ENOSPC),
                What::Append => Answer::Fail(ENOSPC),
                What::Cut => Answer::Fail(EPERM),
                _ => Answer::Do,
            });
            for number in 0..10 {
                drop(log.append(draft(round * 100 + number)));
            }
            drop(log.flush());
            // So that what nobody waits for fails as well.
            thread::sleep(Duration::from_millis(40));
            bench.faults.clear();
            log.append(draft(round * 100 + 50)).expect("works again");
            log.flush().expect("works again");
        }
        log.close().expect("closes");

        assert!(has_torn_tail(&look(&bench.trail())));
        bench.reopen();
    }
}

/// Everybody who waits for a device that fails is told, whoever it was that asked it.
#[test]
fn a_failed_sync_poisons_the_log() {
    watched(LIMIT, || {
        for (name, ask) in [
            ("append", &(|log: &AuditLog| log.append(draft(1)).map(drop)) as &dyn Fn(&AuditLog) -> _),
            ("critical", &|log| log.append(draft(1).critical()).map(drop)),
            ("flush", &AuditLog::flush),
            ("async", &|log| ready(log.append_async(draft(1).critical())).map(drop)),
            ("close", &AuditLog::close),
        ] {
            for durability in DURABILITIES {
                let bench = Bench::new();
                let log = bench.open(durability);
                let before = log.append(draft(0)).expect("recorded");
                bench.faults.rule(|asked| match asked.what {
                    What::Sync if !asked.head => Answer::Fail(EIO),
                    _ => Answer::Do,
                });
                if name == "append" && durability != Durability::Synced {
                    continue;
                }
                if name == "flush" && durability == Durability::Synced {
                    // Everything is on the device already.
                    continue;
                }

                let told = ask(&log).expect_err("the device failed");

                bench.faults.clear();
                let text = told.to_string();
                assert!(text.contains("sync") && text.contains("Input/output error"), "{name}: {text}");
                if name != "close" {
                    assert!(matches!(log.append(draft(2)), Err(Error::Poisoned { .. })), "{name}");
                    assert!(matches!(ready(log.append_async(draft(2))), Err(Error::Poisoned { .. })));
                    assert!(matches!(log.flush(), Err(Error::Poisoned { .. })));
                    assert!(matches!(log.health(), Health::Poisoned { .. }));
                    assert!(matches!(log.close(), Err(Error::Poisoned { .. })));
                }
                drop(log);
                bench.reopen();
                let told = entries(&bench.trail());
                assert_eq!(told[1].hash, before.hash.to_string());
                assert!(!numbers(&told).contains(&2));
            }
        }
    });
}

#[test]
fn a_flush_that_waits_for_another_ones_sync_hears_that_it_failed() {
    watched(LIMIT, || {
        let bench = Bench::new();
        let log = bench.open(Durability::Written);
        let gate = Gate::default();
        let passed = gate.clone();
        bench.faults.rule(move |asked| match asked.what {
            What::Sync => {
                passed.pass();
                Answer::Fail(EIO)
            }
            _ => Answer::Do,
        });
        thread::scope(|scope| {
            let critical = scope.spawn(|| log.append(draft(1).critical()));
            gate.reached();
            let flush = scope.spawn(|| log.flush());
            thread::sleep(Duration::from_millis(50));
            gate.open();

            critical.join().expect("no panic").expect_err("the device failed");
            flush.join().expect("no panic").expect_err("the device failed");
        });
    });
}

/// A flush promises the device, also when others' entries fail meanwhile.
#[test]
fn a_flush_that_says_ok_has_synced() {
    watched(LIMIT, || {
        let bench = Bench::new();
        let log = bench.open(Durability::Written);
        let synced = Arc::new(AtomicBool::new(false));
        let (gate, seen) = (Gate::default(), Arc::clone(&synced));
        let passed = gate.clone();
        log.append(draft(0)).expect("recorded");
        bench.faults.rule(move |asked| match asked.what {
            What::Append => {
                passed.pass();
                Answer::Fail(ENOSPC)
            }
            What::Sync if !asked.head => {
                seen.store(true, Ordering::Relaxed);
                Answer::Do
            }
            _ => Answer::Do,
        });
        thread::scope(|scope| {
            let fails = scope.spawn(|| log.append(draft(1)));
            gate.reached();
            let flush = scope.spawn(|| log.flush());
            thread::sleep(Duration::from_millis(50));
            gate.open();

            fails.join().expect("no panic").expect_err("the disk is full");
            if flush.join().expect("no panic").is_ok() {
                assert!(synced.load(Ordering::Relaxed));
            }
        });
        bench.faults.clear();
        log.close().expect("closes");
    });
}

#[test]
fn a_file_that_cannot_be_finished_poisons_the_log_and_one_that_cannot_be_begun_does_not() {
    watched(LIMIT, || {
        for durability in WAITED_FOR {
            let bench = Bench::new();
            let log = bench.open(durability);
            log.append(draft(0)).expect("recorded");
            bench.now.fetch_add(crate::write::commit::tests::DAY, Ordering::Relaxed);
            std::fs::create_dir(bench.trail().join("audit-2026-11-25.jsonl")).expect("created");
            // Something stands in the way of the new day's file: the next number is taken.
            log.append(draft(1)).expect("recorded");
            std::fs::remove_dir(bench.trail().join("audit-2026-11-25.jsonl")).expect("removed");

            bench.now.fetch_add(crate::write::commit::tests::DAY, Ordering::Relaxed);
            bench.faults.rule(|asked| match asked.what {
                What::Sync if !asked.head => Answer::Fail(EIO),
                _ => Answer::Do,
            });
            let told = log.append(draft(2)).expect_err("the device failed");
            bench.faults.clear();

            assert!(told.to_string().contains("Input/output error"), "{told}");
            assert!(matches!(log.append(draft(3)), Err(Error::Poisoned { .. })));
            drop(log);
            bench.reopen();
            assert_eq!(numbers(&entries(&bench.trail())), [0, 1]);
        }
    });
}

/// Entries that are whole in the file, while others of their commit failed, still get to the device.
#[test]
fn futures_get_through_when_half_of_their_commit_fails() {
    watched(LIMIT, || {
        let bench = Bench::new();
        let log = bench.open(Durability::Synced);
        let (mut recordings, gate) = hold_up(&bench, &log, 3);
        let mut appends = 0;
        bench.faults.rule(move |asked| match asked.what {
            What::Append => {
                appends += 1;
                if appends == 1 { Answer::Short(asked.length / 2) } else { Answer::Fail(ENOSPC) }
            }
            _ => Answer::Do,
        });
        gate.open();

        let last = recordings.split_off(2);
        for recording in recordings {
            ready(recording).expect("it is whole");
        }
        for recording in last {
            ready(recording).expect_err("it is not");
        }
        log.append(draft(9)).expect_err("the disk is full");
        bench.faults.clear();
        log.close().expect("closes");
        bench.reopen();
    });
}

/// A future that waits for room in the buffer is woken, whenever the buffer is written.
#[test]
fn a_future_that_waits_for_room_is_woken() {
    watched(LIMIT, || {
        let bench = Bench::new();
        let log = bench.open(Durability::Buffered);
        let filling = "x".repeat(50_000);
        let count = if is_long() { 20_000 } else { 500 };
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for number in 0..count {
                        ready(log.append_async(draft(number).detail("filling", &filling))).expect("recorded");
                    }
                });
            }
        });
        log.close().expect("closes");
        assert_eq!(look(&bench.trail()).entries(), 3 * count + 2);
    });
}

/// The hook may look at the log, and may even panic: nobody hangs.
#[test]
fn a_hook_may_look_at_the_log_and_may_panic() {
    watched(LIMIT, || {
        for panics in [false, true] {
            for durability in DURABILITIES {
                let bench = Bench::new();
                let slot = Arc::new(std::sync::OnceLock::<AuditLog>::new());
                let (seen, told) = (Arc::clone(&slot), Arc::new(AtomicUsize::new(0)));
                let count = Arc::clone(&told);
                let mut settings = bench.settings(durability);
                settings.hook = Some(Arc::new(move |_| {
                    count.fetch_add(1, Ordering::Relaxed);
                    if let Some(log) = seen.get() {
                        let _: (Health, _) = (log.health(), log.counters());
                    }
                    // In the log's own thread; a caller's would end the test.
                    let here = thread::current();
                    if panics && here.name().is_some_and(|name| name.contains("keeper")) {
                        panic!("a hook that panics");
                    }
                }));
                let log = AuditLog::start(settings).expect("opens");
                assert!(slot.set(log.clone()).is_ok());
                // The head fails in the log's own thread.
                bench.faults.rule(|asked| match asked.what {
                    What::Overwrite => Answer::Fail(EIO),
                    _ => Answer::Do,
                });
                log.append(draft(0)).expect("recorded");
                eventually(|| told.load(Ordering::Relaxed) > 0);
                bench.faults.clear();

                ready(log.append_async(draft(1).critical())).expect("recorded");

                let told = told.load(Ordering::Relaxed);
                assert!((1..4).contains(&told), "told {told} times");
                log.close().expect("closes");
                assert_intact(&bench.trail());
            }
        }
    });
}

/// A torn write of the head leaves its other block, how often soever it is tried.
#[test]
fn a_head_that_is_torn_again_and_again_can_still_be_read() {
    for durability in DURABILITIES {
        let bench = Bench::new();
        let log = bench.open(durability);
        log.append(draft(0)).expect("recorded");
        log.flush().expect("works");
        bench.faults.rule(|asked| match asked.what {
            What::Overwrite => Answer::Persist(100, EIO),
            _ => Answer::Do,
        });
        for number in 1..5 {
            log.append(draft(number).critical()).expect("it is on the device");
        }
        thread::sleep(Duration::from_millis(50));

        assert_intact(&bench.trail());
        bench.faults.clear();
        log.close().expect("closes");
        bench.reopen();
    }
}

/// The trail is closed with everything that there was to say.
#[test]
fn closing_says_what_there_was_to_say() {
    for durability in DURABILITIES {
        let bench = Bench::new();
        let log = bench.open(durability);
        log.append(draft(0)).expect("recorded");
        log.flush().expect("works");
        bench.faults.rule(|asked| match asked.what {
            What::Append => Answer::Fail(ENOSPC),
            _ => Answer::Do,
        });
        let refused = u64::from(log.append(draft(1)).is_err());
        drop(log.flush());
        // The live file goes away as well.
        let live = bench.trail().join("audit-2026-11-24.jsonl");
        std::fs::rename(&live, bench.root.path().join("gone")).expect("renamed");
        bench.faults.clear();

        log.close().expect("closes");

        let verification = look(&bench.trail());
        let told = entries(&bench.trail());
        let of = |kind: &str| told.iter().filter(|entry| entry.event_type == kind).collect::<Vec<_>>();
        assert_eq!(of("audit_degraded").len(), 1, "{durability:?}: {verification}{told:?}");
        assert_eq!(of("audit_degraded")[0].details["lost"], refused);
        assert_eq!(of("audit_file_replaced").len(), 1, "{durability:?}: {told:?}");
        assert_eq!(of("audit_stopped").len(), 1);
        bench.reopen();
    }
}

/// Counting goes on when what was to be said of it could not be said either.
#[test]
fn what_was_lost_is_counted_over_several_failures() {
    for durability in WAITED_FOR {
        let bench = Bench::new();
        let log = bench.open(durability);
        let mut refused = 0;
        for round in 0..4 {
            let mut left = round;
            bench.faults.rule(move |asked| match asked.what {
                What::Append if left > 0 => {
                    left -= 1;
                    // A part of what is to be said stands whole.
                    Answer::Short(asked.length.min(300 * round))
                }
                What::Append => Answer::Fail(ENOSPC),
                _ => Answer::Do,
            });
            for number in 0..3 {
                refused += u64::from(log.append(draft(number)).is_err());
            }
            thread::sleep(Duration::from_millis(30));
        }
        bench.faults.clear();
        log.append(draft(7)).expect("recorded");
        log.close().expect("closes");

        assert_intact(&bench.trail());
        let told = entries(&bench.trail());
        let lost: u64 = told
            .iter()
            .filter(|entry| entry.event_type == "audit_degraded")
            .map(|entry| entry.details["lost"].as_u64().expect("a number"))
            .sum();
        assert_eq!(lost, refused);
        assert_eq!(numbers(&told).len() as u64, 12 - refused + 1);
    }
}

/// What a buffered log acknowledged has its place. If it can't be cut back and written anew as a whole, no entry tells
/// of the torn bytes; yet nobody did anything to the trail.
#[test]
fn lines_that_are_written_anew_in_a_new_file_explain_what_stands_in_the_old_one() {
    let bench = Bench::new();
    let log = bench.open(Durability::Buffered);
    let mut appends = 0;
    bench.faults.rule(move |asked| match asked.what {
        What::Append => {
            appends += 1;
            match appends {
                1 => Answer::Persist(100, ENOSPC),
                2 => Answer::Persist(0, ENOSPC),
                3 => Answer::Persist(400, ENOSPC),
                _ => Answer::Fail(ENOSPC),
            }
        }
        What::Cut => Answer::Fail(EPERM),
        _ => Answer::Do,
    });
    for number in 0..5 {
        log.append(draft(number)).expect("buffered");
    }
    for _ in 0..4 {
        log.flush().expect_err("the disk is full");
    }
    log.close().expect_err("the disk is full");
    drop(log);

    let verification = look(&bench.trail());

    assert!(verification.entries() < 5, "not all were written");
    let torn = verification.notices().iter().filter(|notice| matches!(notice, Notice::TornTail { .. }));
    assert!(torn.count() >= 2);
    bench.reopen();
    // Other bytes there are nobody's but who put them there.
    let first = bench.trail().join("audit-2026-11-24.jsonl");
    let mut bytes = std::fs::read(&first).expect("there");
    let last = bytes.last_mut().expect("bytes");
    *last ^= 1;
    std::fs::write(&first, bytes).expect("written");
    let verification = crate::verify::Verifier::new(bench.trail()).run().expect("read");
    assert_eq!(verification.verdict(), crate::findings::verification::Verdict::Tampered, "{verification}");
}

/// A future hears of it within the time after which the log tries again, and does not wait for space.
#[test]
fn what_a_buffered_log_cannot_write_is_an_error_to_a_future_too() {
    watched(LIMIT, || {
        let bench = Bench::new();
        let log = bench.open(Durability::Buffered);
        bench.faults.rule(|asked| match asked.what {
            What::Append => Answer::Fail(ENOSPC),
            _ => Answer::Do,
        });

        let first = ready(log.append_async(draft(1).critical())).expect_err("the disk is full");
        let second = ready(log.append_async(draft(2).critical())).expect_err("the disk is full");
        bench.faults.clear();
        ready(log.append_async(draft(3).critical())).expect("recorded");
        log.close().expect("closes");

        assert!(first.to_string().contains("No space left") && second.to_string().contains("No space left"));
        // They stand in line, and are written when there is space.
        assert_eq!(numbers(&entries(&bench.trail())), [1, 2, 3]);
    });
}
