//! Private values: what entries commit to and withhold, one file of them beside each file of the trail.
//!
//! This is how they are read. A value that was erased leaves spaces in its place, so nothing moves when one goes. The
//! directory is not trusted: a value counts where it is the one that its entry commits to.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use crate::{
    error::Error,
    format::line::MAX_LINE,
    storage::{durable::exists, line_reader::Lines, segments::TrailFile},
};

/// The directory's name.
pub(crate) const NAME: &str = "audit.private";

/// An erasure under way, in that directory.
pub(crate) const ERASING: &str = "erasing.json";

/// The directory of the trail's private values.
pub(crate) fn directory(trail: &Path) -> PathBuf {
    trail.join(NAME)
}

/// The private values of one file of a trail.
#[derive(Clone, Debug)]
pub(crate) struct PrivateValues(TrailFile);

impl PrivateValues {
    /// Those of the file of that name, if there are any.
    pub(crate) fn of(trail: &Path, name: &str) -> Result<Option<Self>, Error> {
        let path = directory(trail).join(name);
        if !exists(&path)? {
            return Ok(None);
        }
        TrailFile::alone(&path).map(|file| Some(Self(file)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// The lines, as far as the file was long when it was found; [`PrivateLine::read`] reads them.
    pub(crate) fn lines(&self) -> Result<Lines<File>, Error> {
        self.0.lines(MAX_LINE)
    }
}
