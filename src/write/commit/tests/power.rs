//! The power, or the process, goes at every moment of a run; what was acknowledged is there, and nobody cries wolf.
//!
//! A run is journalled once. For each event of the journal, and each byte of a write, the files are made as they may be
//! found then, and opened.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    thread,
};

use crate::write::commit::tests::{
    DAY, NOW, draft, entries, is_long, listing, ready, settings,
    storage::{Event, Faults, scratch},
};
use crate::{
    findings::{notice::Notice, verification::Verdict},
    format::{
        head::{self, Head},
        receipt::Receipt,
    },
    log::AuditLog,
    verify::Verifier,
    write::settings::Durability,
};

/// The files of a trail at one moment.
#[derive(Clone, Default)]
struct Disk {
    files: BTreeMap<String, Content>,
    acknowledged: Vec<(Receipt, bool)>,
}

/// A file: as it is for who reads it, and what of it is on the device.
#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: usize,
    /// Of the head, each state since it was put on the device.
    states: Vec<Vec<u8>>,
}

impl Disk {
    /// What a directory holds, all of it on the device.
    fn of(directory: &Path) -> Self {
        let mut disk = Self::default();
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("readable").path();
            let name = name_of(&path);
            if name != "audit.lock" && path.is_file() {
                let bytes = std::fs::read(path).expect("readable");
                let content = Content { synced: bytes.len(), states: vec![bytes.clone()], bytes };
                disk.files.insert(name, content);
            }
        }
        disk
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Opened(path, length) => {
                let file = self.files.entry(name_of(path)).or_default();
                if name_of(path) == head::NAME {
                    if file.states.is_empty() {
                        file.states.push(file.bytes.clone());
                    }
                } else {
                    // What was torn is set aside before a file is opened.
                    file.truncate(*length as usize);
                }
            }
            Event::Appended(path, bytes) => {
                self.files.entry(name_of(path)).or_default().bytes.extend_from_slice(bytes);
            }
            Event::Overwrote(path, offset, bytes) => {
                let file = self.files.entry(name_of(path)).or_default();
                let (start, end) = (*offset as usize, *offset as usize + bytes.len());
                file.bytes.resize(file.bytes.len().max(end), 0);
                file.bytes[start..end].copy_from_slice(bytes);
                file.states.push(file.bytes.clone());
            }
            Event::Synced(path) => {
                let file = self.files.entry(name_of(path)).or_default();
                file.synced = file.bytes.len();
                file.states = vec![file.bytes.clone()];
            }
            Event::Cut(path, length) => {
                self.files.entry(name_of(path)).or_default().truncate(*length as usize);
            }
            Event::Acknowledged(receipt, synced) => self.acknowledged.push((*receipt, *synced)),
        }
    }

    /// The file that is written, if it has bytes that are not on the device.
    fn unsynced(&self) -> Option<(&String, &Content)> {
        let mut files = self.files.iter().filter(|(name, _)| *name != head::NAME);
        let found = files.find(|(_, content)| content.synced < content.bytes.len());
        assert!(
            files.all(|(_, content)| content.synced == content.bytes.len()),
            "one file at most is not whole on the device"
        );
        found
    }
}

impl Content {
    fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
        self.synced = self.synced.min(length);
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// Counts what was tried.
#[derive(Default)]
struct Tried {
    moments: AtomicU64,
    openings: AtomicU64,
}

/// What stopped the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gone {
    Process,
    Power,
}

/// A moment of a run, as it is found afterwards.
struct FoundHead {
    files: Vec<(String, Vec<u8>)>,
    gone: Gone,
    what: String,
}

impl FoundHead {
    fn new(gone: Gone, what: String, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut files: Vec<_> = files.into_iter().collect();
        if gone == Gone::Power {
            for (_, bytes) in files.iter_mut().filter(|(name, _)| name == head::NAME) {
                *bytes = under_another_boot(bytes);
            }
        }
        Self { files, gone, what }
    }

