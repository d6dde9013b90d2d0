//! What a trail is held against that its owner can't make up: checkpoints under a given key, and receipts.
//!
//! It follows the walk, entry by entry, with the tree's frontier alone, and judges when the walk is over. Keys come from
//! the caller; none that is named in the trail is believed.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    checkpoint::{file, statement::SignedCheckpoint, verifying_key::VerifyingKey},
    codec::{
        digest::Digest,
        merkle::{Frontier, TreeHash},
        timestamp::Timestamp,
    },
    error::{Error, Operation},
    format::receipt::Receipt,
    storage::prune_record::Pruned,
};
use crate::{
    findings::{
        finding::{Finding, FindingKind},
        notice::Notice,
    },
    verify::scan::Seen,
};

/// How many checkpoints of a file are held at once. Of more, the oldest are left out: a later one covers what they do.
const HELD: usize = if cfg!(test) { 8 } else { 1 << 18 };

/// How far the clock of who wrote the trail may be ahead.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// How many leaves wait at most.
const WAITING: usize = 1_024;

/// What is asked for beside the trail itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requirements {
    pub(crate) keys: Vec<VerifyingKey>,
    /// Files with checkpoints that were kept elsewhere.
    pub(crate) kept: Vec<PathBuf>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) receipts: Vec<Receipt>,
    /// Files with receipts.
    pub(crate) receipt_files: Vec<PathBuf>,
    /// A pruned beginning is let be, though nothing signed covers the entry that tells of it.
    pub(crate) accept_pruned: bool,
}

impl Requirements {
    /// Whether a checkpoint from outside says what the end is, so that a head is not needed.
    pub(crate) fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Whether nothing is asked for.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.asks_for_checkpoints() && self.receipts.is_empty() && self.receipt_files.is_empty()
    }

    fn asks_for_checkpoints(&self) -> bool {
        !self.keys.is_empty() || !self.kept.is_empty() || self.max_age.is_some()
    }
}

/// A checkpoint that a given key signed.
#[derive(Clone, Debug)]
struct Expected {
    size: u64,
    root: TreeHash,
    /// Which of the sources has it.
    source: usize,
    line: u64,
    /// Which of the keys signed it.
    key: usize,
}

/// A file with checkpoints, and what of it is no good.
#[derive(Debug, Default)]
struct Source {
    name: String,
    /// The first checkpoint that claims a given key's name and is signed by none of the keys: its line, offset and what
    /// it claims.
    forged: Option<(u64, u64, String)>,
    forgeries: u64,
    mismatch: Option<(Expected, TreeHash)>,
}

/// A receipt to be found in the trail.
#[derive(Debug)]
struct Wanted {
    hash: Digest,
    file: String,
    line: Option<u64>,
}

/// What a trail is held against, and what of it the walk has seen.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    keys: Vec<VerifyingKey>,
    sources: Vec<Source>,
    /// By size.
    expected: VecDeque<Expected>,
    tree: Frontier,
    /// Leaves that follow, and are not in the tree yet: many are hashed faster together.
    waiting: Vec<[u8; 32]>,
    /// The tree can't be followed any further.
    lost: bool,
    /// What was asked for and is not there.
    missing: Option<String>,
    /// The largest checkpoint that holds, and when its last entry was written.
    confirmed: Option<(Expected, Option<Timestamp>)>,
    last: Option<Timestamp>,
    max_age: Option<Duration>,
    receipts: HashMap<u64, Vec<Wanted>>,
    receipts_found: u64,
    /// The furthest entry that a receipt names and that is there.
    received: Option<u64>,
    unreceived: Vec<Finding>,
    asked: bool,
    accept_pruned: bool,
    pruned: Option<Gone>,
}

/// A beginning that is not there.
#[derive(Debug)]
struct Gone {
    /// How many entries the tree has that is gone on with.
    size: u64,
    /// The entry that tells of it.
    told_at: u64,
    /// The first entry that is there.
    first: Option<u64>,
}

