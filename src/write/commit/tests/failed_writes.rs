//! Appends that fail or stop short: whole lines stay, other entries are refused, and the trail describes the loss.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    error::Error,
    write::{
        commit::tests::{
            fault_storage::{CallKind, CallOutcome, ENOSPC, EPERM},
            test_trail::{
                DURABILITIES, TestTrail, WAITING_DURABILITIES, assert_has_entry, assert_intact,
                described_losses, draft, draft_numbers, entries_of, has_torn_tail, read_entries,
                verify_intact,
            },
            threads::{TEST_TIME_LIMIT, ThreadGate, block_on, is_long_run, run_with_limit},
        },
        health::Health,
        settings::Durability,
    },
};

/// The way in which a write fails.
#[derive(Clone, Copy, Debug)]
enum WriteFailure {
    /// The write returns a shorter length, and the next one fails.
    ShortWrite,
    /// The write fails, and yet some bytes are in the file.
    FailsAfterBytes,
}

/// Fails the commit of three entries after `at` bytes, while a fourth entry is linked onto them. With `truncates`, the
/// unfinished line can be removed. Returns the length of the three lines.
fn fail_commit_at(durability: Durability, failure: WriteFailure, truncates: bool, at: usize) -> usize {
    let trail = TestTrail::new();
    let log = trail.open(durability);
    let (mut pending, first_write) = trail.block_first_write(&log, 3);
    let gate = ThreadGate::default();
    let (write, mut appends, length) = (gate.clone(), 0, Arc::new(AtomicUsize::new(0)));
    let observed = Arc::clone(&length);
    trail.faults.set_rule(move |call| match call.kind {
        CallKind::Append if appends == 0 => {
            appends = 1;
            observed.store(call.length, Ordering::Relaxed);
            write.block();
            match failure {
                WriteFailure::ShortWrite if at == 0 => CallOutcome::Fail(ENOSPC),
                WriteFailure::ShortWrite => CallOutcome::ShortWrite(at),
                WriteFailure::FailsAfterBytes => CallOutcome::FailAfter(at, ENOSPC),
            }
        }
        CallKind::Append => CallOutcome::Fail(ENOSPC),
        CallKind::Truncate if !truncates => CallOutcome::Fail(EPERM),
        _ => CallOutcome::Proceed,
    });
    first_write.open();
    gate.wait_until_reached();
    pending.push(log.append_async(draft(4)));
    gate.open();

    let outcomes: Vec<_> = pending.into_iter().map(block_on).collect();
    trail.faults.clear();
    // The flusher may still be writing under the old rule. An entry that is linked before that commit ends fails with
    // it.
    drop(log.flush());
    let after = log.append(draft(5)).expect("the storage works again");
    log.close().expect("closes");

    let verification = verify_intact(&trail.directory());
    let entries = read_entries(&trail.directory());
    let mut expected = vec![];
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(receipt) => {
                expected.push(number as u64);
                assert_has_entry(&entries, receipt);
            }
            Err(error) => {
                assert!(matches!(error, Error::Io { .. }), "{error}");
                let text = error.to_string();
                assert!(text.contains("audit-2026-11-24") && text.contains("No space left"), "{text}");
            }
        }
    }
    let refused = 5 - expected.len() as u64;
    expected.push(5);
    let case = format!("{durability:?} {failure:?} truncates {truncates} at {at}");
    assert_eq!(draft_numbers(&entries), expected, "{case}");
    // Whole lines that were written stay in the trail. All three lines have the same length.
    let line = length.load(Ordering::Relaxed) / 3;
    let whole = (1..=3).filter(|lines| lines * line <= at).count();
    if matches!(failure, WriteFailure::ShortWrite) {
        assert_eq!(expected.len(), 2 + whole, "{case}");
    }
    if refused > 0 {
        let degraded = &entries[usize::try_from(after.seq).expect("small") - 1];
        assert_eq!(degraded.event_type, "audit_degraded");
        assert_eq!(degraded.details["lost"], refused);
        assert!(degraded.details["cause"].as_str().expect("text").contains("No space left"));
        let recovered = entries_of(&entries, "audit_recovered").len();
        assert_eq!(recovered, usize::from(has_torn_tail(&verification)));
    }
    assert!(truncates || at.is_multiple_of(line) || has_torn_tail(&verification), "{case}");
    trail.assert_can_be_reopened();
    length.load(Ordering::Relaxed)
}

#[test]
fn failed_write_keeps_whole_lines_and_refuses_the_others() {
    for durability in WAITING_DURABILITIES {
        for failure in [WriteFailure::ShortWrite, WriteFailure::FailsAfterBytes] {
            for truncates in [true, false] {
                let length = fail_commit_at(durability, failure, truncates, 0);
                let line = length / 3;
                let step = if is_long_run() { 1 } else { 29 };
                let mut positions: Vec<_> = (1..length).step_by(step).collect();
                positions
                    .extend((1..=3).flat_map(|lines| [lines * line - 1, lines * line, lines * line + 1]));
                positions.retain(|at| *at <= length);
                for at in positions {
                    fail_commit_at(durability, failure, truncates, at);
                }
            }
        }
    }
}

