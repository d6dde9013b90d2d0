//! Threads that share syncs: each of them finishes, in whatever order they meet.

use std::{thread, time::Duration};

use crate::write::{
    commit::tests::{
        fault_storage::{CallKind, CallOutcome},
        test_trail::{TestTrail, assert_intact, draft},
        threads::{TEST_TIME_LIMIT, is_long_run, run_with_limit},
    },
    settings::Durability,
};

/// No group waits without end for a thread that does not come back.
#[test]
fn threads_that_share_syncs_all_finish() {
    run_with_limit(TEST_TIME_LIMIT, || {
        let rounds = if is_long_run() { 200 } else { 4 };
        for round in 0..rounds {
            let trail = TestTrail::new();
            let log = trail.open(Durability::Synced);
            let mut sync: u64 = 0;
            trail.faults.set_rule(move |call| {
                if call.kind == CallKind::Sync {
                    // Shorter and longer than a woken thread needs to append again. So the wait for returning threads
                    // both succeeds and times out.
                    sync += 1;
                    thread::sleep(Duration::from_micros([0, 20, 100, 400][(sync % 4) as usize]));
                }
                CallOutcome::Proceed
            });

            thread::scope(|scope| {
                for thread in 0..32 {
                    let log = &log;
                    scope.spawn(move || {
                        for number in 0..100 {
                            let receipt = log.append(draft(thread * 1_000 + number + round));
                            receipt.expect("recorded");
                        }
                    });
                }
            });

            log.close().expect("closes");
            assert_intact(&trail.directory());
        }
    });
}
