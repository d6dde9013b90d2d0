//! Trails verify in a Python script of forty lines, which shares no code with the crate.

use std::{
    fmt::Write as _,
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use kling_audit::{AuditLog, Draft, Durability, HashLength};

use crate::support::{files::jsonl_files, python::python, random::Random};

const DRAFTS: usize = 2_400;

/// Random drafts, as JSON text.
struct Drafts(Random);

impl Drafts {
    fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// A scalar value of a random plane. Characters with escapes are more frequent.
    fn scalar(&mut self) -> char {
        let awkward =
            ['"', '\\', '/', '\u{0}', '\u{1f}', '\u{7f}', '\u{2028}', '\u{202e}', '\u{feff}', '\u{10ffff}'];
        match self.below(8) {
            0 => awkward[self.below(awkward.len())],
            1 => char::from(self.below(32) as u8),
            2..=4 => char::from(b' ' + self.below(95) as u8),
            _ => loop {
                let plane = self.below(17) as u32;
                if let Some(c) = char::from_u32(plane << 16 | self.below(0x1_0000) as u32) {
                    break c;
                }
            },
        }
    }

    fn text(&mut self) -> String {
        (0..self.below(12)).map(|_| self.scalar()).collect()
    }

    fn quoted(&mut self) -> String {
        serde_json::to_string(&self.text()).expect("a string is JSON")
    }

    /// A number as JSON text.
    fn number(&mut self) -> String {
        let sign = if self.below(2) == 0 { "-" } else { "" };
        match self.below(7) {
            0 => format!("{sign}{}", self.below(1000)),
            1 => {
                let digits = 1 + self.below(38);
                let rest: String = (0..digits).map(|_| char::from(b'0' + self.below(10) as u8)).collect();
                format!("{sign}{}{rest}", 1 + self.below(9))
            }
            2 => format!("{sign}{}.{:03}e{}", self.below(10), self.below(1000), self.below(629) as i64 - 321),
            3 => loop {
                let float = f64::from_bits(self.0.next());
                if float.is_finite() {
                    break format!("{float:e}");
                }
            },
            4 => format!("{sign}{}.{}", self.0.next() >> self.below(64), self.0.next()),
            // Halves and quarters between neighbouring doubles, for which two shortest spellings exist.
            5 => format!(
                "{sign}{}.{}",
                (1 << 49) + self.below(1 << 49),
                ["25", "5", "75", "125"][self.below(4)]
            ),
            _ => ["0", "-0", "-0.0", "1e-400", "5e-324", "1e16", "1e-5", "568971736690281.25"][self.below(8)]
                .to_owned(),
        }
    }

    fn value(&mut self, levels: usize) -> String {
        match self.below(if levels == 0 { 6 } else { 9 }) {
            0 => "null".to_owned(),
            1 => ["true", "false"][self.below(2)].to_owned(),
            2 | 3 => self.number(),
            4 | 5 => self.quoted(),
            6 => {
                let values: Vec<_> = (0..self.below(4)).map(|_| self.value(levels - 1)).collect();
                format!("[{}]", values.join(","))
            }
            _ => self.object(levels - 1),
        }
    }

    fn object(&mut self, levels: usize) -> String {
        let mut object = String::from("{");
        let mut names = Vec::new();
        for _ in 0..self.below(5) {
            let name = self.quoted();
            if names.contains(&name) {
                continue;
            }
            let comma = if names.is_empty() { "" } else { "," };
            write!(object, "{comma}{name}:{}", self.value(levels)).expect("a string takes everything");
            names.push(name);
        }
        object + "}"
    }

    /// A value that nests `levels` deep.
    fn deep(&mut self, levels: usize) -> String {
        let mut text = String::new();
        let mut ends = Vec::new();
        for _ in 0..levels {
            if self.below(2) == 0 {
                text.push('[');
                ends.push(']');
            } else {
                write!(text, "{{{}:", self.quoted()).expect("a string takes everything");
                ends.push('}');
            }
        }
        text.push_str(&self.number());
        text.extend(ends.iter().rev());
        text
    }

    fn draft(&mut self) -> String {
        let details = match self.below(20) {
            0 => format!("{{\"deep\":{}}}", self.deep(20)),
            _ => self.object(5),
        };
        let event_type = serde_json::to_string(&format!("t{}", self.text())).expect("a string is JSON");
        format!("{{\"event_type\":{event_type},\"actor\":{},\"details\":{details}}}", self.quoted())
    }
}

#[test]
fn random_drafts_verify_without_this_crate() {
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    let mut random = Drafts(Random(1));
    // 2028-02-28, so that a leap day is among the days.
    let clock = Arc::new(AtomicI64::new(1_835_308_800_000_000));
    let mut inputs = String::new();

    for run in 0..8 {
        let now = Arc::clone(&clock);
        let log = AuditLog::builder(&trail)
            .redact::<&str>([])
            .durability(if run % 2 == 0 { Durability::Buffered } else { Durability::Written })
            .max_file_size(300_000)
            .clock(move || {
                DateTime::<Utc>::from_timestamp_micros(now.fetch_add(91_234_567, Ordering::Relaxed))
                    .expect("a time")
            })
            .open()
            .expect("the trail opens");
        for _ in 0..DRAFTS / 8 {
            let draft = random.draft();
            let appended = log.append(Draft::from_json(&draft).expect("a draft")).expect("recorded");
            writeln!(inputs, "{} {draft}", appended.seq).expect("a string takes everything");
        }
        // Every second run begins three hours earlier.
        clock.fetch_sub(10_800_000_000 * (run % 2), Ordering::Relaxed);
        log.close().expect("closes");
    }
    let given = directory.path().join("inputs");
    fs::write(&given, inputs).expect("written");

    let verified = kling_audit::verify(&trail).expect("intact");
    assert!(verified.files().len() > 5, "{:?}", verified.files());
    assert_eq!(python("verify_trail.py", &[&trail]), format!("{} entries, intact", verified.entries()));
    assert_eq!(python("same_values.py", &[&trail, &given]), format!("{DRAFTS} entries are what was given"));
}

#[test]
fn short_hashes_pass_the_rule_of_the_python_tool() {
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    let mut random = Drafts(Random(2));

    let log = AuditLog::builder(&trail).hash_length(HashLength::Short).open().expect("the trail opens");
    for _ in 0..300 {
        let draft = random.draft();
        let receipt = log.append(Draft::from_json(&draft).expect("a draft")).expect("recorded");
        assert_eq!(receipt.hash.to_string().len(), 16);
    }
    log.close().expect("closes");

    let verified = kling_audit::verify(&trail).expect("intact");
    assert_eq!(python("verify_trail.py", &[&trail]), format!("{} entries, intact", verified.entries()));
    assert_eq!(python("short_hash_rule.py", &[&jsonl_files(&trail)[0]]), "ok");
}
