//! One file of a trail being written: bytes, sync, modes, and what its end looks like.
//!
//! It knows no JSON and no hashes. On an error the file is as long as before, or the segment says that it isn't.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{access::Access, error::Error};

/// The live file of a trail.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    path: PathBuf,
    length: u64,
}

/// How an append failed.
pub(crate) enum AppendError {
    /// The file is as it was.
    CutBack(Error),
    /// Bytes may stand in the file that belong to nothing.
    Unknown(Error),
}

impl Segment {
    /// Creates a file that must not exist yet.
    pub(crate) fn create(path: PathBuf, access: Access) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.append(true).read(true).create_new(true);
        access.on_create(&mut options);
        let file = options.open(&path).map_err(Error::io("create", &path))?;
        access.live(&file).map_err(Error::io("set the mode of", &path))?;
        Ok(Self { file, path, length: 0 })
    }

    /// Opens a file to go on with it.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.append(true).read(true);
        let (file, length) = open_regular(&path, &mut options)?;
        Ok(Self { file, path, length })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends whole lines.
    pub(crate) fn append(&mut self, lines: &[u8]) -> Result<(), AppendError> {
        match self.file.write_all(lines) {
            Ok(()) => {
                self.length += lines.len() as u64;
                Ok(())
            }
            Err(source) => {
                let error = Error::io("append to", &self.path)(source);
                match self.file.set_len(self.length) {
                    Ok(()) => Err(AppendError::CutBack(error)),
                    Err(_) => Err(AppendError::Unknown(error)),
                }
            }
        }
    }

    /// Waits until what was appended is on the device.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::io("sync", &self.path))
    }

    /// Marks the file as finished: nobody writes it any more.
    pub(crate) fn finish(self, access: Access) -> Result<(), Error> {
        self.sync()?;
        access.closed(&self.file).map_err(Error::io("set the mode of", &self.path))
    }

    /// Removes everything from `length` on, for good.
    pub(crate) fn cut(&mut self, length: u64) -> Result<(), Error> {
        self.file.set_len(length).map_err(Error::io("cut", &self.path))?;
        self.length = length;
        self.sync()
    }
}

/// Opens a regular file; links are not followed, and devices and pipes are left alone.
pub(crate) fn open_regular(path: &Path, options: &mut OpenOptions) -> Result<(File, u64), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        use rustix::fs::OFlags;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let unreadable =
        || Error::Unreadable { action: "open", path: path.to_owned(), reason: "not a regular file" };
    // A link is refused by the flag above; asking first gives the clearer answer, and serves where there is no flag.
    let metadata = std::fs::symlink_metadata(path).map_err(Error::io("open", path))?;
    if !metadata.is_file() {
        return Err(unreadable());
    }
    let file = options.open(path).map_err(Error::io("open", path))?;
    let metadata = file.metadata().map_err(Error::io("open", path))?;
    if !metadata.is_file() {
        return Err(unreadable());
    }
    Ok((file, metadata.len()))
}

/// How a file ends.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// Where the last complete line starts, and its bytes without the newline; of an overlong one the last bytes.
    pub(crate) last_line: Option<(u64, Vec<u8>)>,
    /// Where what follows the last newline starts.
    pub(crate) rest: u64,
    /// The file's length.
    pub(crate) length: u64,
}

impl Ending {
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
