//! Opening, resuming and closing a trail, after restarts, crashes and clock steps.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use kling_audit::{AuditLogBuilder, Draft, DraftError, Durability, Error, HashLength, verify::Notice};
use serde_json::Value;

use crate::support::trail::{DAY, SECOND, TestTrail};

fn append_bytes(trail: &TestTrail, bytes: &[u8]) {
    let mut newest = OpenOptions::new().append(true).open(trail.newest_file()).expect("opens");
    newest.write_all(bytes).expect("written");
}

#[test]
fn chain_continues_after_a_restart() {
    let trail = TestTrail::new();

    trail.record_run(2);
    trail.record_run(1);

    let entries = trail.entries();
    assert_eq!(
        trail.event_types(),
        ["audit_started", "worked", "worked", "audit_stopped", "audit_started", "worked", "audit_stopped"]
    );
    let (first, second) = (&entries[0]["details"], &entries[4]["details"]);
    assert_eq!(first["format"], 1);
    assert_eq!(first["hash_length"], 64);
    assert_eq!(first["resumed_from"], Value::Null);
    assert_eq!(second["trail_id"], first["trail_id"]);
    assert_eq!(second["resumed_from"]["seq"], 3);
    assert_eq!(second["resumed_from"]["hash"], entries[3]["hash"]);
    assert_eq!(second["pid"], std::process::id());
    assert_eq!(entries[3]["details"], serde_json::json!({"entries": 4, "not_recorded": 0}));
}

#[test]
fn new_day_or_full_file_starts_a_new_file() {
    let trail = TestTrail::new();
    let log = trail.builder().max_file_size(1_500).open().expect("opens");
    for _ in 0..3 {
        for number in 0..6 {
            log.append(Draft::new("worked").detail("number", number)).expect("recorded");
        }
        trail.advance_clock(DAY);
    }
    log.close().expect("closes");

    let names = trail.jsonl_names();
    assert_eq!(
        names[..3],
        ["audit-2026-11-24.jsonl", "audit-2026-11-24_0002.jsonl", "audit-2026-11-25.jsonl"].map(String::from)
    );
    assert_eq!(names.last().map(String::as_str), Some("audit-2026-11-27.jsonl"));
    for name in &names {
        assert!(fs::metadata(trail.path(name)).expect("there").len() <= 1_500, "{name}");
    }
    for (seq, entry) in trail.entries().iter().enumerate() {
        assert_eq!(entry["seq"], seq);
    }
}

#[test]
fn clock_step_back_is_recorded_unless_it_is_small() {
    let trail = TestTrail::new();
    let log = trail.open();
    log.append(Draft::new("before")).expect("recorded");
    trail.advance_clock(-SECOND);
    log.append(Draft::new("within_a_second")).expect("recorded");
    trail.advance_clock(-2 * DAY);
    log.append(Draft::new("after")).expect("recorded");
    log.close().expect("closes");
    trail.advance_clock(-DAY);
    trail.record_run(0);

    assert_eq!(
        trail.event_types(),
        [
            "audit_started",
            "before",
            "within_a_second",
            "audit_clock_stepped",
            "after",
            "audit_stopped",
            "audit_clock_stepped",
            "audit_started",
            "audit_stopped"
        ]
    );
    let entries = trail.entries();
    assert_eq!(entries[2]["timestamp"], entries[1]["timestamp"]);
    assert_eq!(entries[3]["details"]["from"], entries[2]["timestamp"]);
    assert_eq!(entries[3]["details"]["to"], entries[3]["timestamp"]);
    assert_eq!(entries[3]["timestamp"], "2026-11-22T11:59:59.000000Z");
}

#[test]
fn extreme_clock_values_survive_a_restart() {
    // 1970, just before 2038, 2262, and two times before and after the range of an entry.
    for micros in
        [0, 2_147_483_647 * SECOND, 9_223_372_036_854_775, -70_000_000_000_000_000, 300_000_000_000_000_000]
    {
        let trail = TestTrail::new();
        trail.set_clock(micros);

        trail.record_run(2);
        trail.record_run(1);

        assert_eq!(trail.entries().len(), 7, "{micros}");
    }
}

