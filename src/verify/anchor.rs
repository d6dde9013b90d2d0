//! The search for a known entry by its number, for [`Verifier::since`](crate::verify::Verifier::since).
//!
//! Promise: the time does not grow with the part of the trail before the entry. The file is found from the newest
//! backwards, the place in it by halving.

use crate::{
    codec::digest::Digest,
    error::{Error, Operation},
    findings::finding::{Finding, FindingKind},
    format::line::{Line, MAX_LINE_BYTES},
    storage::{
        lookup::{self, ValidLine, first_valid_line},
        segments::TrailFile,
        tail::FileTail,
    },
};

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

impl Anchor {
    /// Searches for the entry in `files`, which are in the trail's order.
    pub(super) fn search(&self, files: &[TrailFile]) -> Result<AnchorSearch, Error> {
        let mut oldest = None;
        for (index, file) in files.iter().enumerate().rev() {
            let Some(first) = first_valid_line(file, 0..file.length, |_| true)? else { continue };
            if first.seq <= self.seq {
                return self.search_file(files, index);
            }
            oldest = Some(first.seq);
        }
        Ok(oldest.map_or(AnchorSearch::NoEntries, AnchorSearch::BeginsLater))
    }

    /// Searches for the entry in the file with this index, which does not begin after it.
    fn search_file(&self, files: &[TrailFile], index: usize) -> Result<AnchorSearch, Error> {
        let file = &files[index];
        let from = lookup::offset_of(file, self.seq)?;
        let found = first_valid_line(file, from..file.length, |line| line.seq >= self.seq)?;
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
            if let Some(next) = first_valid_line(file, 0..file.length, |_| true)? {
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
