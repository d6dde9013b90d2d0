//! Many events from many threads and tasks: each is recorded once, in order and in its span.

use std::thread;

use kling_audit::{audit, audit_span, try_audit};
use tracing::info;
use tracing_subscriber::prelude::*;

use crate::support::{
    log::TestLog,
    noisy::Noisy,
    process::{isolated, test_path},
};

#[test]
fn eight_threads_record_ten_thousand_events_each() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        thread::scope(|scope| {
            for worker in 0..8 {
                scope.spawn(move || {
                    for n in 0..5_000 {
                        audit!("macro", worker, n);
                        info!(name: "foreign", target: "audit", worker, n);
                    }
                });
            }
        });

        let entries = trail.entries();
        assert_eq!(entries.len(), 80_000);
        for worker in 0..8 {
            let numbers: Vec<_> = entries
                .iter()
                .filter(|entry| entry["details"]["worker"] == worker)
                .map(|entry| entry["details"]["n"].as_u64().unwrap())
                .collect();
            assert!(numbers.chunks(2).enumerate().all(|(at, pair)| pair == [at as u64; 2]));
        }
        trail.close_and_verify();
    });
}

#[test]
fn forty_thousand_nested_events_keep_their_spans() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        thread::scope(|scope| {
            for worker in 0..4 {
                scope.spawn(move || {
                    for n in 0..2_000 {
                        let noisy = Noisy(|| info!(name: "formatted", target: "audit", worker, n));
                        let field = || try_audit!("field", worker, n).unwrap().seq;
                        let _span = audit_span!("span", worker, n).entered();
                        audit!("outer", worker, n, field = field(), noisy = ?noisy);
                    }
                });
            }
        });

        let entries = trail.entries();
        assert_eq!(entries.len(), 40_000);
        for entry in entries.iter().filter(|entry| entry["event_type"] != "span.opened") {
            let opened = &entries[entry["context"]["span_seq"].as_u64().unwrap() as usize - 1];
            assert_eq!(opened["event_type"], "span.opened");
            assert_eq!(opened["details"]["n"], entry["details"]["n"]);
            assert_eq!(opened["details"]["worker"], entry["details"]["worker"]);
        }
        trail.close_and_verify();
    });
}

#[test]
fn spans_follow_ten_thousand_tasks_across_awaits() {
    isolated(test_path!(), || {
        use tracing::Instrument as _;
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();

        runtime.block_on(async {
            let tasks: Vec<_> = (0..10_000)
                .map(|n| {
                    let work = async move {
                        audit!("before", n);
                        tokio::task::yield_now().await;
                        audit!(
                            "after",
                            n,
                            m = {
                                tokio::task::yield_now().await;
                                n
                            }
                        );
                    };
                    tokio::spawn(work.instrument(audit_span!("task", actor = %format!("user {n}"), n)))
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });

        let entries = trail.entries();
        assert_eq!(entries.len(), 40_000);
        for entry in entries.iter().filter(|entry| entry["event_type"] != "task.opened") {
            let opened = &entries[entry["context"]["span_seq"].as_u64().unwrap() as usize - 1];
            assert_eq!(opened["event_type"], "task.opened");
            assert_eq!(opened["details"]["n"], entry["details"]["n"]);
            assert_eq!(opened["actor"], entry["actor"]);
        }
        trail.close_and_verify();
    });
}
