//! The commit queue: appending entries, waiting for their durability, and closing the trail.
//!
//! The queue knows threads and no files. Order of every append: link under the lock, write outside of it, apply the
//! result under the lock, acknowledge.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::{
    codec::timestamp::Timestamp,
    error::{Error, print_to_stderr},
    format::{
        draft::{Draft, Origin},
        prepared_entry::{EntryDefaults, PreparedEntry},
        receipt::{Receipt, TrailId},
    },
    storage::process::Process,
    write::{
        clock::Clock,
        commit::{
            awaited_entry::{AwaitedEntry, WaitFor},
            commit_result::{Commit, CommitResult},
            lifecycle::Lifecycle,
            linker::Linker,
            state::State,
            wait_group::{WaitGroup, WakeReason},
        },
        health::Health,
        reentrancy::ReentrancyGuard,
        settings::{Durability, Hook},
        trail_writer::TrailWriter,
    },
};

/// The flusher is woken early for this many bytes of lines that no caller waits for.
const EARLY_FLUSH_BYTES: usize = 256 * 1024;

/// One trail that several threads append to.
pub(crate) struct CommitQueue {
    pub(super) state: Mutex<State>,
    /// Notified after each commit, for threads that wait for more than an entry of their own.
    pub(super) committed: Condvar,
    /// Notified when the flusher thread has work.
    pub(super) flusher: Condvar,
    /// Notified when a checkpoint is due or the log is closed.
    pub(super) checkpointer: Condvar,
    pub(super) directory: PathBuf,
    pub(super) durability: Durability,
    defaults: EntryDefaults,
    pub(super) clock: Clock,
    pub(super) trail_id: TrailId,
    /// The sequence number of this run's first entry.
    first_seq: u64,
    /// Number of threads and futures that wait.
    pub(super) waiting: AtomicU64,
    /// Process that opened the log. Its fork must not take the lock: a thread that is not in the fork may hold the
    /// lock.
    process: Process,
    /// Receives errors that no caller receives.
    hook: Option<Hook>,
}

impl CommitQueue {
    /// Takes over a trail whose next entry is `linker`'s; `first_seq` is the first entry of this run.
    pub(crate) fn new(
        linker: Linker,
        writer: TrailWriter,
        first_seq: u64,
        durability: Durability,
        hook: Option<Hook>,
    ) -> Self {
        Self {
            directory: linker.directory.clone(),
            defaults: linker.defaults.clone(),
            clock: linker.clock.clone(),
            trail_id: linker.trail_id,
            durability,
            hook,
            first_seq,
            waiting: AtomicU64::new(0),
            process: Process::this(),
            committed: Condvar::new(),
            flusher: Condvar::new(),
            checkpointer: Condvar::new(),
            state: Mutex::new(State::new(linker, writer)),
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn defaults(&self) -> &EntryDefaults {
        &self.defaults
    }

    pub(crate) fn trail_id(&self) -> TrailId {
        self.trail_id
    }

    /// Returns the least durability that a caller of this log waits for. Critical entries are always synced.
    #[inline]
    pub(crate) fn need(&self, is_critical: bool) -> WaitFor {
        match self.durability {
            _ if is_critical => WaitFor::Synced,
            Durability::Synced => WaitFor::Synced,
            Durability::Written => WaitFor::Written,
            Durability::Buffered => WaitFor::Linked,
        }
    }

    /// Returns `true` if lines that could not be written stay queued.
    #[cfg(feature = "kling")]
    pub(crate) fn keeps_lines(&self) -> bool {
        self.durability == Durability::Buffered
    }

    /// Links an entry, and waits until it is as durable as `level` asks.
    #[inline]
    pub(crate) fn append(&self, mut entry: PreparedEntry, level: WaitFor) -> Result<Receipt, Error> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        self.wait_for_room(&mut state, &entry)?;
        let receipt = self.link(&mut state, &mut entry, now)?;
        if level == WaitFor::Linked {
            self.note_lines(&mut state);
            return Ok(receipt);
        }
        let awaited = state.awaited(receipt, level);
        self.wait(state, &awaited)?;
        Ok(receipt)
    }

    /// Puts every entry linked so far on the device.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let mut state = self.state.lock();
        state.lifecycle.require_open(&self.directory)?;
        self.flush_linked(&mut state)
    }

