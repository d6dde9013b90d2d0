//! A trail as its files and lines, to be edited and written somewhere else. It links and hashes by itself, so that
//! it can forge: it shares no code with the crate.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use kling_audit::{
    AuditLog, AuditLogBuilder, Draft,
    verify::{Finding, Verification, Verifier},
};
use serde_json::json;

use crate::support::{
    files::jsonl_files,
    forge::{before_hash, head_block, with_hash},
};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
/// 2026-11-24T20:00:00Z.
const EVENING: i64 = 1_795_550_400 * SECOND;

/// One file; its lines have their newlines.
#[derive(Clone)]
pub(crate) struct Sheet {
    pub(crate) name: String,
    pub(crate) lines: Vec<Vec<u8>>,
}

/// The files of a trail, in the order of their entries.
#[derive(Clone)]
pub(crate) struct Copy {
    pub(crate) sheets: Vec<Sheet>,
    /// What the head says: number and hash of the last entry before anything was edited.
    head: (u64, String),
}

impl Copy {
    /// About 60 entries of three days in several files, with restarts and with clocks that step back, once over
    /// midnight. It is the same in every run and on every machine.
    pub(crate) fn large() -> Self {
        let clock = Clock::new();
        clock.run(4_000, |log| {
            for number in 0..16 {
                clock.pass(700 * SECOND + 1);
                log.append(draft(number)).expect("recorded");
            }
        });
        clock.pass(30 * 60 * SECOND);
        clock.run(4_000, |log| {
            clock.pass(-10 * SECOND);
            for number in 16..26 {
                clock.pass(11 * 60 * SECOND);
                log.append(draft(number)).expect("recorded");
            }
            clock.pass(-4 * HOUR);
            for number in 26..29 {
                log.append(draft(number)).expect("recorded");
            }
        });
        clock.pass(30 * HOUR);
        clock.run(4_000, |log| {
            for number in 29..45 {
                clock.pass(60 * SECOND);
                log.append(draft(number)).expect("recorded");
            }
        });
        clock.copy()
    }

    /// A dozen entries in three files.
    pub(crate) fn small() -> Self {
        let clock = Clock::new();
        clock.run(1_800, |log| {
            for number in 0..4 {
                log.append(draft(number)).expect("recorded");
            }
        });
        clock.pass(5 * HOUR);
        clock.run(100_000, |log| {
            for number in 4..8 {
                log.append(draft(number)).expect("recorded");
            }
        });
        clock.copy()
    }

    /// Reads what a log wrote. What differs from run to run is replaced.
    fn read(directory: &Path) -> Self {
        let mut sheets: Vec<Sheet> = jsonl_files(directory)
            .iter()
            .map(|path| {
                let name = path.file_name().and_then(|name| name.to_str()).expect("Unicode").to_owned();
                let bytes = fs::read(path).expect("readable");
                let lines = bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
                Sheet { name, lines }
            })
            .collect();
        sheets.sort_by_key(|sheet| seq(&sheet.lines[0]));
        let mut copy = Self { sheets, head: (0, String::new()) };
        for at in 0..copy.entries() {
            let line = copy.line(at);
            for (name, value) in [
                ("trail_id", "\"00112233445566778899aabbccddeeff\""),
                ("host", "\"\\u00fcber\""),
                ("pid", "4711"),
            ] {
                set(line, name, value);
            }
        }
        copy.relink(0);
        copy
    }

    /// Lets the head say that this is the last entry.
    pub(crate) fn acknowledge(&mut self, last: usize) {
        let line = self.line(last);
        self.head = (seq(line), stated(line));
    }

    pub(crate) fn entries(&self) -> usize {
        self.sheets.iter().map(|sheet| sheet.lines.len()).sum()
    }

    /// The file and the line, both from 0, of an entry.
    pub(crate) fn place(&self, seq: usize) -> (usize, usize) {
        let mut line = seq;
        for (file, sheet) in self.sheets.iter().enumerate() {
            if line < sheet.lines.len() {
                return (file, line);
            }
            line -= sheet.lines.len();
        }
        unreachable!("there is no entry {seq}")
    }

    pub(crate) fn line(&mut self, seq: usize) -> &mut Vec<u8> {
        let (file, line) = self.place(seq);
        &mut self.sheets[file].lines[line]
    }

    /// The first entry of a file.
    pub(crate) fn first(&self, file: usize) -> usize {
        self.sheets[..file].iter().map(|sheet| sheet.lines.len()).sum()
    }

    /// Takes an entry out.
    pub(crate) fn take(&mut self, seq: usize) -> Vec<u8> {
        let (file, line) = self.place(seq);
        self.sheets[file].lines.remove(line)
    }

    pub(crate) fn swap(&mut self, one: usize, other: usize) {
        let (mine, yours) = (self.line(one).clone(), self.line(other).clone());
        *self.line(one) = yours;
        *self.line(other) = mine;
    }

    /// Links and hashes every entry from `from` on anew, in the order of the files.
    pub(crate) fn relink(&mut self, from: usize) {
        let mut previous = match from {
            0 => "genesis".to_owned(),
            _ => stated(self.line(from - 1)),
        };
        for at in from..self.entries() {
            let line = self.line(at);
            set(line, "prev_hash", &format!("\"{previous}\""));
            seal(line, 64);
            previous = stated(line);
        }
        // Who can do this can write the head, too.
        let last = self.entries() - 1;
        self.acknowledge(last);
    }

