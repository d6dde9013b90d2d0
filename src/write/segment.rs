//! The live file of a trail, open for appending: bytes, length, sync and modes.
//!
//! After a failed append the file ends with a whole line, or the error describes the bytes that could not be truncated. A
//! segment handles neither JSON nor hashes.

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
    /// The file as lines are appended to it. In tests it fails on request.
    storage: Box<dyn Storage>,
    /// The same file, for metadata and for reading back.
    file: File,
    path: PathBuf,
    /// Length according to this writer. Another program may have changed the file.
    length: u64,
}

/// A failed append.
#[derive(Debug)]
pub(crate) struct AppendError {
    pub(crate) error: Error,
    /// Bytes of the appended lines that are in the file, as whole lines.
    pub(crate) kept: usize,
    /// Bytes after the kept ones that could not be truncated.
    pub(crate) stuck: usize,
}

impl Segment {
    /// Creates a file. A file that exists is an error.
    pub(crate) fn create(path: PathBuf, access: Permissions, wrap: &Wrap) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.append(true).read(true).create_new(true);
        access.on_create(&mut options);
        let file = options.open(&path).map_err(Error::io(Operation::Create, &path))?;
        access.live(&file).map_err(Error::io(Operation::SetMode, &path))?;
        Self::with(file, path, 0, wrap)
    }

    /// Opens a file to append to it.
    pub(crate) fn open(path: PathBuf, wrap: &Wrap) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.append(true).read(true);
        let (file, length) = open_regular(&path, &mut options)?;
        Self::with(file, path, length, wrap)
    }

    fn with(file: File, path: PathBuf, length: u64, wrap: &Wrap) -> Result<Self, Error> {
        // A second lock: if another program deletes the trail's lock file, a second writer still fails here. On Windows a
        // locked file cannot be read, so only Unix has this lock.
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

    /// Returns the length according to this writer.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Returns the length according to the file system.
    pub(crate) fn length_now(&self) -> Result<u64, Error> {
        self.storage.length().map_err(Error::io(Operation::Inspect, &self.path))
    }

    /// Returns `true` if the path still names this file.
    pub(crate) fn is_in_place(&self) -> Result<bool, Error> {
        same_file(&self.file, &self.path).map_err(Error::io(Operation::Inspect, &self.path))
    }

    /// Returns a reader of the file's content, up to the length according to this writer.
    pub(crate) fn content(&self) -> Result<Take<File>, Error> {
        let mut file = self.file.try_clone().map_err(Error::io(Operation::ReadBack, &self.path))?;
        file.seek(SeekFrom::Start(0)).map_err(Error::io(Operation::ReadBack, &self.path))?;
        Ok(file.take(self.length))
    }

    /// Appends whole lines. After a partial write the file is truncated to whole lines. `whole` returns how many of the
    /// first n bytes are whole lines.
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
        // A failed write may have appended more bytes than it reported, so the length is read from the file system.
        let stuck = match self.storage.length() {
            Ok(length) if length == self.length => 0,
            _ if self.storage.cut(self.length).is_ok() => 0,
            length => {
                // The file cannot be truncated. Whole lines that are in it count as written: a reader will find them, so
                // their numbers must not be given to other entries.
                kept = whole(self.matching_bytes(start, lines).unwrap_or(written)).max(kept);
                self.length = start + kept as u64;
                let length = length.unwrap_or(start + written as u64);
                usize::try_from(length.saturating_sub(self.length)).unwrap_or(usize::MAX)
            }
        };
        Err(AppendError { error, kept, stuck })
    }

    /// Returns how many of the first bytes of `lines` are in the file from `offset` on.
    fn matching_bytes(&self, offset: u64, lines: &[u8]) -> io::Result<usize> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(offset))?;
        let mut found = Vec::new();
        file.take(lines.len() as u64).read_to_end(&mut found)?;
        Ok(found.iter().zip(lines).take_while(|(found, line)| found == line).count())
    }

    /// Waits until all appended lines are on the device.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        self.storage.sync().map_err(Error::io(Operation::Sync, &self.path))
    }

    /// Syncs and closes the file. Its mode then forbids writing.
    pub(crate) fn finish(mut self, access: Permissions) -> Result<(), Error> {
        self.sync()?;
        access.closed(&self.file).map_err(Error::io(Operation::SetMode, &self.path))?;
        self.unlock();
        Ok(())
    }

    /// Releases the lock. Closing the file would not: a fork of this process may still have it open.
    pub(crate) fn unlock(&self) {
        #[cfg(unix)]
        drop(self.file.unlock());
    }
}
