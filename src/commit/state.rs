//! What threads share under the committer's lock.

use std::{collections::VecDeque, task::Waker, time::Instant};

use super::{failure::Failure, linker::Linker};
use crate::{error::Error, timestamp::Timestamp, writer::Writer};

/// Everything under the lock.
pub(super) struct State {
    pub(super) linker: Linker,
    /// Out while somebody writes.
    pub(super) writer: Option<Writer>,
    /// Entries below this number are handed to the system.
    pub(super) written: u64,
    /// Entries below this number are on the device.
    pub(super) synced: u64,
    /// Entries below this number are to be put on the device.
    pub(super) sync_to: u64,
    /// Counts the times that linked lines were given up.
    pub(super) epoch: u64,
    /// How epochs ended whose entries somebody may still wait for.
    pub(super) failures: VecDeque<Failure>,
    /// Threads that wait.
    pub(super) waiting: u64,
    /// Futures that wait.
    pub(super) recordings: u64,
    pub(super) wakers: Vec<Waker>,
    /// Recording has failed, and how often since.
    pub(super) degraded: Option<Degraded>,
    pub(super) condition: Condition,
    /// What is written is not all in the head.
    pub(super) head_due: bool,
    /// Since when lines wait that nobody waits for.
    pub(super) lines_since: Option<Instant>,
    /// After a failure: not before.
    pub(super) not_before: Option<Instant>,
    /// The keeper has something to do, and sleeps until it is told that the time or the writer is there.
    pub(super) ring: bool,
    /// Somebody waits who can't write by himself.
    pub(super) urgent: bool,
    /// The first entry of this run.
    pub(super) first: u64,
}

/// Since when, how often and why entries could not be recorded.
#[derive(Clone, Debug)]
pub(super) struct Degraded {
    pub(super) from: Timestamp,
    pub(super) lost: u64,
    pub(super) cause: String,
    /// The entry that says so, once it is linked.
    pub(super) linked: Option<u64>,
}

pub(super) enum Condition {
    Open,
    /// What failed.
    Poisoned(String),
    Closing,
    Closed,
}

impl State {
    /// Wakes every future: each looks for itself whether it is done.
    pub(super) fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    /// The end of an epoch: entries from `through` on are given up.
    pub(super) fn give_up(&mut self, through: u64, error: &Error) {
        if self.waiting == 0 && self.recordings == 0 {
            self.failures.clear();
        }
        self.failures.push_back(Failure::new(self.epoch, through, error));
        self.epoch += 1;
    }

    /// Whether an entry linked in `epoch` is through, at least so far.
    pub(super) fn outcome(&self, seq: u64, epoch: u64, need: super::Need) -> Option<Result<(), Error>> {
        if let Some(failure) = self.failures.iter().find(|failure| failure.epoch == epoch)
            && (seq >= failure.through
                || failure.is_poison() && need == super::Need::Synced && self.synced <= seq)
        {
            return Some(Err(failure.error()));
        }
        let through = match need {
            super::Need::Linked => return Some(Ok(())),
            super::Need::Written => self.written,
            super::Need::Synced => self.synced,
        };
        // In another epoch than its own it was written before that one ended.
        (seq < through || self.epoch != epoch && need == super::Need::Written).then_some(Ok(()))
    }
}
