//! The reader: selection of entries, their text and JSON, damaged lines, and the commands `show` and `erase`.
use std::fs;

use kling_audit::{
    Draft,
    read::{ErasableValue, Reader, StoredEntry, StoredLine},
};
use serde_json::{Value, json};

use crate::support::trail::{DAY, LIVE, TestTrail};

fn shown(reader: Reader) -> Vec<StoredLine> {
    reader.entries().expect("can be read").map(|shown| shown.expect("can be read")).collect()
}

fn entries(reader: Reader) -> Vec<StoredEntry> {
    let entry = |shown| match shown {
        StoredLine::Entry(entry) => Some(entry),
        _ => None,
    };
    shown(reader).into_iter().map(|shown| entry(shown).expect("an entry")).collect()
}

fn seqs(reader: Reader) -> Vec<u64> {
    entries(reader).iter().map(|entry| entry.seq().expect("a number")).collect()
}

/// A trail of three days with one file each. Callers appended 40 entries a day.
fn three_days() -> TestTrail {
    let trail = TestTrail::new();
    let log = trail.open();
    for day in 0..3 {
        for number in 0..40 {
            let draft = Draft::new(if number % 2 == 0 { "even" } else { "odd" });
            log.append(draft.actor(format!("actor {day}")).detail("number", number)).expect("recorded");
        }
        trail.advance_clock(DAY);
    }
    log.close().expect("closes");
    trail
}

#[test]
fn all_entries_are_read_in_order() {
    let trail = three_days();

    let all = entries(Reader::new(trail.directory()));

    let expected = trail.entries();
    assert_eq!(all.len(), expected.len());
    for (entry, expected) in all.iter().zip(&expected) {
        assert_eq!(serde_json::from_str::<Value>(&entry.to_json()).expect("JSON"), *expected);
        assert_eq!(entry.timestamp(), expected["timestamp"]);
        assert_eq!(entry.actor(), expected["actor"]);
        assert_eq!(entry.event_type(), expected["event_type"]);
        assert!(entry.holds());
    }
}

#[test]
fn entries_are_selected_by_number_actor_and_type() {
    let trail = three_days();
    let reader = || Reader::new(trail.directory());
    let all = seqs(reader());
    let last = *all.last().expect("entries");

    assert_eq!(seqs(reader().seq(5..=7)), [5, 6, 7]);
    assert_eq!(seqs(reader().seq(5..7)), [5, 6]);
    assert_eq!(seqs(reader().seq(..2)), [0, 1]);
    assert_eq!(seqs(reader().seq(last - 1..)), [last - 1, last]);
    assert_eq!(seqs(reader().seq(35..90)), (35..90).collect::<Vec<_>>(), "across files");
    assert!(seqs(reader().seq(last + 1..)).is_empty());
    #[expect(clippy::reversed_empty_ranges, reason = "that is the case")]
    let backwards = 7..=5;
    assert!(seqs(reader().seq(backwards)).is_empty());
    assert!(seqs(reader().seq(..0)).is_empty());
    assert_eq!(seqs(reader().actor("actor 1")).len(), 40);
    assert_eq!(seqs(reader().actor("actor 1").event_type("odd")).len(), 20);
    assert!(seqs(reader().actor("actor")).is_empty());
    for entry in entries(reader().event_type("even").seq(..=20)) {
        assert_eq!(entry.event_type(), "even");
    }
}

#[test]
fn entry_of_a_large_file_is_found_by_its_number() {
    let trail = TestTrail::new();
    let log = trail.open();
    let filling = "x".repeat(1_000);
    for number in 1..2_000 {
        log.append(Draft::new("e").detail("filling", &filling).detail("number", number)).expect("recorded");
    }
    log.close().expect("closes");
    assert!(fs::metadata(trail.path(LIVE)).expect("there").len() > 2_000_000);

    for seq in [0, 1, 2, 700, 1_234, 1_998, 1_999, 2_000] {
        assert_eq!(seqs(Reader::new(trail.directory()).seq(seq..=seq)), [seq]);
    }
}

