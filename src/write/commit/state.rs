//! The state of a commit queue, under its lock.

use std::path::Path;

use crate::{
    error::Error,
    format::{prepared_entry::PreparedEntry, receipt::Receipt},
    write::{
        commit::{
            awaited_entry::{AwaitedEntry, WaitFor},
            commit_group::CommitGroup,
            failures::Failures,
            lifecycle::Lifecycle,
            linker::Linker,
            own_entries::OwnEntries,
            schedule::Schedule,
            signing_queue::SigningQueue,
            waiters::Waiters,
            watermarks::Watermarks,
        },
        trail_writer::TrailWriter,
    },
};

/// A buffer with this many bytes is full, and threads that append more wait.
pub(crate) const MAX_BUFFERED_BYTES: usize = 1024 * 1024;

/// Most bytes that are held, with the lines that are being written: while one buffer is written, the next one fills.
pub(crate) const MAX_HELD_BYTES: usize = 2 * MAX_BUFFERED_BYTES;

/// Everything under the lock of a [`CommitQueue`](super::queue::CommitQueue).
///
/// Invariant: `writer` is `None` exactly while one thread commits. The batch of that thread is out of `linker`, and
/// `in_flight_bytes` is its weight.
pub(crate) struct State {
    pub(crate) linker: Linker,
    /// A pointer, because it is moved out and in under the lock.
    pub(crate) writer: Option<Box<TrailWriter>>,
    /// The weight of the lines that are being written. The lines return to `linker` if they cannot be written.
    pub(crate) in_flight_bytes: usize,
    pub(crate) progress: Watermarks,
    pub(crate) group: CommitGroup,
    pub(crate) waiters: Waiters,
    pub(crate) failures: Failures,
    pub(crate) own: OwnEntries,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) schedule: Schedule,
    /// Written entries without a checkpoint; `None` unless the log signs.
    pub(crate) signing: Option<SigningQueue>,
    /// Bytes handed to the OS since the log was opened.
    pub(crate) bytes: u64,
}

impl State {
    pub(crate) fn new(linker: Linker, writer: TrailWriter) -> Self {
        let end = linker.chain.next;
        Self {
            linker,
            bytes: writer.bytes(),
            writer: Some(Box::new(writer)),
            in_flight_bytes: 0,
            progress: Watermarks::new(end),
            group: CommitGroup::default(),
            waiters: Waiters::default(),
            failures: Failures::default(),
            own: OwnEntries::default(),
            lifecycle: Lifecycle::Open,
            schedule: Schedule::default(),
            signing: None,
        }
    }

    /// Returns `true` if one more line fits into the buffer. An empty buffer takes a line of any length.
    #[inline]
    pub(crate) fn has_room(&self, entry: &PreparedEntry) -> bool {
        let (batch, more) = (&self.linker.batch, entry.weight());
        let held = self.in_flight_bytes + batch.weight();
        held == 0
            || held + more <= MAX_HELD_BYTES
                && (batch.is_empty() || batch.weight() + more <= MAX_BUFFERED_BYTES)
    }

    /// Returns the entry of `receipt`, which was linked just now, for a caller that waits for `level`. Requests the
    /// sync for it.
    #[inline]
    pub(crate) fn awaited(&mut self, receipt: Receipt, level: WaitFor) -> AwaitedEntry {
        if level == WaitFor::Synced {
            self.progress.request_sync(receipt.seq + 1);
        }
        AwaitedEntry { receipt, epoch: self.failures.epoch().clone(), level }
    }

    /// Records that the log refused `lost` entries because of `error`.
    pub(crate) fn degrade(&mut self, error: &Error, lost: u64) {
        self.failures.degrade(self.linker.clock.now(), error, lost);
    }

    /// Returns the result of an entry, or `None` while it is not known.
    pub(crate) fn outcome(&self, entry: &AwaitedEntry, directory: &Path) -> Option<Result<(), Error>> {
        let seq = entry.receipt.seq;
        let failure = entry.epoch.failure();
        if let Some(failure) = failure
            && (seq >= failure.first_failed
                || failure.is_poison() && entry.level == WaitFor::Synced && self.progress.synced() <= seq)
        {
            return Some(Err(failure.error()));
        }
        let is_reached = match entry.level {
            WaitFor::Linked => true,
            // An entry of a failed epoch that is below `first_failed` was written.
            WaitFor::Written => failure.is_some() || seq < self.progress.written(),
            WaitFor::Synced => seq < self.progress.synced(),
        };
        if is_reached { Some(Ok(())) } else { self.lifecycle.write_error(directory).map(Err) }
    }

    /// Counts the entries without a future whose result is known by now.
    pub(crate) fn count_abandoned(&mut self, directory: &Path) {
        if !self.waiters.has_abandoned() {
            return;
        }
        let mut waiters = std::mem::take(&mut self.waiters);
        waiters.count_abandoned(|entry| self.outcome(entry, directory));
        self.waiters = waiters;
    }

    /// Links the queued entries of the log's own.
    #[inline]
    pub(crate) fn link_own_entries(&mut self) -> Result<(), Error> {
        self.own.link(&mut self.linker)
    }

    /// Queues again the log's own entries from `first_failed` on, which are gone.
    pub(crate) fn requeue_own_entries(&mut self, first_failed: u64) {
        self.own.requeue(first_failed);
        self.failures.requeue(first_failed);
    }

    /// Drops the log's own entries that are written.
    #[inline]
    pub(crate) fn drop_written_own_entries(&mut self) {
        self.own.drop_written(self.progress.written());
        self.failures.drop_written(self.progress.written());
    }
}
