//! Directories with arbitrary bytes and files: verification does not panic or hang, and prints no control characters.

use std::{
    fmt::Display,
    fs::{self, File},
    io::Write,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use chrono::{DateTime, Utc};
use kling_audit::{
    AuditLog, Draft, Error, report,
    report::Reporter,
    verify,
    verify::{FindingKind, Notice, Verdict, Verification, Verifier},
};

use crate::support::{
    files::jsonl_files,
    forge::{before_hash, with_hash},
    random::Random,
};

const NAME: &str = "audit-2026-11-24.jsonl";

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn with(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let directory = Self::new();
        fs::write(directory.path(name), bytes).expect("written");
        directory
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Verifies and reports in another thread. Fails if that takes more than five minutes.
    fn verify(&self) -> Result<Verification, Error> {
        let (sender, receiver) = mpsc::channel();
        let path = self.0.path().to_owned();
        thread::spawn(move || {
            let reported = Reporter::new(&path).run().map(|report| report.to_string());
            let verified = Verifier::new(&path).run();
            assert_eq!(reported.is_ok(), verified.is_ok());
            sender.send(verified).ok();
        });
        receiver.recv_timeout(Duration::from_secs(300)).expect("verification and report end without a panic")
    }

    fn verdict(&self) -> Verdict {
        self.verify().expect("can be read").verdict()
    }
}

/// The time of all entries, so that no file ends at midnight.
fn noon() -> DateTime<Utc> {
    "2026-11-24T12:00:00Z".parse().expect("a time")
}

/// A trail of seven entries in one file, which is named `NAME`.
fn trail() -> Directory {
    let directory = Directory::new();
    let log = AuditLog::builder(directory.0.path()).clock(noon).open().expect("opens");
    for number in 0..5 {
        log.append(Draft::new("worked").detail("number", number)).expect("recorded");
    }
    log.close().expect("closes");
    fs::set_permissions(directory.path(NAME), fs::Permissions::from_mode(0o600)).expect("allowed");
    directory
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = File::options().append(true).open(path).expect("opens");
    file.write_all(bytes).expect("written");
}

#[test]
fn random_bytes_are_tampered() {
    let mut random = Random(20_261_124);
    for round in 0..150 {
        let alphabet: &[u8] = match round % 3 {
            0 => b"",
            1 => b"{}[]\",: \\u0123456789abcdefnt\n\n-+.eE",
            _ => b"\n\0\xff\xc3{\"",
        };
        let length = random.next() as usize % 20_000 + 2;
        let mut bytes = random.bytes(length, alphabet);
        bytes.push(b'\n');

        let directory = Directory::with(NAME, &bytes);
        let found = directory.verdict();
        assert_eq!(found, Verdict::Tampered, "round {round}");

        let trail = trail();
        append(&trail.path(NAME), &bytes);
        assert_eq!(trail.verdict(), Verdict::Tampered, "round {round}, after a trail");
    }
}

#[test]
fn empty_directory_is_unverifiable() {
    assert_eq!(Directory::new().verdict(), Verdict::Unverifiable);
    assert_eq!(Directory::with("notes.txt", "no trail").verdict(), Verdict::Unverifiable);
    assert_eq!(Directory::with("audit.lock", "").verdict(), Verdict::Unverifiable);

    let empty = Directory::with(NAME, "");
    fs::write(empty.path("audit-2026-11-25.jsonl"), "").expect("written");
    assert_eq!(empty.verdict(), Verdict::Unverifiable);
    assert_eq!(Verifier::new(empty.path(NAME)).run().expect("can be read").verdict(), Verdict::Unverifiable);
    assert!(matches!(verify(empty.0.path()), Err(Error::NotIntact(_))));
    // A crash during the first write can leave these.
    assert_eq!(Directory::with(NAME, "{\"actor\": \"al").verdict(), Verdict::Unverifiable);
    assert_eq!(Directory::with(NAME, vec![0; 70_000]).verdict(), Verdict::Unverifiable);
    assert_eq!(Directory::with(NAME, "\n").verdict(), Verdict::Tampered);
}

#[test]
fn bytes_after_the_last_newline_are_a_torn_tail() {
    let mut random = Random(7);
    for length in [1, 63, 64, 65, 65_535, 65_536, 65_537, 300_000, 3 << 20] {
        for alphabet in [&b"\0"[..], b"abc\xff{\""] {
            let trail = trail();
            let whole = fs::metadata(trail.path(NAME)).expect("is there").len();
            append(&trail.path(NAME), &random.bytes(length, alphabet));

            let verification = trail.verify().expect("can be read");

            assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
            let torn = |notice: &&Notice| {
                matches!(notice, Notice::TornTail { offset, length: torn, .. }
                    if *offset == whole && *torn == length as u64)
            };
            assert_eq!(verification.notices().iter().filter(torn).count(), 1, "{verification}");
        }
    }
}

#[test]
fn deep_nesting_is_one_malformed_line() {
    let native = |open: &str, levels: usize| {
        let nested = open.repeat(levels);
        format!("{{\"actor\": \"a\", \"details\": {{\"a\": {nested}\n")
    };
    let tool = |open: &str, close: &str, levels: usize| {
        format!(
            "{{\"timestamp\": \"2026-11-24T12:00:00Z\", \"event_type\": \"a\", \"actor\": \"a\", \"details\": {}1{}, \
             \"prev_hash\": \"genesis\", \"hash\": \"0123456789abcdef\"}}\n",
            open.repeat(levels),
            close.repeat(levels)
        )
    };
    let lines = [
        native("[", 60_000),
        native("[", 100_000),
        native("{\"a\": ", 10_000),
        native("{\"a\": ", 100_000),
        tool("[", "]", 100_000),
        tool("{\"a\": ", "}", 100_000),
        tool("[", "", 100_000),
        tool("[", "]", 700_000),
        "[".repeat(100_000) + "\n",
        "[".repeat(1_000_000) + &"]".repeat(1_000_000) + "\n",
        "{\"timestamp\": ".repeat(70_000) + "\n",
    ];
    for line in lines {
        let start = &line[..60];

        let alone = Directory::with(NAME, &line).verify().expect("can be read");
        assert_eq!(alone.findings_total(), 1, "{start}: {alone}");
        assert_eq!(alone.findings()[0].kind, FindingKind::MalformedLine, "{start}: {alone}");

        let trail = trail();
        append(&trail.path(NAME), line.as_bytes());
        let behind = trail.verify().expect("can be read");
        assert_eq!(behind.findings_total(), 1, "{start}: {behind}");
        assert_eq!(behind.findings()[0].kind, FindingKind::MalformedLine, "{start}: {behind}");
    }
}

#[test]
fn irregular_file_is_an_error_with_its_name() {
    type Make = fn(&Path);
    let kinds: [(&str, Make); 6] = [
        ("directory", |path| fs::create_dir(path).expect("created")),
        ("pipe", |path| {
            let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
            assert!(made.success());
        }),
        ("socket", |path| drop(UnixListener::bind(path).expect("bound"))),
        ("link to a file", |path| {
            let target = path.with_file_name("elsewhere");
            fs::write(&target, "{}\n").expect("written");
            symlink(target, path).expect("linked");
        }),
        ("link to nothing", |path| symlink("/nonexistent/file", path).expect("linked")),
        ("link to a device", |path| symlink("/dev/zero", path).expect("linked")),
    ];
    for (kind, make) in kinds {
        for name in ["audit-2026-11-23.jsonl", "audit-2026-11-24_0002.jsonl", "audit-x.jsonl"] {
            let trail = trail();
            make(&trail.path(name));

            let error = trail.verify().expect_err(kind);
            assert!(error.to_string().contains(name), "{kind}: {error}");
            assert!(matches!(error, Error::Unreadable { .. }), "{kind}: {error}");

            let error = Verifier::new(trail.path(name)).run();
            if kind == "directory" {
                assert_eq!(error.expect("an empty directory").verdict(), Verdict::Unverifiable);
            } else {
                assert!(error.expect_err(kind).to_string().contains(name), "{kind}");
            }

            // Files with other names are ignored.
            let harmless = self::trail();
            make(&harmless.path("audit.checkpoints.old"));
            assert_eq!(harmless.verdict(), Verdict::Intact, "{kind}");
        }
    }
}

#[test]
fn unreadable_file_is_an_error_with_its_name() {
    let trail = trail();

    let missing = Verifier::new(trail.path("nowhere")).run().expect_err("missing");
    assert!(missing.to_string().contains("nowhere"), "{missing}");
    assert!(matches!(missing, Error::Io { .. }), "{missing}");
    assert!(report(trail.path("nowhere"), 30).is_err());

    fs::set_permissions(trail.path(NAME), fs::Permissions::from_mode(0o000)).expect("allowed");
    if File::open(trail.path(NAME)).is_err() {
        // Root can open the file in spite of its mode.
        let unreadable = trail.verify().expect_err("unreadable");
        assert!(unreadable.to_string().contains(NAME), "{unreadable}");
    }
}

#[test]
fn control_characters_are_never_printed() {
    const CONTROLS: &str = "\u{1b}[2J\u{9b}31m\r\u{8}\u{202e}\u{2028}\u{7}x";
    let root = Directory::new();
    let path = root.path(CONTROLS);
    let log = AuditLog::builder(&path).clock(noon).open().expect("opens");
    log.append(Draft::new(CONTROLS).actor(CONTROLS).detail(CONTROLS, CONTROLS)).expect("recorded");
    log.close().expect("closes");
    let name = jsonl_files(&path).remove(0);

    assert_printable(&Verifier::new(&path).run().expect("can be read"));
    assert_printable(&report(&path, 30).expect("can be read"));
    assert_printable(&verify(path.join("nowhere")).expect_err("missing"));
    assert_printable(&verify(path.join(CONTROLS)).expect_err("missing"));
    let locked = AuditLog::builder(&path).clock(noon).open().expect("opens");
    assert_printable(&AuditLog::open(&path).expect_err("locked"));
    locked.close().expect("closes");
    assert_printable(&locked.append(Draft::new("late")).expect_err("closed"));

    // Control characters in the name and in a line of a file.
    let odd_name = path.join(format!("audit-{CONTROLS}.jsonl"));
    fs::rename(name, &odd_name).expect("renamed");
    assert_printable(&verify(&path).expect_err("in the wrong file"));
    assert_printable(&Verifier::new(&path).run().expect("can be read"));
    append(&odd_name, CONTROLS.as_bytes());
    assert_printable(&Verifier::new(&path).run().expect("can be read"));
    append(&odd_name, b"\n");
    assert_printable(&Verifier::new(&path).run().expect("can be read"));
    assert_printable(&verify(&path).expect_err("malformed"));
    assert_printable(&verify(&odd_name).expect_err("malformed"));
    assert_printable(&report(&path, 30).expect("can be read"));
    assert_printable(&AuditLog::open(&path).expect_err("does not verify"));

    // An unknown format, in a file with control characters in its name.
    let text = fs::read_to_string(&odd_name).expect("readable");
    let first = text.lines().next().expect("a line").replace("\"format\": 1", "\"format\": \"\\u001b[2J\"");
    fs::write(&odd_name, with_valid_hash(&first)).expect("written");
    let unverifiable = verify(&path).expect_err("of another format");
    assert!(unverifiable.to_string().contains("unverifiable"), "{unverifiable}");
    assert_printable(&unverifiable);
    assert_printable(&Verifier::new(&path).run().expect("can be read"));
    assert_printable(&AuditLog::open(&path).expect_err("of another format"));

    // A directory with control characters in its name, and a log of the Python tool.
    fs::remove_file(&odd_name).expect("removed");
    fs::create_dir(&odd_name).expect("created");
    assert_printable(&verify(&path).expect_err("a directory"));
    fs::remove_dir(&odd_name).expect("removed");
    let escaped = r"\u001b[2J\u202e";
    let line = format!(
        "{{\"timestamp\": \"{}Z\", \"event_type\": \"{escaped}\", \"actor\": \"{escaped}\\ud800\", \"details\": {{}}, \
         \"prev_hash\": \"{escaped}\", \"hash\": \"0123456789abcdef\"}}\n",
        Utc::now().format("%Y-%m-%dT%H:%M:%S%.6f")
    );
    fs::write(&odd_name, [&line[..], &line, "{\"timestamp\": \"\u{1b}[2J\"}\n"].concat()).expect("written");
    assert_printable(&Verifier::new(&path).run().expect("can be read"));
    assert_printable(&report(&path, 30).expect("can be read"));
    assert_printable(&verify(&path).expect_err("not intact"));
}

fn assert_printable(value: &impl Display) {
    let text = value.to_string();
    let is_control = |c: &char| c.is_control() && *c != '\n' || ('\u{2028}'..='\u{202e}').contains(c);

    assert_eq!(text.chars().find(is_control), None, "{text:?}");
}

/// A first line with a valid hash.
fn with_valid_hash(line: &str) -> String {
    with_hash(before_hash(line), "genesis").0 + "\n"
}