#[test]
fn unfinished_last_line_is_kept_aside_and_recorded() {
    let torn: [&[u8]; 5] =
        [b"{\"actor\": \"al", b"x", &[0; 4096], &[b'y'; 200_000], "{\"actor\": \"ü".as_bytes()];
    for bytes in torn {
        let trail = TestTrail::new();
        trail.record_run(1);
        let length = fs::metadata(trail.newest_file()).expect("there").len();
        append_bytes(&trail, bytes);

        let verified = kling_audit::verify(trail.directory()).expect("a torn tail is no finding");
        let torn_tail =
            |notice: &Notice| matches!(notice, Notice::TornTail { offset, .. } if *offset == length);
        assert!(verified.notices().iter().any(torn_tail));
        trail.record_run(1);

        let entries = trail.entries();
        assert_eq!(trail.event_types()[3..], ["audit_started", "audit_recovered", "worked", "audit_stopped"]);
        let recovered = &entries[4]["details"];
        assert_eq!(recovered["offset"], length);
        assert_eq!(recovered["length"], bytes.len());
        let kept = fs::read(trail.path(recovered["kept_as"].as_str().expect("a name"))).expect("kept");
        assert_eq!(kept, bytes);
        assert!(trail.names().iter().any(|name| name.ends_with(".torn")));
        trail.record_run(1);
        assert_eq!(trail.event_types().iter().filter(|kind| *kind == "audit_recovered").count(), 1);
    }
}

#[test]
fn torn_bytes_kept_before_a_crash_are_recorded_on_open() {
    let trail = TestTrail::new();
    trail.record_run(1);
    let name = trail.newest_file().file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    fs::write(trail.path(&format!("{name}.123.torn-unrecorded")), b"half a li").expect("written");

    trail.record_run(0);

    let entries = trail.entries();
    assert_eq!(entries[4]["event_type"], "audit_recovered");
    assert_eq!(entries[4]["details"]["offset"], 123);
    assert_eq!(entries[4]["details"]["kept_as"], format!("{name}.123.torn"));
}

#[test]
fn error_for_a_second_writer_names_the_remedy() {
    let trail = TestTrail::new();
    let log = trail.open();

    let second = trail.builder().open().expect_err("locked");

    assert!(matches!(second, Error::Locked { .. }));
    let text = second.to_string();
    assert!(text.contains("audit.lock") && text.contains("stop the other one"), "{text}");
    log.close().expect("closes");
    trail.record_run(0);
}

#[test]
fn trail_without_its_lock_file_can_be_opened() {
    let trail = TestTrail::new();
    trail.record_run(0);

    fs::remove_file(trail.path("audit.lock")).expect("removed");

    trail.record_run(0);
    assert_eq!(trail.entries().len(), 4);
}

#[test]
fn trail_with_a_damaged_end_is_not_continued() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage, &str); 5] = [
        (
            "a changed byte",
            |file| edit(file, |text| text.replacen("\"entries\": 3", "\"entries\": 4", 1)),
            "hash",
        ),
        ("a garbage line", |file| edit(file, |text| text + "garbage\n"), "malformed"),
        (
            "another day",
            |file| {
                fs::rename(file, file.with_file_name("audit-2026-11-20.jsonl")).expect("renamed");
            },
            "another day",
        ),
        (
            "a missing beginning",
            |file| edit(file, |text| text.split_inclusive('\n').skip(1).collect()),
            "missing",
        ),
        (
            "a changed beginning",
            |file| edit(file, |text| text.replacen("genesis", "Genesis", 1)),
            "first line",
        ),
    ];
    for (case, damage, reason) in damages {
        let trail = TestTrail::new();
        trail.record_run(1);
        damage(&trail.newest_file());
        let before: Vec<_> = trail.names();

        let error = trail.builder().open().expect_err(case);

        assert!(matches!(error, Error::CannotResume { .. }), "{case}: {error}");
        assert!(error.to_string().contains(reason), "{case}: {error}");
        assert_eq!(trail.names(), before, "{case}");
    }
}

fn edit(file: &Path, change: fn(String) -> String) {
    let text = fs::read_to_string(file).expect("a file");
    fs::write(file, change(text)).expect("written");
}

