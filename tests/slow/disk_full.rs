//! Full disks. The log counts and describes refused entries, loses no other, and continues when there is space again.

use std::{
    collections::HashSet,
    fs,
    sync::{Barrier, Mutex},
    thread,
};

use kling_audit::{AuditLog, Draft, Durability, Error, Health, Receipt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

use crate::support::{
    limits::wait_until,
    process::{isolated_after, test_path},
    trail::{LIVE, TestTrail, assert_recorded},
};

const DURABILITIES: [Durability; 3] = [Durability::Written, Durability::Buffered, Durability::Synced];
/// Error of a full file system.
const NO_SPACE: &str = "No space left on device";
/// Error of a limit on the size of files.
const TOO_LARGE: &str = "File too large";

/// Appends entries until the log has refused `refusals` of them.
fn fill(log: &AuditLog, name: &str, refusals: usize, done: &Mutex<Outcomes>) {
    let (mut number, mut refused) = (0, 0);
    while refused < refusals {
        let key = format!("{name} {number}");
        let draft = Draft::new("worked").detail("key", &key).detail("filling", "x".repeat(1_500));
        match log.append(draft) {
            Ok(receipt) => done.lock().expect("no panic").receipts.push(receipt),
            Err(error) => {
                refused += 1;
                let mut done = done.lock().expect("no panic");
                done.refused.insert(key);
                done.errors.push(error);
            }
        }
        number += 1;
    }
}

/// Outcomes of all appends.
#[derive(Default)]
struct Outcomes {
    receipts: Vec<Receipt>,
    refused: HashSet<String>,
    errors: Vec<Error>,
}

/// Fills the disk with entries of `threads` threads, frees it, and appends again, twice. `full(true)` leaves little
/// space on the disk, and `full(false)` frees it.
fn fill_and_free(
    trail: &TestTrail,
    durability: Durability,
    threads: usize,
    cause: &str,
    full: &dyn Fn(bool),
) {
    let log = trail.builder().durability(durability).open().expect("opens");
    let done = Mutex::new(Outcomes::default());
    for round in 0..2 {
        full(true);
        let barrier = Barrier::new(threads);
        thread::scope(|scope| {
            for thread in 0..threads {
                let (log, done, barrier) = (&log, &done, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    fill(log, &format!("{round} {thread}"), 5, done);
                });
            }
        });

        let so_far = done.lock().expect("no panic").refused.len() as u64;
        let in_this_round = so_far / (round + 1);
        // If `audit_degraded` still fits, but the next entry does not, the losses are described by several entries.
        match log.health() {
            Health::Degraded { lost, cause: found, .. } => {
                assert!((1..=in_this_round).contains(&lost), "{durability:?}, {threads} threads: {lost}");
                assert!(found.contains(cause) && found.contains("audit/audit-"), "{found}");
            }
            other => unreachable!("{other:?}"),
        }
        let counters = log.counters();
        assert_eq!((counters.not_recorded, counters.io_errors), (so_far, so_far));
        assert_eq!(counters.recorded, done.lock().expect("no panic").receipts.len() as u64);

        full(false);
        if durability == Durability::Buffered {
            // The flusher thread writes the full buffer again, without a call.
            wait_until("the flusher thread has written the buffer", || {
                matches!(log.health(), Health::Recording)
            });
        }
        let receipt = log.append(Draft::new("freed")).expect("recorded again");
        done.lock().expect("no panic").receipts.push(receipt);
        log.flush().expect("flushed");
        assert_eq!(log.health(), Health::Recording);
    }
    log.close().expect("closes");

    let done = done.into_inner().expect("no panic");
    for error in &done.errors {
        let text = error.to_string();
        assert!(matches!(error, Error::Io { .. }), "{text}");
        assert!(text.contains(cause) && text.contains("audit/audit-2026-11-24"), "{text}");
    }
    let entries = trail.entries();
    assert_recorded(&done.receipts, &entries);
    let keys: HashSet<&str> = entries.iter().filter_map(|entry| entry["details"]["key"].as_str()).collect();
    assert!(done.refused.iter().all(|key| !keys.contains(key.as_str())), "no refused entry is in the trail");
    assert_eq!(keys.len() + 2, done.receipts.len(), "each acknowledged entry is in the trail once");
    let degraded: Vec<&Value> =
        entries.iter().filter(|entry| entry["event_type"] == "audit_degraded").collect();
    let lost: u64 = degraded.iter().filter_map(|entry| entry["details"]["lost"].as_u64()).sum();
    assert_eq!(lost, done.refused.len() as u64);
    for entry in &degraded {
        assert!(entry["details"]["cause"].as_str().is_some_and(|text| text.contains(cause)), "{entry}");
    }
    if durability != Durability::Buffered {
        for (at, _) in entries.iter().enumerate().filter(|(_, entry)| entry["event_type"] == "freed") {
            assert_eq!(
                entries[at - 1]["event_type"],
                "audit_degraded",
                "audit_degraded precedes the next entry"
            );
        }
    }
    assert_eq!(entries.last().expect("one")["details"]["not_recorded"], done.refused.len());
    trail.record_run(1);
    assert_eq!(trail.event_types().last().map(String::as_str), Some("audit_stopped"));
}

