//! The search for a known entry by its number, for [`Verifier::since`](crate::verify::Verifier::since).
//!
//! Promise: the time does not grow with the part of the trail before the entry. The file is found from the newest
//! backwards, the place in it by halving.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom},
};

use crate::{
    codec::digest::Digest,
    error::{Error, Operation},
    findings::finding::{Finding, FindingKind},
    format::line::{Line, MAX_LINE_BYTES},
    storage::{
        block_reader::{Block, Blocks, Bytes},
        segments::TrailFile,
        tail::FileTail,
    },
};

/// Distance in a file below which all lines are read instead of halving once more.
const ANCHOR_SCAN_BYTES: u64 = 1 << 17;

/// An entry whose hash is known from an earlier verification or from a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
}

/// The result of the search for an anchor.
#[derive(Debug)]
pub(super) enum AnchorSearch {
    /// The entry is at `offset` of the file with index `file`. `finding` is set if it has another hash.
    Found { file: usize, offset: u64, finding: Option<Finding> },
    /// The entry is missing, though the trail begins before it.
    Missing(Finding),
    /// The trail begins after the entry, with this number.
    BeginsLater(u64),
    /// The trail has no entries.
    NoEntries,
}

/// A line whose printed hash is its own.
#[derive(Clone, Copy, Debug)]
struct ValidLine {
    seq: u64,
    hash: Digest,
    offset: u64,
}

impl Anchor {
    /// Searches for the entry in `files`, which are in the trail's order.
    pub(super) fn search(&self, files: &[TrailFile]) -> Result<AnchorSearch, Error> {
        let mut oldest = None;
        for (index, file) in files.iter().enumerate().rev() {
            let Some(first) = first_valid_line(file, 0, |_| true)? else { continue };
            if first.seq <= self.seq {
                return self.search_file(files, index, first);
            }
            oldest = Some(first.seq);
        }
        Ok(oldest.map_or(AnchorSearch::NoEntries, AnchorSearch::BeginsLater))
    }

    /// Searches for the entry in the file with this index, which begins with `first`.
    fn search_file(
        &self,
        files: &[TrailFile],
        index: usize,
        first: ValidLine,
    ) -> Result<AnchorSearch, Error> {
        let file = &files[index];
        // Invariant: the valid line at `low` or the first after it has a number not above the entry's.
        let (mut low, mut high) = (first.offset, file.length);
        while high.saturating_sub(low) > ANCHOR_SCAN_BYTES {
            let middle = low + (high - low) / 2;
            match first_valid_line(file, middle, |_| true)? {
                Some(line) if line.seq <= self.seq && line.offset < high => low = line.offset.max(middle),
                _ => high = middle,
            }
        }
        let found = first_valid_line(file, low, |line| line.seq >= self.seq)?;
        match found.filter(|line| line.seq == self.seq) {
            Some(line) => Ok(AnchorSearch::Found {
                file: index,
                offset: line.offset,
                finding: (line.hash != self.hash).then(|| Finding {
                    kind: FindingKind::ChainBroken,
                    file: file.name.clone(),
                    line: None,
                    offset: Some(line.offset),
                    seq: Some(line.seq),
                    expected: format!("hash {}, which is known", self.hash),
                    found: format!("hash {}", line.hash),
                }),
            }),
            None => self.missing(files, index, found).map(AnchorSearch::Missing),
        }
    }

    /// Returns the finding that the entry is missing. `next` is the first line after its place in the same file.
    fn missing(&self, files: &[TrailFile], index: usize, next: Option<ValidLine>) -> Result<Finding, Error> {
        let mut finding = Finding {
            kind: FindingKind::SequenceGap,
            file: files[index].name.clone(),
            line: None,
            offset: None,
            seq: Some(self.seq),
            expected: format!("seq {} with hash {}, which is known", self.seq, self.hash),
            found: String::new(),
        };
        if let Some(next) = next {
            finding.offset = Some(next.offset);
            finding.found = format!("seq {}", next.seq);
            return Ok(finding);
        }
        for file in &files[index + 1..] {
            if let Some(next) = first_valid_line(file, 0, |_| true)? {
                finding.file.clone_from(&file.name);
                finding.offset = Some(next.offset);
                finding.found = format!("seq {}", next.seq);
                return Ok(finding);
            }
        }
        finding.kind = FindingKind::Truncated;
        let file = &files[index];
        let tail = FileTail::read(&mut file.open()?, file.length, MAX_LINE_BYTES)
            .map_err(Error::io(Operation::Read, &file.path))?;
        let last =
            tail.last_line.as_ref().and_then(|(_, line)| Line::recognise(line).ok()).filter(Line::holds);
        finding.found = match last {
            Some(last) => format!("the end after seq {}", last.seq),
            None => "the end".to_owned(),
        };
        Ok(finding)
    }
}

/// Returns the first valid line at or after `offset` that `fits`.
fn first_valid_line(
    file: &TrailFile,
    offset: u64,
    fits: impl Fn(&ValidLine) -> bool,
) -> Result<Option<ValidLine>, Error> {
    // Reading starts one byte early: if that byte is a newline, a line begins exactly at `offset`.
    let from = offset.saturating_sub(1);
    let io = |error| Error::io(Operation::Read, &file.path)(error);
    let mut opened: File = file.open()?;
    opened.seek(SeekFrom::Start(from)).map_err(io)?;
    let mut blocks = Blocks::new(opened, from, file.length.saturating_sub(from), MAX_LINE_BYTES);
    let mut buffer = Bytes::default();
    let mut is_partial = offset > 0;
    while let Some(block) = blocks.next(std::mem::take(&mut buffer)).map_err(io)? {
        let Block::Lines { mut offset, bytes } = block else {
            is_partial = false;
            continue;
        };
        for line in bytes.get().split_inclusive(|&byte| byte == b'\n') {
            let valid = (!std::mem::take(&mut is_partial) && line.len() <= MAX_LINE_BYTES)
                .then(|| Line::recognise(&line[..line.len() - 1]).ok())
                .flatten()
                .filter(Line::holds)
                .map(|line| ValidLine { seq: line.seq, hash: line.stated, offset });
            if let Some(valid) = valid.filter(&fits) {
                return Ok(Some(valid));
            }
            offset += line.len() as u64;
        }
        buffer = bytes;
    }
    Ok(None)
}