#[test]
fn log_of_the_python_tool_is_not_continued() {
    let trail = TestTrail::new();
    fs::create_dir(trail.directory()).expect("created");
    let line = r#"{"timestamp": "2026-11-24T00:00:00Z", "event_type": "e", "actor": "a", "details": {}, "prev_hash": "genesis", "hash": "0123456789abcdef"}"#;
    fs::write(trail.path("audit-2026-11-24.jsonl"), format!("{line}\n")).expect("written");

    let error = trail.builder().open().expect_err("refused");

    assert!(error.to_string().contains("Python tool"), "{error}");
}

#[test]
fn trail_keeps_its_hash_length() {
    let trail = TestTrail::new();
    trail.builder().hash_length(HashLength::Short).open().expect("opens").close().expect("closes");

    let error = trail.builder().hash_length(HashLength::Full).open().expect_err("another length");
    trail.record_run(1);

    assert!(matches!(error, Error::HashLength { found: HashLength::Short, asked: HashLength::Full, .. }));
    assert!(trail.entries().iter().all(|entry| entry["hash"].as_str().is_some_and(|hash| hash.len() == 16)));
}

#[test]
fn invalid_drafts_are_refused_and_counted() {
    let trail = TestTrail::new();
    let log = trail.open();

    for reserved in ["audit_started", "audit_", "job.opened", ".closed"] {
        let refused = log.append(Draft::new(reserved));
        assert!(
            matches!(refused, Err(Error::Draft { source: DraftError::Reserved { .. }, .. })),
            "{reserved}"
        );
    }
    let untyped = log.append(Draft::new(""));
    assert!(matches!(untyped, Err(Error::Draft { source: DraftError::NoEventType, .. })));
    let keyless = log.append(Draft::new("e").detail("map", std::collections::BTreeMap::from([((1, 2), 3)])));
    assert!(matches!(keyless, Err(Error::Draft { source: DraftError::Value { .. }, .. })));

    assert_eq!(log.counters().not_recorded, 6);
    log.close().expect("closes");
    assert_eq!(trail.entries()[1]["details"]["not_recorded"], 6);
}

#[test]
fn closed_log_refuses_entries() {
    let trail = TestTrail::new();
    let log = trail.open();
    let clone = log.clone();

    log.close().expect("closes");
    clone.close().expect("closing twice is closing once");

    assert!(matches!(clone.append(Draft::new("late")), Err(Error::Closed { .. })));
    assert_eq!(trail.entries().len(), 2);
}

#[test]
fn dropping_the_last_handle_closes_the_log() {
    for durability in [Durability::Buffered, Durability::Written, Durability::Synced] {
        let trail = TestTrail::new();
        let log = trail.builder().durability(durability).open().expect("opens");
        let clone = log.clone();
        drop(log);
        clone.append(Draft::new("worked")).expect("recorded");
        drop(clone);

        assert_eq!(trail.event_types(), ["audit_started", "worked", "audit_stopped"], "{durability:?}");
    }
}

