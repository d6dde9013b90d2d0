//! A trail in a directory of its own, what others do to it from outside, and processes to do it in.

#![allow(dead_code, reason = "not every test file needs all of it")]

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use kling_audit::{AuditLog, AuditLogBuilder, Draft, Receipt, Verdict, Verification, Verifier};
use serde_json::Value;

/// 2026-11-24T12:00:00Z.
pub(crate) const NOON: i64 = 1_795_521_600_000_000;
pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const DAY: i64 = 86_400 * SECOND;
/// The live file's name at noon.
pub(crate) const LIVE: &str = "audit-2026-11-24.jsonl";

const SCENARIO: &str = "KLING_AUDIT_SCENARIO";
/// Long enough on a busy machine; a deadlock lasts longer.
const TIME: Duration = Duration::from_secs(400);
/// The long versions are soaks.
const LONG_TIME: Duration = Duration::from_secs(3_600);

/// Whether the long versions of tests are asked for.
pub(crate) fn long() -> bool {
    env::var_os("KLING_AUDIT_LONG").is_some_and(|value| value == "1")
}

/// A place for a trail, with a clock that stands still unless it is moved.
pub(crate) struct Place {
    root: tempfile::TempDir,
    mounted: bool,
    clock: Arc<AtomicI64>,
    /// What the log told nobody in particular.
    told: Arc<Mutex<Vec<String>>>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::tempdir().expect("a directory"),
            mounted: false,
            clock: Arc::new(AtomicI64::new(NOON)),
            told: Arc::default(),
        }
    }

    /// On a file system of its own; `None`, and a word about it, where none can be mounted.
    pub(crate) fn mounted(options: &str) -> Option<Self> {
        let mut place = Self::new();
        let mount = ["-t", "tmpfs", "-o", options, "none"];
        let mounted = Command::new("mount").args(mount).arg(place.root.path()).output();
        place.mounted = mounted.is_ok_and(|output| output.status.success());
        if !place.mounted {
            println!("skipped: a tmpfs can't be mounted here");
            return None;
        }
        Some(place)
    }

    /// Mounts it anew with other options; whether that was allowed.
    pub(crate) fn remount(&self, options: &str) -> bool {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,{options}")]).arg(self.root.path());
        command.output().is_ok_and(|output| output.status.success())
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn trail(&self) -> PathBuf {
        self.root.path().join("audit")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.trail().join(name)
    }

    pub(crate) fn builder(&self) -> AuditLogBuilder {
        let clock = Arc::clone(&self.clock);
        let told = Arc::clone(&self.told);
        AuditLog::builder(self.trail())
            .clock(move || {
                DateTime::<Utc>::from_timestamp_micros(clock.load(Ordering::Relaxed)).expect("a time")
            })
            .on_error(move |error| told.lock().expect("whole").push(error.to_string()))
    }

    pub(crate) fn open(&self) -> AuditLog {
        self.builder().open().expect("opens")
    }

    pub(crate) fn set_clock(&self, micros: i64) {
        self.clock.store(micros, Ordering::Relaxed);
    }

    pub(crate) fn pass(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::Relaxed);
    }

    /// A run with `entries` entries of callers.
    pub(crate) fn run(&self, entries: usize) {
        let log = self.open();
        for number in 0..entries {
            log.append(Draft::new("worked").detail("number", number)).expect("recorded");
        }
        log.close().expect("closes");
    }

    /// What the log's hook was told so far.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().expect("whole").clone()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.trail())
    }

    /// The names of the trail's files.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = self.names();
        files.retain(|name| name.ends_with(".jsonl"));
        files
    }

    pub(crate) fn look(&self) -> Verification {
        Verifier::new(self.trail()).run().expect("can be read")
    }

    /// The kinds of the findings.
    pub(crate) fn findings(&self) -> Vec<&'static str> {
        self.look().findings().iter().map(|finding| finding.kind.name()).collect()
    }

    /// All entries of a trail that must be intact, in their order.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let verification = self.look();
        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
        let entries = self.lines(&verification);
        for (seq, entry) in entries.iter().enumerate() {
            assert_eq!(entry["seq"], seq);
        }
        entries
    }

    /// Everything that can be read as an entry, whatever the verdict.
    pub(crate) fn lines(&self, verification: &Verification) -> Vec<Value> {
        let mut entries = Vec::new();
        for name in verification.files() {
            let bytes = fs::read(self.path(name)).expect("a file");
            let lines = bytes.split(|&byte| byte == b'\n');
            entries.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
        }
        entries
    }

    pub(crate) fn types(&self) -> Vec<String> {
        let text = |entry: &Value| entry["event_type"].as_str().expect("a string").to_owned();
        self.entries().iter().map(text).collect()
    }

    /// Changes a file of the trail, whatever its mode.
    pub(crate) fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path(name);
        let mut bytes = fs::read(&path).expect("a file");
        change(&mut bytes);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("allowed");
        fs::write(&path, bytes).expect("written");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.mounted {
            let unmounted = Command::new("umount").arg("-l").arg(self.root.path()).status();
            assert!(unmounted.is_ok_and(|status| status.success()) || thread::panicking());
        }
    }
}

