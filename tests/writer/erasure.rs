//! Erasable values: where they are stored, how they are erased, and what crashes and damage leave of them.
use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use kling_audit::{
    AuditLog, Draft, Durability, audit, erasable, json, try_audit,
    verify::{ErasableCounts, Notice, Verdict},
};
use serde_json::{Value, json};
use tracing_subscriber::prelude::*;

use crate::support::{
    forge::sha256_hex,
    printed::Printed,
    process::{child, child_directory, in_directory, is_child, run, test_path},
    trail::{DAY, LIVE, SECOND, TestTrail},
};

fn private(trail: &TestTrail, name: &str) -> PathBuf {
    trail.path("audit.private").join(name)
}

/// Private records of a file, in order. An erased one is `None`.
fn records(trail: &TestTrail, name: &str) -> Vec<Option<Value>> {
    let text = fs::read_to_string(private(trail, name)).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).ok()).collect()
}

/// The commitment to a private record, computed as an auditor would.
fn commitment(record: &Value) -> String {
    let salt = record["salt"].as_str().expect("a string");
    // For strings and numbers without escapes, the canonical text is that of serde_json.
    sha256_hex(format!("{salt}{}", record["value"]))
}

fn withheld(trail: &TestTrail) -> ErasableCounts {
    *trail.verify().erasable().expect("values are kept")
}

