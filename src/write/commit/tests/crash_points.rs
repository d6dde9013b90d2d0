//! A killed process or a power cut at any point of a run: acknowledged entries stay, and no tampering is reported.
//!
//! A run is journalled once. For each event of the journal, and for each byte of a write, the test computes the files
//! that a crash at that point leaves behind, lays them out in a directory, verifies them and opens the trail.
//!
//! | crash | what is left of the files |
//! |---|---|
//! | killed process | all bytes handed to the OS |
//! | power cut | synced bytes, any part of the later bytes, and any state of the head since its last sync |

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    findings::{notice::Notice, verification::Verdict},
    format::{
        head::{self, Head},
        receipt::Receipt,
    },
    log::AuditLog,
    verify::Verifier,
    write::{
        commit::tests::{
            fault_storage::{FaultInjector, JournalEvent, memory_directory},
            test_trail::{DAY_MICROS, START_MICROS, draft, file_contents, read_entries, settings},
            threads::{block_on, is_long_run},
        },
        settings::Durability,
    },
};

/// A receipt that a caller holds.
#[derive(Clone, Copy)]
struct HeldReceipt {
    receipt: Receipt,
    /// The entry was on the device when the caller received the receipt.
    is_synced: bool,
}

/// The files of a trail at one point of a run, and the receipts given out until then.
#[derive(Clone, Default)]
struct SimulatedDisk {
    files: BTreeMap<String, SimulatedFile>,
    receipts: Vec<HeldReceipt>,
}

/// A file on a [`SimulatedDisk`].
#[derive(Clone, Default)]
struct SimulatedFile {
    /// The content that a process reads.
    bytes: Vec<u8>,
    /// The length of the part that is on the device.
    synced: usize,
    /// All contents of the head since its last sync. The device may have any of them.
    states: Vec<Vec<u8>>,
}

impl SimulatedDisk {
    /// Reads a directory. All of its files are on the device.
    fn read(directory: &Path) -> Self {
        let mut disk = Self::default();
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("readable").path();
            let name = file_name(&path);
            if name != "audit.lock" && path.is_file() {
                let bytes = std::fs::read(path).expect("readable");
                let file = SimulatedFile { synced: bytes.len(), states: vec![bytes.clone()], bytes };
                disk.files.insert(name, file);
            }
        }
        disk
    }

    fn file(&mut self, path: &Path) -> &mut SimulatedFile {
        self.files.entry(file_name(path)).or_default()
    }

    fn apply(&mut self, event: &JournalEvent) {
        match event {
            JournalEvent::Opened(path, length) => {
                let file = self.file(path);
                if file_name(path) == head::NAME {
                    if file.states.is_empty() {
                        file.states.push(file.bytes.clone());
                    }
                } else {
                    // Recovery removes an unfinished line before it opens the file.
                    file.truncate(*length as usize);
                }
            }
            JournalEvent::Appended(path, bytes) => self.file(path).bytes.extend_from_slice(bytes),
            JournalEvent::Overwritten(path, offset, bytes) => {
                let file = self.file(path);
                let (start, end) = (*offset as usize, *offset as usize + bytes.len());
                file.bytes.resize(file.bytes.len().max(end), 0);
                file.bytes[start..end].copy_from_slice(bytes);
                file.states.push(file.bytes.clone());
            }
            JournalEvent::Synced(path) => {
                let file = self.file(path);
                file.synced = file.bytes.len();
                file.states = vec![file.bytes.clone()];
            }
            JournalEvent::Truncated(path, length) => self.file(path).truncate(*length as usize),
            JournalEvent::Acknowledged { receipt, is_synced } => {
                self.receipts.push(HeldReceipt { receipt: *receipt, is_synced: *is_synced });
            }
        }
    }

    /// The file with bytes that are not on the device. There is one at most, because a file is synced before the next
    /// one is begun.
    fn unsynced(&self) -> Option<(&String, &SimulatedFile)> {
        let mut files = self.files.iter().filter(|(name, _)| *name != head::NAME);
        let unsynced = files.find(|(_, file)| file.synced < file.bytes.len());
        assert!(
            files.all(|(_, file)| file.synced == file.bytes.len()),
            "at most one file is not on the device as a whole"
        );
        unsynced
    }

    /// The contents of all files, as `content` changes them.
    fn contents(&self, content: impl Fn(&str, &SimulatedFile) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
        self.files.iter().map(|(name, file)| (name.clone(), content(name, file))).collect()
    }
}

