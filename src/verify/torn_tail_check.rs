//! The explanation of bytes after the last newline of a file that is not the trail's newest.
//!
//! A write fails in the middle of a line, and the file can't be truncated: the writer leaves the bytes and goes on in
//! a new file. Two things explain such bytes: the next line begins with them, since its write was repeated; or an
//! `audit_recovered` describes them. Bytes without an explanation are a finding.

use std::io::{Read as _, Seek as _, SeekFrom};

use crate::{
    error::{Error, Operation},
    format::line::{Line, MAX_LINE_BYTES},
    storage::{line_reader::Piece, segments::TrailFile, tail::hash_from},
};

/// Maximum number of lines that are searched for an `audit_recovered`: more than the writer's buffer holds. Without
/// this limit, each torn tail costs a pass over the rest of the trail.
const MAX_LINES_TO_RECOVERY: usize = 16_384;

/// The bytes after the last newline of a file, as an `audit_recovered` describes them.
struct TornTail<'a> {
    file: &'a str,
    offset: u64,
    length: u64,
    sha256: String,
}

/// Returns `true` if a line of a later file explains the `length` bytes at `offset` of `files[number]`.
pub(super) fn is_explained(
    files: &[TrailFile],
    number: usize,
    offset: u64,
    length: u64,
) -> Result<bool, Error> {
    let Some(file) = files.get(number) else { return Ok(false) };
    let later = files.get(number + 1..).unwrap_or_default();
    if begins_next_line(later, file, offset, length)? {
        return Ok(true);
    }
    if offset > 0 {
        return is_described(later, file, offset, Some(MAX_LINES_TO_RECOVERY));
    }
    // A file without a whole line has no place in the order of entries, so any file may describe it.
    is_described(files, file, offset, None)
}

/// Returns `true` if the next line in `later` begins with the `length` bytes at `offset` of `file`.
fn begins_next_line(later: &[TrailFile], file: &TrailFile, offset: u64, length: u64) -> Result<bool, Error> {
    if length >= MAX_LINE_BYTES as u64 {
        return Ok(false);
    }
    let mut bytes_left = Vec::new();
    let mut opened = file.open()?;
    opened
        .seek(SeekFrom::Start(offset))
        .and_then(|_| opened.take(length).read_to_end(&mut bytes_left))
        .map_err(Error::io(Operation::Read, &file.path))?;
    for next in later {
        match next.lines(MAX_LINE_BYTES)?.next().map_err(Error::io(Operation::Read, &next.path))? {
            Some(Piece::Line { bytes, .. }) => return Ok(bytes.starts_with(&bytes_left)),
            // The write into this file failed as well.
            Some(Piece::Unterminated) | None => {}
            Some(Piece::TooLong { .. }) => return Ok(false),
        }
    }
    Ok(false)
}

/// Returns `true` if an `audit_recovered` in `files` describes the bytes of `file` from `offset` on. Only the first
/// `limit` lines are searched.
fn is_described(
    files: &[TrailFile],
    file: &TrailFile,
    offset: u64,
    limit: Option<usize>,
) -> Result<bool, Error> {
    let (length, sha256) = hash_from(&file.path, offset)?;
    let tail = TornTail { file: &file.name, offset, length, sha256 };
    let mut searched = 0;
    for next in files {
        let mut lines = next.lines(MAX_LINE_BYTES)?;
        while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &next.path))? {
            searched += 1;
            if limit.is_some_and(|limit| searched > limit) {
                return Ok(false);
            }
            let Piece::Line { bytes, .. } = piece else { continue };
            // A search for the type is faster than parsing, and few lines have it.
            if memchr::memmem::find(bytes, b"\"audit_recovered\"").is_none() {
                continue;
            }
            if Line::recognise(bytes).is_ok_and(|line| line.holds() && tail.is_described_by(&line)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl TornTail<'_> {
    fn is_described_by(&self, line: &Line<'_>) -> bool {
        if !line.is("audit_recovered") {
            return false;
        }
        let details = line.decoded_details();
        details.str("file") == Some(self.file)
            && details.u64("offset") == Some(self.offset)
            && details.u64("length") == Some(self.length)
            && details.str("sha256") == Some(&*self.sha256)
    }
}