fn counts(withheld: &ErasableCounts) -> [u64; 4] {
    [withheld.values, withheld.at_hand, withheld.erased, withheld.missing]
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

fn email() -> Draft {
    Draft::new("account_opened").detail("account", 42).erasable("email", "alice@example.com")
}

#[test]
fn entry_holds_a_commitment_and_not_the_erasable_value() {
    let trail = TestTrail::new();
    let log = trail.builder().group_readable().open().expect("opens");

    let receipt = log.append(email()).expect("recorded");

    log.close().expect("closes");
    let entries = trail.entries();
    let entry = &entries[receipt.seq as usize];
    let records = records(&trail, LIVE);
    let record = records[0].as_ref().expect("a record");
    assert_eq!(entry["details"]["account"], 42);
    assert_eq!(entry["details"]["email"], json!({"erasable": commitment(record)}));
    assert_eq!(entry["context"]["erasable"], json!(["email"]));
    assert_eq!(record["field"], "email");
    assert_eq!(record["seq"], receipt.seq);
    assert_eq!(record["value"], "alice@example.com");
    assert_eq!(record["salt"].as_str().map(str::len), Some(32));
    assert!(!fs::read_to_string(trail.path(LIVE)).expect("a file").contains("alice"));
    assert_eq!(mode(&private(&trail, LIVE)), 0o600);
    assert_eq!(mode(&trail.path("audit.private")), 0o700);
    assert_eq!(counts(&withheld(&trail)), [1, 1, 0, 0]);
}

#[test]
fn commitments_to_equal_values_differ() {
    let trail = TestTrail::new();
    let log = trail.open();

    log.append(email()).expect("recorded");
    log.append(email()).expect("recorded");

    log.close().expect("closes");
    let entries = trail.entries();
    assert_ne!(entries[1]["details"]["email"], entries[2]["details"]["email"]);
}

#[test]
fn other_layers_do_not_see_erasable_values() {
    let trail = TestTrail::new();
    let log = trail.open();
    let printed = Printed::default();
    let layer = printed.layer();

    tracing::subscriber::with_default(tracing_subscriber::registry().with(log.layer()).with(layer), || {
        audit!("login", actor = erasable("alice"), email = erasable("alice@example.com"), n = 1);
        audit!("moved", address = erasable(&json!({"street": "Elm", "password": "x"})), tags = json(&["a"]));
    });

    log.close().expect("closes");
    let shown = printed.text();
    assert!(shown.contains("email=[erasable]") && shown.contains("tags=[\"a\"]"), "{shown}");
    assert!(!shown.contains("alice") && !shown.contains("Elm"), "{shown}");
    let entries = trail.entries();
    assert_eq!(entries[1]["actor"], "[erasable]");
    assert_eq!(entries[1]["context"]["erasable"], json!(["actor", "email"]));
    assert_eq!(entries[2]["context"], json!({"erasable": ["address"], "redacted": ["address.password"]}));
    let values: Vec<_> =
        records(&trail, LIVE).into_iter().map(|record| record.expect("a record")["value"].clone()).collect();
    assert_eq!(values[..2], [json!("alice"), json!("alice@example.com")]);
    assert_eq!(values[2], json!({"street": "Elm", "password": "[redacted]"}));
}

#[test]
fn erasable_span_field_is_erasable_in_every_entry() {
    let trail = TestTrail::new();
    let log = trail.builder().inherit_fields(["customer"]).open().expect("opens");

    tracing::subscriber::with_default(tracing_subscriber::registry().with(log.layer()), || {
        let span = kling_audit::audit_span!("order", customer = erasable("Bob"), n = tracing::field::Empty);
        span.record("n", 1);
        span.in_scope(|| audit!("paid", sum = 5));
    });

    log.erase(2, "context.fields.customer", "office", "request 1").expect("erased");
    log.close().expect("closes");
    let entries = trail.entries();
    assert_eq!(entries[1]["event_type"], "order.opened");
    assert_eq!(entries[2]["context"]["erasable"], json!(["context.fields.customer"]));
    assert_eq!(entries[3]["event_type"], "order.closed");
    assert_eq!(entries[3]["details"]["n"], 1);
    let text = fs::read_to_string(trail.path(LIVE)).expect("a file");
    assert!(!text.contains("Bob"), "{text}");
    assert_eq!(counts(&withheld(&trail)), [3, 2, 1, 0]);
}

#[test]
fn erasable_values_are_redacted_and_truncated() {
    let trail = TestTrail::new();
    let log = trail.open();
    let long = "é".repeat(50_000);

    log.append(Draft::new("e").erasable("password", "secret")).expect("recorded");
    log.append(Draft::new("e").erasable("letter", json!({"text": long, "n": 1}))).expect("recorded");
    let many = (0..2_000).fold(Draft::new("e"), |draft, n| draft.erasable(format!("field_{n}"), n));
    log.append(many).expect("recorded");

    log.close().expect("closes");
    let entries = trail.entries();
    assert_eq!(entries[1]["details"]["password"], "[redacted]");
    assert_eq!(entries[1]["context"], json!({"redacted": ["password"]}));
    assert_eq!(
        entries[2]["context"],
        json!({"erasable": ["letter"]}),
        "the chain has no hash of the whole value"
    );
    assert!(entries[3]["details"]["oversized"].is_object());
    assert!(entries[3].get("context").is_none());
    let records = records(&trail, LIVE);
    assert_eq!(records.len(), 1, "only values with a commitment are stored");
    let record = records[0].as_ref().expect("a record");
    assert_eq!(record["cut"]["letter.text"]["length"], 100_000);
    assert!(record["value"]["text"].as_str().is_some_and(|text| long.starts_with(text)));
    assert_eq!(record["value"]["n"], 1);
    assert_eq!(counts(&withheld(&trail)), [1, 1, 0, 0]);
}

#[test]
fn erased_value_is_removed_and_the_trail_stays_intact() {
    let trail = TestTrail::new();
    let log = trail.open();
    let draft = email().erasable("phone", "555-0100");
    let receipt = log.append(draft).expect("recorded");
    log.append(email()).expect("recorded");
    let before = fs::read(private(&trail, LIVE)).expect("a file");
    let salt =
        records(&trail, LIVE)[0].as_ref().expect("a record")["salt"].as_str().expect("text").to_owned();

    let erased = log.erase(receipt.seq, "email", "privacy office", "request 4711").expect("erased");

    let after = fs::read(private(&trail, LIVE)).expect("a file");
    assert_eq!(after.len(), before.len(), "the other records keep their places");
    let text = String::from_utf8(after).expect("text");
    assert!(!text.contains(&salt), "{text}");
    assert_eq!(text.matches("alice").count(), 1, "the value of the other entry");
    log.append(email()).expect("recorded");
    assert_eq!(counts(&withheld(&trail)), [4, 3, 1, 0]);
    log.erase(receipt.seq, None, "privacy office", "request 4712").expect("erased");
    log.close().expect("closes");
    let entries = trail.entries();
    let record = &entries[erased.seq as usize];
    assert_eq!(record["event_type"], "audit_erased");
    assert_eq!(record["actor"], "privacy office");
    assert_eq!(record["hash"], erased.hash.to_string());
    assert_eq!(record["details"], json!({"fields": ["email"], "reason": "request 4711", "seq": receipt.seq}));
    assert_eq!(counts(&withheld(&trail)), [4, 2, 2, 0]);
    assert!(!private(&trail, "erasing.json").exists());
    let shown = trail.verify().to_string();
    assert!(shown.contains("erasable values: 2 at hand, 2 erased\n"), "{shown}");
}

#[test]
fn erasing_a_missing_value_is_an_error() {
    let trail = TestTrail::new();
    let log = trail.open();
    let receipt = log.append(email()).expect("recorded");
    let erase = |seq: u64, field: Option<&str>| {
        log.erase(seq, field, "office", "r").expect_err("nothing to erase").to_string()
    };

    assert!(erase(99, None).contains("there is no entry 99"), "{}", erase(99, None));
    assert!(erase(0, None).contains("entry 0 has no erasable values"));
    let other = erase(receipt.seq, Some("account"));
    assert!(other.contains("no erasable value `account`; it has `email`"), "{other}");
    log.erase(receipt.seq, "email", "office", "r").expect("erased");
    let again = erase(receipt.seq, Some("email"));
    assert!(again.contains("it was erased before"), "{again}");

    log.close().expect("closes");
    let closed = log.erase(receipt.seq, None, "office", "r").expect_err("closed");
    assert!(matches!(closed, kling_audit::Error::Closed { .. }), "{closed}");
    assert_eq!(trail.event_types().iter().filter(|name| *name == "audit_erased").count(), 1);
}

#[test]
fn private_values_are_found_across_files_days_and_runs() {
    for durability in [Durability::Buffered, Durability::Written, Durability::Synced] {
        let trail = TestTrail::new();
        let mut receipts = Vec::new();
        for run in 0..3 {
            let log = trail.builder().durability(durability).max_file_size(1_500).open().expect("opens");
            for number in 0..8 {
                let draft = Draft::new("e").erasable("who", format!("person {run} {number}"));
                receipts.push(log.append(draft).expect("recorded"));
                log.append(Draft::new("other")).expect("recorded");
            }
            trail.advance_clock(DAY);
            log.close().expect("closes");
        }
        assert!(trail.jsonl_names().len() > 8, "{:?}", trail.jsonl_names());
        assert_eq!(counts(&withheld(&trail)), [24, 24, 0, 0], "{durability:?}");

        let log = trail.open();
        for receipt in receipts.iter().step_by(2) {
            log.erase(receipt.seq, "who", "office", "r").expect("erased");
        }
        log.close().expect("closes");

        assert_eq!(counts(&withheld(&trail)), [24, 12, 12, 0], "{durability:?}");
        assert_eq!(trail.verify().verdict(), Verdict::Intact);
    }
}

#[test]
fn private_values_of_many_threads_match_their_entries() {
    let trail = TestTrail::new();
    let log = trail.builder().durability(Durability::Synced).max_file_size(4_000).open().expect("opens");

    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..25 {
                    let draft = Draft::new("e").erasable("who", format!("{thread} {number}"));
                    let receipt = log.append(draft).expect("recorded");
                    if number % 5 == 0 {
                        log.erase(receipt.seq, None, "office", "r").expect("erased");
                    }
                }
            });
        }
    });

    log.close().expect("closes");
    assert_eq!(counts(&withheld(&trail)), [100, 80, 20, 0]);
    assert_eq!(trail.verify().verdict(), Verdict::Intact);
}

