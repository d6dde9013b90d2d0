//! Finding an entry by its number without reading the trail: files stand in the order of their numbers, and so do lines.
//!
//! What is found is as good as the line: whoever needs more verifies the trail.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom},
    path::Path,
};

use crate::{
    error::{Error, Operation},
    format::line::{Line, MAX_LINE},
    storage::{
        line_reader::{Lines, Piece},
        segments::{self, TrailFile},
    },
};

/// A part of a file that is shorter is read through.
const NEAR: u64 = 4 * MAX_LINE as u64;

/// An entry's line, and the file that it stands in.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: TrailFile,
    /// Without its newline.
    pub(crate) line: Vec<u8>,
}

/// The line of entry `seq` of the trail in `directory`, if a line that holds has that number.
pub(crate) fn entry(directory: &Path, seq: u64) -> Result<Option<Found>, Error> {
    entry_of(&segments::list(directory)?, seq)
}

/// The same of a trail with these files.
pub(crate) fn entry_of(files: &[TrailFile], seq: u64) -> Result<Option<Found>, Error> {
    let Some(file) = files.get(file_of(files, seq)?) else { return Ok(None) };
    let mut lines = from(file, offset_of(file, seq)?)?;
    while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
        let Piece::Line { bytes, .. } = piece else { continue };
        match Line::recognise(bytes) {
            Ok(line) if line.seq == seq && line.holds() => {
                return Ok(Some(Found { file: file.clone(), line: bytes.to_vec() }));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Which of `files` has entry `seq`, or the place to read on from to come to it: the last that does not begin after it.
pub(crate) fn file_of(files: &[TrailFile], seq: u64) -> Result<usize, Error> {
    for (at, file) in files.iter().enumerate().rev() {
        let mut lines = file.lines(MAX_LINE)?;
        if let Some(Piece::Line { bytes, .. }) =
            lines.next().map_err(Error::io(Operation::Read, &file.path))?
            && Line::recognise(bytes).is_ok_and(|line| line.seq <= seq)
        {
            return Ok(at);
        }
    }
    Ok(0)
}

/// Where a line of `file` begins that is entry `seq` or not far before it.
pub(crate) fn offset_of(file: &TrailFile, seq: u64) -> Result<u64, Error> {
    let (mut low, mut high) = (0, file.length);
    while high - low > NEAR {
        let middle = low + (high - low) / 2;
        let mut lines = from(file, middle)?;
        let io = |error| Error::io(Operation::Read, &file.path)(error);
        // The first piece begins within a line.
        let start = match lines.next().map_err(io)? {
            Some(Piece::Line { bytes, .. }) => middle + bytes.len() as u64 + 1,
            Some(Piece::Long { length, .. }) => middle + length + 1,
            Some(Piece::Rest) | None => break,
        };
        match lines.next().map_err(io)? {
            Some(Piece::Line { bytes, .. }) => match Line::recognise(bytes) {
                Ok(line) if line.seq <= seq => low = start,
                Ok(_) => high = middle,
                Err(_) => break,
            },
            _ => break,
        }
    }
    Ok(low)
}

/// The lines of `file` from `offset` on; their own offsets count from there.
pub(crate) fn from(file: &TrailFile, offset: u64) -> Result<Lines<File>, Error> {
    let mut opened = file.open()?;
    opened.seek(SeekFrom::Start(offset)).map_err(Error::io(Operation::Read, &file.path))?;
    Ok(Lines::new(opened, file.length.saturating_sub(offset), MAX_LINE))
}