#[test]
fn buffered_entry_is_written_soon_and_on_flush() {
    let trail = TestTrail::new();
    let log = trail.builder().durability(Durability::Buffered).open().expect("opens");
    log.append(Draft::new("first")).expect("recorded");
    log.flush().expect("flushed");
    assert_eq!(trail.entries().len(), 2);

    log.append(Draft::new("second")).expect("recorded");

    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while trail.entries().len() < 3 {
        assert!(std::time::Instant::now() < deadline, "the flusher thread writes the entry within a minute");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    log.close().expect("closes");
}

#[test]
fn receipt_is_returned_after_its_entry_is_written() {
    let trail = TestTrail::new();
    for durability in [Durability::Written, Durability::Synced] {
        let log = trail.builder().durability(durability).open().expect("opens");
        for _ in 0..20 {
            let receipt = log.append(Draft::new("worked")).expect("recorded");

            let text = fs::read_to_string(trail.newest_file()).expect("a file");
            let last = text.lines().last().expect("a line");
            assert!(last.ends_with(&format!("\"hash\": \"{}\"}}", receipt.hash)));
            assert!(last.contains(&format!("\"seq\": {}, ", receipt.seq)));
            assert_eq!(receipt.trail_id, log.trail_id());
        }
        log.close().expect("closes");
    }
}

#[cfg(unix)]
#[test]
fn file_modes_are_restrictive_and_loose_ones_noticed() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: PathBuf| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    let plain: fn(AuditLogBuilder) -> AuditLogBuilder = |builder| builder;
    for (group, modes) in
        [(plain, [0o700, 0o600, 0o400]), (AuditLogBuilder::group_readable, [0o750, 0o640, 0o440])]
    {
        let trail = TestTrail::new();
        let log = group(trail.builder()).open().expect("opens");
        trail.advance_clock(DAY);
        log.append(Draft::new("next_day")).expect("recorded");
        log.close().expect("closes");

        assert_eq!(mode(trail.directory()), modes[0]);
        assert_eq!(mode(trail.path("audit-2026-11-25.jsonl")), modes[1]);
        assert_eq!(mode(trail.path("audit-2026-11-24.jsonl")), modes[2]);
        assert!(kling_audit::verify(trail.directory()).expect("intact").notices().is_empty());

        fs::set_permissions(trail.newest_file(), fs::Permissions::from_mode(0o664)).expect("set");
        let verified = kling_audit::verify(trail.directory()).expect("a mode is no finding");
        let expected =
            Notice::LoosePermissions { file: "audit-2026-11-25.jsonl".into(), mode: "0664".into() };
        assert_eq!(format!("{:?}", verified.notices()), format!("{:?}", [expected]));
        trail.record_run(0);
        assert_eq!(mode(trail.newest_file()), 0o664, "the log keeps the modes of existing files");
    }
}

#[test]
fn days_without_entries_are_noticed() {
    let trail = TestTrail::new();
    trail.record_run(1);
    trail.advance_clock(3 * DAY);
    trail.record_run(1);
    trail.advance_clock(2 * DAY);
    trail.record_run(1);

    let verified = kling_audit::verify(trail.directory()).expect("intact");

    let text: Vec<_> = verified.notices().iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        ["days_without_entries: 2026-11-25 to 2026-11-26 (2 days)", "days_without_entries: 2026-11-28"]
    );
}

#[test]
fn oversized_entry_is_truncated_and_marked() {
    let trail = TestTrail::new();
    let log = trail.builder().actor("a".repeat(70_000)).open().expect("opens");
    let long = "ü".repeat(60_000);
    log.append(Draft::new("long").detail("text", &long).detail("nested", [[&long]]).detail("kept", "short"))
        .expect("recorded");
    log.append(Draft::new("many").actor("b").detail("numbers", vec![1; 60_000])).expect("recorded");
    log.append(Draft::new("t".repeat(80_000)).actor("c").detail("n", 1)).expect("recorded");
    log.close().expect("closes");

    let entries = trail.entries();
    let (long_entry, many, typed) = (&entries[1], &entries[2], &entries[3]);
    let cut = &long_entry["context"]["cut"];
    assert_eq!(cut["text"]["length"], long.len());
    assert_eq!(cut["nested.0.0"]["length"], long.len());
    assert_eq!(cut["actor"]["length"], 70_000);
    assert_eq!(long_entry["details"]["kept"], "short");
    assert!(
        long_entry["details"]["text"].as_str().is_some_and(|text| long.starts_with(text) && !text.is_empty())
    );
    assert_eq!(many["details"]["oversized"]["length"], "{\"numbers\": []}".len() + 60_000 * 3 - 2);
    assert_eq!(typed["context"]["cut"]["event_type"]["length"], 80_000);
    assert_eq!(typed["details"]["n"], 1);
    let text = fs::read_to_string(trail.newest_file()).expect("a file");
    assert!(text.lines().all(|line| line.len() < 65_536));
}

#[test]
fn opening_does_not_verify_the_middle_of_a_trail() {
    let trail = TestTrail::new();
    trail.record_run(3);
    // Opening reads the ends of a trail. Damage in the middle is found by verification alone.
    edit(&trail.newest_file(), |text| text.replacen("\"number\": 1", "\"number\": 9", 1));

    let log = trail.open();

    log.close().expect("closes");
    assert!(kling_audit::verify(trail.directory()).is_err());
}
