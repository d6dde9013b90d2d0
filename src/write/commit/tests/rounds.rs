//! Threads that wait for each other's syncs: however they meet, each of them gets through.

use std::{thread, time::Duration};

use crate::write::commit::tests::{
    Bench, assert_intact, draft, is_long,
    storage::{Answer, What},
    watched,
};
use crate::write::settings::Durability;

#[test]
fn nobody_is_waited_for_by_all_others_for_ever() {
    watched(Duration::from_secs(120), || {
        let rounds = if is_long() { 200 } else { 4 };
        for round in 0..rounds {
            let bench = Bench::new();
            let log = bench.open(Durability::Synced);
            let mut sync: u64 = 0;
            bench.faults.rule(move |asked| {
                if asked.what == What::Sync {
                    // Shorter and longer than it takes to come back.
                    sync += 1;
                    thread::sleep(Duration::from_micros([0, 20, 100, 400][(sync % 4) as usize]));
                }
                Answer::Do
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
            assert_intact(&bench.trail());
        }
    });
}