#[test]
fn changed_private_value_is_one_finding() {
    let trail = TestTrail::new();
    let log = trail.open();
    log.append(email()).expect("recorded");
    log.append(email()).expect("recorded");
    log.close().expect("closes");
    let path = private(&trail, LIVE);
    let good = fs::read_to_string(&path).expect("a file");
    let first = good.lines().next().expect("a line");

    for (changed, findings, seq) in [
        (good.replacen("alice", "clara", 1), 1, Some(1)),
        (good.replacen("\"seq\"", "\"sex\"", 1), 1, None),
        (good.replacen("\"salt\": \"", "\"salt\": \"0", 1), 1, Some(1)),
        (format!("{good}{first}\n"), 0, None),
        (good.clone(), 0, None),
    ] {
        fs::write(&path, &changed).expect("written");

        let verification = trail.verify();

        let found = verification.findings();
        assert_eq!(found.len(), findings, "{changed}\n{verification}");
        if let Some(finding) = found.first() {
            assert_eq!(finding.kind.name(), "value_changed");
            assert_eq!(finding.file, format!("audit.private/{LIVE}"));
            assert_eq!((finding.line, finding.offset, finding.seq), (Some(1), Some(0), seq));
        }
    }
    // A record may be missing, and so may the whole directory, as in a copy for another party.
    fs::write(&path, good.replacen(first, &" ".repeat(first.len()), 1)).expect("written");
    let verification = trail.verify();
    assert_eq!(verification.verdict(), Verdict::Intact);
    assert!(verification.notices().contains(&Notice::ValuesMissing { values: 1 }), "{verification}");
    assert_eq!(counts(&withheld(&trail)), [2, 1, 0, 1]);
    fs::remove_dir_all(trail.path("audit.private")).expect("removed");
    assert_eq!(trail.verify().verdict(), Verdict::Intact);
    assert_eq!(trail.verify().erasable(), None);
}