impl Evidence {
    /// Reads what was asked for. The trail in `directory` may go on meanwhile, so this comes before its files are
    /// listed; `None` where only a part of a trail is looked at.
    pub(crate) fn gather(asked: &Requirements, directory: Option<&Path>) -> Result<Self, Error> {
        let mut evidence = Self {
            keys: asked.keys.clone(),
            max_age: asked.max_age,
            asked: asked.asks_for_checkpoints(),
            accept_pruned: asked.accept_pruned,
            ..Self::default()
        };
        for receipt in &asked.receipts {
            evidence
                .want(receipt.seq, Wanted { hash: receipt.hash, file: "a receipt".to_owned(), line: None });
        }
        for path in &asked.receipt_files {
            evidence.read_receipts(path)?;
        }
        if !evidence.asked {
            return Ok(evidence);
        }
        match directory {
            _ if asked.keys.is_empty() => {
                evidence.miss("no key was given to check checkpoints with".to_owned())
            }
            None => evidence.miss(
                "checkpoints cover a trail from its first entry on, and this is a part of one".to_owned(),
            ),
            Some(directory) => {
                for path in &asked.kept {
                    if !evidence.read_checkpoints(path)? {
                        evidence.miss(format!(
                            "there is no checkpoint in {}: {}",
                            path.display(),
                            evidence.why(path)
                        ));
                    }
                }
                let own = file::path(directory);
                if !evidence.read_checkpoints(&own)? && asked.kept.is_empty() {
                    evidence.miss(format!(
                        "there is no checkpoint in {}: {}",
                        file::NAME,
                        evidence.why(&own)
                    ));
                }
            }
        }
        evidence.expected.make_contiguous().sort_by_key(|one| one.size);
        evidence.compare();
        Ok(evidence)
    }