    fn lay_out(&self) -> tempfile::TempDir {
        let root = scratch();
        std::fs::create_dir(root.path().join("audit")).expect("created");
        for (name, bytes) in &self.files {
            std::fs::write(root.path().join("audit").join(name), bytes).expect("written");
        }
        root
    }

    /// Verifies it as it is, opens it, and verifies it again.
    fn try_out(&self, disk: &Disk, tried: &Tried, opens: bool) {
        tried.moments.fetch_add(1, Ordering::Relaxed);
        let root = self.lay_out();
        let trail = root.path().join("audit");
        let has_lost = self.verify(&trail, disk);
        if !opens {
            return;
        }
        tried.openings.fetch_add(1, Ordering::Relaxed);
        let now = Arc::new(AtomicI64::new(NOW + 2 * DAY));
        let log = AuditLog::start(settings(&trail, Durability::Written, &Faults::default(), &now, None));
        let log = log.unwrap_or_else(|error| panic!("{}: {error}{}", self.what, listing(&trail)));
        log.close().expect("closes");
        assert!(!self.verify(&trail, disk), "{}: what was lost is recorded", self.what);
        let recorded = entries(&trail).iter().any(|entry| !entry.details["lost_from"].is_null());
        assert!(recorded || !has_lost, "{}: what was lost is recorded{}", self.what, listing(&trail));
    }

    /// Whether the trail says that entries are lost.
    fn verify(&self, trail: &Path, disk: &Disk) -> bool {
        let verification = Verifier::new(trail).run().expect("can be read");
        let has_lost =
            verification.notices().iter().any(|notice| matches!(notice, Notice::UnsyncedLoss { .. }));
        match verification.verdict() {
            Verdict::Intact => {}
            Verdict::Unverifiable if self.gone == Gone::Power && has_lost => {}
            Verdict::Unverifiable if disk.acknowledged.is_empty() => {}
            _ => panic!("{}: {verification}{}", self.what, listing(trail)),
        }
        let told = entries(trail);
        for (receipt, synced) in &disk.acknowledged {
            if *synced || self.gone == Gone::Process {
                let entry = told.get(usize::try_from(receipt.seq).expect("small"));
                let hash = entry.map(|entry| entry.hash.as_str());
                assert_eq!(
                    hash,
                    Some(receipt.hash.to_string().as_str()),
                    "{}: seq {}",
                    self.what,
                    receipt.seq
                );
            }
        }
        verification.verdict() == Verdict::Unverifiable && has_lost
    }
}

/// The head as another boot of the machine left it.
fn under_another_boot(bytes: &[u8]) -> Vec<u8> {
    let mut other = Vec::new();
    for block in bytes.chunks(head::BLOCK) {
        match Head::newest(block) {
            Some(mut head) => {
                head.boot_id = Some("00000000-0000-0000-0000-000000000000".to_owned());
                other.extend_from_slice(&head.block());
            }
            None => other.extend_from_slice(block),
        }
    }
    other
}

/// What may be found at one moment, which takes much longer to make than to leave out.
type Make<'a> = &'a dyn Fn() -> FoundHead;

