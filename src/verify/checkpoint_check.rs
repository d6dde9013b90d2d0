//! The comparison of a trail with signed checkpoints.
//!
//! Keys come from the caller. A key that the trail names is never believed, since the trail's owner chose it. The
//! tree over the entries is rebuilt with its frontier alone, so memory does not grow with the trail.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    checkpoint::{file, statement::SignedCheckpoint, verifying_key::VerifyingKey},
    codec::{
        merkle::{Frontier, TreeHash},
        timestamp::Timestamp,
    },
    error::Error,
    findings::finding::{Finding, FindingKind},
    storage::prune_record::Pruned,
    verify::scan_state::ScanState,
};

/// Maximum number of checkpoints of one file in memory. With more, the oldest are dropped: a later checkpoint covers
/// their entries too.
const MAX_CHECKPOINTS_PER_FILE: usize = if cfg!(test) { 8 } else { 1 << 18 };

/// Maximum time by which the clock of the trail's writer may be ahead of this machine's.
const MAX_WRITER_CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// Maximum number of leaves that wait to be hashed into the tree. Hashing many together lets two run at a time: "verify
/// under a key, two threads" in benches/RESULTS.md depends on it.
const MAX_PENDING_LEAVES: usize = 1_024;

/// Compares the tree over a trail's entries with checkpoints that a given key signed.
#[derive(Debug, Default)]
pub(super) struct CheckpointCheck {
    /// `true` if the caller requires checkpoints.
    is_required: bool,
    keys: Vec<VerifyingKey>,
    max_age: Option<Duration>,
    files: Vec<CheckpointFile>,
    /// Checkpoints that were not compared yet, by size.
    pending: VecDeque<KnownCheckpoint>,
    tree: Frontier,
    /// Leaves that follow those in `tree`, at most [`MAX_PENDING_LEAVES`].
    pending_leaves: Vec<[u8; 32]>,
    /// `true` if an entry's leaf is unknown, so that no larger tree can be computed.
    tree_is_lost: bool,
    /// Time of the last entry in `tree` or `pending_leaves`.
    last_time: Option<Timestamp>,
    /// The largest checkpoint whose root is the tree's.
    confirmed: Option<Confirmed>,
}

/// A checkpoint that a given key signed.
#[derive(Clone, Debug)]
struct KnownCheckpoint {
    size: u64,
    root: TreeHash,
    /// Index of its file in `files`.
    file: usize,
    line: u64,
    /// Index of the key that signed it in `keys`.
    key: usize,
}

/// A checkpoint that holds.
#[derive(Debug)]
struct Confirmed {
    checkpoint: KnownCheckpoint,
    /// Time of the last entry that it covers.
    time: Option<Timestamp>,
}

/// A file with checkpoints, and what is wrong with them.
#[derive(Debug, Default)]
struct CheckpointFile {
    name: String,
    /// The first checkpoint with the name of a given key that no given key signed.
    forgery: Option<Forgery>,
    forgeries: u64,
    /// The first checkpoint whose root is not the tree's.
    mismatch: Option<Mismatch>,
}

/// A checkpoint without the signature that it claims to have.
#[derive(Debug)]
struct Forgery {
    line: u64,
    offset: u64,
    claims: String,
}

/// A checkpoint, and the root that the trail's entries have in its place.
#[derive(Debug)]
struct Mismatch {
    checkpoint: KnownCheckpoint,
    root: TreeHash,
}

/// The content of a file with checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileContent {
    NoFile,
    /// The file has no checkpoint that a given key signed.
    NoneSigned,
    Signed,
}

impl CheckpointCheck {
    pub(super) fn new(is_required: bool, keys: Vec<VerifyingKey>, max_age: Option<Duration>) -> Self {
        Self { is_required, keys, max_age, ..Self::default() }
    }

    pub(super) fn is_required(&self) -> bool {
        self.is_required
    }

    /// Reads the checkpoints of the trail in `directory`, and those in the files `kept` elsewhere. Returns the reason
    /// if a file lacks a checkpoint under a given key. The trail's own file may lack one if there are others.
    pub(super) fn read_files(&mut self, kept: &[PathBuf], directory: &Path) -> Result<Option<String>, Error> {
        let mut missing = None;
        for path in kept {
            let content = self.read_file(path)?;
            missing = missing.or_else(|| no_checkpoint(&path.display().to_string(), content));
        }
        // The trail's own file is read last: `after_pruned` depends on it.
        let content = self.read_file(&file::path(directory))?;
        if kept.is_empty() {
            missing = missing.or_else(|| no_checkpoint(file::CHECKPOINTS_FILE, content));
        }
        self.pending.make_contiguous().sort_by_key(|checkpoint| checkpoint.size);
        self.compare();
        Ok(missing)
    }