pub(crate) fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("the directory is there")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("Unicode"))
        .collect();
    names.sort();
    names
}

/// Every file below a directory with its bytes, the lock aside.
pub(crate) fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).expect("the directory is there") {
            let path = entry.expect("readable").path();
            if path.symlink_metadata().expect("there").is_dir() {
                open.push(path);
            } else if !path.ends_with("audit.lock") {
                found.insert(path.clone(), fs::read(&path).unwrap_or_default());
            }
        }
    }
    found
}

/// Whether each receipt names an entry of the trail.
pub(crate) fn assert_all_there(receipts: &[Receipt], entries: &[Value]) {
    for receipt in receipts {
        let entry = entries.get(receipt.seq as usize).expect("an entry of that number");
        assert_eq!(entry["hash"], receipt.hash.to_string(), "seq {}", receipt.seq);
    }
}

/// Waits until `done`, and not for ever.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A command that runs the test of this name again; there, [`is_child`] says so.
pub(crate) fn child(name: &str, through: &[&str]) -> Command {
    let this = env::current_exe().expect("this test");
    let mut command = match through {
        [] => Command::new(this),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(this);
            command
        }
    };
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(SCENARIO, name);
    command
}

/// Whether this is the process that `child` made for the test of this name.
pub(crate) fn is_child(name: &str) -> bool {
    env::var(SCENARIO).is_ok_and(|scenario| scenario == name)
}

/// Runs `body` in a process of its own, started through another command; `name` is that of the calling test.
pub(crate) fn alone(name: &str, through: &[&str], body: impl FnOnce()) {
    if is_child(name) {
        return body();
    }
    let output = finished(child(name, through));
    assert!(output.status.success(), "{}\n{}", output.status, said(&output));
    print!("{}", said(&output));
}

/// Runs a command, and ends it when it takes too long.
pub(crate) fn finished(mut command: Command) -> Output {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let again = || Stdio::from(fs::File::options().append(true).open(log.path()).expect("opens"));
    let mut child = command.stdout(again()).stderr(again()).stdin(Stdio::null()).spawn().expect("runs");
    let deadline = Instant::now() + if long() { LONG_TIME } else { TIME };
    let status = loop {
        if let Some(status) = child.try_wait().expect("waits") {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().expect("ends");
        }
        let text = || fs::read_to_string(log.path()).unwrap_or_default();
        assert!(Instant::now() < deadline, "it hangs: {}", text());
        thread::sleep(Duration::from_millis(5));
    };
    let stdout = fs::read(log.path()).expect("readable");
    Output { status, stdout, stderr: Vec::new() }
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// xorshift64*.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `bound`, or 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound.max(1)
    }
}
