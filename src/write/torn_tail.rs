//! Torn tails: unfinished lines at the ends of files, left by a crash or by a failed write.
//!
//! Their bytes are evidence, so they are never deleted. A torn tail goes through three names:
//!
//! ```text
//! audit-2026-11-24.jsonl                              bytes after the last newline, from offset 812
//! audit-2026-11-24.jsonl.812.torn-unrecorded          copied, synced, then truncated from the file above
//! audit-2026-11-24.jsonl.812.torn                     renamed after an `audit_recovered` recorded it
//! ```
//!
//! A crash at any point leaves a name from which the next opening continues.

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
        durable::{exists, metadata, sync_directory},
        open::open_regular,
        permissions::Permissions,
        segments::TrailFile,
        tail::{FileTail, hash_from},
    },
};

/// Suffix of torn tails that are recorded in the trail.
const RECORDED_SUFFIX: &str = ".torn";

/// Suffix of torn tails that are not recorded in the trail yet.
const UNRECORDED_SUFFIX: &str = ".torn-unrecorded";

/// A torn tail in the file where it was found.
pub(crate) struct TornTail {
    pub(crate) file: TrailFile,
    pub(crate) tail: FileTail,
}

/// A torn tail in a file of its own: the details of its `audit_recovered`.
#[derive(Debug, Serialize)]
pub(crate) struct KeptTail {
    /// File that it was found in.
    file: String,
    /// Offset at which it was found.
    offset: u64,
    length: u64,
    sha256: String,
    /// Name of its own file after it is recorded.
    kept_as: String,
    /// Path of its own file until then.
    #[serde(skip)]
    unrecorded_path: PathBuf,
}

impl TornTail {
    /// Copies the torn tail into a file of its own and truncates it. Returns `false` if the file could not be
    /// truncated; the torn tail is then in both files.
    pub(crate) fn set_aside(&self, directory: &Path, permissions: Permissions) -> Result<bool, Error> {
        let Self { file, tail } = self;
        let mut source = file.open()?;
        // If another program deleted the trail's lock file, a second writer may be about to complete this line.
        #[cfg(unix)]
        match source.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { path: directory.to_owned(), lock: file.path.clone() });
            }
            Err(TryLockError::Error(source)) => return Err(Error::io(Operation::Lock, &file.path)(source)),
        }
        let name = free_name(directory, &format!("{}.{}", file.name, tail.rest), UNRECORDED_SUFFIX)?;
        let path = directory.join(name);
        source.seek(SeekFrom::Start(tail.rest)).map_err(Error::io(Operation::Read, &file.path))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        permissions.on_create(&mut options);
        let mut copy = options.open(&path).map_err(Error::io(Operation::Create, &path))?;
        io::copy(&mut source.take(tail.length - tail.rest), &mut copy)
            .map_err(Error::io(Operation::Write, &path))?;
        // The copy must be on the device before the original is truncated: a power failure must not take both.
        copy.sync_all().map_err(Error::io(Operation::Sync, &path))?;
        sync_directory(directory)?;

        // A file with the append-only attribute can be neither opened for writing nor truncated.
        let Ok((mut torn, _)) = open_regular(&file.path, OpenOptions::new().write(true)) else {
            return Ok(false);
        };
        if torn.cut(tail.rest).is_err() {
            return Ok(false);
        }
        torn.sync_all().map_err(Error::io(Operation::Sync, &file.path))?;
        Ok(true)
    }
}

impl KeptTail {
    /// Gives the file its final name. The caller has recorded the torn tail in the trail.
    pub(crate) fn set_recorded(&self, directory: &Path) -> Result<(), Error> {
        std::fs::rename(&self.unrecorded_path, directory.join(&self.kept_as))
            .map_err(Error::io(Operation::Rename, &self.unrecorded_path))?;
        sync_directory(directory)
    }
}

/// Returns the torn tails that were set aside and are not recorded, including those of an interrupted opening.
pub(crate) fn unrecorded(directory: &Path) -> Result<Vec<KeptTail>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Error::io(Operation::List, directory))? {
        let entry = entry.map_err(Error::io(Operation::List, directory))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Some(stem) = name.strip_suffix(UNRECORDED_SUFFIX) else { continue };
        let Some((file, offset)) = parse(stem) else { continue };
        let unrecorded_path = directory.join(&name);
        // This crate creates regular files only. A link or directory of such a name is another program's.
        if !metadata(&unrecorded_path)?.is_some_and(|metadata| metadata.is_file()) {
            continue;
        }
        let (length, sha256) = hash_from(&unrecorded_path, 0)?;
        let kept_as = free_name(directory, &format!("{file}.{offset}"), RECORDED_SUFFIX)?;
        found.push(KeptTail { file: file.to_owned(), offset, length, sha256, kept_as, unrecorded_path });
    }
    found.sort_by(|a, b| a.unrecorded_path.cmp(&b.unrecorded_path));
    // Two torn tails of one place, from two interrupted openings, need different names.
    for at in 1..found.len() {
        if found[..at].iter().any(|earlier| earlier.kept_as == found[at].kept_as) {
            let stem = format!("{}.{}.{at}", found[at].file, found[at].offset);
            found[at].kept_as = free_name(directory, &stem, RECORDED_SUFFIX)?;
        }
    }
    Ok(found)
}

/// Parses `FILE.OFFSET` or `FILE.OFFSET.N`, where FILE ends with `.jsonl`.
fn parse(stem: &str) -> Option<(&str, u64)> {
    let (file, rest) = stem.split_once(".jsonl.")?;
    let offset = rest.split('.').next()?.parse().ok()?;
    Some((&stem[..file.len() + ".jsonl".len()], offset))
}

/// Returns a name that no file in the directory has: the stem, with a number if needed, and the suffix.
fn free_name(directory: &Path, stem: &str, suffix: &str) -> Result<String, Error> {
    let mut name = format!("{stem}{suffix}");
    let mut number = 2;
    while exists(&directory.join(&name))? {
        name = format!("{stem}.{number}{suffix}");
        number += 1;
    }
    Ok(name)
}
