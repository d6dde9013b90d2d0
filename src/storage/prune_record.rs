//! What a trail tells of its own beginning that was pruned: `audit_pruned`, as it is read.
//!
//! An entry like any other: anybody who can write the directory can write one. It is believed where a signature covers it.

use std::{fs::OpenOptions, io::Read as _, path::Path};

use crate::{
    codec::{
        digest::{Digest, HashLength},
        json::value::Value,
        merkle::{Frontier, TreeHash},
    },
    error::{Error, Operation},
    format::{
        line::{Line, MAX_LINE},
        receipt::TrailId,
    },
    storage::{durable::exists, line_reader::Piece, lookup, open::open_regular, segments::TrailFile},
};

/// A file beside the trail: the number of its last `audit_pruned`. It is a hint and nothing more.
pub(crate) const NOTE: &str = "audit.pruned";

/// An `audit_pruned`.
#[derive(Clone, Debug)]
pub(crate) struct Pruned {
    /// The entry's number.
    pub(crate) seq: u64,
    /// The hash of the last entry that was pruned.
    pub(crate) through: Digest,
    /// The tree over what was pruned.
    pub(crate) frontier: Frontier,
    pub(crate) trail_id: TrailId,
    /// How many days were asked to be kept.
    pub(crate) keep_days: Option<u32>,
    /// The longest that the trail ever stated.
    pub(crate) min_retention_days: u32,
}

impl Pruned {
    /// Reads an entry that holds.
    pub(crate) fn read(line: &Line<'_>) -> Option<Self> {
        if !line.is("audit_pruned") || !line.holds() {
            return None;
        }
        let text = |name: &str| match line.detail(name)? {
            Value::String(text) => text.to_str().map(str::to_owned),
            _ => None,
        };
        let number = |name: &str| match line.detail(name)? {
            Value::Number(digits) => digits.parse::<u64>().ok(),
            _ => None,
        };
        let node = |value: &Value| match value {
            Value::String(text) => TreeHash::parse(text.to_str()?),
            _ => None,
        };
        let Value::Array(nodes) = line.detail("frontier")? else { return None };
        let size = number("through_seq")?.checked_add(1)?;
        // A line says nothing about itself or what comes after it.
        let frontier = Frontier::of(size, nodes.iter().map(node).collect::<Option<_>>()?)?;
        (size <= line.seq).then_some(Self {
            seq: line.seq,
            through: Digest::parse(text("through_hash")?.as_bytes())?,
            frontier,
            trail_id: text("trail_id")?.parse().ok()?,
            keep_days: number("keep_days").and_then(|days| u32::try_from(days).ok()),
            min_retention_days: u32::try_from(number("min_retention_days")?).ok()?,
        })
    }

    /// How many entries were pruned: the first that was not has this number.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(crate) fn hash_length(&self) -> HashLength {
        self.through.length()
    }

    /// What `files` tell of it that their first entry has the number `first`: of several, what prunes least.
    ///
    /// More may have been pruned than is not there: files that were put back, or not yet removed.
    pub(crate) fn find(files: &[TrailFile], first: u64) -> Result<Option<Self>, Error> {
        let mut found: Option<Self> = None;
        for file in files.iter().rev() {
            let mut lines = file.lines(MAX_LINE)?;
            while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
                let Piece::Line { bytes, .. } = piece else { continue };
                // Looked for before the line is read, since most are others.
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

    /// As [`find`](Self::find), by the note of which entry tells of it: so that it is quick however long the trail is.
    pub(crate) fn find_noted(
        directory: &Path,
        files: &[TrailFile],
        first: u64,
    ) -> Result<Option<Self>, Error> {
        if let Some(seq) = noted(directory)?
            && let Some(found) = lookup::entry_of(files, seq)?
            && let Some(pruned) = Line::recognise(&found.line).ok().as_ref().and_then(Self::read)
            && pruned.size() == first
        {
            return Ok(Some(pruned));
        }
        Self::find(files, first)
    }

    /// As [`find`](Self::find), where the trail in `files` does not begin with entry 0.
    pub(crate) fn look(files: &[TrailFile]) -> Result<Option<Self>, Error> {
        match first_seq(files)? {
            Some(first @ 1..) => Self::find(files, first),
            _ => Ok(None),
        }
    }
}

/// The entry that the note names.
fn noted(directory: &Path) -> Result<Option<u64>, Error> {
    let path = directory.join(NOTE);
    if !exists(&path)? {
        return Ok(None);
    }
    let (file, _) = open_regular(&path, OpenOptions::new().read(true))?;
    let mut text = String::new();
    // A note that can't be read is no note: the trail itself tells.
    match file.take(64).read_to_string(&mut text) {
        Ok(_) => Ok(text.trim().parse().ok()),
        Err(_) => Ok(None),
    }
}

/// The number of the first entry, if the first line is one.
pub(crate) fn first_seq(files: &[TrailFile]) -> Result<Option<u64>, Error> {
    let Some(first) = files.iter().find(|file| file.length > 0) else { return Ok(None) };
    let mut lines = first.lines(MAX_LINE)?;
    match lines.next().map_err(Error::io(Operation::Read, &first.path))? {
        Some(Piece::Line { bytes, .. }) => Ok(Line::recognise(bytes).ok().map(|line| line.seq)),
        _ => Ok(None),
    }
}
