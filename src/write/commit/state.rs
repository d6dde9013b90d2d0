//! What threads share under the committer's lock.

use std::{
    path::Path,
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use crate::write::commit::{
    FULL, HELD, Linked, WaitFor,
    failure::{Epoch, Failure},
    linker::Linker,
    pending::{AbandonedEntry, UnreportedFailure},
    signing_queue::SigningQueue,
    wait_group::WaitGroup,
};
use crate::{
    codec::timestamp::Timestamp,
    error::Error,
    format::{draft::Draft, prepared_entry::PreparedEntry},
    write::trail_writer::TrailWriter,
};

/// Others are waited for no longer than this, however long a sync takes.
const PATIENCE: Duration = Duration::from_millis(10);

/// Everything under the lock.
pub(super) struct State {
    pub(super) linker: Linker,
    /// Out while somebody writes; a pointer, since it goes out and in under the lock.
    pub(super) writer: Option<Box<TrailWriter>>,
    /// The weight of the lines that are out with it: they come back if they can't be written.
    pub(super) out: usize,
    /// Entries below this number are handed to the system.
    pub(super) written: u64,
    /// Entries below this number are on the device.
    pub(super) synced: u64,
    /// Entries below this number are to be put on the device.
    pub(super) sync_to: u64,
    /// That of the entries which are linked now.
    pub(super) fate: Arc<Epoch>,
    /// What is written and not signed, where somebody signs.
    pub(super) leaves: Option<SigningQueue>,
    /// Those who wait for the entries that are linked now, and how many they are.
    pub(super) round: Arc<WaitGroup>,
    pub(super) joined: usize,
    /// Of those who were told of the last sync, how many have not come back.
    pub(super) awaited: usize,
    /// How long they are waited for.
    pub(super) patience: Duration,
    /// Somebody of the round sees to it that it isn't longer.
    pub(super) watched: bool,
    pub(super) wakers: Vec<Waker>,
    /// Entries whose future was dropped before it heard of them.
    pub(super) orphans: Vec<AbandonedEntry>,
    /// Those of them that failed, and of which nobody is told yet.
    pub(super) losses: Vec<UnreportedFailure>,
    /// Errors that no caller is there to be told.
    pub(super) untold: Vec<Error>,
    /// How often a buffered log could not write its lines, and how that failed the last time.
    pub(super) refusals: u64,
    pub(super) refusal: Option<Failure>,
    /// Recording has failed, and how often since.
    pub(super) degraded: Option<Degraded>,
    /// The same, with the entry that says so, which is not written yet.
    pub(super) announced: Vec<(u64, Degraded)>,
    /// What the log has to say about its files, until it is written.
    pub(super) remarks: Vec<OwnEntry>,
    pub(super) condition: Lifecycle,
    /// What is written is not all in the head.
    pub(super) head_due: bool,
    /// The head could not be written the last time.
    pub(super) head_failed: bool,
    /// Since when lines wait that nobody waits for.
    pub(super) lines_since: Option<Instant>,
    /// After a failure: not before.
    pub(super) not_before: Option<Instant>,
    /// The keeper has something to do, and sleeps until it is told that the time or the writer is there.
    pub(super) ring: bool,
    /// Somebody waits who can't write by himself.
    pub(super) urgent: bool,
    /// There is enough to write that nobody waits for.
    pub(super) filled: bool,
    /// The first entry of this run.
    pub(super) first: u64,
    /// Bytes handed to the system in this run.
    pub(super) bytes: u64,
}

/// Since when, how often and why entries could not be recorded.
#[derive(Clone, Debug)]
pub(super) struct Degraded {
    pub(super) from: Timestamp,
    pub(super) lost: u64,
    pub(super) cause: String,
}

/// An entry of the log's own that must not be lost, since without it the files look tampered with.
#[derive(Debug)]
pub(super) struct OwnEntry {
    pub(super) draft: Draft,
    /// Its number, as long as it stands in line.
    pub(super) linked: Option<u64>,
}

pub(super) enum Lifecycle {
    Open,
    /// What failed.
    Poisoned(String),
    Closing,
    Closed,
}

impl Lifecycle {
    /// Why nothing is written any more.
    pub(super) fn refusal(&self, directory: &Path) -> Option<Error> {
        let path = || directory.to_owned();
        match self {
            Self::Open | Self::Closing => None,
            Self::Poisoned(cause) => Some(Error::Poisoned { path: path(), cause: cause.clone() }),
            Self::Closed => Some(Error::Closed { path: path() }),
        }
    }
}

impl State {
    /// Whether one more line fits into the buffer; an empty one takes any.
    pub(super) fn has_room(&self, prefix: &PreparedEntry) -> bool {
        let (batch, more) = (&self.linker.batch, prefix.weight());
        let held = self.out + batch.weight();
        held == 0 || held + more <= HELD && (batch.is_empty() || batch.weight() + more <= FULL)
    }

    /// The round of those whose entries are not being written yet, and how many came before.
    pub(super) fn join(&mut self) -> (Arc<WaitGroup>, usize) {
        self.joined += 1;
        (Arc::clone(&self.round), self.joined - 1)
    }

    /// Whether others are about to come, whose entries had better be synced along with one that is to be.
    pub(super) fn awaits_others(&self, need: WaitFor) -> bool {
        need == WaitFor::Synced && self.awaited > 0 && !self.patience.is_zero()
    }

    /// A sync took `took`, and `told` threads are told of it. As long as they come back while one lasts, it is worth
    /// waiting for them.
    pub(super) fn note_sync(&mut self, took: Duration, told: usize) {
        self.patience = if self.awaited == 0 { took.min(PATIENCE) } else { self.patience / 2 };
        self.awaited = told;
    }

    /// Whether one who waits in `round` is to watch over it: nobody does, and it is still to be written.
    pub(super) fn watch(&mut self, round: &Arc<WaitGroup>) -> bool {
        Arc::ptr_eq(&self.round, round) && !std::mem::replace(&mut self.watched, true)
    }

    /// One of `round` writes for the others, if it is still to be written, and is not told by it.
    pub(super) fn leave(&mut self, round: &Arc<WaitGroup>) {
        if Arc::ptr_eq(&self.round, round) {
            self.joined -= 1;
        }
    }

    /// The round so far; who comes from now on waits for the next.
    pub(super) fn next_round(&mut self) -> Arc<WaitGroup> {
        self.joined = 0;
        self.watched = false;
        std::mem::take(&mut self.round)
    }

    /// Entries from `through` on are given up.
    pub(super) fn give_up(&mut self, through: u64, error: &Error) {
        std::mem::take(&mut self.fate).fulfil(through, error);
    }

    /// Recording failed, and `lost` entries with it.
    pub(super) fn degrade(&mut self, error: &Error, lost: u64) {
        let now = self.linker.clock.now();
        let degraded =
            self.degraded.get_or_insert_with(|| Degraded { from: now, lost: 0, cause: error.to_string() });
        degraded.lost += lost;
    }

    /// What stood in line from `through` on and is given up is to be said again.
    pub(super) fn unsay(&mut self, through: u64) {
        for remark in &mut self.remarks {
            remark.linked = remark.linked.filter(|seq| *seq < through);
        }
        while let Some((seq, mut earlier)) = self.announced.pop() {
            if seq < through {
                self.announced.push((seq, earlier));
                break;
            }
            earlier.lost += self.degraded.take().map_or(0, |degraded| degraded.lost);
            self.degraded = Some(earlier);
        }
    }

    /// What is written is said.
    pub(super) fn said(&mut self) {
        let written = self.written;
        self.remarks.retain(|remark| remark.linked.is_none_or(|seq| seq >= written));
        self.announced.retain(|(seq, _)| *seq >= written);
    }

    /// What became of an entry, if that is known by now.
    pub(super) fn outcome(&self, linked: &Linked, directory: &Path) -> Option<Result<(), Error>> {
        let seq = linked.receipt.seq;
        let failure = linked.fate.failure();
        if let Some(failure) = failure
            && (seq >= failure.through
                || failure.is_poison() && linked.need == WaitFor::Synced && self.synced <= seq)
        {
            return Some(Err(failure.error()));
        }
        let through = match linked.need {
            WaitFor::Linked => true,
            // If others of its time failed, it was written before.
            WaitFor::Written => failure.is_some() || seq < self.written,
            WaitFor::Synced => seq < self.synced,
        };
        if through { Some(Ok(())) } else { self.condition.refusal(directory).map(Err) }
    }
}
