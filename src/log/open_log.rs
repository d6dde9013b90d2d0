//! The open trail behind all clones of an `AuditLog`: commit queue, threads, counters, and their orderly end.
//!
//! Every way to record an entry passes through this file. A forked child is refused before any lock is taken, and
//! the outcome of each entry is counted.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use parking_lot::{Mutex, MutexGuard};

use crate::{
    checkpoint::{policy::Checkpoints, statement::SignedCheckpoint},
    error::{DraftError, Error, Operation, print_to_stderr},
    format::{
        draft::{Draft, Origin},
        prepared_entry::{EntryDefaults, PreparedEntry},
        receipt::{Receipt, TrailId},
    },
    log::counters::{Counters, OutcomeCounter},
    storage::process::Process,
    write::{
        commit::{
            abandoned::OutcomeObserver as _, awaited_entry::WaitFor, checkpointer::Checkpointer,
            flusher::Flusher, pending::PendingEntry, queue::CommitQueue,
        },
        health::Health,
        settings::Settings,
    },
};

/// An open trail. Dropping it closes the trail in order.
pub(crate) struct OpenLog {
    queue: Arc<CommitQueue>,
    /// `None` after the log was closed.
    flusher: Mutex<Option<Flusher>>,
    /// `None` if the log signs no checkpoints, and after it was closed.
    checkpointer: Mutex<Option<Checkpointer>>,
    /// Held by `erase` and `prune`. Each of them reads files that the other one changes.
    maintenance: Mutex<()>,
    outcomes: Arc<OutcomeCounter>,
    /// The process that opened the log. A fork of it has none of its threads and must not write.
    process: Process,
    has_layer: AtomicBool,
}

/// Conditions of one append that are not in the entry's bytes.
#[derive(Clone, Copy)]
struct Append {
    wait: WaitFor,
    /// `true` for an entry that describes the log itself (`audit_*`). Such an entry is not counted as recorded.
    is_own: bool,
}

impl OpenLog {
    /// Opens the trail with `open` and starts the log's threads.
    pub(super) fn start(
        settings: Settings,
        checkpoints: Option<Checkpoints>,
        open: impl FnOnce(Settings) -> Result<CommitQueue, Error>,
    ) -> Result<Self, Error> {
        let outcomes = Arc::new(OutcomeCounter::new(&settings));
        let permissions = settings.access;
        let queue = Arc::new(open(settings)?);
        let flusher = Flusher::start(&queue)?;
        let log = Self {
            queue,
            flusher: Mutex::new(Some(flusher)),
            checkpointer: Mutex::new(None),
            maintenance: Mutex::new(()),
            outcomes,
            process: Process::this(),
            has_layer: AtomicBool::new(false),
        };
        if let Some(checkpoints) = checkpoints {
            // If this fails, the drop of `log` closes the trail and ends the flusher thread.
            let checkpointer = Checkpointer::start(&log.queue, checkpoints, permissions)?;
            *log.checkpointer.lock() = Some(checkpointer);
        }
        Ok(log)
    }

    /// Records a draft and waits until it is as durable as the log, the draft and `min_wait` ask for.
    #[inline]
    pub(super) fn append(&self, draft: Draft, min_wait: WaitFor) -> Result<Receipt, Error> {
        let append = self.conditions(&draft, min_wait);
        self.append_rendered(append, |defaults| PreparedEntry::render(draft, defaults))
    }

    /// Does the same as [`append`](Self::append) without blocking the thread.
    pub(super) fn append_async(&self, draft: Draft, min_wait: WaitFor) -> PendingEntry {
        let append = self.conditions(&draft, min_wait);
        self.append_rendered_async(append, |defaults| PreparedEntry::render(draft, defaults))
    }

