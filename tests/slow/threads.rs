//! Many threads and tasks that use one log: no call hangs, and all entries form one chain.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use kling_audit::{
    AuditLog, Draft, Durability, Error, Receipt,
    verify::{Verdict, Verifier},
};

use crate::support::{files, limits::is_long};

/// Runs `body` in another thread. Fails if it does not end in time, instead of hanging.
fn run_with_deadline(body: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    let runs = thread::spawn(move || {
        body();
        ended.send(()).expect("the test waits for it");
    });
    let limit = Duration::from_secs(if is_long() { 1_800 } else { 600 });
    assert_ne!(end.recv_timeout(limit), Err(mpsc::RecvTimeoutError::Timeout), "the test does not end");
    runs.join().expect("no panic");
}

fn draft(number: u64) -> Draft {
    Draft::new("worked").actor("alice").detail("number", number)
}

/// Fails unless the trail is intact, and has the entries of the receipts and `own` others.
fn assert_intact(directory: &std::path::Path, receipts: &[Receipt], own: u64) {
    let verification = Verifier::new(directory).run().expect("can be read");
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    let entries = files::entries(directory);
    let seq = |entry: &serde_json::Value| entry["seq"].as_u64().expect("a number");
    let hashes: HashMap<_, _> = entries.iter().map(|entry| (seq(entry), &entry["hash"])).collect();
    for receipt in receipts {
        assert_eq!(*hashes[&receipt.seq], receipt.hash.to_string());
    }
    assert_eq!(verification.entries(), receipts.len() as u64 + own);
}

#[test]
fn sixty_four_threads_write_one_chain() {
    run_with_deadline(|| {
        for (durability, critical) in [
            (Durability::Written, false),
            (Durability::Synced, false),
            (Durability::Buffered, false),
            (Durability::Buffered, true),
        ] {
            let root = tempfile::tempdir().expect("a directory");
            let directory = root.path().join("audit");
            let log = AuditLog::builder(&directory)
                .durability(durability)
                .max_file_size(100_000)
                .open()
                .expect("opens");
            let receipts = Mutex::new(Vec::new());
            let each = if is_long() { 2_000 } else { 100 };
            thread::scope(|scope| {
                for thread in 0..64 {
                    let (log, receipts) = (&log, &receipts);
                    scope.spawn(move || {
                        for number in 0..each {
                            let draft = draft(number);
                            let draft = if critical && number % 2 == 0 { draft.critical() } else { draft };
                            let receipt = log.append(draft).expect("recorded");
                            receipts.lock().expect("no panic").push(receipt);
                            if (thread + number) % 100 == 0 {
                                log.flush().expect("works");
                            }
                        }
                    });
                }
            });

            assert_eq!(log.counters().recorded, 64 * each);
            assert_eq!(log.counters().waiting, 0);
            log.close().expect("closes");
            assert_intact(&directory, &receipts.into_inner().expect("no panic"), 2);
        }
    });
}

/// Some tasks await their entry, some drop the future before it is ready, and threads block.
#[test]
fn tasks_and_threads_append_while_futures_are_dropped() {
    run_with_deadline(|| {
        for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
            let root = tempfile::tempdir().expect("a directory");
            let directory = root.path().join("audit");
            let log = AuditLog::builder(&directory).durability(durability).open().expect("opens");
            let receipts = Arc::new(Mutex::new(Vec::new()));
            let dropped = Arc::new(AtomicU64::new(0));
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_time()
                .build()
                .expect("a runtime");
            let each = if is_long() { 1_000 } else { 40 };
            let tasks: Vec<_> = (0..32)
                .map(|task| {
                    let (log, receipts, dropped) = (log.clone(), Arc::clone(&receipts), Arc::clone(&dropped));
                    runtime.spawn(async move {
                        for number in 0..each {
                            let filling = "x".repeat((number as usize * 997) % 20_000);
                            let recording = log.append_async(draft(number).detail("filling", filling));
                            if (task + number) % 5 == 0 {
                                let patience = Duration::from_micros(50 * (number % 7));
                                match tokio::time::timeout(patience, recording).await {
                                    Ok(receipt) => {
                                        receipts.lock().expect("no panic").push(receipt.expect("recorded"))
                                    }
                                    Err(_) => drop(dropped.fetch_add(1, Ordering::Relaxed)),
                                }
                            } else {
                                let receipt = recording.await.expect("recorded");
                                receipts.lock().expect("no panic").push(receipt);
                            }
                        }
                    })
                })
                .collect();
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for number in 0..each {
                            let receipt = log.append(draft(number)).expect("recorded");
                            receipts.lock().expect("no panic").push(receipt);
                        }
                    });
                }
            });
            runtime.block_on(async {
                for task in tasks {
                    task.await.expect("no panic");
                }
            });
            log.flush().expect("works");

            let dropped = dropped.load(Ordering::Relaxed);
            assert_eq!(log.counters().recorded, 40 * each, "entries of dropped futures are recorded too");
            log.close().expect("closes");
            assert_intact(&directory, &receipts.lock().expect("no panic"), 2 + dropped);
        }
    });
}

#[test]
fn appends_during_close_are_recorded_or_refused() {
    run_with_deadline(|| {
        for round in 0..if is_long() { 200 } else { 10 } {
            let root = tempfile::tempdir().expect("a directory");
            let directory = root.path().join("audit");
            let durability =
                [Durability::Written, Durability::Synced, Durability::Buffered][round as usize % 3];
            let log = AuditLog::builder(&directory).durability(durability).open().expect("opens");
            let receipts = Arc::new(Mutex::new(Vec::new()));
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
            let tasks: Vec<_> = (0..16)
                .map(|_| {
                    let (log, receipts) = (log.clone(), Arc::clone(&receipts));
                    runtime.spawn(async move {
                        for number in 0.. {
                            match log.append_async(draft(number)).await {
                                Ok(receipt) => receipts.lock().expect("no panic").push(receipt),
                                Err(Error::Closed { .. }) => break,
                                Err(error) => panic!("{error}"),
                            }
                            // The other tasks need this worker of the runtime.
                            tokio::task::yield_now().await;
                        }
                    })
                })
                .collect();
            thread::sleep(Duration::from_micros(500 * round));

            log.close().expect("closes");

            runtime.block_on(async {
                for task in tasks {
                    task.await.expect("no panic");
                }
            });
            assert_intact(&directory, &receipts.lock().expect("no panic"), 2);
        }
    });
}

/// The last handle is dropped by a panic. The drop still writes `audit_stopped`.
#[test]
fn handle_dropped_by_a_panic_closes_the_log() {
    run_with_deadline(|| {
        let root = tempfile::tempdir().expect("a directory");
        let directory = root.path().join("audit");
        for durability in [Durability::Written, Durability::Buffered] {
            let log = AuditLog::builder(&directory).durability(durability).open().expect("opens");
            let panicked = thread::spawn(move || {
                log.append(draft(0)).expect("recorded");
                let pending = log.append_async(draft(1));
                assert!(log.counters().bytes == 1, "a panic with a log and a future in scope");
                drop(pending);
            });
            assert!(panicked.join().is_err());
        }
        assert_intact(&directory, &[], 8);
    });
}
