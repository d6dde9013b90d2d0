//! Bytes of an unfinished line: moved out of the file they stand in, kept, and recorded.
//!
//! They are set aside under a name that says they are not recorded yet, and get their final name once they are, so a
//! crash in between loses nothing.

#[cfg(unix)]
use std::fs::TryLockError;
use std::{
    fs::OpenOptions,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    error::{Error, Operation},
    storage::{
        backend::Storage as _,
        durable::{exists, sync_directory},
        permissions::Permissions,
        segments::TrailFile,
        tail::{FileTail, hash_from},
    },
};

const TORN: &str = ".torn";
const UNRECORDED: &str = ".torn-unrecorded";

/// What `audit_recovered` says of torn bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Torn {
    file: String,
    offset: u64,
    length: u64,
    sha256: String,
    kept_as: String,
    #[serde(skip)]
    stands_in: PathBuf,
}

/// Moves what follows the last newline of `file` into a file beside it. `false` if it could not be cut off the file,
/// where it then stays.
pub(crate) fn set_aside(
    directory: &Path,
    access: Permissions,
    file: &TrailFile,
    ending: &FileTail,
) -> Result<bool, Error> {
    let mut source = file.open()?;
    // Where the trail's lock file was deleted, half a line may be a write under way.
    #[cfg(unix)]
    match source.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Locked { path: directory.to_owned(), lock: file.path.clone() });
        }
        Err(TryLockError::Error(source)) => return Err(Error::io(Operation::Lock, &file.path)(source)),
    }
    let kept = directory.join(free_name(directory, &format!("{}.{}", file.name, ending.rest), UNRECORDED)?);
    source.seek(SeekFrom::Start(ending.rest)).map_err(Error::io(Operation::Read, &file.path))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    access.on_create(&mut options);
    let mut copy = options.open(&kept).map_err(Error::io(Operation::Create, &kept))?;
    let mut torn = source.take(ending.length - ending.rest);
    io::copy(&mut torn, &mut copy).map_err(Error::io(Operation::Write, &kept))?;
    copy.sync_all().map_err(Error::io(Operation::Sync, &kept))?;
    sync_directory(directory)?;

    let mut options = OpenOptions::new();
    options.write(true);
    // A file that can only be appended to can't be opened for anything else.
    let Ok((mut torn, _)) = crate::storage::open::open_regular(&file.path, &mut options) else {
        return Ok(false);
    };
    if torn.cut(ending.rest).is_err() {
        return Ok(false);
    }
    torn.sync_all().map_err(Error::io(Operation::Sync, &file.path))?;
    Ok(true)
}

/// Torn bytes that were set aside, by this opening or by one that did not live to record them.
pub(crate) fn unrecorded(directory: &Path) -> Result<Vec<Torn>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Error::io(Operation::List, directory))? {
        let entry = entry.map_err(Error::io(Operation::List, directory))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Some(stem) = name.strip_suffix(UNRECORDED) else { continue };
        let Some((file, offset)) = parse(stem) else { continue };
        let stands_in = directory.join(&name);
        // What is no regular file under such a name was not put there by us.
        if !stands_in.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        let (length, sha256) = hash_from(&stands_in, 0)?;
        let kept_as = free_name(directory, &format!("{file}.{offset}"), TORN)?;
        found.push(Torn { file: file.to_owned(), offset, length, sha256, kept_as, stands_in });
    }
    found.sort_by(|a, b| a.stands_in.cmp(&b.stands_in));
    // Several of one place get names of their own.
    for at in 1..found.len() {
        if found[..at].iter().any(|earlier| earlier.kept_as == found[at].kept_as) {
            let stem = format!("{}.{}.{at}", found[at].file, found[at].offset);
            found[at].kept_as = free_name(directory, &stem, TORN)?;
        }
    }
    Ok(found)
}

impl Torn {
    /// Gives the bytes their final name, now that they are recorded.
    pub(crate) fn recorded(&self, directory: &Path) -> Result<(), Error> {
        std::fs::rename(&self.stands_in, directory.join(&self.kept_as))
            .map_err(Error::io(Operation::Rename, &self.stands_in))?;
        sync_directory(directory)
    }
}

/// `FILE.OFFSET` or `FILE.OFFSET.N`, where FILE ends with `.jsonl`.
fn parse(stem: &str) -> Option<(&str, u64)> {
    let (file, rest) = stem.split_once(".jsonl.")?;
    let offset = rest.split('.').next()?.parse().ok()?;
    Some((&stem[..file.len() + ".jsonl".len()], offset))
}

/// A name that nothing has yet.
fn free_name(directory: &Path, stem: &str, suffix: &str) -> Result<String, Error> {
    let mut name = format!("{stem}{suffix}");
    let mut number = 2;
    while exists(&directory.join(&name))? {
        name = format!("{stem}.{number}{suffix}");
        number += 1;
    }
    Ok(name)
}