impl SimulatedFile {
    fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
        self.synced = self.synced.min(length);
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// Numbers of crashes that a test tried.
#[derive(Default)]
struct CrashCounts {
    verified: AtomicU64,
    opened: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Crash {
    ProcessKilled,
    PowerCut,
}

/// The files that a crash left behind.
struct CrashState {
    files: Vec<(String, Vec<u8>)>,
    crash: Crash,
    /// The point of the crash, for an assertion's message.
    label: String,
}

impl CrashState {
    fn new(crash: Crash, label: String, mut files: Vec<(String, Vec<u8>)>) -> Self {
        if crash == Crash::PowerCut {
            for (_, bytes) in files.iter_mut().filter(|(name, _)| name == head::NAME) {
                *bytes = with_other_boot_id(bytes);
            }
        }
        Self { files, crash, label }
    }

    /// Writes the files to a new directory.
    fn lay_out(&self) -> tempfile::TempDir {
        let root = memory_directory();
        std::fs::create_dir(root.path().join("audit")).expect("created");
        for (name, bytes) in &self.files {
            std::fs::write(root.path().join("audit").join(name), bytes).expect("written");
        }
        root
    }

    /// Verifies the files. With `opens`, opens the trail as well, and verifies it again.
    fn check(&self, disk: &SimulatedDisk, counts: &CrashCounts, opens: bool) {
        counts.verified.fetch_add(1, Ordering::Relaxed);
        let root = self.lay_out();
        let trail = root.path().join("audit");
        let has_lost = self.verify(&trail, disk);
        if !opens {
            return;
        }
        counts.opened.fetch_add(1, Ordering::Relaxed);
        let now = Arc::new(AtomicI64::new(START_MICROS + 2 * DAY_MICROS));
        let faults = FaultInjector::default();
        let log = AuditLog::start(settings(&trail, Durability::Written, &faults, &now, None));
        let log = log.unwrap_or_else(|error| panic!("{}: {error}{}", self.label, file_contents(&trail)));
        log.close().expect("closes");
        assert!(!self.verify(&trail, disk), "{}: the loss is recorded", self.label);
        let is_recorded = read_entries(&trail).iter().any(|entry| !entry.details["lost_from"].is_null());
        assert!(is_recorded || !has_lost, "{}: the loss is recorded{}", self.label, file_contents(&trail));
    }