#[test]
fn private_values_of_unwritten_entries_are_removed_on_open() {
    let trail = TestTrail::new();
    let log = trail.open();
    log.append(email()).expect("recorded");
    log.close().expect("closes");
    let path = private(&trail, LIVE);
    let good = fs::read_to_string(&path).expect("a file");
    let left = good.replace("\"seq\": 1", "\"seq\": 3");
    fs::write(&path, format!("{good}{left}{}", &left[..40])).expect("written");
    assert_eq!(counts(&withheld(&trail)), [1, 1, 0, 0], "a record without an entry is no finding");

    trail.record_run(1);

    assert_eq!(fs::read_to_string(&path).expect("a file"), good);
}

#[test]
fn interrupted_erasure_is_completed_on_open_and_recorded_once() {
    let trail = TestTrail::new();
    let log = trail.open();
    let receipt = log.append(email()).expect("recorded");
    log.append(email()).expect("recorded");
    log.close().expect("closes");
    let path = private(&trail, LIVE);
    let length = fs::read_to_string(&path).expect("a file").lines().next().expect("a line").len();
    let note = |next: u64| {
        json!({
            "seq": receipt.seq, "fields": ["email"], "actor": "office", "reason": "r", "file": LIVE,
            "spans": [{"offset": 0, "length": length}], "next": next,
        })
    };
    // The process ended after it had written the note.
    fs::write(private(&trail, "erasing.json"), note(4).to_string()).expect("written");
    trail.record_run(0);
    let erasures =
        |trail: &TestTrail| trail.event_types().iter().filter(|name| *name == "audit_erased").count();
    assert_eq!(erasures(&trail), 1);
    assert_eq!(counts(&withheld(&trail)), [2, 1, 1, 0]);
    assert!(!private(&trail, "erasing.json").exists());

    // The process ended after it had appended the entry, while it was overwriting the line.
    let mut bytes = fs::read(&path).expect("a file");
    bytes[length - 10..length].copy_from_slice(b"e.com\"}   ");
    fs::write(&path, &bytes).expect("written");
    fs::write(private(&trail, "erasing.json"), note(4).to_string()).expect("written");
    assert_eq!(trail.verify().findings(), [], "a half overwritten line is no finding while a note names it");
    trail.record_run(0);
    assert_eq!(erasures(&trail), 1, "recorded once");
    assert_eq!(counts(&withheld(&trail)), [2, 1, 1, 0]);
    let left = fs::read(&path).expect("a file");
    assert!(left[..length].iter().all(|&byte| byte == b' '));
}

#[test]
fn erasure_note_that_matches_no_line_changes_nothing() {
    let trail = TestTrail::new();
    let log = trail.open();
    log.append(email()).expect("recorded");
    log.close().expect("closes");
    let good = fs::read(private(&trail, LIVE)).expect("a file");

    for (file, offset, length) in
        [(LIVE, 1, 10), (LIVE, 0, 10), (LIVE, 0, u64::MAX), (LIVE, u64::MAX, 1), ("../audit.head", 0, 511)]
    {
        let head = fs::read(trail.path("audit.head")).expect("a file");
        let note = json!({
            "seq": 1, "fields": ["email"], "actor": "a", "reason": "r", "file": file,
            "spans": [{"offset": offset, "length": length}], "next": 0,
        });
        fs::write(private(&trail, "erasing.json"), note.to_string()).expect("written");
        assert_eq!(fs::read(trail.path("audit.head")).expect("a file"), head);

        trail.record_run(0);

        assert_eq!(fs::read(private(&trail, LIVE)).expect("a file"), good, "{file} {offset} {length}");
        assert_eq!(trail.verify().verdict(), Verdict::Intact);
    }
}

