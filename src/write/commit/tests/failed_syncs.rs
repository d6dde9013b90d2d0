//! Syncs that fail: each caller that waits for the device gets an error, and the log is poisoned.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    error::Error,
    log::AuditLog,
    write::{
        commit::tests::{
            fault_storage::{CallKind, CallOutcome, EIO, ENOSPC},
            test_trail::{
                DAY_MICROS, DURABILITIES, TestTrail, WAITING_DURABILITIES, draft, draft_numbers, read_entries,
            },
            threads::{TEST_TIME_LIMIT, ThreadGate, block_on, run_with_limit},
        },
        health::Health,
        settings::Durability,
    },
};

/// The error reaches the caller through each call that waits for the device.
#[test]
fn failed_sync_poisons_the_log() {
    run_with_limit(TEST_TIME_LIMIT, || {
        for (name, call) in [
            ("append", &(|log: &AuditLog| log.append(draft(1)).map(drop)) as &dyn Fn(&AuditLog) -> _),
            ("critical", &|log| log.append(draft(1).critical()).map(drop)),
            ("flush", &AuditLog::flush),
            ("async", &|log| block_on(log.append_async(draft(1).critical())).map(drop)),
            ("close", &AuditLog::close),
        ] {
            for durability in DURABILITIES {
                let trail = TestTrail::new();
                let log = trail.open(durability);
                let before = log.append(draft(0)).expect("recorded");
                trail.faults.fail_syncs(EIO);
                if name == "append" && durability != Durability::Synced {
                    continue;
                }
                if name == "flush" && durability == Durability::Synced {
                    // Every entry is on the device already.
                    continue;
                }

                let error = call(&log).expect_err("the device failed");

                trail.faults.clear();
                let text = error.to_string();
                assert!(text.contains("sync") && text.contains("Input/output error"), "{name}: {text}");
                if name != "close" {
                    assert!(matches!(log.append(draft(2)), Err(Error::Poisoned { .. })), "{name}");
                    assert!(matches!(block_on(log.append_async(draft(2))), Err(Error::Poisoned { .. })));
                    assert!(matches!(log.flush(), Err(Error::Poisoned { .. })));
                    assert!(matches!(log.health(), Health::Poisoned { .. }));
                    assert!(matches!(log.close(), Err(Error::Poisoned { .. })));
                }
                drop(log);
                trail.assert_can_be_reopened();
                let entries = read_entries(&trail.directory());
                assert_eq!(entries[1].hash, before.hash.to_string());
                assert!(!draft_numbers(&entries).contains(&2));
            }
        }
    });
}

#[test]
fn flush_that_waits_for_a_failing_sync_returns_an_error() {
    run_with_limit(TEST_TIME_LIMIT, || {
        let trail = TestTrail::new();
        let log = trail.open(Durability::Written);
        let gate = ThreadGate::default();
        let sync = gate.clone();
        trail.faults.set_rule(move |call| match call.kind {
            CallKind::Sync => {
                sync.block();
                CallOutcome::Fail(EIO)
            }
            _ => CallOutcome::Proceed,
        });
        thread::scope(|scope| {
            let critical = scope.spawn(|| log.append(draft(1).critical()));
            gate.wait_until_reached();
            let flush = scope.spawn(|| log.flush());
            thread::sleep(Duration::from_millis(50));
            gate.open();

            critical.join().expect("no panic").expect_err("the device failed");
            flush.join().expect("no panic").expect_err("the device failed");
        });
    });
}

/// A flush promises a sync, also if entries of other callers fail meanwhile.
#[test]
fn flush_that_succeeds_has_synced() {
    run_with_limit(TEST_TIME_LIMIT, || {
        let trail = TestTrail::new();
        let log = trail.open(Durability::Written);
        let is_synced = Arc::new(AtomicBool::new(false));
        let (gate, observed) = (ThreadGate::default(), Arc::clone(&is_synced));
        let write = gate.clone();
        log.append(draft(0)).expect("recorded");
        trail.faults.set_rule(move |call| match call.kind {
            CallKind::Append => {
                write.block();
                CallOutcome::Fail(ENOSPC)
            }
            CallKind::Sync if !call.is_head => {
                observed.store(true, Ordering::Relaxed);
                CallOutcome::Proceed
            }
            _ => CallOutcome::Proceed,
        });
        thread::scope(|scope| {
            let append = scope.spawn(|| log.append(draft(1)));
            gate.wait_until_reached();
            let flush = scope.spawn(|| log.flush());
            thread::sleep(Duration::from_millis(50));
            gate.open();

            append.join().expect("no panic").expect_err("the disk is full");
            if flush.join().expect("no panic").is_ok() {
                assert!(is_synced.load(Ordering::Relaxed));
            }
        });
        trail.faults.clear();
        log.close().expect("closes");
    });
}

/// A file that cannot be created is no failure of the device: the log takes the next number.
#[test]
fn roll_poisons_the_log_only_if_the_old_file_fails() {
    run_with_limit(TEST_TIME_LIMIT, || {
        for durability in WAITING_DURABILITIES {
            let trail = TestTrail::new();
            let log = trail.open(durability);
            log.append(draft(0)).expect("recorded");
            trail.now_micros.fetch_add(DAY_MICROS, Ordering::Relaxed);
            // A directory has the name of the next day's file.
            std::fs::create_dir(trail.directory().join("audit-2026-11-25.jsonl")).expect("created");
            log.append(draft(1)).expect("recorded");
            std::fs::remove_dir(trail.directory().join("audit-2026-11-25.jsonl")).expect("removed");

            trail.now_micros.fetch_add(DAY_MICROS, Ordering::Relaxed);
            trail.faults.fail_syncs(EIO);
            let error = log.append(draft(2)).expect_err("the device failed");
            trail.faults.clear();

            assert!(error.to_string().contains("Input/output error"), "{error}");
            assert!(matches!(log.append(draft(3)), Err(Error::Poisoned { .. })));
            drop(log);
            trail.assert_can_be_reopened();
            assert_eq!(draft_numbers(&read_entries(&trail.directory())), [0, 1]);
        }
    });
}
