//! Verification of a trail while a log writes it: it is intact at every time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use kling_audit::{
    AuditLog, Draft, Durability,
    report::Reporter,
    verify::{Notice, Verdict, Verification, Verifier},
};

use crate::support::limits::is_long;

/// 2026-11-24T23:59:00Z.
const START: i64 = 1_795_564_740_000_000;
const SECOND: i64 = 1_000_000;

fn seconds() -> u64 {
    if is_long() { 60 } else { 2 }
}

/// Verifies the trail. Fails unless it is intact, and has no notice except for a torn tail.
fn verify_growing(directory: &std::path::Path) -> Verification {
    let verification = Verifier::new(directory).run().expect("can be read");
    let torn = |notice: &Notice| matches!(notice, Notice::TornTail { .. });

    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    assert!(verification.notices().iter().all(torn), "{verification}");
    verification
}

/// Verifies and reports while four threads append, in files of `max_file_size` bytes. The clock advances by `tick` at
/// each entry, and steps back by `step` at every fiftieth entry of one thread.
fn verify_while_written(durability: Durability, max_file_size: u64, tick: i64, step: i64) {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("audit");
    let now = Arc::new(AtomicI64::new(START));
    let clock = Arc::clone(&now);
    let log = AuditLog::builder(&directory)
        .durability(durability)
        .max_file_size(max_file_size)
        .clock(move || {
            let micros = clock.fetch_add(tick, Ordering::Relaxed);
            DateTime::<Utc>::from_timestamp_micros(micros).expect("a time")
        })
        .open()
        .expect("opens");
    let over = AtomicBool::new(false);
    let end = Instant::now() + Duration::from_secs(seconds());

    let (mut appended, mut verifications, mut seen) = (0, 0, 0);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4_u64)
            .map(|writer| {
                let (log, over, now) = (&log, &over, &now);
                scope.spawn(move || {
                    let mut number = 0_u64;
                    while !over.load(Ordering::Relaxed) {
                        let draft = Draft::new("worked").actor(format!("writer {writer}"));
                        let filling = "\u{2028}x".repeat(number as usize % 200);
                        log.append(draft.detail("number", number).detail("filling", filling))
                            .expect("recorded");
                        number += 1;
                        if writer == 0 && step > 0 && number.is_multiple_of(50) {
                            now.fetch_sub(step, Ordering::Relaxed);
                        }
                        // Each verification reads the whole trail, so the trail must not grow too fast.
                        if number.is_multiple_of(8) {
                            thread::sleep(Duration::from_millis(4));
                        }
                    }
                    number
                })
            })
            .collect();
        let reporter = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let report = Reporter::new(&directory).days(100_000).run().expect("can be read");
                assert_eq!(report.verdict, Verdict::Intact, "{}", report.verification);
                assert_eq!(report.total_events, report.verification.entries());
            }
        });
        while Instant::now() < end && !reporter.is_finished() {
            let verification = verify_growing(&directory);
            assert!(verification.entries() >= seen, "{} < {seen}", verification.entries());
            seen = verification.entries();
            verifications += 1;
        }
        over.store(true, Ordering::Relaxed);
        appended = writers.into_iter().map(|writer| writer.join().expect("no panic")).sum();
    });
    log.close().expect("closes");

    let verification = verify_growing(&directory);
    assert!(verifications > 1, "{verifications} verifications");
    assert!(verification.entries() >= appended + 2, "{verification}");
    assert!(verification.files().len() > 3, "{verification}");
    assert!(verification.notices().is_empty(), "{verification}");
}

#[test]
fn growing_written_trail_stays_intact() {
    verify_while_written(Durability::Written, 20_000, 1_000, 0);
}

#[test]
fn growing_buffered_trail_stays_intact() {
    verify_while_written(Durability::Buffered, 20_000, 1_000, 0);
}

#[test]
fn growing_trail_with_a_file_per_entry_stays_intact() {
    verify_while_written(Durability::Written, 1, 1_000, 0);
}

#[test]
fn growing_trail_stays_intact_around_midnight() {
    verify_while_written(Durability::Written, 3_000, SECOND, 200 * SECOND);
}

#[test]
fn growing_buffered_trail_stays_intact_around_midnight() {
    verify_while_written(Durability::Buffered, 3_000, SECOND, 200 * SECOND);
}
