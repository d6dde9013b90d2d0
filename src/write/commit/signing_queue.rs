//! What was written and is not in the tree of checkpoints yet: 32 bytes an entry, and who asks for a checkpoint.

use std::{sync::mpsc::Sender, thread::ThreadId};

use crate::{
    checkpoint::statement::SignedCheckpoint, error::Error, format::file_name::SegmentName,
    write::batch::Batch,
};

/// The most leaves that wait; of more, all are forgotten, and the trail's files tell them. Few in tests, which get there.
pub(super) const HELD: usize = if cfg!(test) { 64 } else { 1 << 20 };

/// Between who writes and who signs; under the committer's lock.
#[derive(Debug)]
pub(super) struct SigningQueue {
    pub(super) waiting: Vec<[u8; 32]>,
    /// Forgotten since they were taken the last time; those that wait come after them.
    pub(super) forgotten: u64,
    /// The file that was written last: those before it are on the device.
    pub(super) file: Option<SegmentName>,
    /// Entries of callers since the last checkpoint.
    pub(super) entries: u64,
    /// After how many of them the next one is due.
    every: u64,
    /// The trail went on in a new file.
    pub(super) turned: bool,
    /// A checkpoint is being made.
    pub(super) busy: bool,
    /// Nothing but requests is reason for another: the log is about to be closed.
    pub(super) closing: bool,
    /// Who makes checkpoints, once he runs.
    notary: Option<ThreadId>,
    pub(super) requests: Vec<Request>,
}

/// Somebody asks for a checkpoint.
#[derive(Debug)]
pub(super) struct Request {
    /// The log is being closed: nothing is recorded any more.
    pub(super) last: bool,
    pub(super) answer: Sender<Result<SignedCheckpoint, Error>>,
}

impl SigningQueue {
    pub(super) fn new(every: u64) -> Self {
        Self {
            waiting: Vec::new(),
            forgotten: 0,
            file: None,
            entries: 0,
            every,
            turned: false,
            busy: false,
            closing: false,
            notary: None,
            requests: Vec::new(),
        }
    }

    /// This thread makes checkpoints.
    pub(super) fn enter(&mut self) {
        self.notary = Some(std::thread::current().id());
    }

    /// Whether this thread makes checkpoints, and would wait for itself: a sink may call back into the log.
    pub(super) fn are_own(&self) -> bool {
        self.notary == Some(std::thread::current().id())
    }

    /// The first `bytes` of a batch were written, with so many turns to new files; `file` is the live one.
    pub(super) fn wrote(&mut self, batch: &Batch, bytes: usize, turns: usize, file: Option<SegmentName>) {
        self.file = file;
        if self.waiting.len() >= HELD {
            self.forgotten += self.waiting.len() as u64;
            self.waiting.clear();
        }
        for line in batch.within(bytes) {
            self.waiting.push(line.leaf);
            self.entries += u64::from(line.asked_for);
        }
        self.turned |= turns > 0;
    }

    /// Whether a checkpoint is due.
    pub(super) fn are_due(&self) -> bool {
        self.turned || self.entries >= self.every || !self.requests.is_empty()
    }
}
