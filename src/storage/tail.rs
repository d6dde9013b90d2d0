//! How a file ends, read from behind: its last line and what follows it, and nothing more.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use crate::{
    codec::digest::{Digest, HashLength},
    error::{Error, Operation},
    storage::open::open_regular,
};

/// How a file ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileTail {
    /// Where the last complete line starts, and its bytes without the newline; of an overlong one the last bytes.
    pub(crate) last_line: Option<(u64, Vec<u8>)>,
    /// Where what follows the last newline starts.
    pub(crate) rest: u64,
    /// The file's length.
    pub(crate) length: u64,
}

impl FileTail {
    pub(crate) fn last_line_offset(&self) -> u64 {
        self.last_line.as_ref().map_or(0, |(offset, _)| *offset)
    }

    /// Reads the end of a file, backwards, and no more of it than the last line and what follows.
    pub(crate) fn read(file: &mut File, length: u64, limit: usize) -> io::Result<Self> {
        let Some(newline) = last_newline(file, length)? else {
            return Ok(Self { last_line: None, rest: 0, length });
        };
        let from = newline.saturating_sub(limit as u64);
        let mut window = vec![0; usize::try_from(newline - from).unwrap_or(limit)];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut window)?;
        let start = memchr::memrchr(b'\n', &window).map_or(0, |at| at + 1);
        let line = window.split_off(start);
        Ok(Self { last_line: Some((from + start as u64, line)), rest: newline + 1, length })
    }
}

/// Where the last newline of the file stands.
fn last_newline(file: &mut File, length: u64) -> io::Result<Option<u64>> {
    const BLOCK: u64 = 1 << 16;
    let mut block = vec![0; BLOCK as usize];
    let mut end = length;
    while end > 0 {
        let from = end.saturating_sub(BLOCK);
        let Some(window) = block.get_mut(..(end - from) as usize) else { break };
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(window)?;
        if let Some(at) = memchr::memrchr(b'\n', window) {
            return Ok(Some(from + at as u64));
        }
        end = from;
    }
    Ok(None)
}

/// Length and SHA-256 of what stands in a file from `offset` on.
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
