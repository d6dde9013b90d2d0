//! Private values of entries with erasable details: each is written before its line, and stays only if the line does.

use std::thread;

use crate::{
    format::{draft::Draft, head},
    log::AuditLog,
    storage::private_values,
    write::{
        commit::tests::{
            fault_storage::{CallKind, CallOutcome, EIO, ENOSPC, FaultInjector, JournalEvent},
            test_trail::{TestTrail, draft, verify_intact},
        },
        settings::Durability,
    },
};

fn erasable_draft(number: u64) -> Draft {
    draft(number).erasable("who", format!("person {number}"))
}

/// The sequence numbers of the entries whose private values are stored. The trail must have one file of them.
fn stored_values(trail: &TestTrail) -> Vec<u64> {
    let directory = private_values::directory(&trail.directory());
    let mut seqs = Vec::new();
    for entry in std::fs::read_dir(directory).expect("private values are stored") {
        let text = std::fs::read_to_string(entry.expect("readable").path()).expect("text");
        for line in text.lines() {
            let record: serde_json::Value = serde_json::from_str(line).expect("a record");
            seqs.push(record["seq"].as_u64().expect("a number"));
        }
    }
    seqs
}

/// Asserts that the trail is intact, and that all `count` erasable values of its entries are stored.
fn assert_all_stored(trail: &TestTrail, count: u64) {
    let verification = verify_intact(&trail.directory());
    let counts = verification.withheld().expect("the trail has erasable values");
    assert_eq!((counts.values, counts.at_hand, counts.missing), (count, count, 0), "{verification}");
}

#[test]
fn entry_is_refused_if_its_private_value_cannot_be_stored() {
    for (kind, durability) in [
        (CallKind::Append, Durability::Written),
        (CallKind::Append, Durability::Synced),
        (CallKind::Sync, Durability::Synced),
    ] {
        let trail = TestTrail::new();
        let log = trail.open(durability);
        let first = log.append(erasable_draft(1)).expect("recorded");
        trail.faults.set_rule(move |call| match call.is_private && call.kind == kind {
            true => CallOutcome::Fail(EIO),
            false => CallOutcome::Proceed,
        });

        log.append(erasable_draft(2)).expect_err("the private value is not stored");

        trail.faults.clear();
        if kind == CallKind::Append {
            let third = log.append(erasable_draft(3)).expect("recorded");
            log.close().expect("closes");
            assert_eq!(stored_values(&trail), [first.seq, third.seq]);
            assert_all_stored(&trail, 2);
        } else {
            drop(log);
            trail.assert_can_be_reopened();
            // After a failed sync, the refused entry may be in the trail. If so, its value is as well.
            let verification = verify_intact(&trail.directory());
            assert!(verification.withheld().expect("the trail has erasable values").missing == 0);
        }
    }
}

#[test]
fn private_value_of_a_refused_entry_is_removed() {
    for written in [0, 1, 200, 100_000] {
        let trail = TestTrail::new();
        let log = trail.open(Durability::Written);
        log.append(erasable_draft(1)).expect("recorded");
        trail.faults.set_rule(move |call| match call.kind {
            CallKind::Append if !call.is_private && !call.is_head => CallOutcome::FailAfter(written, ENOSPC),
            _ => CallOutcome::Proceed,
        });

        let is_refused = log.append(erasable_draft(2)).is_err();

        trail.faults.clear();
        let receipt = log.append(erasable_draft(3)).expect("recorded");
        log.close().expect("closes");
        let stored = stored_values(&trail);
        assert_eq!(stored.len(), if is_refused { 2 } else { 3 }, "{written}: {stored:?}");
        assert_eq!(stored.last(), Some(&receipt.seq));
        assert_all_stored(&trail, stored.len() as u64);
    }
}