    /// Records the event that `render` prepares.
    #[inline]
    pub(super) fn append_event(
        &self,
        min_wait: WaitFor,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> Result<Receipt, Error> {
        self.append_rendered(self.event_conditions(min_wait), render)
    }

    /// Does the same as [`append_event`](Self::append_event) without blocking the thread.
    pub(super) fn append_event_async(
        &self,
        min_wait: WaitFor,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> PendingEntry {
        self.append_rendered_async(self.event_conditions(min_wait), render)
    }

    #[inline]
    fn conditions(&self, draft: &Draft, min_wait: WaitFor) -> Append {
        Append { wait: self.queue.need(draft.critical).max(min_wait), is_own: draft.origin == Origin::Log }
    }

    #[inline]
    fn event_conditions(&self, min_wait: WaitFor) -> Append {
        Append { wait: self.queue.need(false).max(min_wait), is_own: false }
    }

    #[inline]
    fn append_rendered(
        &self,
        append: Append,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> Result<Receipt, Error> {
        let recorded = self.render(render).and_then(|entry| self.queue.append(entry, append.wait));
        self.outcomes.settle(&recorded, append.is_own);
        recorded
    }

    fn append_rendered_async(
        &self,
        append: Append,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> PendingEntry {
        let outcomes = Arc::clone(&self.outcomes);
        let entry = self.render(render);
        PendingEntry::new(&self.queue, entry, append.wait, outcomes, append.is_own)
    }

    /// Prepares an entry on the calling thread, before any lock of the log is taken.
    #[inline]
    fn render(
        &self,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> Result<PreparedEntry, Error> {
        self.refuse_in_fork()?;
        render(self.queue.defaults())
            .map_err(|source| Error::Draft { path: self.directory().to_owned(), source })
    }

    /// Records drafts and returns the time that this took after all of them were rendered. For benches.
    pub(super) fn time_of_linking(&self, drafts: Vec<Draft>) -> Result<Duration, Error> {
        let entries: Vec<_> = drafts
            .into_iter()
            .map(|draft| self.render(|defaults| PreparedEntry::render(draft, defaults)))
            .collect::<Result<_, _>>()?;
        let started = Instant::now();
        for entry in entries {
            self.queue.append(entry, WaitFor::Linked)?;
        }
        Ok(started.elapsed())
    }

    pub(super) fn flush(&self) -> Result<(), Error> {
        self.refuse_in_fork()?;
        self.queue.flush()
    }

    pub(super) fn checkpoint(&self) -> Result<SignedCheckpoint, Error> {
        self.refuse_in_fork()?;
        self.queue.checkpoint().unwrap_or_else(|| {
            Err(Error::Conflict {
                action: Operation::SignCheckpoint,
                path: self.directory().to_owned(),
                reason: "the log is closed, or was opened without `AuditLogBuilder::checkpoints`".to_owned(),
            })
        })
    }

    /// Closes the trail and waits for the end of the log's threads.
    pub(super) fn close(&self) -> Result<(), Error> {
        self.refuse_in_fork()?;
        let closed = self.queue.close(|| self.outcomes.not_recorded());
        if let Some(flusher) = self.flusher.lock().take() {
            flusher.join();
        }
        if let Some(checkpointer) = self.checkpointer.lock().take() {
            checkpointer.join();
        }
        closed
    }

    pub(super) fn counters(&self) -> Counters {
        let outcomes = self.outcomes.outcomes();
        if self.is_fork() {
            return outcomes;
        }
        Counters { waiting: self.queue.waiting(), bytes: self.queue.bytes(), ..outcomes }
    }

    pub(super) fn count_not_recorded(&self) {
        self.outcomes.count_not_recorded();
    }

    pub(super) fn health(&self) -> Health {
        if self.is_fork() { Health::Closed } else { self.queue.health() }
    }

    pub(super) fn trail_id(&self) -> TrailId {
        self.queue.trail_id()
    }

    #[inline]
    pub(super) fn directory(&self) -> &Path {
        self.queue.directory()
    }

    /// Returns the values that the builder set for all entries.
    #[inline]
    pub(super) fn defaults(&self) -> &EntryDefaults {
        self.queue.defaults()
    }

    #[cfg(feature = "kling")]
    pub(super) fn keeps_lines(&self) -> bool {
        self.queue.keeps_lines()
    }

    /// Keeps other erasures and prunes out until the guard is dropped.
    pub(super) fn lock_for_maintenance(&self) -> MutexGuard<'_, ()> {
        self.maintenance.lock()
    }

    /// Returns `true` if the log signs checkpoints and is open.
    pub(super) fn signs_checkpoints(&self) -> bool {
        self.checkpointer.lock().is_some()
    }

    /// Returns the time by the log's clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.queue.now()
    }

    /// Returns the sequence number that the next entry will have.
    pub(super) fn next_seq(&self) -> u64 {
        self.queue.next_seq()
    }

    /// Marks the log as one that a layer records in.
    pub(super) fn set_has_layer(&self) {
        self.has_layer.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if a layer was ever made for this log.
    #[inline]
    pub(super) fn has_layer(&self) -> bool {
        self.has_layer.load(Ordering::Relaxed)
    }

    #[inline]
    fn is_fork(&self) -> bool {
        !self.process.is_this()
    }

    /// Returns an error in a forked child.
    ///
    /// Callers call it before they take a lock of the log. At the fork, a lock may have been held by a thread that
    /// the child does not have, and the child would wait for it forever.
    #[inline]
    fn refuse_in_fork(&self) -> Result<(), Error> {
        if self.is_fork() {
            return Err(Error::Forked { path: self.directory().to_owned() });
        }
        Ok(())
    }
}

impl Drop for OpenLog {
    fn drop(&mut self) {
        if self.is_fork() {
            // The threads belong to the parent process. Dropping their handles here would detach threads that the
            // child does not have.
            std::mem::forget(self.flusher.get_mut().take());
            std::mem::forget(self.checkpointer.get_mut().take());
        } else if let Err(error) = self.close() {
            print_to_stderr(&error);
        }
    }
}
