//! The checkpoints of a trail, in its file `audit.checkpoints`, open for appending.
//!
//! A signature is only made while all checkpoints of the key in the file are consistent: one root per size.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    checkpoint::{file, statement::SignedCheckpoint, verifying_key::VerifyingKey},
    codec::merkle::TreeHash,
    error::{Error, Operation},
    storage::{durable::sync_directory, open::open_regular, permissions::Permissions},
    write::signing::sign::refused,
};

/// The file of a trail's checkpoints, with the checkpoints that one key signed.
#[derive(Debug)]
pub(crate) struct CheckpointLog {
    path: PathBuf,
    file: File,
    /// Length of the complete checkpoints in the file.
    length: u64,
    /// Root of each size that the key signed.
    signed: BTreeMap<u64, TreeHash>,
}

impl CheckpointLog {
    /// Opens the file, or creates it. An incomplete checkpoint at its end, from an interrupted write, is truncated.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if the file is malformed, has two roots of one size, or has a checkpoint that names the key and
    /// is not signed by it.
    pub(crate) fn open(directory: &Path, access: Permissions, key: &VerifyingKey) -> Result<Self, Error> {
        let path = file::path(directory);
        let mut signed = BTreeMap::new();
        let mut end = 0;
        let mut wrong = None;
        let exists = file::read(&path, |one| {
            end = one.end;
            let line = one.line;
            let mut refuse = |reason: String| {
                wrong.get_or_insert(format!("{} line {line}: {reason}", file::CHECKPOINTS_FILE));
            };
            match one.checkpoint {
                Ok(checkpoint) if checkpoint.is_signed_by(key) => {
                    let before = signed.insert(checkpoint.size(), checkpoint.root());
                    if before.is_some_and(|before| before != checkpoint.root()) {
                        refuse(format!("a second root of the first {} entries", checkpoint.size()));
                    }
                }
                Ok(checkpoint) if checkpoint.origin() == key.name() => {
                    refuse(format!(
                        "a checkpoint that claims {} and is not signed by {}",
                        checkpoint.claims(),
                        key.label()
                    ));
                }
                Ok(_) => {}
                Err(error) => refuse(error.to_string()),
            }
        })?;
        if let Some(wrong) = wrong {
            return Err(refused(directory, wrong));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let file = if exists {
            open_regular(&path, &mut options)?.0
        } else {
            options.create_new(true);
            access.on_create(&mut options);
            let file = options.open(&path).map_err(Error::io(Operation::Create, &path))?;
            access.live(&file).map_err(Error::io(Operation::SetMode, &path))?;
            sync_directory(directory)?;
            file
        };
        file.set_len(end).map_err(Error::io(Operation::Write, &path))?;
        Ok(Self { path, file, length: end, signed })
    }

    /// Returns `true` if the key signed no checkpoint.
    pub(crate) fn is_empty(&self) -> bool {
        self.signed.is_empty()
    }

    /// Returns the root over the first `size` entries, if the key signed it.
    pub(crate) fn root(&self, size: u64) -> Option<TreeHash> {
        self.signed.get(&size).copied()
    }

    /// Returns the size of the largest checkpoint of the key.
    pub(crate) fn last_size(&self) -> Option<u64> {
        self.signed.last_key_value().map(|(size, _)| *size)
    }

    /// Appends a checkpoint and syncs the file. A checkpoint that is in the file already is not appended again.
    pub(crate) fn append(&mut self, checkpoint: &SignedCheckpoint) -> Result<(), Error> {
        if self.root(checkpoint.size()) == Some(checkpoint.root()) {
            return Ok(());
        }
        let between = if self.length == 0 { "" } else { "\n" };
        let text = format!("{between}{checkpoint}");
        let written = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(text.as_bytes()))
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // If truncating fails too, the next checkpoint overwrites the incomplete one: it is written at `length`.
            drop(self.file.set_len(self.length));
            return Err(Error::io(Operation::Append, &self.path)(error));
        }
        self.length += text.len() as u64;
        self.signed.insert(checkpoint.size(), checkpoint.root());
        Ok(())
    }
}
