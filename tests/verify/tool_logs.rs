//! Logs of the Python tool verify. `tests/data/tool` has such logs, which `tool_log.py` wrote.

use std::{
    fs,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use kling_audit::{
    AuditLog, Error,
    report::Reporter,
    verify::{Finding, FindingKind, Verdict, Verification, Verifier},
};
use serde_json::Value;

use crate::support::{files::copy_directory, python::python};

const LOGS: [&str; 4] = ["midnight", "restart", "restart_at_midnight", "values"];

fn recorded(log: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tool").join(log)
}

fn verify(path: impl AsRef<Path>) -> Verification {
    Verifier::new(path).run().expect("can be read")
}

fn kind_and_line(finding: &Finding) -> (FindingKind, &str, Option<u64>) {
    (finding.kind, finding.file.as_str(), finding.line)
}

/// Verifies a copy of a recorded log, with one edited file.
fn edited(log: &str, file: &str, edit: impl FnOnce(&mut Vec<String>)) -> Verification {
    let directory = tempfile::tempdir().expect("a directory");
    copy_directory(&recorded(log), directory.path());
    let path = directory.path().join(file);
    let text = fs::read_to_string(&path).expect("readable");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    edit(&mut lines);
    fs::write(path, lines.join("\n") + "\n").expect("written");
    verify(directory.path())
}

#[test]
fn recorded_logs_equal_those_of_the_script() {
    let directory = tempfile::tempdir().expect("a directory");

    python("tool_log.py", &[&"write", &directory.path()]);

    for log in LOGS {
        for entry in fs::read_dir(recorded(log)).expect("the log is there") {
            let entry = entry.expect("readable");
            let written = fs::read(directory.path().join(log).join(entry.file_name())).expect("written too");
            let recorded = fs::read(entry.path()).expect("readable");
            assert!(written == recorded, "{log}");
        }
    }
}

#[test]
fn python_chain_continues_over_midnight() {
    let verification = verify(recorded("midnight"));

    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    assert_eq!(verification.entries(), 13);
    assert_eq!(verification.files().len(), 3);
    assert!(verification.basis().contains("Python tool"), "{verification}");
}

#[test]
fn file_of_a_later_day_verifies_alone() {
    for (log, day, entries) in [
        ("midnight", "2026-11-24", 6),
        ("midnight", "2026-11-25", 6),
        ("midnight", "2026-11-27", 1),
        ("restart", "2026-11-25", 2),
        ("restart_at_midnight", "2026-11-25", 2),
    ] {
        let verification = verify(recorded(log).join(format!("audit-{day}.jsonl")));

        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
        assert_eq!(verification.entries(), entries);
        assert!(verification.basis().contains("on trust"), "{verification}");
    }
}

#[test]
fn all_values_written_by_python_verify() {
    let verification = verify(recorded("values"));

    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    assert_eq!(verification.entries(), 16);
}

#[test]
fn python_restart_breaks_the_chain_at_its_line() {
    for (log, file, line) in
        [("restart", "audit-2026-11-24.jsonl", 3), ("restart_at_midnight", "audit-2026-11-25.jsonl", 1)]
    {
        let verification = verify(recorded(log));

        let findings: Vec<_> = verification.findings().iter().map(kind_and_line).collect();
        assert_eq!(findings, [(FindingKind::ChainBroken, file, Some(line))], "{verification}");
        assert_eq!(verification.findings()[0].found, "genesis");
        assert_eq!(verification.findings()[0].seq, None);
        assert_eq!(verification.verdict(), Verdict::Tampered);
    }
}

#[test]
fn edits_of_a_python_log_are_found_at_their_line() {
    use FindingKind::{ChainBroken, HashMismatch, MalformedLine};
    type Row = (&'static str, FindingKind, u64, fn(&mut Vec<String>));
    let rows: [Row; 19] = [
        ("actor", HashMismatch, 3, |lines| lines[2] = lines[2].replace("bob", "eve")),
        ("detail", HashMismatch, 3, |lines| {
            lines[2] = lines[2].replace("\"duration\": 5", "\"duration\": 10")
        }),
        ("number respelled", HashMismatch, 3, |lines| lines[2] = lines[2].replace(": 5,", ": 5.0,")),
        ("detail added", HashMismatch, 3, |lines| {
            lines[2] = lines[2].replace("{\"action", "{\"a\": 1, \"action")
        }),
        ("member added", HashMismatch, 3, |lines| {
            lines[2] = lines[2].replace(", \"hash\"", ", \"a\": 1, \"hash\"")
        }),
        ("type", HashMismatch, 3, |lines| lines[2] = lines[2].replace("task_submitted", "task_completed")),
        ("time", HashMismatch, 3, |lines| lines[2] = lines[2].replace("2026-11-24T23:5", "2026-11-24T23:4")),
        ("time of another day", HashMismatch, 3, |lines| lines[2] = lines[2].replace("-24T", "-23T")),
        ("hash", HashMismatch, 3, |lines| {
            lines[2] = format!("{}{}\"}}", &lines[2][..lines[2].len() - 18], "0123456789abcdef");
        }),
        ("previous hash", HashMismatch, 3, |lines| {
            let at = lines[2].find("prev_hash").expect("is there") + 13;
            lines[2].replace_range(at..at + 16, "0123456789abcdef");
        }),
        ("no JSON", MalformedLine, 3, |lines| lines[2] = lines[2].replace(", ", "; ")),
        ("a member twice", MalformedLine, 3, |lines| {
            lines[2] = lines[2].replace("\"actor\"", "\"actor\": \"eve\", \"actor\"");
        }),
        ("a member gone", MalformedLine, 3, |lines| lines[2] = lines[2].replace("\"actor\": \"bob\", ", "")),
        ("hash in upper case", MalformedLine, 3, |lines| {
            lines[2] = format!("{}{}\"}}", &lines[2][..lines[2].len() - 18], "0123456789ABCDEF");
        }),
        ("line parted", MalformedLine, 3, |lines| lines[2].insert(100, '\n')),
        ("line removed", ChainBroken, 3, |lines| drop(lines.remove(2))),
        ("line doubled", ChainBroken, 4, |lines| lines.insert(3, lines[2].clone())),
        ("lines cut from the start", ChainBroken, 1, |lines| drop(lines.drain(..2))),
        ("line empty", MalformedLine, 3, |lines| lines.insert(2, String::new())),
    ];

    for (case, kind, line, edit) in rows {
        let verification = edited("midnight", "audit-2026-11-24.jsonl", edit);

        let findings: Vec<_> = verification.findings().iter().map(kind_and_line).collect();
        assert_eq!(findings, [(kind, "audit-2026-11-24.jsonl", Some(line))], "{case}: {verification}");
    }
}

#[test]
fn damage_in_the_first_line_does_not_hide_a_python_log() {
    let length = fs::read_to_string(recorded("midnight").join("audit-2026-11-24.jsonl"))
        .expect("readable")
        .find('\n')
        .expect("a line");
    for at in 0..length {
        let verification = edited("midnight", "audit-2026-11-24.jsonl", |lines| {
            let byte = if &lines[0][at..=at] == "~" { "!" } else { "~" };
            lines[0].replace_range(at..=at, byte);
        });

        assert_eq!(verification.verdict(), Verdict::Tampered, "byte {at}: {verification}");
        assert_eq!(verification.findings_total(), 1, "byte {at}: {verification}");
        assert_eq!(verification.findings()[0].line, Some(1), "byte {at}: {verification}");
    }
}

#[test]
fn python_line_of_more_than_a_mebibyte_is_malformed() {
    let long = |bytes: usize| {
        edited("midnight", "audit-2026-11-24.jsonl", |lines| {
            let text = "x".repeat(bytes - lines[5].len() - 1);
            lines[5] = lines[5].replace("text_to_video", &format!("text_to_video{text}"));
        })
    };

    let (within, beyond) = (long(1 << 20), long((1 << 20) + 1));

    assert_eq!(within.findings()[0].kind, FindingKind::HashMismatch, "{within}");
    assert_eq!(beyond.findings()[0].kind, FindingKind::MalformedLine, "{beyond}");
}

#[test]
fn report_of_a_python_log_equals_the_count_of_python() {
    for (log, days, now) in [
        ("midnight", 30, "2026-12-01T00:00:00"),
        ("midnight", 1, "2026-11-26T00:00:00"),
        ("midnight", 2, "2026-11-26T23:52:00"),
        ("midnight", 1, "2026-11-28T00:15:06.000024"),
        ("midnight", 1, "2026-11-28T00:15:06.000025"),
        ("midnight", 0, "2026-12-24T00:00:00"),
        ("restart", 30, "2026-12-01T00:00:00"),
        ("restart_at_midnight", 1, "2026-11-26T00:00:00"),
        ("values", 30, "2026-12-01T00:00:00"),
    ] {
        let directory = recorded(log);
        let expected = python("tool_log.py", &[&"count", &directory, &days.to_string(), &now]);
        let expected: Value = serde_json::from_str(&expected).expect("JSON");
        let now: DateTime<Utc> = format!("{now}Z").parse().expect("a time");

        let report = Reporter::new(&directory).days(days).now(now).run().expect("can be read");

        let report = serde_json::to_value(&report).expect("JSON");
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(&report[name], value, "{name} of {log}, {days} days to {now}");
        }
    }
}

#[test]
fn report_opens_with_the_broken_chain() {
    let now = "2026-12-01T00:00:00Z".parse().expect("a time");

    let report = Reporter::new(recorded("restart")).now(now).run().expect("can be read");

    assert_eq!(report.verdict, Verdict::Tampered);
    assert!(report.to_string().starts_with("DO NOT RELY"), "{report}");
}

#[test]
fn recorded_python_log_is_not_continued() {
    let directory = tempfile::tempdir().expect("a directory");
    copy_directory(&recorded("midnight"), directory.path());

    let refused = AuditLog::open(directory.path());

    assert!(matches!(refused, Err(Error::CannotResume { .. })), "{refused:?}");
}
