//! The record of a pruning: the `audit_pruned` entry of a trail whose first files were removed.
//!
//! The record is an entry like any other, so every process that can write the directory can forge one. It is evidence
//! only under a signed checkpoint.

use std::{fs::OpenOptions, io::Read as _, path::Path};

use crate::{
    codec::{
        digest::{Digest, HashLength},
        json::value::Value,
        merkle::{Frontier, TreeHash},
    },
    error::{Error, Operation},
    format::{
        line::{Line, MAX_LINE_BYTES},
        receipt::TrailId,
    },
    storage::{durable::exists, line_reader::Piece, lookup, open::open_regular, segments::TrailFile},
};

/// Name of the file beside a trail with the number of its last `audit_pruned`. It is a hint that saves a search.
pub(crate) const PRUNE_HINT_NAME: &str = "audit.pruned";

/// The content of an `audit_pruned` entry.
#[derive(Clone, Debug)]
pub(crate) struct Pruned {
    /// Number of the `audit_pruned` entry.
    pub(crate) seq: u64,
    /// Hash of the last pruned entry.
    pub(crate) through: Digest,
    /// Merkle tree over the pruned entries.
    pub(crate) frontier: Frontier,
    /// Id of the trail, which its pruned first entry stated.
    pub(crate) trail_id: TrailId,
    /// Number of days that the pruning was to keep.
    pub(crate) keep_days: Option<u32>,
    /// Longest retention in days that the trail stated up to the pruning.
    pub(crate) min_retention_days: u32,
}

impl Pruned {
    /// Reads an `audit_pruned` entry. Returns `None` for any other, and for one whose own hash is wrong.
    pub(crate) fn read(line: &Line<'_>) -> Option<Self> {
        if !line.is("audit_pruned") || !line.holds() {
            return None;
        }
        let details = line.decoded_details();
        let node = |value: &Value| match value {
            Value::String(text) => TreeHash::parse(text.to_str()?),
            _ => None,
        };
        let nodes = details.array("frontier")?;
        let size = details.u64("through_seq")?.checked_add(1)?;
        // An entry can only describe entries before it.
        let frontier = Frontier::of(size, nodes.iter().map(node).collect::<Option<_>>()?)?;
        (size <= line.seq).then_some(Self {
            seq: line.seq,
            through: Digest::parse(details.str("through_hash")?.as_bytes())?,
            frontier,
            trail_id: details.str("trail_id")?.parse().ok()?,
            keep_days: details.u64("keep_days").and_then(|days| u32::try_from(days).ok()),
            min_retention_days: u32::try_from(details.u64("min_retention_days")?).ok()?,
        })
    }

    /// Number of pruned entries. It is also the number of the first entry that was kept.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Length of the trail's hashes.
    pub(crate) fn hash_length(&self) -> HashLength {
        self.through.length()
    }

    /// Finds the record that explains why `files` begin with entry `first`. Of several, returns the one of the fewest
    /// entries.
    ///
    /// A record may describe more entries than are missing: files can have been put back, or not be removed yet.
    pub(crate) fn find(files: &[TrailFile], first: u64) -> Result<Option<Self>, Error> {
        let mut found: Option<Self> = None;
        for file in files.iter().rev() {
            let mut lines = file.lines(MAX_LINE_BYTES)?;
            while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
                let Piece::Line { bytes, .. } = piece else { continue };
                // A search for the bytes is cheaper than parsing, and most lines are other entries.
                if memchr::memmem::find(bytes, b"\"event_type\": \"audit_pruned\"").is_none() {
                    continue;
                }
                let pruned = Line::recognise(bytes).ok().as_ref().and_then(Self::read);
                let Some(pruned) = pruned.filter(|pruned| pruned.size() >= first) else { continue };
                if found.as_ref().is_none_or(|found| pruned.size() < found.size()) {
                    found = Some(pruned);
                }
            }
            if found.as_ref().is_some_and(|found| found.size() == first) {
                break;
            }
        }
        Ok(found)
    }

    /// Finds the same record as [`find`](Self::find), by the hint beside the trail if that is right. The time then does
    /// not grow with the trail.
    pub(crate) fn find_noted(
        directory: &Path,
        files: &[TrailFile],
        first: u64,
    ) -> Result<Option<Self>, Error> {
        if let Some(seq) = noted(directory)?
            && let Some(found) = lookup::find_entry_in(files, seq)?
            && let Some(pruned) = Line::recognise(&found.line).ok().as_ref().and_then(Self::read)
            && pruned.size() == first
        {
            return Ok(Some(pruned));
        }
        Self::find(files, first)
    }

    /// Finds the record of a trail that begins after entry 0. Returns `None` for any other trail.
    pub(crate) fn of_trail(files: &[TrailFile]) -> Result<Option<Self>, Error> {
        match first_seq(files)? {
            Some(first @ 1..) => Self::find(files, first),
            _ => Ok(None),
        }
    }
}

/// Returns the number of the `audit_pruned` entry in the hint beside the trail.
fn noted(directory: &Path) -> Result<Option<u64>, Error> {
    let path = directory.join(PRUNE_HINT_NAME);
    if !exists(&path)? {
        return Ok(None);
    }
    let (file, _) = open_regular(&path, OpenOptions::new().read(true))?;
    let mut text = String::new();
    // Without a readable hint the trail itself is searched.
    match file.take(64).read_to_string(&mut text) {
        Ok(_) => Ok(text.trim().parse().ok()),
        Err(_) => Ok(None),
    }
}

/// Returns the number of the first entry, if the first line is an entry.
pub(crate) fn first_seq(files: &[TrailFile]) -> Result<Option<u64>, Error> {
    let Some(first) = files.iter().find(|file| file.length > 0) else { return Ok(None) };
    let mut lines = first.lines(MAX_LINE_BYTES)?;
    match lines.next().map_err(Error::io(Operation::Read, &first.path))? {
        Some(Piece::Line { bytes, .. }) => Ok(Line::recognise(bytes).ok().map(|line| line.seq)),
        _ => Ok(None),
    }
}