    /// Records `audit_stopped`, puts every entry on the device, signs the last checkpoint and releases the lock file. A
    /// second call does nothing. `not_recorded` returns the number of events that the log lost.
    pub(crate) fn close(&self, not_recorded: impl FnOnce() -> u64) -> Result<(), Error> {
        let mut state = self.state.lock();
        if matches!(state.lifecycle, Lifecycle::Closing | Lifecycle::Closed) {
            return Ok(());
        }
        self.finish_checkpoint(&mut state);
        let stopped = self.stop(&mut state, not_recorded);
        let closed = stopped.and_then(|()| self.last_checkpoint(&mut state));
        if !matches!(state.lifecycle, Lifecycle::Poisoned(_)) {
            state.lifecycle = Lifecycle::Closing;
        }
        while state.writer.is_none() {
            self.committed.wait(&mut state);
        }
        state.lifecycle = Lifecycle::Closed;
        state.writer = None;
        state.count_abandoned(&self.directory);
        state.group.take().end(WakeReason::Over);
        self.committed.notify_all();
        self.flusher.notify_all();
        self.checkpointer.notify_all();
        self.send_notifications(&mut state);
        closed
    }

    fn stop(
        &self,
        state: &mut MutexGuard<'_, State>,
        not_recorded: impl FnOnce() -> u64,
    ) -> Result<(), Error> {
        state.lifecycle.require_open(&self.directory)?;
        // Own entries of the log come before `audit_stopped`, also the entries that this flush causes. An error is
        // dropped: the commits below meet it again.
        drop(self.announce(state).and_then(|()| self.flush_linked(state)));
        drop(self.announce(state));
        let entries = state.linker.chain.next - self.first_seq + 1;
        let stopped = Draft::from_origin("audit_stopped", Origin::Log)
            .detail("entries", entries)
            .detail("not_recorded", not_recorded());
        let awaited = self.link_own(state, stopped, WaitFor::Synced)?;
        state.lifecycle = Lifecycle::Closing;
        self.count_waiting(|| self.wait_for(state, &awaited))?;
        // That commit may have found an incident with the files and queued an entry about it.
        self.flush_linked(state)?;
        // Another writer may have appended entries before `audit_stopped`.
        if let Lifecycle::Poisoned(cause) = &state.lifecycle {
            return Err(Error::Poisoned { path: self.directory.clone(), cause: cause.clone() });
        }
        match &mut state.writer {
            Some(writer) => writer.write_head().and_then(|()| writer.sync_head()),
            None => Ok(()),
        }
    }