    fn read_file(&mut self, path: &Path) -> Result<FileContent, Error> {
        let number = self.files.len();
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut read = CheckpointFile { name, ..CheckpointFile::default() };
        let mut content = FileContent::NoneSigned;
        // The limit is that of each file: however many checkpoints one file has, those of another stay.
        let first = self.pending.len();
        let mut last = None;
        let is_there = file::read(path, |found| {
            let claims = match &found.checkpoint {
                Ok(checkpoint) => match self.signer(checkpoint) {
                    Some(key) => {
                        content = FileContent::Signed;
                        let (size, root) = (checkpoint.size(), checkpoint.root());
                        // A repeated checkpoint counts once, so that copies do not displace others at the limit.
                        if last.replace((size, root)) == Some((size, root)) {
                            return;
                        }
                        if self.pending.len() - first == MAX_CHECKPOINTS_PER_FILE {
                            self.pending.remove(first);
                        }
                        let line = found.line;
                        self.pending.push_back(KnownCheckpoint { size, root, file: number, line, key });
                        return;
                    }
                    // A checkpoint of another origin is about another trail.
                    None if !self.keys.iter().any(|key| key.name() == checkpoint.origin()) => return,
                    None => checkpoint.claims(),
                },
                Err(error) => error.to_string(),
            };
            read.forgeries += 1;
            read.forgery.get_or_insert(Forgery { line: found.line, offset: found.offset, claims });
        })?;
        self.files.push(read);
        Ok(if is_there { content } else { FileContent::NoFile })
    }

    /// Returns the index of the key that signed `checkpoint`.
    fn signer(&self, checkpoint: &SignedCheckpoint) -> Option<usize> {
        self.keys.iter().position(|key| checkpoint.is_signed_by(key))
    }