    /// Writes the files into a directory and removes all others.
    pub(crate) fn write(&self, directory: &Path) {
        fs::remove_dir_all(directory).ok();
        fs::create_dir(directory).expect("can be created");
        for sheet in &self.sheets {
            fs::write(directory.join(&sheet.name), sheet.lines.concat()).expect("can be written");
        }
        fs::write(directory.join("audit.head"), self.head_block()).expect("can be written");
    }

    fn head_block(&self) -> Vec<u8> {
        let mark = format!("{{\"hash\": \"{}\", \"seq\": {}}}", self.head.1, self.head.0);
        let block = head_block(&format!(
            "{{\"boot_id\": null, \"file\": \"\", \"synced\": {mark}, \"trail_id\": \
             \"00112233445566778899aabbccddeeff\", \"turn\": 1, \"written\": {mark}"
        ));
        block.into_bytes()
    }

    /// Verifies these files in a directory of their own.
    pub(crate) fn verify(&self) -> Verification {
        let directory = tempfile::tempdir().expect("a directory");
        let trail = directory.path().join("audit");
        self.write(&trail);
        Verifier::new(&trail).run().expect("can be read")
    }
}

/// A finding as a test states it: kind, file, line, seq.
pub(crate) fn brief(finding: &Finding) -> (&'static str, String, Option<u64>, Option<u64>) {
    (finding.kind.name(), finding.file.clone(), finding.line, finding.seq)
}

/// The number that a line states.
pub(crate) fn seq(line: &[u8]) -> u64 {
    value(line, "seq").parse().expect("a number")
}

/// The hash that a line states.
pub(crate) fn stated(line: &[u8]) -> String {
    value(line, "hash").trim_matches('"').to_owned()
}

/// The text of a member, without what could stand inside strings in mind: the last of that name.
pub(crate) fn value(line: &[u8], name: &str) -> String {
    let text = std::str::from_utf8(line).expect("ASCII");
    let name = format!("\"{name}\": ");
    let at = text.rfind(&name).expect("the member is there") + name.len();
    let length = text[at..].find([',', '}']).expect("the object ends");
    text[at..at + length].to_owned()
}

/// Replaces the text of a member, where the line has it; its hash stays.
pub(crate) fn set(line: &mut Vec<u8>, name: &str, value: &str) {
    let text = std::str::from_utf8(line).expect("ASCII");
    let name = format!("\"{name}\": ");
    let Some(at) = text.rfind(&name).map(|at| at + name.len()) else { return };
    let length = text[at..].find([',', '}']).expect("the object ends");
    line.splice(at..at + length, value.bytes());
}

/// Replaces the first `from` by `to`; its hash stays.
pub(crate) fn replace(line: &mut Vec<u8>, from: &str, to: &str) {
    let text = std::str::from_utf8(line).expect("ASCII");
    assert!(text.contains(from), "{from} in {text}");
    *line = text.replacen(from, to, 1).into_bytes();
}

/// Gives a line the hash that its other members call for.
pub(crate) fn seal(line: &mut Vec<u8>, digits: usize) {
    let text = std::str::from_utf8(line).expect("ASCII");
    let unhashed = before_hash(text);
    let previous = value(line, "prev_hash");
    let (_, hash) = with_hash(unhashed, previous.trim_matches('"'));
    *line = format!("{unhashed}, \"hash\": \"{}\"}}\n", &hash[..digits]).into_bytes();
}

fn draft(number: u64) -> Draft {
    let draft = Draft::new(["task_submitted", "task_completed", "auth_event"][number as usize % 3])
        .actor(["alice", "bob", "Zo\u{eb} \u{1f3a5}"][number as usize % 3])
        .detail("duration", 5)
        .detail("number", number)
        .detail("ratio", 1.0);
    match number % 4 {
        0 => draft.detail("action", "text_to_video").detail("note", "a\u{2028}b \u{1b}[31m \"quoted\"\n"),
        1 => draft.detail("deep", json!({"a": [1, {"b": [[], {}, [2.5, null]]}], "actor": "x", "z": true})),
        2 => draft.detail("entry", json!({"actor": "mallory"})).detail("\u{10000}", "\u{ffff}"),
        _ => draft,
    }
}

struct Clock {
    directory: tempfile::TempDir,
    now: Arc<AtomicI64>,
}

impl Clock {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory"), now: Arc::new(AtomicI64::new(EVENING)) }
    }

    fn trail(&self) -> PathBuf {
        self.directory.path().join("audit")
    }

    fn pass(&self, micros: i64) {
        self.now.fetch_add(micros, Ordering::Relaxed);
    }

    fn builder(&self) -> AuditLogBuilder {
        let now = Arc::clone(&self.now);
        AuditLog::builder(self.trail()).clock(move || {
            DateTime::<Utc>::from_timestamp_micros(now.load(Ordering::Relaxed)).expect("a time")
        })
    }

    fn run(&self, max_file_size: u64, work: impl FnOnce(&AuditLog)) {
        let log = self.builder().max_file_size(max_file_size).open().expect("opens");
        work(&log);
        log.close().expect("closes");
    }

    fn copy(&self) -> Copy {
        Copy::read(&self.trail())
    }
}