    /// Returns the time by the log's clock.
    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.state.lock().linker.clock.now().to_utc()
    }

    /// Returns the sequence number of the next entry.
    pub(crate) fn next_seq(&self) -> u64 {
        self.state.lock().linker.chain.next
    }

    /// Returns the number of bytes handed to the OS since the log was opened.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// Returns the number of threads and futures that wait now.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns `true` in a fork of the process that opened the log.
    pub(super) fn is_fork(&self) -> bool {
        !self.process.is_this()
    }

    pub(crate) fn health(&self) -> Health {
        let state = self.state.lock();
        match &state.lifecycle {
            Lifecycle::Poisoned(cause) => Health::Poisoned { cause: cause.clone() },
            Lifecycle::Closed | Lifecycle::Closing => Health::Closed,
            Lifecycle::Open => match state.failures.degradation() {
                Some(degradation) => Health::Degraded {
                    since: degradation.from.to_utc(),
                    lost: degradation.lost,
                    cause: degradation.cause.clone(),
                },
                None => Health::Recording,
            },
        }
    }

    /// Waits until a buffered log has room for `entry`. Without this wait, lines that no caller waits for grow without
    /// bound.
    #[inline]
    fn wait_for_room(&self, state: &mut MutexGuard<'_, State>, entry: &PreparedEntry) -> Result<(), Error> {
        if self.durability != Durability::Buffered {
            return Ok(());
        }
        while !state.has_room(entry) {
            state.lifecycle.require_open(&self.directory)?;
            if state.writer.is_none() {
                self.count_waiting(|| self.committed.wait(state));
            } else if let Some(error) = self.commit(state) {
                self.count_refused(state, &error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Links a caller's entry. `now` is the time just before the lock was taken.
    #[inline]
    pub(super) fn link(
        &self,
        state: &mut MutexGuard<'_, State>,
        entry: &mut PreparedEntry,
        now: Timestamp,
    ) -> Result<Receipt, Error> {
        state.lifecycle.require_open(&self.directory)?;
        self.link_queued(state)
            .and_then(|()| state.linker.link(entry, now))
            .inspect_err(|error| self.not_linked(state, error))
    }

    /// Links an entry of the log's own.
    pub(super) fn link_own(
        &self,
        state: &mut MutexGuard<'_, State>,
        draft: Draft,
        level: WaitFor,
    ) -> Result<AwaitedEntry, Error> {
        state.lifecycle.require_open(&self.directory)?;
        let receipt = self
            .link_queued(state)
            .and_then(|()| state.linker.link_own(draft))
            .inspect_err(|error| self.not_linked(state, error))?;
        Ok(state.awaited(receipt, level))
    }

    #[cold]
    fn not_linked(&self, state: &mut MutexGuard<'_, State>, error: &Error) {
        self.count_refused(state, error);
        // Entries of the log's own may have been linked before the one that failed.
        if !state.linker.batch.is_empty() {
            self.note_lines(state);
        }
    }

    /// Links the log's own queued entries before the next entry. A buffered log describes its degradation only when it
    /// writes again: linking an entry does not prove that.
    #[inline]
    fn link_queued(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        if self.durability == Durability::Buffered { state.link_own_entries() } else { self.announce(state) }
    }

    /// Links the queued entries of the log's own, and an `audit_degraded` if entries could not be recorded.
    pub(super) fn announce(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        state.link_own_entries()?;
        let Some(degradation) = state.failures.unannounced() else { return Ok(()) };
        let draft = Draft::from_origin("audit_degraded", Origin::Log)
            .detail("from", degradation.from.to_string())
            .detail("to", state.linker.clock.now().to_string())
            .detail("lost", degradation.lost)
            .detail("cause", &degradation.cause);
        let receipt = state.linker.link_own(draft)?;
        state.failures.announce(receipt.seq);
        Ok(())
    }

    /// Counts an entry that was refused because of the disk.
    pub(super) fn count_refused(&self, state: &mut MutexGuard<'_, State>, error: &Error) {
        if matches!(error, Error::Io { .. } | Error::Conflict { .. }) {
            state.degrade(error, 1);
        }
    }

    /// Waits until an entry that was linked just now has its result. A thread that finds no commit under way becomes
    /// the leader: it commits for all threads of the group. Before a sync it waits for threads that are about to join,
    /// and the last of them becomes the leader.
    pub(super) fn wait(&self, mut state: MutexGuard<'_, State>, awaited: &AwaitedEntry) -> Result<(), Error> {
        self.count_waiting(|| {
            state.group.arrive();
            if state.writer.is_some() && !state.group.expects_others(awaited.level) {
                return self.wait_for(&mut state, awaited);
            }
            let (group, place) = state.group.join();
            loop {
                // A thread takes the timer only while no commit is under way: a thread whose entry is being written is
                // about to be woken anyway.
                let delay = state.writer.is_some().then(|| state.group.take_timer(&group)).flatten();
                drop(state);
                let reason = group.wait(place, delay);
                if reason == WakeReason::Committed {
                    return Ok(());
                }
                state = self.state.lock();
                if delay.is_some() {
                    state.group.return_timer();
                }
                let leads = state.writer.is_some()
                    && (reason == WakeReason::TimedOut || !state.group.expects_others(awaited.level));
                if leads {
                    state.group.leave(&group);
                }
                if leads || reason == WakeReason::Over {
                    return self.wait_for(&mut state, awaited);
                }
            }
        })
    }

    /// Counts the calling thread as waiting during `wait`.
    fn count_waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let result = wait();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        result
    }

    /// Commits, or waits for the commits of other threads, until the result of `awaited` is known.
    fn wait_for(&self, state: &mut MutexGuard<'_, State>, awaited: &AwaitedEntry) -> Result<(), Error> {
        loop {
            if let Some(outcome) = state.outcome(awaited, &self.directory) {
                return outcome;
            }
            if state.writer.is_none() {
                self.committed.wait(state);
            } else if let Some(error) = self.commit(state)
                && self.durability == Durability::Buffered
                && state.outcome(awaited, &self.directory).is_none()
            {
                // In other logs the entry's epoch has failed by now. A buffered log keeps the line and retries it, so
                // its caller gets the error of this attempt.
                return Err(error);
            }
        }
    }

    fn flush_linked(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        let end = state.linker.chain.next;
        self.count_waiting(|| self.flush_up_to(state, end))
    }

    /// Puts the entries below `end` on the device, except entries that fail meanwhile.
    fn flush_up_to(&self, state: &mut MutexGuard<'_, State>, mut end: u64) -> Result<(), Error> {
        let epoch = Arc::clone(state.failures.epoch());
        loop {
            if let Some(failure) = epoch.failure() {
                end = end.min(failure.first_failed);
            }
            if state.progress.synced() >= end {
                return Ok(());
            }
            if let Some(error) = state.lifecycle.write_error(&self.directory) {
                return Err(error);
            }
            state.progress.request_sync(end);
            if state.writer.is_none() {
                self.committed.wait(state);
            } else if let Some(error) = self.commit(state) {
                return Err(error);
            }
        }
    }

    /// Schedules lines that no caller waits for, and notifies the flusher if it must write earlier than planned.
    #[inline]
    pub(super) fn note_lines(&self, state: &mut MutexGuard<'_, State>) {
        let notify = state.schedule.lines_wait()
            || state.linker.batch.weight() >= EARLY_FLUSH_BYTES && state.schedule.fill_buffer();
        if notify {
            self.flusher.notify_one();
        }
    }

    /// Writes all linked lines, and syncs them if a caller requested a sync, outside the lock. Returns the error of a
    /// failed commit.
    ///
    /// The caller has checked that no commit is under way.
    pub(super) fn commit(&self, state: &mut MutexGuard<'_, State>) -> Option<Error> {
        let mut writer = state.writer.take()?;
        let sync = state.progress.sync_is_due();
        let mut batch = state.linker.take_batch();
        state.in_flight_bytes = batch.weight();
        let end = state.linker.chain.next;
        let joined = state.group.len();
        let group = (joined > 0).then(|| state.group.take());
        state.schedule.begin_commit();

        let sync_started = sync.then(Instant::now);
        let result = MutexGuard::unlocked(state, || CommitResult::write(&mut writer, &mut batch, sync));
        if let Some(started) = sync_started {
            state.group.note_sync(started.elapsed(), joined + 1);
        }

        state.in_flight_bytes = 0;
        let commit = Commit { writer: &mut writer, batch: &mut batch, end };
        let failed = self.apply_result(state, commit, result);
        state.linker.keep_memory(batch);
        state.bytes = writer.bytes();
        state.writer = Some(writer);
        if failed.is_none() {
            state.schedule.end_pause();
        }
        // Before any caller is woken, so that a flush which returns has counted all entries that it covered.
        state.count_abandoned(&self.directory);
        self.wake_waiting(state, group, failed.is_some());
        if state.schedule.take_notification() {
            self.flusher.notify_one();
        }
        self.send_notifications(state);
        failed
    }

    /// Wakes the threads of a commit that is over, and elects a leader among the threads that appended meanwhile.
    fn wake_waiting(
        &self,
        state: &mut MutexGuard<'_, State>,
        committed: Option<Arc<WaitGroup>>,
        is_failed: bool,
    ) {
        self.committed.notify_all();
        let next = (state.group.len() > 0)
            .then(|| if is_failed { state.group.take() } else { state.group.current() });
        if committed.is_none() && next.is_none() {
            return;
        }
        MutexGuard::unlocked(state, || {
            if let Some(next) = next {
                // After a failure, the entries of these threads may have failed with the others.
                if is_failed { next.end(WakeReason::Over) } else { next.elect_leader() }
            }
            if let Some(committed) = committed {
                committed.end(if is_failed { WakeReason::Over } else { WakeReason::Committed });
            }
        });
    }

    /// Wakes futures and reports failures outside the lock, because hooks and wakers may call the log.
    fn send_notifications(&self, state: &mut MutexGuard<'_, State>) {
        if let Some(notifications) = state.waiters.take_notifications() {
            MutexGuard::unlocked(state, || notifications.send(|error| self.report(error)));
        }
    }

    /// Reports an error that no caller receives: to the hook, or to standard error.
    pub(super) fn report(&self, error: &Error) {
        // An event that the hook emits would be recorded by this log, which may be busy.
        let _guard = ReentrancyGuard::enter();
        // A panic of the hook must not end a thread of the log, nor leave the state without its writer.
        let is_reported = match &self.hook {
            Some(hook) => catch_unwind(AssertUnwindSafe(|| hook(error))).is_ok(),
            None => false,
        };
        if !is_reported {
            print_to_stderr(error);
        }
    }
}
