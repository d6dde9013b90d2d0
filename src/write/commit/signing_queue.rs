//! Written entries that no checkpoint covers yet. The committing thread hands 32 bytes an entry to the checkpointer.

use std::{sync::mpsc::Sender, thread::ThreadId};

use crate::{
    checkpoint::statement::SignedCheckpoint, error::Error, format::file_name::SegmentName,
    write::batch::Batch,
};

/// Most hashes that wait, which take 32 MiB. The bound of unit tests is lower, so that they reach it.
pub(crate) const MAX_WAITING_HASHES: usize = if cfg!(test) { 64 } else { 1 << 20 };

/// Entries between commits and the checkpointer thread, under the queue's lock.
///
/// Invariant: the hashes in `waiting` are those of the last entries written. `skipped` entries before them are not in
/// memory any more; the checkpointer reads them from the trail's files.
#[derive(Debug)]
pub(crate) struct SigningQueue {
    waiting: Vec<[u8; 32]>,
    /// Number of entries dropped from `waiting` since the checkpointer took it the last time.
    skipped: u64,
    /// File that was written last. All files before it are on the device.
    live_file: Option<SegmentName>,
    /// Number of callers' entries since the last checkpoint.
    entries: u64,
    /// Number of such entries after which a checkpoint is due.
    entries_per_checkpoint: u64,
    /// `true` if the trail rolled to a new file since the last checkpoint.
    has_rolled: bool,
    /// `true` while a checkpoint is being made.
    is_busy: bool,
    /// `true` if the log is about to be closed: only a request makes another checkpoint due.
    is_closing: bool,
    /// Id of the checkpointer thread, once it runs.
    thread: Option<ThreadId>,
    requests: Vec<CheckpointRequest>,
}

/// A thread that waits for a checkpoint.
#[derive(Debug)]
pub(crate) struct CheckpointRequest {
    /// `true` if the log is being closed: no entry follows.
    pub(crate) is_last: bool,
    pub(crate) answer: Sender<Result<SignedCheckpoint, Error>>,
}

/// The work of one checkpoint.
#[derive(Debug)]
pub(crate) struct CheckpointJob {
    pub(crate) entries: NewEntries,
    pub(crate) live_file: Option<SegmentName>,
    pub(crate) requests: Vec<CheckpointRequest>,
}

/// Entries that the checkpointer's tree does not have yet: first the skipped ones, then those with these hashes.
#[derive(Debug, Default)]
pub(crate) struct NewEntries {
    pub(crate) skipped: u64,
    pub(crate) hashes: Vec<[u8; 32]>,
}

impl SigningQueue {
    pub(crate) fn new(entries_per_checkpoint: u64) -> Self {
        Self {
            waiting: Vec::new(),
            skipped: 0,
            live_file: None,
            entries: 0,
            entries_per_checkpoint,
            has_rolled: false,
            is_busy: false,
            is_closing: false,
            thread: None,
            requests: Vec::new(),
        }
    }

    /// Records that the calling thread is the checkpointer.
    pub(crate) fn enter(&mut self) {
        self.thread = Some(std::thread::current().id());
    }

    /// Returns `true` in the checkpointer thread, which must not wait for a checkpoint. A sink or a signer may call the
    /// log there.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.thread == Some(std::thread::current().id())
    }

    /// Adds the lines in the first `bytes` of a batch, which were written with `rolls` new files; `live_file` is the
    /// last.
    pub(crate) fn add_written(
        &mut self,
        batch: &Batch,
        bytes: usize,
        rolls: usize,
        live_file: Option<SegmentName>,
    ) {
        self.live_file = live_file;
        if self.waiting.len() >= MAX_WAITING_HASHES {
            self.skipped += self.waiting.len() as u64;
            self.waiting.clear();
        }
        for line in batch.within(bytes) {
            self.waiting.push(line.leaf);
            self.entries += u64::from(line.is_from_caller);
        }
        self.has_rolled |= rolls > 0;
    }

    /// Adds a request; the checkpointer has to be notified.
    pub(crate) fn request(&mut self, request: CheckpointRequest) {
        self.requests.push(request);
    }

    /// Returns `true` if a checkpoint is due by entries, by a new file or by a request.
    pub(crate) fn is_due(&self) -> bool {
        self.has_rolled || self.entries >= self.entries_per_checkpoint || !self.requests.is_empty()
    }

    /// Records that the log is about to be closed.
    pub(crate) fn close(&mut self) {
        self.is_closing = true;
    }

    /// `true` while a checkpoint is being made.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Takes the next checkpoint's work, if one is due or `is_overdue` by time. While the log is closing, only a
    /// request makes one due: the closing thread requests the last one itself.
    pub(crate) fn take_job(&mut self, is_overdue: bool, is_closing: bool) -> Option<CheckpointJob> {
        let waits_for_request = (is_closing || self.is_closing) && self.requests.is_empty();
        if waits_for_request || !(is_overdue || self.is_due()) {
            return None;
        }
        self.entries = 0;
        self.has_rolled = false;
        self.is_busy = true;
        Some(CheckpointJob {
            entries: self.take_entries(),
            live_file: self.live_file,
            requests: std::mem::take(&mut self.requests),
        })
    }

    /// Takes the entries that the tree does not have yet.
    pub(crate) fn take_entries(&mut self) -> NewEntries {
        NewEntries { skipped: std::mem::take(&mut self.skipped), hashes: std::mem::take(&mut self.waiting) }
    }

    /// Records that the checkpoint that was being made is done, or failed.
    pub(crate) fn finish_job(&mut self) {
        self.is_busy = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_request_is_taken_while_the_log_closes() {
        let mut queue = SigningQueue::new(10);
        queue.close();
        assert!(queue.take_job(true, false).is_none());

        let (answer, _answered) = mpsc::channel();
        queue.request(CheckpointRequest { is_last: true, answer });

        let job = queue.take_job(false, true).expect("requested");
        assert_eq!(job.requests.len(), 1);
        assert!(queue.is_busy());
        queue.finish_job();
        assert!(!queue.is_busy());
    }

    #[test]
    fn nothing_is_due_without_entries() {
        let mut queue = SigningQueue::new(1);

        assert!(queue.take_job(false, false).is_none());
        assert!(queue.take_job(true, false).is_some(), "the time alone makes one due");
    }
}