    /// Goes on from the tree that the trail tells of what was pruned. What checkpoints say of less can't be told any more.
    pub(super) fn after(mut self, pruned: &Pruned) -> Self {
        self.tree = pruned.frontier.clone();
        self.pruned = Some(Gone { size: pruned.size(), told_at: pruned.seq, first: None });
        let (gone, expected): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.expected).into_iter().partition(|one| one.size < pruned.size());
        self.expected = expected;
        // The last source is the trail's own.
        let own = self.sources.len().saturating_sub(1);
        for one in gone {
            if one.source != own && !self.expected.iter().any(|other| other.source == one.source) {
                let name = self.sources.get(one.source).map(|source| source.name.clone()).unwrap_or_default();
                self.miss(format!(
                    "the checkpoints in {name} cover the first {} entries, and of those some were pruned",
                    one.size
                ));
            }
        }
        self.compare();
        self
    }

    fn why(&self, path: &Path) -> &'static str {
        if path.symlink_metadata().is_ok() { "no given key signed any" } else { "no such file" }
    }

    fn miss(&mut self, what: String) {
        self.missing.get_or_insert(what);
    }

    /// `false` if none of them is signed by a given key.
    fn read_checkpoints(&mut self, path: &Path) -> Result<bool, Error> {
        let number = self.sources.len();
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut source = Source { name, ..Source::default() };
        let mut found = false;
        // One file leaves none of another's out.
        let first = self.expected.len();
        let mut last = None;
        file::read(path, |one| {
            let claims = match &one.checkpoint {
                Ok(checkpoint) => match self.signer(checkpoint) {
                    Some(key) => {
                        found = true;
                        let (size, root) = (checkpoint.size(), checkpoint.root());
                        if last.replace((size, root)) == Some((size, root)) {
                            return;
                        }
                        if self.expected.len() - first == HELD {
                            self.expected.remove(first);
                        }
                        self.expected.push_back(Expected { size, root, source: number, line: one.line, key });
                        return;
                    }
                    // Those of other origins speak of other things.
                    None if !self.keys.iter().any(|key| key.name() == checkpoint.origin()) => return,
                    None => checkpoint.claims(),
                },
                Err(error) => error.to_string(),
            };
            source.forgeries += 1;
            source.forged.get_or_insert((one.line, one.offset, claims));
        })?;
        self.sources.push(source);
        Ok(found)
    }

    fn signer(&self, checkpoint: &SignedCheckpoint) -> Option<usize> {
        self.keys.iter().position(|key| checkpoint.is_signed_by(key))
    }

    fn read_receipts(&mut self, path: &Path) -> Result<(), Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.miss(format!("there are no receipts in {}: no such file", path.display()));
                return Ok(());
            }
            Err(error) => return Err(Error::io(Operation::Read, path)(error)),
        };
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut found = false;
        for (number, line) in (1..).zip(text.lines()) {
            let mut words = line.split_whitespace().rev();
            let (Some(hash), Some(seq)) = (words.next(), words.next()) else {
                if line.trim().is_empty() {
                    continue;
                }
                return Err(not_a_receipt(path, number));
            };
            let (Some(hash), Ok(seq)) = (Digest::parse(hash.as_bytes()), seq.parse()) else {
                return Err(not_a_receipt(path, number));
            };
            found = true;
            self.want(seq, Wanted { hash, file: file.clone(), line: Some(number) });
        }
        if !found {
            self.miss(format!("there are no receipts in {}", path.display()));
        }
        Ok(())
    }

    fn want(&mut self, seq: u64, wanted: Wanted) {
        self.receipts.entry(seq).or_default().push(wanted);
    }

    /// Whether anything comes of [`see`](Self::see).
    pub(super) fn is_asked(&self) -> bool {
        self.asked || self.pruned.is_some() || !self.receipts.is_empty()
    }

    /// An entry in the order of the walk. `leaf` is what its hash should be in full, whatever became of its bytes.
    pub(super) fn see(&mut self, seq: u64, leaf: &[u8; 32], stated: &Digest, time: Timestamp) {
        if !self.receipts.is_empty()
            && let Some(wanted) = self.receipts.remove(&seq)
        {
            for wanted in wanted {
                if wanted.hash == *stated {
                    self.receipts_found += 1;
                    self.received = self.received.max(Some(seq));
                } else {
                    self.unreceived.push(missing_receipt(seq, &wanted, &format!("hash {stated}")));
                }
            }
        }
        if let Some(gone) = &mut self.pruned {
            gone.first.get_or_insert(seq);
            if seq < gone.size {
                return;
            }
        }
        if !self.asked || self.lost || self.expected.is_empty() {
            return;
        }
        if seq != self.tree.size() + self.waiting.len() as u64 {
            self.lost = true;
            return;
        }
        self.waiting.push(*leaf);
        self.last = Some(time);
        let next = seq.saturating_add(1);
        if self.waiting.len() >= WAITING || self.expected.front().is_some_and(|one| one.size <= next) {
            self.tree.extend(&self.waiting);
            self.waiting.clear();
            self.compare();
        }
    }

    /// A line that is no entry: what it was can't be put into the tree.
    pub(super) fn lose(&mut self) {
        self.lost = true;
    }

    /// Compares the tree with the checkpoints of its size.
    fn compare(&mut self) {
        while let Some(expected) = self.expected.front().filter(|one| one.size <= self.tree.size()) {
            let root = self.tree.root();
            if expected.root == root {
                self.confirmed = Some((expected.clone(), self.last));
            } else if let Some(source) = self.sources.get_mut(expected.source) {
                source.mismatch.get_or_insert_with(|| (expected.clone(), root));
            }
            self.expected.pop_front();
        }
    }

    /// The walk is over. Gives what the verdict stands on.
    pub(super) fn conclude(mut self, last_file: &str, last: Option<u64>, seen: &mut Seen) -> Outcome {
        for finding in std::mem::take(&mut self.unreceived) {
            seen.finding(finding);
        }
        let mut rest: Vec<_> = std::mem::take(&mut self.receipts).into_iter().collect();
        rest.sort_unstable_by_key(|(seq, _)| *seq);
        let gone = self.pruned.as_ref().and_then(|gone| gone.first);
        for (seq, wanted) in rest {
            if gone.is_some_and(|first| seq < first) {
                self.miss(format!("there is a receipt for seq {seq}, which was pruned"));
                continue;
            }
            for wanted in wanted {
                seen.finding(missing_receipt(seq, &wanted, "no such entry"));
            }
        }
        for source in &mut self.sources {
            if let Some((line, offset, claims)) = source.forged.take() {
                let keys: Vec<_> = self.keys.iter().map(VerifyingKey::label).collect();
                let of = match source.forgeries {
                    1 => String::new(),
                    more => format!(", and {} more", more - 1),
                };
                seen.finding(Finding {
                    kind: FindingKind::CheckpointForged,
                    file: source.name.clone(),
                    line: Some(line),
                    offset: Some(offset),
                    seq: None,
                    expected: format!("a signature of {}", keys.join(" or ")),
                    found: format!("{claims}{of}"),
                });
            }
            if let Some((expected, root)) = source.mismatch.take() {
                seen.finding(Finding {
                    kind: FindingKind::CheckpointMismatch,
                    file: source.name.clone(),
                    line: Some(expected.line),
                    offset: None,
                    seq: expected.size.checked_sub(1),
                    expected: format!("root {} over the first {} entries", expected.root, expected.size),
                    found: match &self.confirmed {
                        Some((held, _)) if held.size < expected.size => {
                            format!("root {root}; a checkpoint of the first {} holds", held.size)
                        }
                        _ => format!("root {root}"),
                    },
                });
            }
        }
        // Where the tree was lost, there is a finding already that says why.
        let beyond = self.expected.back().filter(|_| !self.lost || seen.findings_total == 0);
        if let Some(beyond) = beyond
            && !seen.findings.iter().any(|finding| finding.kind == FindingKind::Truncated)
        {
            seen.finding(Finding {
                kind: FindingKind::Truncated,
                file: last_file.to_owned(),
                line: None,
                offset: None,
                seq: Some(beyond.size.saturating_sub(1)),
                expected: format!(
                    "entries as far as seq {}, which a checkpoint covers",
                    beyond.size.saturating_sub(1)
                ),
                found: match last {
                    Some(last) => format!("the end after seq {last}"),
                    None => "no entries".to_owned(),
                },
            });
        }
        self.judge_age(Utc::now(), seen);
        self.judge_pruned(seen);
        self.standing(last)
    }

    /// The trail is a log of the Python tool.
    pub(super) fn of_tool(self) -> Outcome {
        let asked = self.asked || !self.receipts.is_empty() || self.missing.is_some();
        let missing = || "logs of the Python tool have no checkpoints, and no receipts".to_owned();
        Outcome { missing: asked.then(missing), ..Outcome::default() }
    }

    fn judge_pruned(&mut self, seen: &mut Seen) {
        let Some(gone) = &self.pruned else { return };
        let Some(last) = gone.first.and_then(|first| first.checked_sub(1)) else { return };
        let told_at = gone.told_at;
        seen.notice(Notice::Pruned { last, recorded_at: told_at });
        let covered = self.confirmed.as_ref().is_some_and(|(held, _)| held.size > told_at);
        if !covered && !self.accept_pruned {
            self.miss(format!(
                "entries 0 to {last} are not there: seq {told_at} says that they were pruned, and no checkpoint that \
                 holds under a given key covers that entry"
            ));
        }
    }

    fn judge_age(&self, now: DateTime<Utc>, seen: &mut Seen) {
        let (Some(max_age), Some((newest, Some(time)))) = (self.max_age, &self.confirmed) else { return };
        let age = now.signed_duration_since(time.to_utc());
        // A time to come is no age: an entry with such a time would never be old.
        let ahead = age < -CLOCK_SKEW;
        if ahead || age.to_std().is_ok_and(|age| age > max_age) {
            seen.finding(Finding {
                kind: FindingKind::CheckpointStale,
                file: self.sources.get(newest.source).map(|source| source.name.clone()).unwrap_or_default(),
                line: Some(newest.line),
                offset: None,
                seq: newest.size.checked_sub(1),
                expected: format!("a checkpoint of the last {} s", max_age.as_secs()),
                found: match ahead {
                    true => format!("the newest covers entries until {time}, which is a time to come"),
                    false => format!("the newest covers entries until {time}"),
                },
            });
        }
    }

    fn standing(self, last: Option<u64>) -> Outcome {
        let signed = self.confirmed.as_ref().and_then(|(held, _)| held.size.checked_sub(1));
        let mut by = Vec::new();
        if let (Some(signed), Some((held, _))) = (signed, &self.confirmed) {
            let key = self.keys.get(held.key).map(VerifyingKey::label).unwrap_or_default();
            by.push(format!("signed through seq {signed} by {key}"));
        }
        if self.receipts_found > 0
            && let Some(received) = self.received
        {
            by.push(format!(
                "{} through seq {received}",
                crate::findings::verification::count(self.receipts_found, "receipt holds", "receipts hold")
            ));
        }
        let proven = signed.max(self.received);
        if let (Some(proven), Some(last)) = (proven, last) {
            match last.saturating_sub(proven) {
                0 => {}
                1 => by.push(format!("seq {last} by the chain alone")),
                _ => by.push(format!("{} to {last} by the chain alone", proven + 1)),
            }
        }
        let basis = proven.is_some().then(|| by.join("; "));
        Outcome { missing: self.missing, basis, signed_through: signed }
    }
}

