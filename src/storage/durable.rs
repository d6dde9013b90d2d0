//! Changes to a directory that survive a power failure: create a file, replace it whole, remove it, sync the names.
//!
//! A file's bytes are on the device after `sync_all` of the file. Its name is there only after a sync of the directory,
//! so each function says which of the two it does.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Operation},
    storage::permissions::Permissions,
};

/// Replaces the file at `path`, or creates it, so that a crash leaves either the old bytes or all of `bytes`.
///
/// The bytes are written and synced under a temporary name beside `path`, which is then renamed, and the directory is
/// synced. What an interrupted call left under the temporary name is removed first.
///
/// # Errors
///
/// [`Error::Io`]. The file is unchanged, unless the sync of the directory failed: it is then unknown which of the two
/// a power failure leaves.
pub(crate) fn replace_file(path: &Path, permissions: Permissions, bytes: &[u8]) -> Result<(), Error> {
    let temporary = temporary_path(path);
    // The directory is not trusted: a link that was put there must not be followed, so the file is created anew.
    remove_if_exists(&temporary)?;
    create_file(&temporary, permissions, bytes)?;
    fs::rename(&temporary, path).map_err(Error::io(Operation::Rename, &temporary))?;
    sync_directory(parent(path))
}

/// Creates the file at `path` with these bytes and syncs it. Its name is durable after a [`sync_directory`].
///
/// # Errors
///
/// [`Error::Io`], also if `path` exists.
pub(crate) fn create_file(path: &Path, permissions: Permissions, bytes: &[u8]) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    permissions.on_create(&mut options);
    let mut file = options.open(path).map_err(Error::io(Operation::Create, path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io(Operation::Write, path))
}

/// Makes the names in `directory` durable: files that were created, renamed or removed in it.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    fs::File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(Error::io(Operation::Sync, directory))?;
    #[cfg(not(unix))]
    let _: &Path = directory;
    Ok(())
}

/// Removes the file at `path`. A missing file is no error. The removal is durable after a [`sync_directory`].
pub(crate) fn remove_if_exists(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io(Operation::Remove, path)(error))
        }
        _ => Ok(()),
    }
}

/// Returns `true` if `path` names a file, a directory or a link, without following the link.
///
/// # Errors
///
/// [`Error::Io`] if the answer is unknown, such as for a directory that may not be searched.
pub(crate) fn exists(path: &Path) -> Result<bool, Error> {
    metadata(path).map(|metadata| metadata.is_some())
}

/// Returns the metadata of `path` without following a link, or `None` if nothing is there.
///
/// # Errors
///
/// [`Error::Io`], as [`exists`].
pub(crate) fn metadata(path: &Path) -> Result<Option<fs::Metadata>, Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(Operation::Inspect, path)(error)),
    }
}

/// The directory that holds `path`. A bare file name is in the working directory.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns the name under which [`replace_file`] writes: `audit.pruned.new` for `audit.pruned`. The extension `json` is
/// replaced by `new`.
fn temporary_path(path: &Path) -> PathBuf {
    if path.extension().is_some_and(|extension| extension == "json") {
        return path.with_extension("new");
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replace_file_creates_and_replaces_the_whole_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.pruned");

        for bytes in [&b"long first content"[..], b"short"] {
            replace_file(&path, Permissions::Owner, bytes).expect("replaced");

            assert_eq!(fs::read(&path).expect("read"), bytes);
            assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
        }
    }

    #[test]
    fn replace_file_removes_what_an_interrupted_call_left() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("untold.json");
        fs::write(directory.path().join("untold.new"), "{").expect("written");

        replace_file(&path, Permissions::Owner, b"{}").expect("replaced");

        assert_eq!(fs::read(&path).expect("read"), b"{}");
        assert!(!exists(&directory.path().join("untold.new")).expect("known"));
    }

    #[cfg(unix)]
    #[test]
    fn replace_file_does_not_follow_a_link_at_its_temporary_name() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, other) = (directory.path().join("key"), directory.path().join("other"));
        fs::write(&other, "other").expect("written");
        std::os::unix::fs::symlink(&other, directory.path().join("key.new")).expect("linked");

        replace_file(&path, Permissions::Owner, b"key").expect("replaced");

        assert_eq!(fs::read(&other).expect("read"), b"other");
    }

    #[test]
    fn exists_reports_errors_other_than_a_missing_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("file");
        fs::write(&file, "").expect("written");

        assert!(exists(&file).expect("known"));
        assert!(!exists(&directory.path().join("missing")).expect("known"));
        // A name too long for the file system is neither there nor missing.
        exists(&directory.path().join("x".repeat(5_000))).expect_err("unknown");
    }

    #[test]
    fn the_parent_of_a_bare_name_is_the_working_directory() {
        assert_eq!(parent(Path::new("audit.key")), Path::new("."));
        assert_eq!(parent(Path::new("keys/audit.key")), Path::new("keys"));
    }
}