#[test]
fn log_continues_when_a_full_file_system_is_freed() {
    for durability in DURABILITIES {
        for threads in [1, 8] {
            // Space for two full buffers and their lines.
            let Some(trail) = TestTrail::on_tmpfs("size=16m") else { return };
            let ballast = trail.root().join("ballast");
            fill_and_free(&trail, durability, threads, NO_SPACE, &|full| {
                if full {
                    // All space except for 64 KiB.
                    let free = rustix::fs::statvfs(trail.root()).expect("known").f_bavail * 4096;
                    let length = usize::try_from(free.saturating_sub(65_536)).expect("small");
                    fs::write(&ballast, vec![0; length]).expect("fits");
                } else {
                    fs::remove_file(&ballast).expect("removed");
                }
            });
        }
    }
}

#[test]
fn log_continues_when_a_file_size_limit_is_lifted() {
    isolated_after(test_path!(), "trap '' XFSZ", || {
        for durability in DURABILITIES {
            for threads in [1, 8] {
                let trail = TestTrail::new();
                fill_and_free(&trail, durability, threads, TOO_LARGE, &|full| {
                    let length = fs::metadata(trail.path(LIVE)).expect("there").len();
                    limit(full.then_some(length + 20_000));
                });
            }
        }
    });
}

/// Limits the size of files that this process may write.
fn limit(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).expect("allowed");
}

#[test]
fn failed_opening_on_a_full_disk_can_be_repeated() {
    let Some(trail) = TestTrail::on_tmpfs("size=1m") else { return };
    let ballast = trail.root().join("ballast");
    // Pages that are left for the trail.
    for left in 0..6_u64 {
        for beginning in [true, false] {
            if beginning {
                drop(fs::remove_dir_all(trail.directory()));
            } else {
                trail.record_run(1);
            }
            let free = rustix::fs::statvfs(trail.root()).expect("known").f_bavail;
            fs::write(&ballast, vec![0; ((free - left) * 4096) as usize]).expect("fits");
            match trail.builder().actor("a".repeat(6_000)).open() {
                Ok(log) => log.close().unwrap_or_else(|error| assert!(error.to_string().contains(NO_SPACE))),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains(NO_SPACE) && text.contains("/audit"), "{text}");
                }
            }
            fs::remove_file(&ballast).expect("removed");
            // Another test may fork this process. Until the fork runs its program, it has the ballast file open.
            wait_until("the space is free", || {
                rustix::fs::statvfs(trail.root()).expect("known").f_bavail > left + 8
            });

            trail.record_run(2);
            assert_eq!(trail.event_types().last().map(String::as_str), Some("audit_stopped"), "{left}");
        }
    }
}

#[test]
fn failed_close_on_a_full_disk_can_be_reopened() {
    for durability in DURABILITIES {
        let Some(trail) = TestTrail::on_tmpfs("size=1m") else { return };
        let ballast = trail.root().join("ballast");
        let log = trail.builder().durability(durability).open().expect("opens");
        let receipt = log.append(Draft::new("first")).expect("recorded");
        log.flush().expect("flushed");
        let free = rustix::fs::statvfs(trail.root()).expect("known").f_bavail;
        fs::write(&ballast, vec![0; (free * 4096) as usize]).expect("fits");
        let mut done = Mutex::new(Outcomes::default());
        if durability != Durability::Buffered {
            fill(&log, "full", 3, &done);
        }

        // The last page of the file has space for some more entries.
        for _ in 0..20 {
            drop(log.append(Draft::new("more").detail("filling", "x".repeat(1_000))));
        }
        let closed = log.close();

        let error = closed.expect_err("there is no room");
        assert!(error.to_string().contains(NO_SPACE), "{error}");
        assert_eq!(log.health(), Health::Closed);
        assert!(matches!(log.append(Draft::new("late")), Err(Error::Closed { .. })));
        fs::remove_file(&ballast).expect("removed");
        trail.record_run(1);
        let entries = trail.entries();
        assert_recorded(&[receipt], &entries);
        assert_recorded(&done.get_mut().expect("no panic").receipts, &entries);
    }
}

#[test]
fn log_continues_when_inodes_are_free_again() {
    for durability in DURABILITIES {
        let Some(trail) = TestTrail::on_tmpfs("size=4m,nr_inodes=12") else { return };
        let log = trail.builder().durability(durability).max_file_size(4_000).open().expect("opens");
        let done = Mutex::new(Outcomes::default());

        if durability == Durability::Buffered {
            for number in 0..40 {
                let draft = Draft::new("worked").detail("key", number).detail("filling", "x".repeat(1_500));
                done.lock().expect("no panic").receipts.push(log.append(draft).expect("buffered"));
            }
            wait_until("the log is degraded", || matches!(log.health(), Health::Degraded { .. }));
        } else {
            fill(&log, "full", 4, &done);
            assert!(matches!(log.health(), Health::Degraded { lost: 4, .. }), "{:?}", log.health());
        }
        assert!(trail.remount("size=4m,nr_inodes=200"));
        if durability == Durability::Buffered {
            wait_until("the flusher thread has written the buffer", || {
                matches!(log.health(), Health::Recording)
            });
        }
        let receipt = log.append(Draft::new("freed")).expect("recorded again");
        log.close().expect("closes");

        let mut done = done.into_inner().expect("no panic");
        done.receipts.push(receipt);
        let entries = trail.entries();
        assert_recorded(&done.receipts, &entries);
        let lost = |entry: &Value| {
            (entry["event_type"] == "audit_degraded").then(|| entry["details"]["lost"].clone())
        };
        assert_eq!(entries.iter().filter_map(lost).collect::<Vec<_>>(), [done.refused.len()]);
        assert!(done.errors.iter().all(|error| {
            let text = error.to_string();
            text.starts_with("create ") && text.contains(NO_SPACE) && text.contains("audit-2026-11-24_00")
        }));
    }
}
