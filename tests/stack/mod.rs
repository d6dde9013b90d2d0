//! A process of its own for each scenario, and a trail in it.
//!
//! A global subscriber can be set once in a process, and scoped ones hide what a global one shows: so a scenario is a
//! test that runs itself again, alone, and has to be done in time.

#![allow(dead_code, reason = "not every test file needs all of it")]

use std::{
    env,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use kling_audit::{AuditLog, AuditLogBuilder};
use serde_json::Value;

const SCENARIO: &str = "KLING_AUDIT_SCENARIO";
/// Long enough for eighty thousand entries without optimisation on a busy machine; a deadlock lasts longer.
const TIME: Duration = Duration::from_secs(240);

/// Runs `body` in a process of its own; `name` is that of the test which calls this.
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    alone_with(name, &[], body);
}

/// As [`alone`], with these environment variables.
pub(crate) fn alone_with(name: &str, variables: &[(&str, &str)], body: impl FnOnce()) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env_remove("RUST_LOG").envs(variables.iter().copied());
    alone_by(name, command, body);
}

/// As [`alone`], after a shell has done `first`.
#[cfg(unix)]
pub(crate) fn alone_after(name: &str, first: &str, body: impl FnOnce()) {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{first}; exec \"$0\" \"$@\"")).arg(env::current_exe().unwrap());
    alone_by(name, command, body);
}

fn alone_by(name: &str, mut command: Command, body: impl FnOnce()) {
    if env::var(SCENARIO).is_ok_and(|scenario| scenario == name) {
        return body();
    }
    let said = tempfile::NamedTempFile::new().unwrap();
    let mut child = command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(SCENARIO, name)
        .stdout(Stdio::null())
        .stderr(said.reopen().unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    loop {
        match child.try_wait().unwrap() {
            Some(status) if status.success() => break,
            Some(status) => {
                panic!("scenario {name}: {status}\n{}", std::fs::read_to_string(said.path()).unwrap())
            }
            None if start.elapsed() > TIME => {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("scenario {name}: not done after {TIME:?}");
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// A log in a directory of its own.
pub(crate) struct Trail {
    pub(crate) log: AuditLog,
    /// Goes last, since the log ends in it.
    directory: tempfile::TempDir,
}

impl Trail {
    pub(crate) fn new() -> Self {
        Self::of(|builder| builder)
    }

    /// With other settings than the defaults.
    pub(crate) fn of(settings: impl FnOnce(AuditLogBuilder) -> AuditLogBuilder) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = settings(AuditLog::builder(directory.path())).open().unwrap();
        Self { directory, log }
    }

    /// The entries so far, in order, without the log's own; the chain is checked.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let mut entries = self.all_entries();
        entries.retain(|entry| entry["context"]["source"]["via"] != "log");
        entries
    }

    /// The entries so far, in order, the log's own too; the chain is checked.
    pub(crate) fn all_entries(&self) -> Vec<Value> {
        let entries: Vec<Value> =
            self.lines().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for (at, pair) in entries.windows(2).enumerate() {
            assert_eq!(pair[0]["seq"], at);
            assert_eq!(pair[0]["hash"], pair[1]["prev_hash"]);
        }
        entries
    }

    /// The text of all files, in order.
    pub(crate) fn lines(&self) -> String {
        let mut files: Vec<_> =
            self.directory.path().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        files.sort();
        files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }

    /// The entries' types.
    pub(crate) fn types(&self) -> Vec<String> {
        self.entries().iter().map(|entry| entry["event_type"].as_str().unwrap().to_owned()).collect()
    }

    /// The only entry of type `event_type`.
    pub(crate) fn entry(&self, event_type: &str) -> Value {
        let mut entries = self.entries();
        entries.retain(|entry| entry["event_type"] == event_type);
        assert_eq!(entries.len(), 1, "entries of type {event_type}");
        entries.remove(0)
    }

    /// Asserts that the trail is intact.
    pub(crate) fn verify(&self) {
        self.log.close().unwrap();
        drop(kling_audit::verify(self.directory.path()).unwrap());
    }
}