/// Everything that may be found at one moment. `last` are the bytes of the write under way.
fn moments(disk: &Disk, last: Option<(&Path, &[u8])>, at: &str, visit: &mut dyn FnMut(Gone, Make<'_>)) {
    let killed = |what: String, change: &dyn Fn(&str, &Content) -> Vec<u8>| {
        let files = disk.files.iter().map(|(name, content)| (name.clone(), change(name, content)));
        FoundHead::new(Gone::Process, what, files)
    };
    visit(Gone::Process, &|| killed(format!("{at}, killed"), &|_, content| content.bytes.clone()));
    if let Some((path, bytes)) = last {
        let name = name_of(path);
        for count in 1..bytes.len() {
            let change = |file: &str, content: &Content| {
                let mut found = content.bytes.clone();
                if file == name {
                    found.extend_from_slice(&bytes[..count]);
                }
                found
            };
            visit(Gone::Process, &|| killed(format!("{at}, killed {count} bytes into a write"), &change));
        }
    }
    // The device has what was synced, any part of what was written since, and any of the head's states.
    let mut disk = disk.clone();
    if let Some((path, bytes)) = last {
        disk.files.entry(name_of(path)).or_default().bytes.extend_from_slice(bytes);
    }
    let heads = disk.files.get(head::NAME).map_or(vec![], |head| head.states.clone());
    let heads = if heads.is_empty() { vec![vec![]] } else { heads };
    let (name, from, to) = match disk.unsynced() {
        Some((name, content)) => (name.clone(), content.synced, content.bytes.len()),
        None => (String::new(), 0, 0),
    };
    for length in from..=to {
        for (number, head) in heads.iter().enumerate() {
            // Every state of the head at a few lengths, and its oldest and newest at every length.
            let outer = number == 0 || number + 1 == heads.len();
            if !outer && ![from, (from + to) / 2, to].contains(&length) {
                continue;
            }
            for zeros in [false, true] {
                if zeros && (length == to || !length.is_multiple_of(16)) {
                    continue;
                }
                let change = |file: &str, content: &Content| {
                    if file == head::NAME {
                        return head.clone();
                    }
                    let mut found = content.bytes.clone();
                    if file == name {
                        found.truncate(length);
                        if zeros {
                            found.resize(to, 0);
                        }
                    }
                    found
                };
                visit(Gone::Power, &|| {
                    let files =
                        disk.files.iter().map(|(name, content)| (name.clone(), change(name, content)));
                    let what =
                        format!("{at}, power cut at byte {length} of {from} to {to}, head {number}, {zeros}");
                    FoundHead::new(Gone::Power, what, files)
                });
            }
        }
    }
}

/// Goes through a journal, and calls `visit` with all that may be found.
fn walk(start: &Disk, journal: &[Event], visit: &mut dyn FnMut(&Disk, Gone, Make<'_>, bool)) {
    let mut disk = start.clone();
    let last = journal.iter().rposition(|event| matches!(event, Event::Appended(..)));
    for (number, event) in journal.iter().enumerate() {
        let write = match event {
            Event::Appended(path, bytes) => Some((path.as_path(), &bytes[..])),
            _ => None,
        };
        let known = disk.clone();
        let is_last = last == Some(number);
        moments(&known, write, &format!("before event {number}"), &mut |gone, found| {
            visit(&known, gone, found, is_last);
        });
        disk.happen(event);
    }
    let known = disk.clone();
    moments(&known, None, "at the end", &mut |gone, found| visit(&known, gone, found, true));
}

/// A run with all that a trail does: rotation, midnight, threads, critical entries, a flush, a second run.
fn script(durability: Durability, max_file_size: Option<u64>) -> (Disk, Vec<Event>) {
    let root = scratch();
    let trail = root.path().join("audit");
    let faults = Faults::with_journal();
    let now = Arc::new(AtomicI64::new(NOW));
    let open = || AuditLog::start(settings(&trail, durability, &faults, &now, max_file_size)).expect("opens");
    let told = |receipt: Receipt, critical: bool| {
        if critical || durability != Durability::Buffered {
            faults.acknowledged(receipt, critical || durability == Durability::Synced);
        }
    };
    let log = open();
    for number in 0..3 {
        told(log.append(draft(number)).expect("recorded"), false);
    }
    told(log.append(draft(3).critical()).expect("recorded"), true);
    thread::scope(|scope| {
        for thread in 0..3 {
            let (log, told) = (&log, &told);
            scope.spawn(move || {
                for number in 0..2 {
                    told(log.append(draft(10 * thread + number)).expect("recorded"), false);
                }
            });
        }
    });
    let recordings: Vec<_> = (40..43).map(|number| log.append_async(draft(number))).collect();
    for recording in recordings {
        told(ready(recording).expect("recorded"), false);
    }
    now.fetch_add(DAY, Ordering::Relaxed);
    let receipt = log.append(draft(50)).expect("recorded");
    told(receipt, false);
    log.flush().expect("works");
    faults.acknowledged(receipt, true);
    log.close().expect("closes");
    let log = open();
    told(log.append(draft(60)).expect("recorded"), false);
    // The head catches up with what nobody waits for.
    thread::sleep(std::time::Duration::from_millis(40));
    told(log.append(draft(61)).expect("recorded"), false);
    told(log.append(draft(62)).expect("recorded"), false);
    let journal = faults.journal();
    drop(log);
    (Disk::default(), journal)
}

const RUNS: [(Durability, Option<u64>); 6] = [
    (Durability::Written, None),
    (Durability::Written, Some(700)),
    (Durability::Synced, None),
    (Durability::Synced, Some(700)),
    (Durability::Buffered, None),
    (Durability::Buffered, Some(700)),
];

#[test]
fn whenever_it_stops_what_was_acknowledged_is_there_and_nothing_is_called_tampered() {
    for (durability, max_file_size) in RUNS {
        let (start, journal) = script(durability, max_file_size);
        let (tried, mut number) = (Tried::default(), 0_u64);
        let syncs = journal.iter().filter(|event| matches!(event, Event::Synced(_))).count();

        walk(&start, &journal, &mut |disk, gone, found, is_last| {
            number += 1;
            // Every byte of the last write; of the others, by default, one in many.
            let killed_in_last = is_last && gone == Gone::Process;
            if is_long() || killed_in_last || number.is_multiple_of(397) {
                found().try_out(disk, &tried, is_long() || !killed_in_last || number.is_multiple_of(23));
            }
        });

        println!(
            "{durability:?}, files of {max_file_size:?}: {} events, {syncs} syncs, {} moments, {} openings",
            journal.len(),
            tried.moments.into_inner(),
            tried.openings.into_inner()
        );
    }
}

/// The power goes again while the trail is opened after a power cut.
#[test]
fn a_second_power_cut_while_the_first_is_recovered_from_is_no_tampering_either() {
    for (durability, max_file_size) in RUNS {
        let (start, journal) = script(durability, max_file_size);
        let (tried, mut number) = (Tried::default(), 0_u64);
        let step = if is_long() { 211 } else { 12_007 };

        walk(&start, &journal, &mut |disk, gone, found, _| {
            number += 1;
            if gone == Gone::Process || !number.is_multiple_of(step) {
                return;
            }
            let found = found();
            let root = found.lay_out();
            let trail = root.path().join("audit");
            let mut base = Disk::of(&trail);
            base.acknowledged = disk.acknowledged.iter().filter(|(_, synced)| *synced).copied().collect();
            let faults = Faults::with_journal();
            let now = Arc::new(AtomicI64::new(NOW + 2 * DAY));
            let log = AuditLog::start(settings(&trail, durability, &faults, &now, max_file_size));
            let log = log.unwrap_or_else(|error| panic!("{}: {error}{}", found.what, listing(&trail)));
            let second = faults.journal();
            drop(log);
            let mut inner = 0_u64;
            walk(&base, &second, &mut |disk, _, again, _| {
                inner += 1;
                if is_long() || inner.is_multiple_of(31) {
                    let again = again();
                    let what = format!("{}; then {}", found.what, again.what);
                    // What was lost under the first boot may still be to be told of, whatever stops the opening.
                    let again = FoundHead { what, gone: Gone::Power, ..again };
                    again.try_out(disk, &tried, true);
                }
            });
        });

        println!(
            "{durability:?}, files of {max_file_size:?}: {} moments of recoveries",
            tried.moments.into_inner()
        );
    }
}