    /// Continues from the tree over the pruned entries, which the trail records. A smaller checkpoint can't be
    /// compared any more; returns the reason if a file has no other.
    pub(super) fn after_pruned(&mut self, pruned: &Pruned) -> Option<String> {
        self.tree = pruned.frontier.clone();
        let (smaller, larger): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|checkpoint| checkpoint.size < pruned.size());
        self.pending = larger;
        let own = self.files.len().saturating_sub(1);
        let mut missing = None;
        for checkpoint in smaller {
            if checkpoint.file != own && !self.pending.iter().any(|other| other.file == checkpoint.file) {
                let name = self.files.get(checkpoint.file).map_or("", |file| file.name.as_str());
                missing.get_or_insert_with(|| {
                    format!(
                        "the checkpoints in {name} cover the first {} entries, and of those some were pruned",
                        checkpoint.size
                    )
                });
            }
        }
        self.compare();
        missing
    }

    /// Adds an entry in the order of the scan. `leaf` is the entry's hash in full.
    #[inline]
    pub(super) fn add_entry(&mut self, seq: u64, leaf: &[u8; 32], time: Timestamp) {
        if !self.is_required || self.tree_is_lost || self.pending.is_empty() {
            return;
        }
        // A gap or a repeated entry is a finding of the chain. The leaf of the missing entry is unknown.
        if seq != self.tree.size() + self.pending_leaves.len() as u64 {
            self.tree_is_lost = true;
            return;
        }
        self.pending_leaves.push(*leaf);
        self.last_time = Some(time);
        let size = seq.saturating_add(1);
        if self.pending_leaves.len() >= MAX_PENDING_LEAVES
            || self.pending.front().is_some_and(|checkpoint| checkpoint.size <= size)
        {
            self.tree.extend(&self.pending_leaves);
            self.pending_leaves.clear();
            self.compare();
        }
    }

    /// Ends the tree at a line whose leaf is unknown.
    pub(super) fn lose_tree(&mut self) {
        self.tree_is_lost = true;
    }

    /// Compares the tree with the checkpoints of its size. `add_entry` stops at each checkpoint's size, so none is
    /// smaller.
    fn compare(&mut self) {
        while let Some(checkpoint) = self.pending.front().filter(|known| known.size <= self.tree.size()) {
            let root = self.tree.root();
            if checkpoint.root == root {
                self.confirmed = Some(Confirmed { checkpoint: checkpoint.clone(), time: self.last_time });
            } else if let Some(file) = self.files.get_mut(checkpoint.file) {
                file.mismatch.get_or_insert_with(|| Mismatch { checkpoint: checkpoint.clone(), root });
            }
            self.pending.pop_front();
        }
    }

    /// Adds the findings about checkpoints after the scan. `last` is the number of the trail's last entry.
    pub(super) fn conclude(&mut self, last_file: &str, last: Option<u64>, state: &mut ScanState) {
        for file in &mut self.files {
            if let Some(forgery) = file.forgery.take() {
                let keys: Vec<_> = self.keys.iter().map(VerifyingKey::label).collect();
                let more = match file.forgeries {
                    1 => String::new(),
                    total => format!(", and {} more", total - 1),
                };
                state.add_finding(Finding {
                    kind: FindingKind::CheckpointForged,
                    file: file.name.clone(),
                    line: Some(forgery.line),
                    offset: Some(forgery.offset),
                    seq: None,
                    expected: format!("a signature of {}", keys.join(" or ")),
                    found: format!("{}{more}", forgery.claims),
                });
            }
            if let Some(Mismatch { checkpoint, root }) = file.mismatch.take() {
                state.add_finding(Finding {
                    kind: FindingKind::CheckpointMismatch,
                    file: file.name.clone(),
                    line: Some(checkpoint.line),
                    offset: None,
                    seq: checkpoint.size.checked_sub(1),
                    expected: format!("root {} over the first {} entries", checkpoint.root, checkpoint.size),
                    found: match &self.confirmed {
                        Some(confirmed) if confirmed.checkpoint.size < checkpoint.size => {
                            let size = confirmed.checkpoint.size;
                            format!("root {root}; a checkpoint of the first {size} holds")
                        }
                        _ => format!("root {root}"),
                    },
                });
            }
        }
        self.add_truncation(last_file, last, state);
        self.add_age(Utc::now(), state);
    }

    /// Adds a finding if a checkpoint covers entries after the last one of the trail.
    fn add_truncation(&self, last_file: &str, last: Option<u64>, state: &mut ScanState) {
        // If the tree was lost, a finding already describes why.
        let Some(beyond) = self.pending.back().filter(|_| !self.tree_is_lost || state.findings_total == 0)
        else {
            return;
        };
        // The head has shown the same already: one cut is one finding.
        if state.findings.iter().any(|finding| finding.kind == FindingKind::Truncated) {
            return;
        }
        let covered = beyond.size.saturating_sub(1);
        state.add_finding(Finding {
            kind: FindingKind::Truncated,
            file: last_file.to_owned(),
            line: None,
            offset: None,
            seq: Some(covered),
            expected: format!("entries as far as seq {covered}, which a checkpoint covers"),
            found: match last {
                Some(last) => format!("the end after seq {last}"),
                None => "no entries".to_owned(),
            },
        });
    }

    /// Adds a finding if the newest checkpoint is too old.
    fn add_age(&self, now: DateTime<Utc>, state: &mut ScanState) {
        let (Some(max_age), Some(Confirmed { checkpoint: newest, time: Some(time) })) =
            (self.max_age, &self.confirmed)
        else {
            return;
        };
        let age = now.signed_duration_since(time.to_utc());
        // A time in the future has no age: a writer that states one would otherwise never be too old.
        let is_in_future = age < -MAX_WRITER_CLOCK_SKEW;
        if is_in_future || age.to_std().is_ok_and(|age| age > max_age) {
            state.add_finding(Finding {
                kind: FindingKind::CheckpointStale,
                file: self.files.get(newest.file).map(|file| file.name.clone()).unwrap_or_default(),
                line: Some(newest.line),
                offset: None,
                seq: newest.size.checked_sub(1),
                expected: format!("a checkpoint of the last {} s", max_age.as_secs()),
                found: match is_in_future {
                    true => format!("the newest covers entries until {time}, which is a time to come"),
                    false => format!("the newest covers entries until {time}"),
                },
            });
        }
    }

    /// Returns `true` if a checkpoint that holds covers the entry `seq`.
    pub(super) fn covers(&self, seq: u64) -> bool {
        self.confirmed.as_ref().is_some_and(|confirmed| confirmed.checkpoint.size > seq)
    }

    /// Returns the number of the last entry that a checkpoint covers which holds.
    pub(super) fn signed_through(&self) -> Option<u64> {
        self.confirmed.as_ref().and_then(|confirmed| confirmed.checkpoint.size.checked_sub(1))
    }

    /// Returns the name and id of the key that signed the largest checkpoint that holds.
    pub(super) fn signed_by(&self) -> String {
        let key = self.confirmed.as_ref().and_then(|confirmed| self.keys.get(confirmed.checkpoint.key));
        key.map(VerifyingKey::label).unwrap_or_default()
    }
}

fn no_checkpoint(file: &str, content: FileContent) -> Option<String> {
    let reason = match content {
        FileContent::NoFile => "no such file",
        FileContent::NoneSigned => "no given key signed any",
        FileContent::Signed => return None,
    };
    Some(format!("there is no checkpoint in {file}: {reason}"))
}
