//! The lock that makes a trail have one writer: a file beside the entries, locked as long as the trail is open.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Operation},
    storage::{durable::exists, open::open_regular, permissions::Permissions, process::Process},
};

/// Name of the lock file.
const LOCK_NAME: &str = "audit.lock";

/// The lock of a trail. Dropping it releases it.
#[derive(Debug)]
pub(crate) struct Lock {
    directory: PathBuf,
    path: PathBuf,
    access: Permissions,
    file: File,
    /// The process that took the lock. A fork of it must not release the lock.
    owner: Process,
}

impl Lock {
    /// Takes the lock of the trail in `directory`.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another log holds it; [`Error::Io`].
    pub(crate) fn take(directory: &Path, access: Permissions) -> Result<Self, Error> {
        let path = directory.join(LOCK_NAME);
        loop {
            let file = open(&path, access)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked { path: directory.to_owned(), lock: path });
                }
                Err(TryLockError::Error(source)) => return Err(Error::io(Operation::Lock, &path)(source)),
            }
            // If the file was replaced between the open and the lock, the next writer locks the new file and both would
            // write. So the lock counts only on the file that has the name now.
            if same_file(&file, &path).map_err(Error::io(Operation::Lock, &path))? {
                return Ok(Self {
                    directory: directory.to_owned(),
                    path,
                    access,
                    file,
                    owner: Process::this(),
                });
            }
        }
    }

    /// Takes the lock again if its file was deleted or replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another writer took the lock meanwhile; [`Error::Io`].
    pub(crate) fn renew(&mut self) -> Result<(), Error> {
        if !same_file(&self.file, &self.path).map_err(Error::io(Operation::Inspect, &self.path))? {
            *self = Self::take(&self.directory, self.access)?;
        }
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file does not release the lock while a fork has the file open. Every child process is such a fork
        // until it runs its program. In a fork, the lock belongs to the parent. If `unlock` fails, the close is left.
        if self.owner.is_this_by_id() {
            drop(self.file.unlock());
        }
    }
}

/// Opens the lock file, or creates it.
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

/// Returns `true` if `path` names the open file.
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

/// Returns `true` if `path` names a file: there is no file identity to compare.
#[cfg(not(unix))]
pub(crate) fn same_file(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_lock_is_released_while_a_fork_has_its_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let lock = Lock::take(directory.path(), Permissions::default()).expect("locked");
        // A duplicate shares the lock, as the file of a fork does.
        let duplicate = lock.file.try_clone().expect("duplicated");

        drop(lock);

        Lock::take(directory.path(), Permissions::default()).expect("released");
        drop(duplicate);
    }
}
