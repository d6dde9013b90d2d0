//! The lock of a trail's one writer: a file beside the entries, locked as long as the trail is open.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Operation},
    storage::{durable::exists, open::open_regular, permissions::Permissions},
};

/// The file's name.
const NAME: &str = "audit.lock";

/// Held by the one writer; dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Lock {
    directory: PathBuf,
    path: PathBuf,
    access: Permissions,
    file: File,
}

impl Lock {
    pub(crate) fn take(directory: &Path, access: Permissions) -> Result<Self, Error> {
        let path = directory.join(NAME);
        loop {
            let file = open(&path, access)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked { path: directory.to_owned(), lock: path });
                }
                Err(TryLockError::Error(source)) => return Err(Error::io(Operation::Lock, &path)(source)),
            }
            // A lock on a file that is no longer under its name keeps nobody out.
            if same_file(&file, &path).map_err(Error::io(Operation::Lock, &path))? {
                return Ok(Self { directory: directory.to_owned(), path, access, file });
            }
        }
    }

    /// Lets the next writer in, also while a fork of this process still has the file open.
    pub(crate) fn release(&self) {
        // Closing the file unlocks it all the same, unless it is open in a fork.
        drop(self.file.unlock());
    }

    /// Sees to it that the lock still keeps others out: if its file was deleted, it is taken anew.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another writer came in meanwhile.
    pub(crate) fn renew(&mut self) -> Result<(), Error> {
        if !same_file(&self.file, &self.path).map_err(Error::io(Operation::Inspect, &self.path))? {
            *self = Self::take(&self.directory, self.access)?;
        }
        Ok(())
    }
}

fn open(path: &Path, access: Permissions) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    access.on_create(&mut options);
    if exists(path)? {
        open_regular(path, &mut options).map(|(file, _)| file)
    } else {
        options.open(path).map_err(Error::io(Operation::Create, path))
    }
}

/// Whether `path` still names the open file.
#[cfg(unix)]
pub(crate) fn same_file(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let held = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Files have no identity that could be compared here.
#[cfg(not(unix))]
pub(crate) fn same_file(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}
