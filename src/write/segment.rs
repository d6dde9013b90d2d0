//! One file of a trail being written: bytes, sync, modes, and what its end looks like.
//!
//! It knows no JSON and no hashes. After an error the file ends with a whole line, or the segment says that it doesn't.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Take},
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Operation},
    storage::{
        backend::{Storage, Wrap},
        lock::same_file,
        open::open_regular,
        permissions::Permissions,
    },
};

/// The live file of a trail.
#[derive(Debug)]
pub(crate) struct Segment {
    storage: Box<dyn Storage>,
    /// The same file, to look at and to read back.
    file: File,
    path: PathBuf,
    length: u64,
}

/// An append that failed.
#[derive(Debug)]
pub(crate) struct AppendError {
    pub(crate) error: Error,
    /// How many bytes stand in the file all the same. What followed them was cut off again.
    pub(crate) kept: usize,
    /// How many bytes behind those could not be cut off.
    pub(crate) stuck: usize,
}

impl Segment {
    /// Creates a file that must not exist yet.
    pub(crate) fn create(path: PathBuf, access: Permissions, wrap: &Wrap) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.append(true).read(true).create_new(true);
        access.on_create(&mut options);
        let file = options.open(&path).map_err(Error::io(Operation::Create, &path))?;
        access.live(&file).map_err(Error::io(Operation::SetMode, &path))?;
        Self::with(file, path, 0, wrap)
    }

    /// Opens a file to go on with it.
    pub(crate) fn open(path: PathBuf, wrap: &Wrap) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.append(true).read(true);
        let (file, length) = open_regular(&path, &mut options)?;
        Self::with(file, path, length, wrap)
    }

    fn with(file: File, path: PathBuf, length: u64, wrap: &Wrap) -> Result<Self, Error> {
        // Who deleted the trail's lock file and comes in meets this lock. Elsewhere it would keep readers out.
        #[cfg(unix)]
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let directory = path.parent().unwrap_or(&path).to_owned();
                return Err(Error::Locked { path: directory, lock: path });
            }
            Err(TryLockError::Error(source)) => return Err(Error::io(Operation::Lock, &path)(source)),
        }
        let storage = wrap(file.try_clone().map_err(Error::io(Operation::Open, &path))?, &path);
        Ok(Self { storage, file, path, length })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The length that was written, whatever others did to the file.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The length now.
    pub(crate) fn length_now(&self) -> Result<u64, Error> {
        self.storage.length().map_err(Error::io(Operation::Inspect, &self.path))
    }

    /// Whether the file still stands under its name.
    pub(crate) fn is_in_place(&self) -> Result<bool, Error> {
        same_file(&self.file, &self.path).map_err(Error::io(Operation::Inspect, &self.path))
    }

    /// The file's content, as it was written.
    pub(crate) fn content(&self) -> Result<Take<File>, Error> {
        let mut file = self.file.try_clone().map_err(Error::io(Operation::ReadBack, &self.path))?;
        file.seek(SeekFrom::Start(0)).map_err(Error::io(Operation::ReadBack, &self.path))?;
        Ok(file.take(self.length))
    }

    /// Appends whole lines. On an error, `whole` says how many of the bytes that were written are whole lines; the
    /// rest is cut off again.
    pub(crate) fn append(&mut self, lines: &[u8], whole: impl Fn(usize) -> usize) -> Result<(), AppendError> {
        let mut written = 0;
        let source = loop {
            if written == lines.len() {
                self.length += written as u64;
                return Ok(());
            }
            match self.storage.append(&lines[written..]) {
                Ok(0) => break io::ErrorKind::WriteZero.into(),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        let error = Error::io(Operation::Append, &self.path)(source);
        let start = self.length;
        let mut kept = whole(written);
        self.length = start + kept as u64;
        // A write that failed may have left more than it said.
        let stuck = match self.storage.length() {
            Ok(length) if length == self.length => 0,
            _ if self.storage.cut(self.length).is_ok() => 0,
            length => {
                // What can't be taken back is there: its whole lines are as good as written.
                kept = whole(self.standing(start, lines).unwrap_or(written)).max(kept);
                self.length = start + kept as u64;
                let length = length.unwrap_or(start + written as u64);
                usize::try_from(length.saturating_sub(self.length)).unwrap_or(usize::MAX)
            }
        };
        Err(AppendError { error, kept, stuck })
    }

    /// How many bytes of `lines` stand in the file from `offset` on.
    fn standing(&self, offset: u64, lines: &[u8]) -> io::Result<usize> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(offset))?;
        let mut there = Vec::new();
        file.take(lines.len() as u64).read_to_end(&mut there)?;
        Ok(there.iter().zip(lines).take_while(|(there, line)| there == line).count())
    }

    /// Waits until what was appended is on the device.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        self.storage.sync().map_err(Error::io(Operation::Sync, &self.path))
    }

    /// Marks the file as finished: nobody writes it any more.
    pub(crate) fn finish(mut self, access: Permissions) -> Result<(), Error> {
        self.sync()?;
        access.closed(&self.file).map_err(Error::io(Operation::SetMode, &self.path))?;
        self.unlock();
        Ok(())
    }

    /// Lets the next writer in, also while a fork of this process still has the file open.
    pub(crate) fn unlock(&self) {
        // Closing the file unlocks it all the same, unless it is open in a fork.
        #[cfg(unix)]
        drop(self.file.unlock());
    }
}
