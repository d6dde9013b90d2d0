//! Writes of the head that fail: the error goes to the hook, and one of the head's two blocks stays readable.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    log::AuditLog,
    write::{
        commit::tests::{
            fault_storage::{CallKind, CallOutcome, EIO},
            test_trail::{DURABILITIES, TestTrail, assert_intact, draft},
            threads::{TEST_TIME_LIMIT, block_on, run_with_limit, wait_until},
        },
        health::Health,
    },
};

/// The hook is called outside the lock, and a panic of it is caught: no thread hangs.
#[test]
fn hook_may_query_the_log_and_may_panic() {
    run_with_limit(TEST_TIME_LIMIT, || {
        for panics in [false, true] {
            for durability in DURABILITIES {
                let trail = TestTrail::new();
                let slot = Arc::new(OnceLock::<AuditLog>::new());
                let (queried, reports) = (Arc::clone(&slot), Arc::new(AtomicUsize::new(0)));
                let count = Arc::clone(&reports);
                let mut settings = trail.settings(durability);
                settings.hook = Some(Arc::new(move |_| {
                    count.fetch_add(1, Ordering::Relaxed);
                    if let Some(log) = queried.get() {
                        let _: (Health, _) = (log.health(), log.counters());
                    }
                    // Only in the flusher: a panic in the test's own thread would end the test.
                    let thread = thread::current();
                    if panics && thread.name().is_some_and(|name| name.contains("flusher")) {
                        panic!("a hook that panics");
                    }
                }));
                let log = AuditLog::start(settings).expect("opens");
                assert!(slot.set(log.clone()).is_ok());
                // The flusher writes the head, and so meets the fault.
                trail.faults.set_rule(|call| match call.kind {
                    CallKind::Overwrite => CallOutcome::Fail(EIO),
                    _ => CallOutcome::Proceed,
                });
                log.append(draft(0)).expect("recorded");
                wait_until(|| reports.load(Ordering::Relaxed) > 0);
                trail.faults.clear();

                block_on(log.append_async(draft(1).critical())).expect("recorded");

                let reports = reports.load(Ordering::Relaxed);
                assert!((1..4).contains(&reports), "{reports} reports");
                log.close().expect("closes");
                assert_intact(&trail.directory());
            }
        }
    });
}

/// A torn write damages one of the two blocks. Each further attempt writes the same block, and so spares the other one.
#[test]
fn head_stays_readable_over_several_torn_writes() {
    for durability in DURABILITIES {
        let trail = TestTrail::new();
        let log = trail.open(durability);
        log.append(draft(0)).expect("recorded");
        log.flush().expect("flushes");
        trail.faults.set_rule(|call| match call.kind {
            CallKind::Overwrite => CallOutcome::FailAfter(100, EIO),
            _ => CallOutcome::Proceed,
        });
        for number in 1..5 {
            log.append(draft(number).critical()).expect("the entry is on the device");
        }
        thread::sleep(Duration::from_millis(50));

        assert_intact(&trail.directory());
        trail.faults.clear();
        log.close().expect("closes");
        trail.assert_can_be_reopened();
    }
}