#[test]
fn killed_process_keeps_acknowledged_private_values() {
    let name = test_path!();
    if is_child(name) {
        let log = AuditLog::open(child_directory().expect("given")).expect("opens");
        for number in 0.. {
            let receipt = log.append(Draft::new("e").erasable("n", number)).expect("recorded");
            println!("{}", receipt.seq);
            if number == 50 {
                std::process::abort();
            }
        }
    }
    let trail = TestTrail::new();
    let output = run(in_directory(child(name), &trail.directory()));

    assert!(!output.status.success());
    let acknowledged = output.text.lines().filter(|line| line.parse::<u64>().is_ok()).count();
    assert!(acknowledged >= 50, "{acknowledged}");
    let withheld = withheld(&trail);
    assert_eq!(withheld.values, withheld.at_hand);
    assert!(withheld.at_hand >= acknowledged as u64);
}

#[test]
fn entry_fails_if_its_private_value_cannot_be_written() {
    let trail = TestTrail::new();
    let log = trail.open();
    fs::write(trail.path("audit.private"), "in the way").expect("written");

    let error = log.append(email()).expect_err("the value cannot be stored");

    assert!(error.to_string().contains("audit.private: not a directory"), "{error}");
    log.append(Draft::new("other")).expect("an entry without a value is recorded");
    fs::remove_file(trail.path("audit.private")).expect("removed");
    log.append(email()).expect("recorded");
    log.close().expect("closes");
    assert_eq!(counts(&withheld(&trail)), [1, 1, 0, 0]);
}

#[test]
fn deleted_private_values_are_restored() {
    let trail = TestTrail::new();
    let log = trail.builder().durability(Durability::Synced).open().expect("opens");
    log.append(email()).expect("recorded");
    fs::remove_dir_all(trail.path("audit.private")).expect("removed");

    log.append(Draft::new("other")).expect("recorded");

    log.append(email()).expect("recorded");
    log.close().expect("closes");
    assert_eq!(counts(&withheld(&trail)), [2, 2, 0, 0]);
    let errors = trail.errors();
    assert!(errors.iter().any(|error| error.contains("is copied back")), "{errors:?}");
    assert_eq!(mode(&private(&trail, LIVE)), 0o600);
}

#[test]
fn adoption_keeps_the_private_values() {
    let trail = TestTrail::new();
    let log = trail.open();
    log.append(email()).expect("recorded");
    log.close().expect("closes");
    let values = fs::read(private(&trail, LIVE)).expect("a file");

    let log = trail.builder().adopt("office", "moved").expect("adopted");
    trail.advance_clock(SECOND);
    log.append(email()).expect("recorded");
    log.close().expect("closes");

    assert_eq!(counts(&withheld(&trail)), [1, 1, 0, 0]);
    let sealed = fs::read_dir(trail.path("sealed")).expect("there").next().expect("one").expect("readable");
    assert_eq!(fs::read(sealed.path().join("audit.private").join(LIVE)).expect("kept"), values);
    assert_eq!(trail.verify().verdict(), Verdict::Intact);
}

#[test]
fn draft_from_json_can_have_erasable_values() {
    let trail = TestTrail::new();
    let log = trail.open();
    let draft = Draft::from_json(
        r#"{"event_type": "e", "details": {"a": 1, "b": 1}, "erasable": {"b": 2, "c": {"d": [null]}}}"#,
    );

    let receipt = log.append(draft.expect("a draft")).expect("recorded");

    log.close().expect("closes");
    let entry = &trail.entries()[receipt.seq as usize];
    assert_eq!(entry["context"], json!({"duplicate_fields": ["b"], "erasable": ["b", "c"]}));
    assert_eq!(entry["details"]["a"], 1);
    assert!(Draft::from_json(r#"{"event_type": "e", "erasable": 1}"#).is_err());
}

#[test]
fn receipt_of_try_audit_identifies_the_value_to_erase() {
    let trail = TestTrail::new();
    let log = trail.open();

    let receipt = try_audit!(log: &log, "joined", email = erasable("alice@example.com")).expect("recorded");
    log.erase(receipt.seq, "email", "office", "r").expect("erased");

    log.close().expect("closes");
    assert_eq!(counts(&withheld(&trail)), [1, 0, 1, 0]);
}