#[test]
fn private_value_that_cannot_be_removed_is_removed_later() {
    let trail = TestTrail::new();
    let log = trail.open(Durability::Written);
    let first = log.append(erasable_draft(1)).expect("recorded");
    trail.faults.set_rule(|call| match (call.kind, call.is_private) {
        (CallKind::Append, false) if !call.is_head => CallOutcome::Fail(ENOSPC),
        (CallKind::Truncate, true) => CallOutcome::Fail(EIO),
        _ => CallOutcome::Proceed,
    });
    log.append(erasable_draft(2)).expect_err("the line is not written");
    assert_eq!(stored_values(&trail), [first.seq, first.seq + 1], "the second value is left over");
    assert_all_stored(&trail, 1);
    trail.faults.clear();

    let third = log.append(erasable_draft(3)).expect("recorded");

    log.close().expect("closes");
    assert_eq!(stored_values(&trail), [first.seq, third.seq]);
    assert_all_stored(&trail, 2);
}

#[test]
fn buffered_log_keeps_private_values_of_retried_lines() {
    let trail = TestTrail::new();
    let log = trail.open(Durability::Buffered);
    trail.faults.set_rule(|call| match call.kind {
        CallKind::Append if !call.is_head => CallOutcome::FailAfter(100, ENOSPC),
        _ => CallOutcome::Proceed,
    });
    for number in 0..20 {
        log.append(erasable_draft(number)).expect("buffered");
    }
    log.flush().expect_err("the disk is full");
    trail.faults.clear();

    log.flush().expect("the disk has space");

    log.close().expect("closes");
    assert_all_stored(&trail, 20);
    assert_eq!(stored_values(&trail).len(), 20);
}

#[test]
fn private_values_count_towards_the_size_of_the_buffer() {
    let trail = TestTrail::new();
    let log = trail.open(Durability::Buffered);
    trail.faults.set_rule(|call| match call.kind {
        CallKind::Append if !call.is_head => CallOutcome::Fail(ENOSPC),
        _ => CallOutcome::Proceed,
    });
    // The value is not in the entry's line: without it, a hundred lines fit into the buffer.
    let large = || draft(0).erasable("letter", "x".repeat(60_000));

    let accepted = (0..100).take_while(|_| log.append(large()).is_ok()).count();

    assert!((1..100).contains(&accepted), "{accepted}");
    trail.faults.clear();
    log.flush().expect("the disk has space");
    log.close().expect("closes");
    assert_all_stored(&trail, accepted as u64);
}

/// At no moment is a line written or synced before its private value.
#[test]
fn private_values_are_written_and_synced_before_their_lines() {
    let mut trail = TestTrail::new();
    trail.faults = FaultInjector::with_journal();
    trail.max_file_size = Some(3_000);
    let log = trail.open(Durability::Synced);
    thread::scope(|scope| {
        for thread in 0..3 {
            let log: &AuditLog = &log;
            scope.spawn(move || {
                for number in 0..15 {
                    log.append(erasable_draft(100 * thread + number)).expect("recorded");
                }
            });
        }
    });
    log.close().expect("closes");

    // Counts of lines with an erasable detail, and of private values.
    let (mut written, mut synced) = ([0, 0], [0, 0]);
    for event in trail.faults.journal() {
        let (JournalEvent::Appended(path, _) | JournalEvent::Synced(path)) = &event else { continue };
        if path.ends_with(head::NAME) {
            continue;
        }
        let is_private = path.parent().is_some_and(|parent| parent.ends_with(private_values::NAME));
        let kind = usize::from(is_private);
        match &event {
            JournalEvent::Appended(_, bytes) => {
                let member: &[u8] = if is_private { b"\"salt\": " } else { b"{\"erasable\": \"" };
                written[kind] += memchr::memmem::find_iter(bytes, member).count();
            }
            // One file of each kind is open at a time, and it is synced before the next one is begun.
            JournalEvent::Synced(_) => synced[kind] = written[kind],
            _ => {}
        }
        assert!(written[1] >= written[0], "{written:?}");
        assert!(synced[1] >= synced[0], "{synced:?}");
    }
    assert_eq!(written, [45, 45]);
    assert_eq!(synced, [45, 45]);
    assert_all_stored(&trail, 45);
}
