//! The existence of a path. Errors other than `NotFound` are reported.

use std::{fs::Metadata, io::ErrorKind, path::Path};

use crate::error::{Error, Operation};

/// Returns the metadata of `path` without following a link, or `None` if nothing is there.
pub(super) fn metadata(path: &Path) -> Result<Option<Metadata>, Error> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(Operation::Inspect, path)(error)),
    }
}
