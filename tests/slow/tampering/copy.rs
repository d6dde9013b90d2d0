//! A trail as files and lines that tests edit and write elsewhere. Its links and hashes are computed here and in
//! `support::forge`, without code of the crate.

use std::{fs, path::Path};

use kling_audit::{
    AuditLog, Draft,
    verify::{Finding, Verification, Verifier},
};
use serde_json::json;

use crate::support::{
    files::jsonl_files,
    forge::{before_hash, head_block, with_hash},
    trail::{SECOND, TestTrail},
};

const HOUR: i64 = 3_600 * SECOND;
/// 2026-11-24T20:00:00Z.
const EVENING: i64 = 1_795_550_400 * SECOND;

/// A file with its lines, which include their newlines.
#[derive(Clone)]
pub(crate) struct Sheet {
    pub(crate) name: String,
    pub(crate) lines: Vec<Vec<u8>>,
}

/// The files of a trail, in the order of their entries.
#[derive(Clone)]
pub(crate) struct Copy {
    pub(crate) sheets: Vec<Sheet>,
    /// Number and hash in the head: those of the last entry before any edit.
    head: (u64, String),
}

impl Copy {
    /// About 60 entries of three days in several files, with restarts and with steps back of the clock, one of them
    /// over midnight. All runs of the tests have the same entries.
    pub(crate) fn large() -> Self {
        let trail = evening_trail();
        run(&trail, 4_000, |log| {
            for number in 0..16 {
                trail.advance_clock(700 * SECOND + 1);
                log.append(draft(number)).expect("recorded");
            }
        });
        trail.advance_clock(30 * 60 * SECOND);
        run(&trail, 4_000, |log| {
            trail.advance_clock(-10 * SECOND);
            for number in 16..26 {
                trail.advance_clock(11 * 60 * SECOND);
                log.append(draft(number)).expect("recorded");
            }
            trail.advance_clock(-4 * HOUR);
            for number in 26..29 {
                log.append(draft(number)).expect("recorded");
            }
        });
        trail.advance_clock(30 * HOUR);
        run(&trail, 4_000, |log| {
            for number in 29..45 {
                trail.advance_clock(60 * SECOND);
                log.append(draft(number)).expect("recorded");
            }
        });
        Self::read(&trail.directory())
    }

    /// Twelve entries in three files.
    pub(crate) fn small() -> Self {
        let trail = evening_trail();
        run(&trail, 1_800, |log| {
            for number in 0..4 {
                log.append(draft(number)).expect("recorded");
            }
        });
        trail.advance_clock(5 * HOUR);
        run(&trail, 100_000, |log| {
            for number in 4..8 {
                log.append(draft(number)).expect("recorded");
            }
        });
        Self::read(&trail.directory())
    }

    /// Reads a trail, and replaces values that differ between runs and machines.
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

    /// Makes the head name this entry as the last.
    pub(crate) fn acknowledge(&mut self, last: usize) {
        let line = self.line(last);
        self.head = (seq(line), printed_hash(line));
    }

    pub(crate) fn entries(&self) -> usize {
        self.sheets.iter().map(|sheet| sheet.lines.len()).sum()
    }

    /// Index of the file and of the line of an entry.
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

    /// Number of the first entry of a file.
    pub(crate) fn first(&self, file: usize) -> usize {
        self.sheets[..file].iter().map(|sheet| sheet.lines.len()).sum()
    }

    /// Removes an entry.
    pub(crate) fn take(&mut self, seq: usize) -> Vec<u8> {
        let (file, line) = self.place(seq);
        self.sheets[file].lines.remove(line)
    }

    pub(crate) fn swap(&mut self, one: usize, other: usize) {
        let (mine, yours) = (self.line(one).clone(), self.line(other).clone());
        *self.line(one) = yours;
        *self.line(other) = mine;
    }

    /// Computes the links and hashes of all entries from `from` on, in the order of the files.
    pub(crate) fn relink(&mut self, from: usize) {
        let mut previous = match from {
            0 => "genesis".to_owned(),
            _ => printed_hash(self.line(from - 1)),
        };
        for at in from..self.entries() {
            let line = self.line(at);
            set(line, "prev_hash", &format!("\"{previous}\""));
            rehash(line, 64);
            previous = printed_hash(line);
        }
        // An attacker who can rewrite entries can rewrite the head as well.
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

    /// Writes the files into a temporary directory, and verifies it.
    pub(crate) fn verify(&self) -> Verification {
        let directory = tempfile::tempdir().expect("a directory");
        let trail = directory.path().join("audit");
        self.write(&trail);
        Verifier::new(&trail).run().expect("can be read")
    }
}

/// Kind, file, line and number of a finding.
pub(crate) fn brief(finding: &Finding) -> (&'static str, String, Option<u64>, Option<u64>) {
    (finding.kind.name(), finding.file.clone(), finding.line, finding.seq)
}

/// Number of an entry.
pub(crate) fn seq(line: &[u8]) -> u64 {
    value(line, "seq").parse().expect("a number")
}

/// Hash in a line, which may be wrong.
pub(crate) fn printed_hash(line: &[u8]) -> String {
    value(line, "hash").trim_matches('"').to_owned()
}

/// Text of the last member of that name. Strings that contain its name or a bracket are not handled.
pub(crate) fn value(line: &[u8], name: &str) -> String {
    let text = std::str::from_utf8(line).expect("ASCII");
    let name = format!("\"{name}\": ");
    let at = text.rfind(&name).expect("the member is there") + name.len();
    let length = text[at..].find([',', '}']).expect("the object ends");
    text[at..at + length].to_owned()
}

/// Replaces the text of a member, if the line has it, and keeps the hash.
pub(crate) fn set(line: &mut Vec<u8>, name: &str, value: &str) {
    let text = std::str::from_utf8(line).expect("ASCII");
    let name = format!("\"{name}\": ");
    let Some(at) = text.rfind(&name).map(|at| at + name.len()) else { return };
    let length = text[at..].find([',', '}']).expect("the object ends");
    line.splice(at..at + length, value.bytes());
}

/// Replaces the first `from` by `to`, and keeps the hash.
pub(crate) fn replace(line: &mut Vec<u8>, from: &str, to: &str) {
    let text = std::str::from_utf8(line).expect("ASCII");
    assert!(text.contains(from), "{from} in {text}");
    *line = text.replacen(from, to, 1).into_bytes();
}

/// Replaces the hash of a line by the valid one, in this many digits.
pub(crate) fn rehash(line: &mut Vec<u8>, digits: usize) {
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

/// A trail whose clock begins in the evening.
fn evening_trail() -> TestTrail {
    let trail = TestTrail::new();
    trail.set_clock(EVENING);
    trail
}

/// Opens the trail, passes the log to `work`, and closes it.
fn run(trail: &TestTrail, max_file_size: u64, work: impl FnOnce(&AuditLog)) {
    let log = trail.builder().max_file_size(max_file_size).open().expect("opens");
    work(&log);
    log.close().expect("closes");
}
