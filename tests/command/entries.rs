//! `append`, `verify` and `report`: their output and exit status.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use serde_json::Value;

use crate::support::{
    command::{command, exit_status, run, stderr, stdout},
    files::jsonl_files,
};

fn feed(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    child.stdin.take().expect("piped").write_all(input).expect("written");
    child.wait_with_output().expect("ends")
}

struct Workspace(tempfile::TempDir);

impl Workspace {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn trail(&self) -> PathBuf {
        self.0.path().join("audit")
    }

    fn dir(&self) -> String {
        self.trail().to_str().expect("Unicode").to_owned()
    }
}

fn only_file(trail: &Path) -> PathBuf {
    jsonl_files(trail).remove(0)
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn append_prints_the_receipt_of_its_entry() {
    let workspace = Workspace::new();

    let output = run(&[
        "append",
        &workspace.dir(),
        "--actor",
        "alice",
        "--event-type",
        "quota_changed",
        "--details",
        "{\"value\": 5}",
    ]);

    assert_eq!(exit_status(&output), Some(0), "{}", stderr(&output));
    let text = fs::read_to_string(only_file(&workspace.trail())).expect("a file");
    let entry: Value = serde_json::from_str(text.lines().nth(1).expect("an entry")).expect("JSON");
    assert_eq!(stdout(&output), format!("1 {}\n", entry["hash"].as_str().expect("a hash")));
    assert_eq!(entry["actor"], "alice");
    assert_eq!(entry["event_type"], "quota_changed");
    assert_eq!(entry["details"]["value"], 5);
}

#[test]
fn append_answers_each_input_line_at_once() {
    let workspace = Workspace::new();
    let mut child = command(&["append", &workspace.dir()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));

    for seq in 1..=3 {
        writeln!(input, "{{\"event_type\": \"step\", \"actor\": \"a\", \"details\": {{\"n\": {seq}}}}}")
            .expect("written");
        let mut line = String::new();
        output.read_line(&mut line).expect("answered");
        assert!(line.starts_with(&format!("{seq} ")), "{line}");
    }
    drop(input);
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn append_stops_at_a_bad_line_and_names_it() {
    let bad: [(&[u8], &str); 12] = [
        (b"not json", "not the JSON of an entry"),
        (b"", "not the JSON of an entry"),
        (b"[]", "not an object"),
        (b"{\"event_type\": \"e\", \"event_type\": \"f\"}", "a name appears twice"),
        (b"{\"event_type\": \"e\", \"details\": {\"a\": 1, \"\\u0061\": 2}}", "a name appears twice"),
        (b"{\"event_type\": \"e\", \"extra\": 1}", "unknown member `extra`"),
        (b"{\"actor\": \"a\"}", "`event_type` is missing"),
        (b"{\"event_type\": \"\"}", "event type is empty"),
        (b"{\"event_type\": \"audit_started\"}", "reserved"),
        (b"{\"event_type\": \"e\", \"details\": {\"n\": 1e400}}", "number"),
        (
            b"{\"event_type\": \"e\", \"details\": {\"n\": 1234567890123456789012345678901234567890}}",
            "digits",
        ),
        (b"\xff", "utf-8"),
    ];
    for (line, reason) in bad {
        let workspace = Workspace::new();
        let input = [b"{\"event_type\": \"good\"}\n", line, b"\n{\"event_type\": \"never\"}\n"].concat();

        let output = feed(&["append", &workspace.dir()], &input);

        let shown = String::from_utf8_lossy(line);
        assert_eq!(exit_status(&output), Some(2), "{shown}");
        assert!(
            stderr(&output).contains("line 2") && stderr(&output).contains(reason),
            "{shown}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output).lines().count(), 1, "{shown}");
        let verified = run(&["verify", &workspace.dir(), "--json"]);
        assert_eq!(json(&verified)["entries"], 3, "{shown}");
        assert!(!fs::read_to_string(only_file(&workspace.trail())).expect("a file").contains("never"));
    }
}

#[test]
fn append_exits_with_2_if_not_recorded() {
    let workspace = Workspace::new();
    let held = kling_audit::AuditLog::open(workspace.trail()).expect("opens");

    let locked = run(&["append", &workspace.dir(), "--event-type", "e"]);
    assert_eq!(exit_status(&locked), Some(2));
    assert!(stderr(&locked).contains("audit.lock"), "{}", stderr(&locked));
    assert_eq!(exit_status(&run(&["verify", &workspace.dir()])), Some(0), "a reader needs no lock");
    assert_eq!(exit_status(&run(&["verify", &workspace.dir(), "--record"])), Some(2), "recording does");
    held.close().expect("closes");

    let file = only_file(&workspace.trail());
    fs::write(&file, fs::read_to_string(&file).expect("a file") + "garbage\n").expect("written");
    let refused = run(&["append", &workspace.dir(), "--event-type", "e"]);
    assert_eq!(exit_status(&refused), Some(2));
    assert!(stderr(&refused).contains("malformed"), "{}", stderr(&refused));

    assert_eq!(exit_status(&run(&["append", "/dev/null/audit", "--event-type", "e"])), Some(2));
    assert_eq!(exit_status(&run(&["append"])), Some(2));
    assert_eq!(exit_status(&run(&["append", &workspace.dir(), "--details", "{}"])), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn append_exits_with_2_if_the_receipt_is_not_printed() {
    let workspace = Workspace::new();
    let full = fs::File::options().write(true).open("/dev/full").expect("opens");

    let output = command(&["append", &workspace.dir(), "--event-type", "e"])
        .stdin(Stdio::null())
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .expect("runs");

    assert_eq!(exit_status(&output), Some(2));
    assert!(stderr(&output).contains("write to standard output"), "{}", stderr(&output));
}

#[test]
fn verify_since_starts_at_a_receipt() {
    let workspace = Workspace::new();
    let appended = run(&["append", &workspace.dir(), "--event-type", "e"]);
    let receipt = stdout(&appended).trim().replace(' ', ":");

    let since = run(&["verify", &workspace.dir(), "--since", &receipt, "--threads", "2"]);
    assert_eq!(exit_status(&since), Some(0), "{}", stdout(&since));
    assert!(stdout(&since).contains("from seq 1 on"), "{}", stdout(&since));
    assert_eq!(stderr(&since), "", "a progress bar only appears on a terminal");

    let other = format!("2:{}", &receipt[2..]);
    assert_eq!(exit_status(&run(&["verify", &workspace.dir(), "--since", &other])), Some(1));
    for wrong in ["1", "1:", "x:00", "1:XYZ", "-1:0123456789abcdef"] {
        let refused = run(&["verify", &workspace.dir(), &format!("--since={wrong}")]);
        assert_eq!(exit_status(&refused), Some(2), "{wrong}");
    }
    assert_eq!(
        exit_status(&run(&["verify", &workspace.dir(), &workspace.dir(), "--since", &receipt])),
        Some(2)
    );
    assert_eq!(exit_status(&run(&["report", &workspace.dir(), "--threads", "0"])), Some(2));
}

#[test]
fn append_options_set_hash_length_and_durability() {
    for durability in ["buffered", "written", "synced"] {
        let workspace = Workspace::new();
        let arguments =
            ["append", &workspace.dir(), "--short-hashes", "--durability", durability, "--event-type", "e"];

        let output = run(&arguments);

        assert_eq!(exit_status(&output), Some(0), "{}", stderr(&output));
        assert_eq!(stdout(&output).trim().len(), "1 ".len() + 16);
        assert_eq!(exit_status(&run(&["verify", &workspace.dir()])), Some(0));
    }
}

#[test]
fn verify_prints_json_with_every_finding() {
    let workspace = Workspace::new();
    let input = "{\"event_type\": \"e\", \"details\": {\"n\": 1}}\n".repeat(4);
    feed(&["append", &workspace.dir()], input.as_bytes());
    let file = only_file(&workspace.trail());
    let text = fs::read_to_string(&file).expect("a file");
    let offset = text.split_inclusive('\n').take(2).map(str::len).sum::<usize>();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[2] = lines[2].replace("\"n\": 1", "\"n\": 2");
    fs::write(&file, lines.join("\n") + "\n").expect("written");

    let output = run(&["verify", &workspace.dir(), "--json"]);

    assert_eq!(exit_status(&output), Some(1));
    let verification = json(&output);
    assert_eq!(verification["verdict"], "tampered");
    assert_eq!(verification["entries"], 6);
    assert_eq!(verification["files"].as_array().map(Vec::len), Some(1));
    assert_eq!(verification["first"]["seq"], 0);
    assert_eq!(verification["last"]["seq"], 5);
    let findings = verification["findings"].as_array().expect("an array");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["kind"], "hash_mismatch");
    assert_eq!(findings[0]["file"], file.file_name().and_then(|name| name.to_str()).expect("a name"));
    assert_eq!(findings[0]["line"], 3);
    assert_eq!(findings[0]["offset"], offset);
    assert_eq!(findings[0]["seq"], 2);
    assert!(lines[2].contains(findings[0]["found"].as_str().expect("a hash")));

    let report = run(&["report", &workspace.dir()]);
    assert_eq!(exit_status(&report), Some(1));
    assert!(stdout(&report).starts_with("DO NOT RELY ON THIS REPORT: the trail is TAMPERED."));
}

#[test]
fn verify_of_several_paths_exits_with_the_worst_status() {
    let (good, bad, empty) = (Workspace::new(), Workspace::new(), Workspace::new());
    for workspace in [&good, &bad] {
        run(&["append", &workspace.dir(), "--event-type", "e"]);
    }
    let file = only_file(&bad.trail());
    fs::write(&file, fs::read_to_string(&file).expect("a file").replacen("\"e\"", "\"f\"", 1))
        .expect("written");
    fs::create_dir(empty.trail()).expect("created");
    let (good, bad, empty, missing) = (good.dir(), bad.dir(), empty.dir(), "/nowhere/at/all");

    for (paths, worst) in [
        (vec![&*good], 0),
        (vec![&*bad], 1),
        (vec![missing], 2),
        (vec![&*empty], 3),
        (vec![&*good, &*empty], 3),
        (vec![&*empty, missing], 2),
        (vec![missing, &*empty, &*bad, &*good], 1),
    ] {
        let output = run(&[&["verify", "--json"][..], &paths].concat());
        assert_eq!(exit_status(&output), Some(worst), "{paths:?}");
        if paths.len() > 1 {
            let verified = paths.iter().filter(|path| **path != missing).count();
            assert_eq!(json(&output).as_array().map(Vec::len), Some(verified), "{paths:?}");
        }
    }
}

#[test]
fn verify_record_appends_its_result() {
    let workspace = Workspace::new();
    run(&["append", &workspace.dir(), "--event-type", "e"]);

    let output = command(&["verify", &workspace.dir(), "--record", "--json"])
        .env("USER", "auditor")
        .output()
        .expect("runs");

    assert_eq!(exit_status(&output), Some(0), "{}", stderr(&output));
    let verification = json(&output);
    let text = fs::read_to_string(only_file(&workspace.trail())).expect("a file");
    let recorded: Value = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .find(|entry| entry["event_type"] == "audit_verified")
        .expect("recorded");
    assert_eq!(
        recorded["details"],
        serde_json::json!({
            "by": "auditor", "entries": 3, "findings": 0, "first_seq": 0, "last_hash": verification["last"]["hash"],
            "last_seq": 2, "verdict": "intact",
        })
    );
    assert_eq!(exit_status(&run(&["verify", &workspace.dir()])), Some(0));
}

#[test]
fn report_counts_like_the_python_tool() {
    let workspace = Workspace::new();
    let input: String = (0..7)
        .map(|n| format!("{{\"event_type\": \"e{}\", \"actor\": \"\\u001b[2J{}\"}}\n", n % 3, n % 2))
        .collect();
    feed(&["append", &workspace.dir()], input.as_bytes());

    let output = run(&["report", &workspace.dir(), "--days", "1", "--json"]);

    assert_eq!(exit_status(&output), Some(0), "{}", stderr(&output));
    let report = json(&output);
    assert_eq!(report["period_days"], 1);
    assert_eq!(report["total_events"], 9);
    assert_eq!(
        report["event_types"],
        serde_json::json!({"audit_started": 1, "audit_stopped": 1, "e0": 3, "e1": 2, "e2": 2})
    );
    assert_eq!(report["unique_actors"], 3);
    assert_eq!(report["actors"], serde_json::json!({"system": 2, "\u{1b}[2J0": 4, "\u{1b}[2J1": 3}));
    assert_eq!(report["verdict"], "intact");
    let text = fs::read_to_string(only_file(&workspace.trail())).expect("a file");
    let time = |line: Option<&str>| {
        serde_json::from_str::<Value>(line.expect("a line")).expect("JSON")["timestamp"].clone()
    };
    assert_eq!(report["first_event"], time(text.lines().next()));
    assert_eq!(report["last_event"], time(text.lines().last()));

    let shown = stdout(&run(&["report", &workspace.dir()]));
    assert!(shown.contains("\\u{1b}[2J0") && !shown.contains('\u{1b}'), "{shown}");
}
