//! A buffered log on a full disk: it keeps the lines of acknowledged entries, retries them, and bounds its memory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    findings::{notice::Notice, verification::Verdict},
    verify::Verifier,
    write::{
        commit::{
            state::{MAX_BUFFERED_BYTES, MAX_HELD_BYTES},
            tests::{
                fault_storage::{CallKind, CallOutcome, ENOSPC, EPERM},
                test_trail::{
                    TestTrail, assert_intact, described_losses, draft, draft_numbers, entries_of,
                    read_entries, verify_intact,
                },
                threads::{TEST_TIME_LIMIT, block_on, is_long_run, run_with_limit},
            },
        },
        settings::Durability,
    },
};

/// No acknowledged entry is refused later: its line is retried, and the trail describes the failure.
#[test]
fn buffered_log_keeps_its_lines_over_a_full_disk() {
    let trail = TestTrail::new();
    let log = trail.open(Durability::Buffered);
    trail.faults.set_rule(|call| match call.kind {
        CallKind::Append => CallOutcome::FailAfter(call.length / 2 + 7, ENOSPC),
        CallKind::Truncate => CallOutcome::Fail(EPERM),
        _ => CallOutcome::Proceed,
    });
    for number in 0..20 {
        log.append(draft(number)).expect("buffered");
    }
    log.flush().expect_err("the disk is full");
    trail.faults.clear();

    log.close().expect("closes");

    assert_intact(&trail.directory());
    let entries = read_entries(&trail.directory());
    assert_eq!(draft_numbers(&entries), Vec::from_iter(0..20));
    let degraded = entries_of(&entries, "audit_degraded");
    assert_eq!(degraded.len(), 1, "{entries:?}");
    assert_eq!(degraded[0].details["lost"], 0);
    assert_eq!(entries.last().expect("entries").event_type, "audit_stopped");
    trail.assert_can_be_reopened();
}

#[test]
fn buffered_log_holds_at_most_two_buffers_during_failures() {
    let trail = TestTrail::new();
    let log = trail.open(Durability::Buffered);
    let longest = Arc::new(AtomicUsize::new(0));
    let observed = Arc::clone(&longest);
    trail.faults.set_rule(move |call| match call.kind {
        CallKind::Append => {
            observed.fetch_max(call.length, Ordering::Relaxed);
            // Meanwhile the other threads fill a buffer, which joins these lines when they are taken back.
            thread::sleep(Duration::from_millis(2));
            CallOutcome::Fail(ENOSPC)
        }
        _ => CallOutcome::Proceed,
    });

    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let log = &log;
            scope.spawn(move || {
                let (mut number, mut refused) = (thread << 32, 0);
                while refused < 5 {
                    let result = log.append(draft(number).detail("more", "x".repeat(4_000)));
                    refused += u32::from(result.is_err());
                    number += 1;
                }
            });
        }
    });

    let longest = longest.load(Ordering::Relaxed);
    assert!((MAX_BUFFERED_BYTES..=MAX_HELD_BYTES).contains(&longest), "{longest} bytes");
    trail.faults.clear();
    log.close().expect("closes");
    assert_eq!(described_losses(&read_entries(&trail.directory())), 20);
    trail.assert_can_be_reopened();
}

/// A future that waits for space in the buffer is woken by each commit, whichever thread makes it.
#[test]
fn future_that_waits_for_buffer_space_is_woken() {
    run_with_limit(TEST_TIME_LIMIT, || {
        let trail = TestTrail::new();
        let log = trail.open(Durability::Buffered);
        let filling = "x".repeat(50_000);
        let count = if is_long_run() { 20_000 } else { 500 };
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for number in 0..count {
                        let draft = draft(number).detail("filling", &filling);
                        block_on(log.append_async(draft)).expect("recorded");
                    }
                });
            }
        });
        log.close().expect("closes");
        // The log's own entries are `audit_started` and `audit_stopped`.
        assert_eq!(verify_intact(&trail.directory()).entries(), 3 * count + 2);
    });
}

/// Torn bytes that stay in a file are normally described by `audit_recovered`. While no line can be written whole, no
/// entry describes them. Verification then accepts them as the start of the next line, which was retried in a later
/// file.
#[test]
fn lines_retried_in_a_new_file_explain_torn_bytes() {
    let trail = TestTrail::new();
    let log = trail.open(Durability::Buffered);
    let mut appends = 0;
    trail.faults.set_rule(move |call| match call.kind {
        CallKind::Append => {
            appends += 1;
            match appends {
                1 => CallOutcome::FailAfter(100, ENOSPC),
                2 => CallOutcome::FailAfter(0, ENOSPC),
                3 => CallOutcome::FailAfter(400, ENOSPC),
                _ => CallOutcome::Fail(ENOSPC),
            }
        }
        CallKind::Truncate => CallOutcome::Fail(EPERM),
        _ => CallOutcome::Proceed,
    });
    for number in 0..5 {
        log.append(draft(number)).expect("buffered");
    }
    for _ in 0..4 {
        log.flush().expect_err("the disk is full");
    }
    log.close().expect_err("the disk is full");
    drop(log);

    let verification = verify_intact(&trail.directory());

    assert!(verification.entries() < 5, "some entries are not written");
    let torn = verification.notices().iter().filter(|notice| matches!(notice, Notice::TornTail { .. }));
    assert!(torn.count() >= 2);
    trail.assert_can_be_reopened();
    // Other bytes at that place are not the start of a retried line, and are reported.
    let first = trail.directory().join("audit-2026-11-24.jsonl");
    let mut bytes = std::fs::read(&first).expect("the file exists");
    let last = bytes.last_mut().expect("bytes");
    *last ^= 1;
    std::fs::write(&first, bytes).expect("written");
    let verification = Verifier::new(trail.directory()).run().expect("read");
    assert_eq!(verification.verdict(), Verdict::Tampered, "{verification}");
}

/// A future gets the error of an attempt to write, and does not wait for disk space. The line stays queued.
#[test]
fn future_of_a_buffered_log_gets_the_write_error() {
    run_with_limit(TEST_TIME_LIMIT, || {
        let trail = TestTrail::new();
        let log = trail.open(Durability::Buffered);
        trail.faults.fail_appends(ENOSPC);

        let first = block_on(log.append_async(draft(1).critical())).expect_err("the disk is full");
        let second = block_on(log.append_async(draft(2).critical())).expect_err("the disk is full");
        trail.faults.clear();
        block_on(log.append_async(draft(3).critical())).expect("recorded");
        log.close().expect("closes");

        assert!(first.to_string().contains("No space left") && second.to_string().contains("No space left"));
        // The lines of the refused entries were retried as well.
        assert_eq!(draft_numbers(&read_entries(&trail.directory())), [1, 2, 3]);
    });
}
