//! The end of a file, read backwards: its last line, and the bytes after it that no newline ends.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use crate::{
    codec::{
        digest::{Digest, HashLength},
        json::{parse::parse_python, value::Value},
        timestamp::Timestamp,
    },
    error::{Error, Operation},
    storage::{
        line_reader::Piece,
        open::open_regular,
        reverse_lines::ReverseLines,
        segments::{MAX_TOOL_LINE, TrailFile},
    },
};

/// The end of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileTail {
    /// Position of the last complete line, and its bytes without the newline. No bytes if it is longer than the limit.
    pub(crate) last_line: Option<(u64, Vec<u8>)>,
    /// Position behind the last newline. An unfinished line begins there, if the file goes on.
    pub(crate) rest: u64,
    /// The file's length.
    pub(crate) length: u64,
}

impl FileTail {
    /// Position of the last complete line. 0 if there is none.
    pub(crate) fn last_line_offset(&self) -> u64 {
        self.last_line.as_ref().map_or(0, |(offset, _)| *offset)
    }

    /// Reads the end of `file`, which has `length` bytes and lines of at most `limit` bytes.
    pub(crate) fn read(file: &mut File, length: u64, limit: usize) -> io::Result<Self> {
        let mut lines = ReverseLines::new(file, length, limit);
        while let Some(line) = lines.next()? {
            if line.is_terminated {
                let last_line = Some((line.offset, line.bytes.to_vec()));
                return Ok(Self { last_line, rest: line.end, length });
            }
        }
        Ok(Self { last_line: None, rest: 0, length })
    }
}

/// Returns `true` if the first and the last entry of `file` are both before `time`, in either format.
///
/// Both are compared, since the first is the later one if the clock was set back in between. Returns `false` if one of
/// them can't be read.
pub(crate) fn is_before(file: &TrailFile, time: Timestamp) -> Result<bool, Error> {
    let tail = FileTail::read(&mut file.open()?, file.length, MAX_TOOL_LINE)
        .map_err(Error::io(Operation::Read, &file.path))?;
    let last = tail.last_line.and_then(|(_, line)| time_of(&line));
    let mut lines = file.lines(MAX_TOOL_LINE)?;
    let first = match lines.next().map_err(Error::io(Operation::Read, &file.path))? {
        Some(Piece::Line { bytes, .. }) => time_of(bytes),
        _ => None,
    };
    Ok(first.is_some_and(|first| first < time) && last.is_some_and(|last| last < time))
}

/// Returns the time of an entry of either format.
fn time_of(line: &[u8]) -> Option<Timestamp> {
    let Ok(Value::Object(members)) = parse_python(line, 128) else { return None };
    match members.iter().find(|(name, _)| name.to_str() == Some("timestamp")) {
        Some((_, Value::String(text))) => Timestamp::parse_isoformat(text.as_bytes()),
        _ => None,
    }
}

/// Returns the length and the SHA-256 of the bytes of a file from `offset` on.
pub(crate) fn hash_from(path: &Path, offset: u64) -> Result<(u64, String), Error> {
    let (mut file, _) = open_regular(path, OpenOptions::new().read(true))?;
    file.seek(SeekFrom::Start(offset)).map_err(Error::io(Operation::Read, path))?;
    let mut sha256 = Sha256::new();
    let mut block = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        let read = file.read(&mut block).map_err(Error::io(Operation::Read, path))?;
        if read == 0 {
            return Ok((length, Digest::new(sha256.finalize().into(), HashLength::Full).to_string()));
        }
        sha256.update(&block[..read]);
        length += read as u64;
    }
}
