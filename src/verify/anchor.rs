//! Where in a trail an entry stands that somebody knows: found by its number, in time that does not grow with what came
//! before it.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom},
};

use crate::findings::finding::{Finding, FindingKind};
use crate::{
    codec::digest::Digest,
    error::{Error, Operation},
    format::line::{Line, MAX_LINE},
    storage::{
        block_reader::{Block, Blocks, Bytes},
        segments::TrailFile,
        tail::FileTail,
    },
};

/// An entry that is known from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since {
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
}

/// Where the entry is, or what stands in its place.
#[derive(Debug)]
pub(super) enum Sought {
    /// In the file with this number, at this byte; a finding if it has another hash.
    There { file: usize, offset: u64, finding: Option<Finding> },
    /// It is not there, though the trail begins before it.
    Gone(Finding),
    /// The trail begins after it, with this number.
    Before(u64),
    /// There is no entry at all.
    Nothing,
}

/// How far apart two places in a file are when all lines between them are looked at.
const NEAR: u64 = 1 << 17;

/// A line that holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    seq: u64,
    stated: Digest,
    offset: u64,
}

impl Since {
    /// Looks for the entry in `files`, which stand in the trail's order.
    pub(super) fn seek(&self, files: &[TrailFile]) -> Result<Sought, Error> {
        let mut oldest = None;
        for (number, file) in files.iter().enumerate().rev() {
            let Some(first) = first_from(file, 0, |_| true)? else { continue };
            if first.seq <= self.seq {
                return self.seek_in(files, number, first);
            }
            oldest = Some(first.seq);
        }
        Ok(oldest.map_or(Sought::Nothing, Sought::Before))
    }

    /// Looks in the file with this number, which begins with `first`.
    fn seek_in(&self, files: &[TrailFile], number: usize, first: Held) -> Result<Sought, Error> {
        let file = &files[number];
        let (mut low, mut high) = (first.offset, file.length);
        while high.saturating_sub(low) > NEAR {
            let middle = low + (high - low) / 2;
            match first_from(file, middle, |_| true)? {
                Some(held) if held.seq <= self.seq && held.offset < high => low = held.offset.max(middle),
                _ => high = middle,
            }
        }
        let found = first_from(file, low, |held| held.seq >= self.seq)?;
        match found.filter(|held| held.seq == self.seq) {
            Some(held) => Ok(Sought::There {
                file: number,
                offset: held.offset,
                finding: (held.stated != self.hash).then(|| Finding {
                    kind: FindingKind::ChainBroken,
                    file: file.name.clone(),
                    line: None,
                    offset: Some(held.offset),
                    seq: Some(held.seq),
                    expected: format!("hash {}, which is known", self.hash),
                    found: format!("hash {}", held.stated),
                }),
            }),
            None => self.gone(files, number, found).map(Sought::Gone),
        }
    }

    /// The finding that the entry is not there; `next` is the first that follows in its file.
    fn gone(&self, files: &[TrailFile], number: usize, next: Option<Held>) -> Result<Finding, Error> {
        let expected = format!("seq {} with hash {}, which is known", self.seq, self.hash);
        let mut finding = Finding {
            kind: FindingKind::SequenceGap,
            file: files[number].name.clone(),
            line: None,
            offset: None,
            seq: Some(self.seq),
            expected,
            found: String::new(),
        };
        if let Some(next) = next {
            finding.offset = Some(next.offset);
            finding.found = format!("seq {}", next.seq);
            return Ok(finding);
        }
        for file in &files[number + 1..] {
            if let Some(next) = first_from(file, 0, |_| true)? {
                finding.file.clone_from(&file.name);
                finding.offset = Some(next.offset);
                finding.found = format!("seq {}", next.seq);
                return Ok(finding);
            }
        }
        finding.kind = FindingKind::Truncated;
        let file = &files[number];
        let ending = FileTail::read(&mut file.open()?, file.length, MAX_LINE)
            .map_err(Error::io(Operation::Read, &file.path))?;
        let last =
            ending.last_line.as_ref().and_then(|(_, line)| Line::recognise(line).ok()).filter(Line::holds);
        finding.found = match last {
            Some(last) => format!("the end after seq {}", last.seq),
            None => "the end".to_owned(),
        };
        Ok(finding)
    }
}

/// The first line at or after `offset` that holds and that `fits`.
fn first_from(file: &TrailFile, offset: u64, fits: impl Fn(&Held) -> bool) -> Result<Option<Held>, Error> {
    // A line begins behind a newline, which may be the last byte before.
    let from = offset.saturating_sub(1);
    let io = |error| Error::io(Operation::Read, &file.path)(error);
    let mut opened: File = file.open()?;
    opened.seek(SeekFrom::Start(from)).map_err(io)?;
    let mut blocks = Blocks::new(opened, from, file.length.saturating_sub(from), MAX_LINE);
    let mut spare = Bytes::default();
    let mut partial = offset > 0;
    while let Some(block) = blocks.next(std::mem::take(&mut spare)).map_err(io)? {
        let Block::Lines { mut offset, bytes } = block else {
            partial = false;
            continue;
        };
        for line in bytes.get().split_inclusive(|&byte| byte == b'\n') {
            let held = (!std::mem::take(&mut partial) && line.len() <= MAX_LINE)
                .then(|| Line::recognise(&line[..line.len() - 1]).ok())
                .flatten()
                .filter(Line::holds)
                .map(|line| Held { seq: line.seq, stated: line.stated, offset });
            if let Some(held) = held.filter(&fits) {
                return Ok(Some(held));
            }
            offset += line.len() as u64;
        }
        spare = bytes;
    }
    Ok(None)
}
