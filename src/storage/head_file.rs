//! The head file of a trail, as a reader finds it.

use std::{fs::OpenOptions, io::Read as _, path::Path};

use crate::{
    error::{Error, Operation},
    format::head::{BLOCK, Head, NAME},
    storage::{durable::exists, open::open_regular},
};

/// The content of a head file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FoundHead {
    /// There is no file.
    Missing,
    /// The file has only zero bytes, or none: the writer stopped before its first write.
    Blank,
    /// Neither block of the file can be read.
    Unreadable,
    /// The newer of the blocks that can be read.
    Head(Head),
}

impl FoundHead {
    /// Reads the head of the trail in `directory`.
    pub(crate) fn read(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(NAME);
        if !exists(&path)? {
            return Ok(Self::Missing);
        }
        let (file, _) = open_regular(&path, OpenOptions::new().read(true))?;
        let mut bytes = Vec::new();
        file.take(2 * BLOCK as u64).read_to_end(&mut bytes).map_err(Error::io(Operation::Read, &path))?;
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(Self::Blank);
        }
        Ok(Head::newest(&bytes).map_or(Self::Unreadable, Self::Head))
    }
}
