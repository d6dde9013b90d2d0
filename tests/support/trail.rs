//! A trail in a temporary directory, and what happens to it from outside.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    thread,
};

use chrono::{DateTime, Utc};
use kling_audit::{
    AuditLog, AuditLogBuilder, Draft, Receipt,
    verify::{Verdict, Verification, Verifier},
};
use serde_json::Value;

use super::files;

/// 2026-11-24T12:00:00Z, in microseconds.
pub(crate) const NOON: i64 = 1_795_521_600_000_000;
pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const DAY: i64 = 86_400 * SECOND;
/// Name of the live file at noon.
pub(crate) const LIVE: &str = "audit-2026-11-24.jsonl";

/// A temporary directory with a trail in it, whose logs have a clock that only the test moves. It begins at [`NOON`].
pub(crate) struct TestTrail {
    root: tempfile::TempDir,
    is_mounted: bool,
    clock: Arc<AtomicI64>,
    /// Texts of the errors that the logs gave to their `on_error` hook.
    errors: Arc<Mutex<Vec<String>>>,
}

impl TestTrail {
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::tempdir().expect("a directory"),
            is_mounted: false,
            clock: Arc::new(AtomicI64::new(NOON)),
            errors: Arc::default(),
        }
    }

    /// A trail on a file system of its own. Returns `None`, and prints so, where the process may not mount one.
    pub(crate) fn on_tmpfs(options: &str) -> Option<Self> {
        let mut trail = Self::new();
        let mount = ["-t", "tmpfs", "-o", options, "none"];
        let mounted = Command::new("mount").args(mount).arg(trail.root()).output();
        trail.is_mounted = mounted.is_ok_and(|output| output.status.success());
        if !trail.is_mounted {
            println!("skipped: this process may not mount a tmpfs");
            return None;
        }
        Some(trail)
    }

    /// Mounts the file system again with other options. Returns `true` on success.
    pub(crate) fn remount(&self, options: &str) -> bool {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,{options}")]).arg(self.root());
        command.output().is_ok_and(|output| output.status.success())
    }

    /// The directory around the trail's.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.root().join("audit")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    pub(crate) fn builder(&self) -> AuditLogBuilder {
        let clock = Arc::clone(&self.clock);
        let errors = Arc::clone(&self.errors);
        AuditLog::builder(self.directory())
            .clock(move || {
                DateTime::<Utc>::from_timestamp_micros(clock.load(Ordering::Relaxed)).expect("a time")
            })
            .on_error(move |error| errors.lock().expect("no panic").push(error.to_string()))
    }

    pub(crate) fn open(&self) -> AuditLog {
        self.builder().open().expect("opens")
    }

    pub(crate) fn set_clock(&self, micros: i64) {
        self.clock.store(micros, Ordering::Relaxed);
    }

    pub(crate) fn advance_clock(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::Relaxed);
    }

    /// Opens the trail, appends this many entries of type `worked`, and closes it.
    pub(crate) fn record_run(&self, entries: usize) {
        let log = self.open();
        for number in 0..entries {
            log.append(Draft::new("worked").detail("number", number)).expect("recorded");
        }
        log.close().expect("closes");
    }

    pub(crate) fn errors(&self) -> Vec<String> {
        self.errors.lock().expect("no panic").clone()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        files::names(&self.directory())
    }

    pub(crate) fn jsonl_names(&self) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| name.ends_with(".jsonl"));
        names
    }

    pub(crate) fn newest_file(&self) -> PathBuf {
        self.path(&self.jsonl_names().pop().expect("a file"))
    }

    pub(crate) fn verify(&self) -> Verification {
        Verifier::new(self.directory()).run().expect("can be read")
    }

    /// Kinds of the findings.
    pub(crate) fn finding_kinds(&self) -> Vec<&'static str> {
        self.verify().findings().iter().map(|finding| finding.kind.name()).collect()
    }

    /// All entries, in order. Fails if the trail is not intact.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let verification = self.verify();
        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
        let entries = self.readable_entries(&verification);
        for (seq, entry) in entries.iter().enumerate() {
            assert_eq!(entry["seq"], seq);
        }
        entries
    }

    /// All lines that are JSON, in the order of the verified files, whatever the verdict is.
    pub(crate) fn readable_entries(&self, verification: &Verification) -> Vec<Value> {
        let mut entries = Vec::new();
        for name in verification.files() {
            let bytes = fs::read(self.path(name)).expect("a file");
            let lines = bytes.split(|&byte| byte == b'\n');
            entries.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
        }
        entries
    }

    pub(crate) fn event_types(&self) -> Vec<String> {
        let text = |entry: &Value| entry["event_type"].as_str().expect("a string").to_owned();
        self.entries().iter().map(text).collect()
    }

    /// Changes a file of the trail, even if its mode forbids writing. It has mode 0600 afterwards.
    pub(crate) fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path(name);
        let mut bytes = fs::read(&path).expect("a file");
        change(&mut bytes);
        make_writable(&path);
        fs::write(&path, bytes).expect("written");
    }
}

impl Drop for TestTrail {
    fn drop(&mut self) {
        if self.is_mounted {
            let unmounted = Command::new("umount").arg("-l").arg(self.root()).status();
            assert!(unmounted.is_ok_and(|status| status.success()) || thread::panicking());
        }
    }
}

/// Lets a test write to a file that the log has closed.
#[cfg(unix)]
pub(crate) fn make_writable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("allowed");
}

#[cfg(not(unix))]
#[expect(clippy::permissions_set_readonly_false, reason = "there is no mode here")]
pub(crate) fn make_writable(path: &Path) {
    let mut permissions = fs::metadata(path).expect("there").permissions();
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).expect("allowed");
}

/// Fails unless each receipt names an entry of the trail, by its number and its hash.
pub(crate) fn assert_recorded(receipts: &[Receipt], entries: &[Value]) {
    for receipt in receipts {
        let entry = entries.get(receipt.seq as usize).expect("an entry of that number");
        assert_eq!(entry["hash"], receipt.hash.to_string(), "seq {}", receipt.seq);
    }
}
