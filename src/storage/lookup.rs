//! Finding an entry by its number without reading the whole trail: files are in the order of their entries' numbers,
//! and so are the lines of a file.
//!
//! A line is valid if its own hash is right. Its place in the chain is not checked: that takes a verification.

use std::{ops::Range, path::Path};

use crate::{
    codec::digest::Digest,
    error::{Error, Operation},
    format::line::{Line, MAX_LINE_BYTES},
    storage::{
        line_reader::Piece,
        segments::{self, TrailFile},
    },
};

/// Length in bytes of a part of a file that is read through instead of being halved.
const LINEAR_SEARCH_BYTES: u64 = 4 * MAX_LINE_BYTES as u64;

/// The line of an entry, and the file that holds it.
#[derive(Debug)]
pub(crate) struct FoundEntry {
    pub(crate) file: TrailFile,
    /// The line without its newline.
    pub(crate) line: Vec<u8>,
}

/// Number, hash and place of an entry whose own hash is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValidLine {
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
    /// Position of the line in its file.
    pub(crate) offset: u64,
}

/// Returns entry `seq` of the trail in `directory`, if there is a valid line with this number.
pub(crate) fn find_entry(directory: &Path, seq: u64) -> Result<Option<FoundEntry>, Error> {
    find_entry_in(&segments::list(directory)?, seq)
}

/// Returns entry `seq` of the trail that consists of `files`, if there is a valid line with this number.
pub(crate) fn find_entry_in(files: &[TrailFile], seq: u64) -> Result<Option<FoundEntry>, Error> {
    let Some(file) = files.get(file_of(files, seq)?) else { return Ok(None) };
    let mut lines = file.lines_from(offset_of(file, seq)?, MAX_LINE_BYTES)?;
    while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
        let Piece::Line { bytes, .. } = piece else { continue };
        match Line::recognise(bytes) {
            Ok(line) if line.seq == seq && line.holds() => {
                return Ok(Some(FoundEntry { file: file.clone(), line: bytes.to_vec() }));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Returns the index of the file to read from to reach entry `seq`: the last file that does not begin after it, else 0.
pub(crate) fn file_of(files: &[TrailFile], seq: u64) -> Result<usize, Error> {
    for (at, file) in files.iter().enumerate().rev() {
        let first = first_valid_line(file, 0..file.length, |_| true)?;
        if first.is_some_and(|line| line.seq <= seq) {
            return Ok(at);
        }
    }
    Ok(0)
}

/// Returns the position of a line in `file` that is entry `seq` or comes at most [`LINEAR_SEARCH_BYTES`] before it.
///
/// A binary search over positions. Damaged lines are passed over, so they make the search neither slow nor wrong.
pub(crate) fn offset_of(file: &TrailFile, seq: u64) -> Result<u64, Error> {
    // Invariant: the line at `low` is the file's first or an entry up to `seq`, and no such entry is at `high` or
    // later.
    let (mut low, mut high) = (0, file.length);
    while high - low > LINEAR_SEARCH_BYTES {
        let middle = low + (high - low) / 2;
        match first_valid_line(file, middle..high, |_| true)? {
            Some(line) if line.seq <= seq => low = line.offset,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Returns the first valid line that begins at a position in `range` and that `accepts`.
pub(crate) fn first_valid_line(
    file: &TrailFile,
    range: Range<u64>,
    accepts: impl Fn(&ValidLine) -> bool,
) -> Result<Option<ValidLine>, Error> {
    // A line begins behind a newline, which may be the byte before the range. So reading starts one byte earlier, and
    // the first piece is the end of a line that begins before the range.
    let start = range.start.saturating_sub(1);
    let mut lines = file.lines_from(start, MAX_LINE_BYTES)?;
    let mut is_partial = range.start > 0;
    while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
        if std::mem::take(&mut is_partial) {
            continue;
        }
        let (Piece::Line { offset, .. } | Piece::TooLong { offset, .. }) = piece else { break };
        let offset = start + offset;
        if offset >= range.end {
            break;
        }
        let Piece::Line { bytes, .. } = piece else { continue };
        let line = Line::recognise(bytes).ok().filter(Line::holds);
        let line = line.map(|line| ValidLine { seq: line.seq, hash: line.stated, offset });
        if let Some(line) = line.filter(&accepts) {
            return Ok(Some(line));
        }
    }
    Ok(None)
}