#[test]
fn private_values_are_shown_until_they_are_gone() {
    let trail = TestTrail::new();
    let log = trail.open();
    let draft =
        Draft::new("joined").detail("n", 1).erasable("email", "alice\u{1b}[2J").erasable("name", "Alice");
    let receipt = log.append(draft).expect("recorded");
    log.erase(receipt.seq, "name", "office", "r").expect("erased");
    log.close().expect("closes");
    let entry = || entries(Reader::new(trail.directory()).event_type("joined")).remove(0);

    let before = entry();

    let email = ErasableValue::AtHand("\"alice\\u001b[2J\"".to_owned());
    assert_eq!(before.values(), [("email".to_owned(), email), ("name".to_owned(), ErasableValue::Gone)]);
    let text = before.to_string();
    assert!(text.contains(r#"{"email": "alice\u001b[2J", "n": 1, "name": [erased or missing]}"#), "{text}");
    let line: Value = serde_json::from_str(&before.to_json()).expect("JSON");
    assert_eq!(line["values"], json!({"email": "alice\u{1b}[2J"}));
    assert_eq!(line["values_gone"], json!(["name"]));
    assert!(line["details"]["email"]["erasable"].is_string(), "the members of the entry are unchanged");

    let path = trail.path("audit.private").join(LIVE);
    let changed = fs::read_to_string(&path).expect("a file").replace("alice", "clara");
    fs::write(&path, changed).expect("written");
    assert_eq!(entry().values()[0].1, ErasableValue::Changed);
    assert!(entry().to_string().contains("CHANGED: DOES NOT MATCH ITS COMMITMENT"));
    fs::remove_dir_all(trail.path("audit.private")).expect("removed");
    assert_eq!(entry().values()[0].1, ErasableValue::Gone);
}

#[test]
fn damaged_lines_are_shown_and_marked() {
    let trail = TestTrail::new();
    trail.record_run(3);
    trail.edit(LIVE, |bytes| {
        let text = String::from_utf8(std::mem::take(bytes)).expect("text");
        let text =
            text.replace("\"number\": 1", "\"number\": 7").replace("\"number\": 2}", "\"number\":\u{202e}2}");
        *bytes = (text + "{\"torn").into_bytes();
    });

    let all = shown(Reader::new(trail.directory()));

    assert_eq!(all.iter().map(StoredLine::holds).collect::<Vec<_>>(), [true, true, false, false, true]);
    assert!(all[2].to_string().ends_with("WRONG HASH"), "{}", all[2]);
    assert!(all[2].to_json().ends_with(", \"holds\": false}"));
    let damaged = all[3].to_string();
    assert!(damaged.starts_with("NOT AN ENTRY  ") && damaged.contains(LIVE), "{damaged}");
    let line: Value = serde_json::from_str(&all[3].to_json()).expect("JSON");
    assert_eq!(line["file"], LIVE);
    let text = fs::read(trail.path(LIVE)).expect("a file");
    let offset = line["offset"].as_u64().expect("a number") as usize;
    assert_eq!(text[..offset].iter().filter(|&&byte| byte == b'\n').count(), 3);
    assert!(all.iter().all(|shown| !shown.to_string().contains('\u{202e}') && shown.to_json().is_ascii()));
}

#[test]
fn python_logs_and_single_files_can_be_read() {
    let logs = || Reader::new("tests/data/tool/midnight");
    let tool = entries(logs());
    assert!(!tool.is_empty());
    assert!(tool.iter().all(|entry| entry.seq().is_none() && !entry.actor().is_empty()));
    let actor = tool[0].actor().to_owned();
    let of_actor = entries(logs().actor(&actor));
    assert_eq!(of_actor.len(), tool.iter().filter(|entry| entry.actor() == actor).count());
    assert!(entries(logs().seq(..5)).is_empty());

    let trail = three_days();
    let name = &trail.jsonl_names()[1];
    let one = entries(Reader::new(trail.path(name)));
    assert_eq!(one.len(), 40);
    assert!(Reader::new(trail.path("nowhere")).entries().is_err());
}

#[cfg(feature = "cli")]
mod command {
    use std::process::Output;

    use super::*;
    use crate::support::command;

    fn show(trail: &TestTrail, arguments: &[&str]) -> Output {
        command::command(&["show"]).arg(trail.directory()).args(arguments).output().expect("runs")
    }

    #[test]
    fn show_prints_one_line_per_entry() {
        let trail = three_days();
        let lines = |arguments: &[&str]| {
            let output = show(&trail, arguments);
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect::<Vec<_>>()
        };

        let text = lines(&["--seq", "5..6"]);

        assert_eq!(text.len(), 2);
        assert!(
            text[0].starts_with("5  2026-11-24T12:00:00.000000Z  actor 0  even  {\"number\": 4}"),
            "{text:?}"
        );
        assert_eq!(lines(&["--seq", "5"]).len(), 1);
        assert_eq!(
            lines(&["--seq", "120.."]).len() + lines(&["--seq", "..119"]).len(),
            trail.entries().len()
        );
        let objects = lines(&["--json", "--actor", "actor 2", "--event-type", "odd"]);
        assert_eq!(objects.len(), 20);
        assert!(objects.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        for wrong in ["..", "7..5", "x", "1..x"] {
            assert_eq!(show(&trail, &["--seq", wrong]).status.code(), Some(2), "{wrong}");
        }
    }

    #[test]
    fn show_exits_with_1_if_a_line_is_damaged() {
        let trail = TestTrail::new();
        trail.record_run(1);
        trail.edit(LIVE, |bytes| bytes.extend_from_slice(b"garbage\n"));

        assert_eq!(show(&trail, &[]).status.code(), Some(1));
        assert_eq!(show(&trail, &["--event-type", "worked"]).status.code(), Some(0));
    }

    #[test]
    fn erase_prints_the_receipt_of_its_entry() {
        let trail = TestTrail::new();
        let log = trail.open();
        let receipt = log.append(Draft::new("e").erasable("email", "alice@example.com")).expect("recorded");
        let erase = |arguments: &[&str]| {
            let mut command = command::command(&["erase"]);
            command.arg(trail.directory()).args(arguments);
            command.args(["--actor", "office", "--reason", "r"]).output().expect("runs")
        };
        let seq = receipt.seq.to_string();
        assert_eq!(erase(&["--seq", &seq]).status.code(), Some(2), "the trail is open");
        log.close().expect("closes");

        let output = erase(&["--seq", &seq, "--field", "email"]);

        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8(output.stdout).expect("text");
        let entries = trail.entries();
        let erased = entries.iter().find(|entry| entry["event_type"] == "audit_erased").expect("recorded");
        assert_eq!(told, format!("{} {}\n", erased["seq"], erased["hash"].as_str().expect("a hash")));
        assert_eq!(erased["actor"], "office");
        let again = erase(&["--seq", &seq]);
        assert_eq!(again.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&again.stderr).contains("erased before"));
        fs::remove_dir_all(trail.directory()).expect("removed");
        assert_eq!(erase(&["--seq", &seq]).status.code(), Some(2));
        assert!(!trail.directory().exists(), "erase creates no trail");
    }
}
