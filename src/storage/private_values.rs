//! The private values of a trail: those that an entry only commits to. Each file of the trail has a file of them.
//!
//! Spaces take the place of an erased value, so the other records stay where they are. The directory is not trusted: a
//! value counts if it is the one that its entry commits to.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use crate::{
    error::Error,
    format::line::MAX_LINE_BYTES,
    storage::{durable::exists, line_reader::Lines, segments::TrailFile},
};

/// Name of the directory in a trail that holds its private values.
pub(crate) const PRIVATE_DIRECTORY_NAME: &str = "audit.private";

/// Name of the file in that directory that describes an erasure in progress.
pub(crate) const ERASURE_FILE_NAME: &str = "erasing.json";

/// Returns the directory of the trail's private values.
pub(crate) fn directory(trail: &Path) -> PathBuf {
    trail.join(PRIVATE_DIRECTORY_NAME)
}

/// The private values of one file of a trail.
#[derive(Clone, Debug)]
pub(crate) struct PrivateValues(TrailFile);

impl PrivateValues {
    /// Returns the private values of the trail's file `name`, or `None` if it has no file of them.
    pub(crate) fn of(trail: &Path, name: &str) -> Result<Option<Self>, Error> {
        let path = directory(trail).join(name);
        if !exists(&path)? {
            return Ok(None);
        }
        TrailFile::alone(&path).map(|file| Some(Self(file)))
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Reads the lines of the file up to the length it had when it was found.
    /// [`PrivateLine::read`](crate::format::private_record::PrivateLine::read) parses one.
    pub(crate) fn lines(&self) -> Result<Lines<File>, Error> {
        self.0.lines(MAX_LINE_BYTES)
    }
}
