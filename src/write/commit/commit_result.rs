//! The part of a commit that happens outside the lock: write, sync, check the files, write the head.

use crate::{
    error::Error,
    write::{
        batch::Batch,
        trail_writer::{Incident, TrailWriter, WriteResult},
    },
};

/// The writer and the lines of a commit.
pub(crate) struct Commit<'a> {
    pub(crate) writer: &'a mut TrailWriter,
    pub(crate) batch: &'a mut Batch,
    /// Sequence number after the last entry of the batch.
    pub(crate) end: u64,
}

/// The result of a commit.
pub(crate) struct CommitResult {
    /// The bytes that were written, and the error that stopped the write.
    pub(crate) written: WriteResult,
    /// The result of the sync; `None` if none was tried.
    pub(crate) synced: Option<Result<(), Error>>,
    /// The result of writing the head; `None` if it was not written.
    pub(crate) head: Option<Result<(), Error>>,
    /// A change that another program made to the files. `Err`: `check_files` failed; the log is poisoned and the head
    /// is not written.
    pub(crate) incident: Result<Option<Incident>, Error>,
}

impl CommitResult {
    /// Writes `batch`, and syncs it if `sync` is set.
    ///
    /// The head is written after the bytes that it names, and only if they are all there: a head must never be ahead of
    /// the file. If `check_files` fails, the head is not written: the directory may have been moved, or another writer
    /// may own the head by then.
    pub(crate) fn write(writer: &mut TrailWriter, batch: &mut Batch, sync: bool) -> Self {
        batch.gather();
        let written = writer.write(batch);
        let is_complete = written.error.is_none();
        let synced = (sync && is_complete).then(|| writer.sync());
        let mut result = Self { written, synced, head: None, incident: Ok(None) };
        let may_write_head = is_complete && !matches!(result.synced, Some(Err(_)));
        if may_write_head && (sync || writer.head_is_due()) {
            result.incident = writer.check_files();
            result.head = result.incident.is_ok().then(|| writer.write_head());
        }
        result
    }
}
