//! An open log in a temporary directory.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use kling_audit::{AuditLog, AuditLogBuilder};
use serde_json::Value;

use super::files;

/// An open log in a temporary directory, and the entries that it has written.
pub(crate) struct TestLog {
    pub(crate) log: AuditLog,
    /// Dropped last: dropping the log writes its last entry there.
    directory: tempfile::TempDir,
}

impl TestLog {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(settings: impl FnOnce(AuditLogBuilder) -> AuditLogBuilder) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let log = settings(AuditLog::builder(directory.path())).open().expect("opens");
        Self { directory, log }
    }

    /// Entries of callers so far, in order. Fails if the chain is broken.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let mut entries = self.all_entries();
        entries.retain(|entry| entry["context"]["source"]["via"] != "log");
        entries
    }

    /// Entries so far, in order, including the log's own. Fails if the chain is broken.
    pub(crate) fn all_entries(&self) -> Vec<Value> {
        let entries = files::entries(self.directory.path());
        for (at, pair) in entries.windows(2).enumerate() {
            assert_eq!(pair[0]["seq"], at);
            assert_eq!(pair[0]["hash"], pair[1]["prev_hash"]);
        }
        entries
    }

    /// Text of all files, in order.
    pub(crate) fn text(&self) -> String {
        files::text(self.directory.path())
    }

    /// Types of the entries of callers.
    pub(crate) fn event_types(&self) -> Vec<String> {
        let text = |entry: &Value| entry["event_type"].as_str().expect("a string").to_owned();
        self.entries().iter().map(text).collect()
    }

    /// The only entry of that type.
    pub(crate) fn entry(&self, event_type: &str) -> Value {
        let mut entries = self.entries();
        entries.retain(|entry| entry["event_type"] == event_type);
        assert_eq!(entries.len(), 1, "entries of type {event_type}");
        entries.remove(0)
    }

    /// Closes the log. Fails unless the trail is intact.
    pub(crate) fn close_and_verify(&self) {
        self.log.close().expect("closes");
        kling_audit::verify(self.directory.path()).expect("intact");
    }
}
