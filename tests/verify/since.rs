//! Verification that starts at an anchor: an entry with a number and a hash that the caller kept.

use std::{fs, path::PathBuf};

use kling_audit::{
    AuditLog, Digest, Draft, Durability, Receipt,
    verify::{FindingKind, Verdict, Verification, Verifier},
};

use crate::support::{files::jsonl_files, trail::make_writable};

struct Trail {
    directory: PathBuf,
    receipts: Vec<Receipt>,
    _place: tempfile::TempDir,
}

/// Appends entries 1 to `entries`, after `audit_started`. They fill several files.
fn trail(entries: u64) -> Trail {
    let place = tempfile::tempdir().expect("a directory");
    let directory = place.path().join("audit");
    let log = AuditLog::builder(&directory)
        .durability(Durability::Buffered)
        .max_file_size(300_000)
        // The clock does not move, so that files end only when they are full.
        .clock(|| "2026-11-24T12:00:00Z".parse().expect("a time"))
        .open()
        .expect("a log");
    let receipts = (0..entries)
        .map(|number| log.append(Draft::new("note").detail("number", number)).expect("appended"))
        .collect();
    log.close().expect("closes");
    Trail { directory, receipts, _place: place }
}

impl Trail {
    fn since(&self, seq: u64, hash: Digest) -> Verification {
        Verifier::new(&self.directory).since(seq, hash).run().expect("can be read")
    }

    fn files(&self) -> Vec<PathBuf> {
        jsonl_files(&self.directory)
    }

    fn edit(&self, file: usize, edit: impl FnOnce(&mut Vec<u8>)) {
        let path = &self.files()[file];
        let mut bytes = fs::read(path).expect("readable");
        edit(&mut bytes);
        make_writable(path);
        fs::write(path, bytes).expect("written");
    }
}

#[test]
fn only_entries_after_the_anchor_are_verified() {
    let trail = trail(3_000);
    let last = trail.receipts.len() as u64 + 1;
    assert!(trail.files().len() > 2);

    for receipt in trail.receipts.iter().step_by(97).chain(&trail.receipts[2_990..]) {
        let verification = trail.since(receipt.seq, receipt.hash);

        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
        assert_eq!(verification.first().and_then(|first| first.seq), Some(receipt.seq));
        assert_eq!(verification.entries(), last - receipt.seq + 1);
        assert!(verification.basis().contains(&format!("from seq {} on", receipt.seq)), "{verification}");
    }
}

#[test]
fn damage_is_found_only_after_the_anchor() {
    let trail = trail(3_000);
    let known = trail.receipts[2_000];
    // The first file ends before the anchor. The last file ends the trail.
    trail.edit(0, |bytes| bytes[5_000] ^= 1);
    assert_eq!(trail.since(known.seq, known.hash).verdict(), Verdict::Intact);
    let last = trail.files().len() - 1;
    let mut line = 0;
    trail.edit(last, |bytes| {
        let at = bytes.len() - 2_000;
        bytes[at] ^= 1;
        line = bytes[..at].iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
    });

    let verification = trail.since(known.seq, known.hash);

    assert_eq!(verification.verdict(), Verdict::Tampered);
    let [finding] = verification.findings() else { panic!("{verification}") };
    assert_eq!(finding.line, Some(line));
}

#[test]
fn finding_after_the_anchor_has_its_line_in_the_file() {
    let trail = trail(3_000);
    let last = trail.files().len() - 1;
    let known = trail.receipts[2_950];
    let mut line = 0;
    trail.edit(last, |bytes| {
        let at = bytes.len() - 2_000;
        bytes[at] ^= 1;
        line = bytes[..at].iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
    });

    let since = trail.since(known.seq, known.hash);
    let whole = Verifier::new(&trail.directory).run().expect("can be read");

    assert_eq!(since.findings(), whole.findings());
    assert_eq!(since.findings()[0].line, Some(line));
}

#[test]
fn anchor_with_another_hash_is_a_finding() {
    let trail = trail(50);
    let (known, other) = (trail.receipts[20], trail.receipts[21]);

    let verification = trail.since(known.seq, other.hash);

    assert_eq!(verification.verdict(), Verdict::Tampered);
    let [finding] = verification.findings() else { panic!("{verification}") };
    assert_eq!((finding.kind, finding.seq), (FindingKind::ChainBroken, Some(known.seq)));
    assert_eq!(finding.found, format!("hash {}", known.hash));
}

#[test]
fn missing_anchor_is_a_finding_or_unverifiable() {
    let trail = trail(3_000);
    let known = trail.receipts[2_990];

    let beyond = trail.since(10_000, known.hash);
    assert_eq!(beyond.findings()[0].kind, FindingKind::Truncated);
    assert_eq!(beyond.findings()[0].found, "the end after seq 3001");

    let last = trail.files().len() - 1;
    trail.edit(last, |bytes| {
        let text = String::from_utf8(std::mem::take(bytes)).expect("ASCII");
        let gone = format!("\"seq\": {},", known.seq);
        bytes.extend(text.split_inclusive('\n').filter(|line| !line.contains(&gone)).flat_map(str::bytes));
    });
    let removed = trail.since(known.seq, known.hash);
    assert_eq!(removed.findings()[0].kind, FindingKind::SequenceGap);
    assert_eq!(removed.findings()[0].found, format!("seq {}", known.seq + 1));

    let first = &trail.files()[0];
    fs::remove_file(first).expect("removed");
    let older = trail.since(3, trail.receipts[2].hash);
    assert_eq!(older.verdict(), Verdict::Unverifiable);
    assert!(older.basis().contains("entry 3 is not there"), "{older}");
}

#[test]
fn single_file_can_be_verified_from_an_anchor() {
    let trail = trail(200);
    let known = trail.receipts[100];

    let file = Verifier::new(&trail.files()[0]).since(known.seq, known.hash).run().expect("can be read");

    assert_eq!(file.verdict(), Verdict::Intact, "{file}");
    assert_eq!(file.entries(), 102 - 1);
}