/// What a verdict stands on beside the chain and its head.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What was asked for and is not there.
    pub(super) missing: Option<String>,
    pub(super) basis: Option<String>,
    /// The last entry that a checkpoint covers which holds.
    pub(super) signed_through: Option<u64>,
}

fn missing_receipt(seq: u64, wanted: &Wanted, found: &str) -> Finding {
    Finding {
        kind: FindingKind::ReceiptMissing,
        file: wanted.file.clone(),
        line: wanted.line,
        offset: None,
        seq: Some(seq),
        expected: format!("seq {seq} with hash {}", wanted.hash),
        found: found.to_owned(),
    }
}

fn not_a_receipt(path: &Path, line: u64) -> Error {
    Error::Conflict {
        action: Operation::Read,
        path: path.to_owned(),
        reason: format!("line {line} is no receipt: expected SEQ HASH, or TRAIL_ID SEQ HASH"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::{
        checkpoint::{policy::Checkpoints, signing_key::SigningKey},
        findings::verification::Verdict,
        format::draft::Draft,
        log::AuditLog,
        verify::Verifier,
    };

    #[test]
    fn no_number_of_the_trails_own_checkpoints_leaves_out_one_that_was_kept() {
        let place = tempfile::tempdir().expect("a directory");
        let [trail, key, kept] = ["audit", "key", "kept"].map(|name| place.path().join(name));
        let public = SigningKey::generate(&key, "example.com/audit").expect("a key").verifying_key().clone();
        let run = || {
            let checkpoints = Checkpoints::new(SigningKey::open(&key).expect("a key"));
            let log = AuditLog::builder(&trail).checkpoints(checkpoints).open().expect("opens");
            for number in 0..5 {
                log.append(Draft::new("worked").detail("number", number)).expect("recorded");
                log.checkpoint().expect("signed");
            }
            log.close().expect("closes");
        };
        run();
        let old: Vec<_> = fs::read_dir(&trail)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").path())
            .map(|path| (path.clone(), fs::read(path).expect("readable")))
            .collect();
        run();
        fs::copy(trail.join("audit.checkpoints"), &kept).expect("copied");
        let verify =
            || Verifier::new(&trail).key(public.clone()).checkpoint(&kept).run().expect("readable").verdict();
        assert_eq!(verify(), Verdict::Intact);

        for (path, bytes) in old {
            fs::remove_file(&path).expect("removed");
            fs::write(&path, bytes).expect("written");
        }
        let own = trail.join("audit.checkpoints");
        let signed = fs::read_to_string(&own).expect("readable");
        fs::write(&own, [signed.trim_end(); 10].join("\n\n") + "\n").expect("written");

        assert_eq!(verify(), Verdict::Tampered);
    }
    #[test]
    fn each_file_of_receipts_that_is_asked_for_must_have_some() {
        let place = tempfile::tempdir().expect("a directory");
        let [trail, good, empty] = ["audit", "good", "empty"].map(|name| place.path().join(name));
        let log = AuditLog::open(&trail).expect("opens");
        let receipt = log.append(Draft::new("worked")).expect("recorded");
        log.close().expect("closes");
        fs::write(&good, format!("{} {}\n", receipt.seq, receipt.hash)).expect("written");
        fs::write(&empty, "\n").expect("written");
        let verify = |files: &[&std::path::PathBuf]| {
            let verifier =
                files.iter().fold(Verifier::new(&trail), |verifier, file| verifier.receipts(*file));
            verifier.run().expect("readable").verdict()
        };

        assert_eq!(verify(&[&good]), Verdict::Intact);
        assert_eq!(verify(&[&good, &empty]), Verdict::Unverifiable);
        assert_eq!(verify(&[&empty, &good]), Verdict::Unverifiable);
    }
}