#[test]
fn log_goes_on_after_a_full_disk_and_counts_lost_entries() {
    for durability in WAITING_DURABILITIES {
        let trail = TestTrail::new();
        let log = trail.open(durability);
        log.append(draft(0)).expect("recorded");
        trail.faults.fail_appends(ENOSPC);
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
        trail.faults.clear();

        log.append(draft(1)).expect("recorded");

        assert_eq!(log.health(), Health::Recording);
        log.append(draft(2)).expect("recorded");
        log.close().expect("closes");
        assert_intact(&trail.directory());
        let entries = read_entries(&trail.directory());
        assert_eq!(draft_numbers(&entries), [0, 1, 2]);
        let degraded = entries_of(&entries, "audit_degraded");
        assert_eq!(degraded.len(), 1);
        assert_eq!(degraded[0].details["lost"], 100);
        assert_eq!(degraded[0].seq, 2);
    }
}

/// Torn bytes that cannot be removed are described in the next file, also if the buffer is full.
#[test]
fn torn_bytes_are_described_over_rolls_and_failures() {
    for durability in DURABILITIES {
        let mut trail = TestTrail::new();
        trail.max_file_size = Some(700);
        let log = trail.open(durability);
        for round in 0..3 {
            let mut is_first = true;
            trail.faults.set_rule(move |call| match call.kind {
                CallKind::Append if std::mem::take(&mut is_first) => {
                    CallOutcome::FailAfter(call.length - 5, ENOSPC)
                }
                CallKind::Append => CallOutcome::Fail(ENOSPC),
                CallKind::Truncate => CallOutcome::Fail(EPERM),
                _ => CallOutcome::Proceed,
            });
            for number in 0..10 {
                drop(log.append(draft(round * 100 + number)));
            }
            drop(log.flush());
            // Meanwhile the flusher writes, and fails too.
            thread::sleep(Duration::from_millis(40));
            trail.faults.clear();
            log.append(draft(round * 100 + 50)).expect("the storage works again");
            log.flush().expect("the storage works again");
        }
        log.close().expect("closes");

        assert!(has_torn_tail(&verify_intact(&trail.directory())));
        trail.assert_can_be_reopened();
    }
}

/// A commit whose write fails makes no sync. The flusher makes it afterwards, so that entries which the commit wrote
/// whole are acknowledged.
#[test]
fn failed_commit_still_syncs_entries_it_wrote_whole() {
    run_with_limit(TEST_TIME_LIMIT, || {
        let trail = TestTrail::new();
        let log = trail.open(Durability::Synced);
        let (mut pending, gate) = trail.block_first_write(&log, 3);
        let mut appends = 0;
        trail.faults.set_rule(move |call| match call.kind {
            CallKind::Append => {
                appends += 1;
                if appends == 1 {
                    CallOutcome::ShortWrite(call.length / 2)
                } else {
                    CallOutcome::Fail(ENOSPC)
                }
            }
            _ => CallOutcome::Proceed,
        });
        gate.open();

        // The first two are the blocked entry and the one whole line of the short write.
        let refused = pending.split_off(2);
        for entry in pending {
            block_on(entry).expect("the line is whole");
        }
        for entry in refused {
            block_on(entry).expect_err("the line is not whole");
        }
        log.append(draft(9)).expect_err("the disk is full");
        trail.faults.clear();
        log.close().expect("closes");
        trail.assert_can_be_reopened();
    });
}

#[test]
fn close_describes_failures_and_a_replaced_file() {
    for durability in DURABILITIES {
        let trail = TestTrail::new();
        let log = trail.open(durability);
        log.append(draft(0)).expect("recorded");
        log.flush().expect("flushes");
        trail.faults.fail_appends(ENOSPC);
        let refused = u64::from(log.append(draft(1)).is_err());
        drop(log.flush());
        // The live file disappears as well.
        let live = trail.directory().join("audit-2026-11-24.jsonl");
        std::fs::rename(&live, trail.root.path().join("gone")).expect("renamed");
        trail.faults.clear();

        log.close().expect("closes");

        let verification = verify_intact(&trail.directory());
        let entries = read_entries(&trail.directory());
        let degraded = entries_of(&entries, "audit_degraded");
        assert_eq!(degraded.len(), 1, "{durability:?}: {verification}{entries:?}");
        assert_eq!(degraded[0].details["lost"], refused);
        assert_eq!(entries_of(&entries, "audit_file_replaced").len(), 1, "{durability:?}: {entries:?}");
        assert_eq!(entries_of(&entries, "audit_stopped").len(), 1);
        trail.assert_can_be_reopened();
    }
}

/// The count goes on if the commit of `audit_degraded` fails too.
#[test]
fn lost_entries_are_counted_over_several_failures() {
    for durability in WAITING_DURABILITIES {
        let trail = TestTrail::new();
        let log = trail.open(durability);
        let mut refused = 0;
        for round in 0..4 {
            let mut short_writes = round;
            trail.faults.set_rule(move |call| match call.kind {
                CallKind::Append if short_writes > 0 => {
                    short_writes -= 1;
                    // `audit_degraded` comes first in the batch, so that a short write may contain it whole.
                    CallOutcome::ShortWrite(call.length.min(300 * round))
                }
                CallKind::Append => CallOutcome::Fail(ENOSPC),
                _ => CallOutcome::Proceed,
            });
            for number in 0..3 {
                refused += u64::from(log.append(draft(number)).is_err());
            }
            thread::sleep(Duration::from_millis(30));
        }
        trail.faults.clear();
        log.append(draft(7)).expect("recorded");
        log.close().expect("closes");

        assert_intact(&trail.directory());
        let entries = read_entries(&trail.directory());
        assert_eq!(described_losses(&entries), refused);
        assert_eq!(draft_numbers(&entries).len() as u64, 12 - refused + 1);
    }
}
