//! A trail over storage with faults: opening it, blocking its first write, and reading its entries back.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::DateTime;

use crate::{
    findings::{
        notice::Notice,
        verification::{Verdict, Verification},
    },
    format::{draft::Draft, receipt::Receipt},
    log::{AuditLog, pending_receipt::PendingReceipt},
    verify::Verifier,
    write::{
        clock::Clock,
        commit::tests::{
            fault_storage::{CallKind, CallOutcome, FaultInjector, memory_directory},
            threads::ThreadGate,
        },
        settings::{Durability, Settings},
    },
};

/// The first time by the clock of a test, in microseconds: 2026-11-24T04:57:14Z.
pub(super) const START_MICROS: i64 = 1_795_496_234_000_000;
pub(super) const DAY_MICROS: i64 = 86_400_000_000;

pub(super) const DURABILITIES: [Durability; 3] =
    [Durability::Written, Durability::Synced, Durability::Buffered];
/// The durabilities with which an append waits for its commit.
pub(super) const WAITING_DURABILITIES: [Durability; 2] = [Durability::Written, Durability::Synced];

/// A trail over storage with faults, and the clock of its logs.
pub(super) struct TestTrail {
    pub(super) root: tempfile::TempDir,
    pub(super) faults: FaultInjector,
    pub(super) now_micros: Arc<AtomicI64>,
    pub(super) max_file_size: Option<u64>,
}

impl TestTrail {
    pub(super) fn new() -> Self {
        Self {
            root: memory_directory(),
            faults: FaultInjector::default(),
            now_micros: Arc::new(AtomicI64::new(START_MICROS)),
            max_file_size: None,
        }
    }

    pub(super) fn directory(&self) -> PathBuf {
        self.root.path().join("audit")
    }

    pub(super) fn settings(&self, durability: Durability) -> Settings {
        settings(&self.directory(), durability, &self.faults, &self.now_micros, self.max_file_size)
    }

    pub(super) fn open(&self, durability: Durability) -> AuditLog {
        AuditLog::start(self.settings(durability)).expect("opens")
    }

    /// Asserts that the trail is intact, and still is after another log opened and closed it without faults.
    pub(super) fn assert_can_be_reopened(&self) {
        self.faults.clear();
        assert_intact(&self.directory());
        self.open(Durability::Written).close().expect("closes");
        assert_intact(&self.directory());
    }

    /// Blocks the write of a first entry, and appends `count` more meanwhile. The next commit writes these together,
    /// once the gate is open.
    pub(super) fn block_first_write(&self, log: &AuditLog, count: u64) -> (Vec<PendingReceipt>, ThreadGate) {
        let gate = ThreadGate::default();
        let write = gate.clone();
        self.faults.set_rule(move |call| {
            if call.kind == CallKind::Append {
                write.block();
            }
            CallOutcome::Proceed
        });
        let mut pending = vec![log.append_async(draft(0))];
        gate.wait_until_reached();
        pending.extend((1..=count).map(|number| log.append_async(draft(number))));
        (pending, gate)
    }
}

pub(super) fn settings(
    directory: &Path,
    durability: Durability,
    faults: &FaultInjector,
    now_micros: &Arc<AtomicI64>,
    max_file_size: Option<u64>,
) -> Settings {
    let mut settings = Settings::new(directory.to_owned());
    let now_micros = Arc::clone(now_micros);
    settings.clock = Clock::Given(Arc::new(move || {
        DateTime::from_timestamp_micros(now_micros.load(Ordering::Relaxed)).expect("a time")
    }));
    settings.durability = durability;
    settings.max_file_size = max_file_size;
    settings.wrap = faults.wrap();
    settings.hook = Some(Arc::new(|_| {}));
    settings
}

/// Verifies a trail, and asserts that it is intact.
pub(super) fn verify_intact(directory: &Path) -> Verification {
    let verification = Verifier::new(directory).run().expect("the trail can be read");
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}{}", file_contents(directory));
    verification
}

pub(super) fn assert_intact(directory: &Path) {
    drop(verify_intact(directory));
}

pub(super) fn has_torn_tail(verification: &Verification) -> bool {
    verification.notices().iter().any(|notice| matches!(notice, Notice::TornTail { .. }))
}

/// The names and contents of all files of a trail, for an assertion's message.
pub(super) fn file_contents(directory: &Path) -> String {
    let mut text = String::new();
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("readable").path())
        .collect();
    names.sort();
    for path in names.into_iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(&path).expect("readable");
        text.push_str(&format!("\n--- {}\n{}", path.display(), String::from_utf8_lossy(&bytes)));
    }
    text
}

/// The members of an entry that tests compare.
#[derive(Debug)]
pub(super) struct TestEntry {
    pub(super) seq: u64,
    pub(super) hash: String,
    pub(super) event_type: String,
    pub(super) details: serde_json::Value,
}

/// Reads the entries of a trail in their order. An unfinished line is not an entry.
pub(super) fn read_entries(directory: &Path) -> Vec<TestEntry> {
    let mut entries = Vec::new();
    for file in crate::storage::segments::list(directory).expect("the directory can be read") {
        let text = std::fs::read_to_string(&file.path).expect("readable");
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let line: serde_json::Value = serde_json::from_str(line).expect("an entry");
            let text = |name: &str| line[name].as_str().expect("text").to_owned();
            entries.push(TestEntry {
                seq: line["seq"].as_u64().expect("a number"),
                hash: text("hash"),
                event_type: text("event_type"),
                details: line["details"].clone(),
            });
        }
    }
    entries
}

/// A draft with a number, by which a test finds its entry in the trail.
pub(super) fn draft(number: u64) -> Draft {
    Draft::new("worked").actor("alice").detail("number", number)
}

/// The entries of one event type.
pub(super) fn entries_of<'a>(entries: &'a [TestEntry], event_type: &str) -> Vec<&'a TestEntry> {
    entries.iter().filter(|entry| entry.event_type == event_type).collect()
}

/// The numbers of the entries that [`draft`] made.
pub(super) fn draft_numbers(entries: &[TestEntry]) -> Vec<u64> {
    let number = |entry: &TestEntry| entry.details["number"].as_u64().expect("a number");
    entries_of(entries, "worked").into_iter().map(number).collect()
}

/// The number of refused entries that all `audit_degraded` of a trail describe together.
pub(super) fn described_losses(entries: &[TestEntry]) -> u64 {
    let lost = |entry: &TestEntry| entry.details["lost"].as_u64().expect("a number");
    entries_of(entries, "audit_degraded").into_iter().map(lost).sum()
}

/// Asserts that the entry of `receipt` is at its place. The trail must begin with the sequence number 0.
pub(super) fn assert_has_entry(entries: &[TestEntry], receipt: &Receipt) {
    let entry = &entries[usize::try_from(receipt.seq).expect("small")];
    assert_eq!((entry.seq, &entry.hash), (receipt.seq, &receipt.hash.to_string()));
}