    /// Verifies a trail, and asserts that it has the entries that the crash must not lose. Returns `true` if entries
    /// are lost and no entry describes that yet.
    fn verify(&self, trail: &Path, disk: &SimulatedDisk) -> bool {
        let verification = Verifier::new(trail).run().expect("the trail can be read");
        let has_lost =
            verification.notices().iter().any(|notice| matches!(notice, Notice::UnsyncedLoss { .. }));
        match verification.verdict() {
            Verdict::Intact => {}
            Verdict::Unverifiable if self.crash == Crash::PowerCut && has_lost => {}
            Verdict::Unverifiable if disk.receipts.is_empty() => {}
            _ => panic!("{}: {verification}{}", self.label, file_contents(trail)),
        }
        let entries = read_entries(trail);
        for HeldReceipt { receipt, is_synced } in &disk.receipts {
            if *is_synced || self.crash == Crash::ProcessKilled {
                let entry = entries.get(usize::try_from(receipt.seq).expect("small"));
                let hash = entry.map(|entry| entry.hash.as_str());
                let expected = receipt.hash.to_string();
                assert_eq!(hash, Some(expected.as_str()), "{}: seq {}", self.label, receipt.seq);
            }
        }
        verification.verdict() == Verdict::Unverifiable && has_lost
    }
}

/// Changes the boot id in all blocks of a head. A power cut restarts the machine, so the head is from another boot.
fn with_other_boot_id(bytes: &[u8]) -> Vec<u8> {
    let mut changed = Vec::new();
    for block in bytes.chunks(head::BLOCK) {
        match Head::newest(block) {
            Some(mut head) => {
                head.boot_id = Some("00000000-0000-0000-0000-000000000000".to_owned());
                changed.extend_from_slice(&head.block());
            }
            None => changed.extend_from_slice(block),
        }
    }
    changed
}

/// A function that computes a crash state. Most states are skipped, and computing them takes longer than counting them.
type BuildState<'a> = &'a dyn Fn() -> CrashState;

/// A write to a file, during which a crash may happen.
#[derive(Clone, Copy)]
struct UnfinishedWrite<'a> {
    path: &'a Path,
    bytes: &'a [u8],
}

/// Visits the states that a killed process leaves behind: any number of bytes of `write` are in the file.
fn visit_killed(
    disk: &SimulatedDisk,
    write: Option<UnfinishedWrite<'_>>,
    at: &str,
    visit: &mut dyn FnMut(Crash, BuildState<'_>),
) {
    visit(Crash::ProcessKilled, &|| {
        let files = disk.contents(|_, file| file.bytes.clone());
        CrashState::new(Crash::ProcessKilled, format!("{at}, killed"), files)
    });
    let Some(UnfinishedWrite { path, bytes }) = write else { return };
    let name = file_name(path);
    for count in 1..bytes.len() {
        visit(Crash::ProcessKilled, &|| {
            let files = disk.contents(|file_name, file| {
                let mut content = file.bytes.clone();
                if file_name == name {
                    content.extend_from_slice(&bytes[..count]);
                }
                content
            });
            let label = format!("{at}, killed {count} bytes into a write");
            CrashState::new(Crash::ProcessKilled, label, files)
        });
    }
}

/// Visits the states that a power cut leaves behind.
///
/// The unsynced file ends at any byte after its synced part. With `zeros`, it has its full length, and zeros take the
/// place of the lost bytes: file systems write a file's length and its data separately.
fn visit_power_cuts(
    disk: &SimulatedDisk,
    write: Option<UnfinishedWrite<'_>>,
    at: &str,
    visit: &mut dyn FnMut(Crash, BuildState<'_>),
) {
    let mut disk = disk.clone();
    if let Some(UnfinishedWrite { path, bytes }) = write {
        disk.file(path).bytes.extend_from_slice(bytes);
    }
    let heads = disk.files.get(head::NAME).map_or(vec![], |head| head.states.clone());
    let heads = if heads.is_empty() { vec![vec![]] } else { heads };
    let (name, from, to) = match disk.unsynced() {
        Some((name, file)) => (name.clone(), file.synced, file.bytes.len()),
        None => (String::new(), 0, 0),
    };
    for length in from..=to {
        for (number, head) in heads.iter().enumerate() {
            // The oldest and the newest head at every length, and the others at a few lengths.
            let is_outer = number == 0 || number + 1 == heads.len();
            if !is_outer && ![from, (from + to) / 2, to].contains(&length) {
                continue;
            }
            for zeros in [false, true] {
                if zeros && (length == to || !length.is_multiple_of(16)) {
                    continue;
                }
                visit(Crash::PowerCut, &|| {
                    let files = disk.contents(|file_name, file| {
                        if file_name == head::NAME {
                            return head.clone();
                        }
                        let mut content = file.bytes.clone();
                        if file_name == name {
                            content.truncate(length);
                            if zeros {
                                content.resize(to, 0);
                            }
                        }
                        content
                    });
                    let label =
                        format!("{at}, power cut at byte {length} of {from} to {to}, head {number}, {zeros}");
                    CrashState::new(Crash::PowerCut, label, files)
                });
            }
        }
    }
}

/// Replays a journal, and visits all crash states. The last argument of `visit` is `true` during the last write and at
/// the end.
fn visit_crashes(
    start: &SimulatedDisk,
    journal: &[JournalEvent],
    visit: &mut dyn FnMut(&SimulatedDisk, Crash, BuildState<'_>, bool),
) {
    let mut visit_all = |disk: &SimulatedDisk, write: Option<UnfinishedWrite<'_>>, at: &str, is_last| {
        let mut visit = |crash: Crash, build: BuildState<'_>| visit(disk, crash, build, is_last);
        visit_killed(disk, write, at, &mut visit);
        visit_power_cuts(disk, write, at, &mut visit);
    };
    let mut disk = start.clone();
    let last = journal.iter().rposition(|event| matches!(event, JournalEvent::Appended(..)));
    for (number, event) in journal.iter().enumerate() {
        let write = match event {
            JournalEvent::Appended(path, bytes) => Some(UnfinishedWrite { path, bytes }),
            _ => None,
        };
        visit_all(&disk, write, &format!("before event {number}"), last == Some(number));
        disk.apply(event);
    }
    visit_all(&disk, None, "at the end", true);
}

/// Records the journal of a run with rolls, midnight, threads, futures, critical entries, a flush and a second run.
fn record_run(durability: Durability, max_file_size: Option<u64>) -> Vec<JournalEvent> {
    let root = memory_directory();
    let trail = root.path().join("audit");
    let faults = FaultInjector::with_journal();
    let now = Arc::new(AtomicI64::new(START_MICROS));
    let open = || AuditLog::start(settings(&trail, durability, &faults, &now, max_file_size)).expect("opens");
    // A buffered log promises nothing about an entry that is not critical.
    let acknowledge = |receipt: Receipt, critical: bool| {
        if critical || durability != Durability::Buffered {
            faults.acknowledge(receipt, critical || durability == Durability::Synced);
        }
    };
    let log = open();
    for number in 0..3 {
        acknowledge(log.append(draft(number)).expect("recorded"), false);
    }
    acknowledge(log.append(draft(3).critical()).expect("recorded"), true);
    thread::scope(|scope| {
        for thread in 0..3 {
            let (log, acknowledge) = (&log, &acknowledge);
            scope.spawn(move || {
                for number in 0..2 {
                    acknowledge(log.append(draft(10 * thread + number)).expect("recorded"), false);
                }
            });
        }
    });
    let pending: Vec<_> = (40..43).map(|number| log.append_async(draft(number))).collect();
    for entry in pending {
        acknowledge(block_on(entry).expect("recorded"), false);
    }
    now.fetch_add(DAY_MICROS, Ordering::Relaxed);
    let receipt = log.append(draft(50)).expect("recorded");
    acknowledge(receipt, false);
    log.flush().expect("flushes");
    faults.acknowledge(receipt, true);
    log.close().expect("closes");
    let log = open();
    acknowledge(log.append(draft(60)).expect("recorded"), false);
    // Meanwhile the flusher writes the head.
    thread::sleep(Duration::from_millis(40));
    acknowledge(log.append(draft(61)).expect("recorded"), false);
    acknowledge(log.append(draft(62)).expect("recorded"), false);
    let journal = faults.journal();
    drop(log);
    journal
}

/// The runs of the tests: durability, and largest size of a file.
const CRASH_RUNS: [(Durability, Option<u64>); 6] = [
    (Durability::Written, None),
    (Durability::Written, Some(700)),
    (Durability::Synced, None),
    (Durability::Synced, Some(700)),
    (Durability::Buffered, None),
    (Durability::Buffered, Some(700)),
];

#[test]
fn crash_at_any_byte_loses_no_acknowledged_entry() {
    for (durability, max_file_size) in CRASH_RUNS {
        let journal = record_run(durability, max_file_size);
        let (counts, mut number) = (CrashCounts::default(), 0_u64);
        let syncs = journal.iter().filter(|event| matches!(event, JournalEvent::Synced(_))).count();

        visit_crashes(&SimulatedDisk::default(), &journal, &mut |disk, crash, build, is_last| {
            number += 1;
            // A short run checks every byte of the last write, and a small part of the other states.
            let killed_in_last = is_last && crash == Crash::ProcessKilled;
            if is_long_run() || killed_in_last || number.is_multiple_of(397) {
                let opens = is_long_run() || !killed_in_last || number.is_multiple_of(23);
                build().check(disk, &counts, opens);
            }
        });

        println!(
            "{durability:?}, files of {max_file_size:?}: {} events, {syncs} syncs, {} verified, {} opened",
            journal.len(),
            counts.verified.into_inner(),
            counts.opened.into_inner()
        );
    }
}

/// The power fails again while the trail is opened after a power cut.
#[test]
fn crash_during_recovery_is_not_reported_as_tampering() {
    for (durability, max_file_size) in CRASH_RUNS {
        let journal = record_run(durability, max_file_size);
        let (counts, mut number) = (CrashCounts::default(), 0_u64);
        let step = if is_long_run() { 211 } else { 12_007 };

        visit_crashes(&SimulatedDisk::default(), &journal, &mut |disk, crash, build, _| {
            number += 1;
            if crash == Crash::ProcessKilled || !number.is_multiple_of(step) {
                return;
            }
            let first = build();
            let root = first.lay_out();
            let trail = root.path().join("audit");
            let mut start = SimulatedDisk::read(&trail);
            start.receipts = disk.receipts.iter().filter(|held| held.is_synced).copied().collect();
            let faults = FaultInjector::with_journal();
            let now = Arc::new(AtomicI64::new(START_MICROS + 2 * DAY_MICROS));
            let log = AuditLog::start(settings(&trail, durability, &faults, &now, max_file_size));
            let log = log.unwrap_or_else(|error| panic!("{}: {error}{}", first.label, file_contents(&trail)));
            let recovery = faults.journal();
            drop(log);
            let mut inner = 0_u64;
            visit_crashes(&start, &recovery, &mut |disk, _, build, _| {
                inner += 1;
                if is_long_run() || inner.is_multiple_of(31) {
                    let second = build();
                    let label = format!("{}; then {}", first.label, second.label);
                    // Whatever stops the recovery, it may not have described yet what the first power cut lost.
                    let second = CrashState { label, crash: Crash::PowerCut, ..second };
                    second.check(disk, &counts, true);
                }
            });
        });

        println!(
            "{durability:?}, files of {max_file_size:?}: {} states of recoveries verified",
            counts.verified.into_inner()
        );
    }
}
