//! Group commit: one waiting thread writes, and syncs, for all that wait.
//!
//! It knows threads and no files. Entries are linked under a lock, written outside of it, and acknowledged when they
//! are through; who is told that his entry failed finds it nowhere in the trail.

pub(crate) mod apply;
pub(crate) mod checkpointer;
pub(crate) mod failure;
pub(crate) mod flusher;
pub(crate) mod linker;
pub(crate) mod pending;
pub(crate) mod signing_queue;
pub(crate) mod state;
#[cfg(test)]
mod tests;
pub(crate) mod wait_group;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex, MutexGuard};

pub(crate) use crate::write::commit::linker::Linker;
pub(crate) use crate::write::commit::pending::OutcomeObserver;
use crate::write::commit::{
    apply::Work,
    failure::Epoch,
    pending::UnreportedFailure,
    state::{Lifecycle, OwnEntry, State},
    wait_group::{WaitGroup, WakeReason},
};
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
        clock::Clock, health::Health, reentrancy::ReentrancyGuard, settings::Durability,
        trail_writer::TrailWriter,
    },
};

/// Lines that nobody waits for are written when there are this many bytes of them.
const BUFFER: usize = 256 * 1024;

/// With this many bytes the buffer is full, and who has more waits.
const FULL: usize = 4 * BUFFER;

/// The most that is held with what is being written: while one buffer is, the next is filled.
const HELD: usize = 2 * FULL;

/// How often the lock is tried before a thread sleeps.
const TRIES: u32 = 100;

/// What a caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WaitFor {
    Linked,
    Written,
    Synced,
}

/// One trail, shared by threads.
pub(crate) struct CommitQueue {
    state: Mutex<State>,
    /// Somebody finished writing; for those who wait for more than their entry.
    done: Condvar,
    /// The keeper has something to do.
    keeper: Condvar,
    /// A checkpoint is due, or the log is closed.
    notary: Condvar,
    directory: PathBuf,
    durability: Durability,
    rules: EntryDefaults,
    clock: Clock,
    trail_id: TrailId,
    /// Threads and futures that wait.
    waiting: AtomicU64,
    /// The process that opened the log: a fork of it must take no lock, which a thread may hold that is not there.
    process: Process,
    /// Told of failures that no caller is there to be told.
    hook: Option<crate::write::settings::Hook>,
}

/// A linked entry whose fate is open.
#[derive(Clone, Debug)]
struct Linked {
    receipt: Receipt,
    /// Shared with all that were linked onto the same lines.
    fate: Arc<Epoch>,
    need: WaitFor,
}

impl CommitQueue {
    pub(crate) fn new(
        linker: Linker,
        writer: TrailWriter,
        first: u64,
        durability: Durability,
        hook: Option<crate::write::settings::Hook>,
    ) -> Self {
        let through = linker.chain.next;
        Self {
            directory: linker.directory.clone(),
            rules: linker.rules.clone(),
            clock: linker.clock.clone(),
            trail_id: linker.trail_id,
            durability,
            hook,
            waiting: AtomicU64::new(0),
            process: Process::this(),
            done: Condvar::new(),
            keeper: Condvar::new(),
            notary: Condvar::new(),
            state: Mutex::new(State {
                linker,
                bytes: writer.bytes(),
                writer: Some(Box::new(writer)),
                out: 0,
                written: through,
                synced: through,
                sync_to: 0,
                fate: Arc::default(),
                leaves: None,
                round: Arc::default(),
                joined: 0,
                awaited: 0,
                patience: Duration::ZERO,
                watched: false,
                wakers: Vec::new(),
                orphans: Vec::new(),
                losses: Vec::new(),
                untold: Vec::new(),
                degraded: None,
                refusals: 0,
                refusal: None,
                announced: Vec::new(),
                remarks: Vec::new(),
                condition: Lifecycle::Open,
                head_due: false,
                head_failed: false,
                lines_since: None,
                not_before: None,
                ring: false,
                urgent: false,
                filled: false,
                first,
            }),
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn rules(&self) -> &EntryDefaults {
        &self.rules
    }

    pub(crate) fn trail_id(&self) -> TrailId {
        self.trail_id
    }

    /// What an entry needs in this log, at least.
    pub(crate) fn need(&self, critical: bool) -> WaitFor {
        match self.durability {
            _ if critical => WaitFor::Synced,
            Durability::Synced => WaitFor::Synced,
            Durability::Written => WaitFor::Written,
            Durability::Buffered => WaitFor::Linked,
        }
    }

    /// Whether lines that could not be written stay in line.
    #[cfg(feature = "kling")]
    pub(crate) fn keeps_lines(&self) -> bool {
        self.durability == Durability::Buffered
    }

    /// Links an entry, and waits until it is as durable as it needs to be.
    pub(crate) fn append(&self, mut prefix: PreparedEntry, need: WaitFor) -> Result<Receipt, Error> {
        let now = self.clock.now();
        let mut state = self.lock();
        self.make_room(&mut state, &prefix)?;
        if need == WaitFor::Linked {
            let receipt = self.link_only(&mut state, &mut prefix, now)?;
            self.note_lines(&mut state);
            return Ok(receipt);
        }
        let linked = self.link(&mut state, prefix, need, now)?;
        self.wait(state, &linked)?;
        Ok(linked.receipt)
    }

    /// Takes the lock. It is held for a moment, less than it takes to put a thread to sleep and wake it: so it is tried for
    /// some time before.
    #[inline]
    fn lock(&self) -> MutexGuard<'_, State> {
        for _ in 0..TRIES {
            if let Some(state) = self.state.try_lock() {
                return state;
            }
            std::hint::spin_loop();
        }
        self.state.lock()
    }

    /// Puts everything linked so far on the device.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let mut state = self.state.lock();
        refuse_unless_open(&state, &self.directory)?;
        self.flush_linked(&mut state)
    }

    /// Records `audit_stopped`, puts everything on the device, and lets the trail go. Closing twice is closing once.
    pub(crate) fn close(&self, not_recorded: impl FnOnce() -> u64) -> Result<(), Error> {
        let mut state = self.state.lock();
        if matches!(state.condition, Lifecycle::Closing | Lifecycle::Closed) {
            return Ok(());
        }
        self.finish_checkpoint(&mut state);
        let stopped = self.stop(&mut state, not_recorded);
        let closed = stopped.and_then(|()| self.last_checkpoint(&mut state));
        if !matches!(state.condition, Lifecycle::Poisoned(_)) {
            state.condition = Lifecycle::Closing;
        }
        while state.writer.is_none() {
            self.done.wait(&mut state);
        }
        state.condition = Lifecycle::Closed;
        state.writer = None;
        state.count_orphans(&self.directory);
        state.next_round().end(WakeReason::Over);
        self.done.notify_all();
        self.keeper.notify_all();
        self.notary.notify_all();
        self.tell_others(&mut state);
        closed
    }

    fn stop(
        &self,
        state: &mut MutexGuard<'_, State>,
        not_recorded: impl FnOnce() -> u64,
    ) -> Result<(), Error> {
        refuse_unless_open(state, &self.directory)?;
        // What there is to say comes before the end, and so does what this finds out. An error shows itself again.
        drop(self.announce(state).and_then(|()| self.flush_linked(state)));
        drop(self.announce(state));
        let entries = state.linker.chain.next - state.first + 1;
        let stopped = Draft::from_origin("audit_stopped", Origin::Log)
            .detail("entries", entries)
            .detail("not_recorded", not_recorded());
        let linked = self.link_own(state, stopped, WaitFor::Synced)?;
        state.condition = Lifecycle::Closing;
        self.waits(|| self.wait_for(state, &linked))?;
        // But for what happened to the files just now.
        self.flush_linked(state)?;
        // That entry stands, and so may what others wrote among them.
        if let Lifecycle::Poisoned(cause) = &state.condition {
            return Err(Error::Poisoned { path: self.directory.clone(), cause: cause.clone() });
        }
        match &mut state.writer {
            Some(writer) => writer.write_head().and_then(|()| writer.sync_head()),
            None => Ok(()),
        }
    }

    /// The time by the log's clock.
    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.state.lock().linker.clock.now().to_utc()
    }

    /// The number that the next entry will have.
    pub(crate) fn next_seq(&self) -> u64 {
        self.state.lock().linker.chain.next
    }

    /// Bytes handed to the system since the log was opened.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// Threads and futures that wait for the disk now.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether this is a fork of the process that opened the log.
    fn is_fork(&self) -> bool {
        !self.process.is_this()
    }

    pub(crate) fn health(&self) -> Health {
        let state = self.state.lock();
        match &state.condition {
            Lifecycle::Poisoned(cause) => Health::Poisoned { cause: cause.clone() },
            Lifecycle::Closed | Lifecycle::Closing => Health::Closed,
            Lifecycle::Open => {
                match state.announced.first().map(|(_, degraded)| degraded).or(state.degraded.as_ref()) {
                    Some(degraded) => Health::Degraded {
                        since: degraded.from.to_utc(),
                        lost: degraded.lost,
                        cause: degraded.cause.clone(),
                    },
                    None => Health::Recording,
                }
            }
        }
    }

    /// Sees to it that lines which nobody waits for do not gather without bound.
    fn make_room(&self, state: &mut MutexGuard<'_, State>, prefix: &PreparedEntry) -> Result<(), Error> {
        if self.durability != Durability::Buffered {
            return Ok(());
        }
        while !state.has_room(prefix) {
            refuse_unless_open(state, &self.directory)?;
            if state.writer.is_none() {
                self.pause(state);
            } else if let Some(error) = self.commit(state) {
                self.lose(state, &error);
                return Err(error);
            }
        }
        Ok(())
    }

    fn link(
        &self,
        state: &mut MutexGuard<'_, State>,
        mut prefix: PreparedEntry,
        need: WaitFor,
        now: Timestamp,
    ) -> Result<Linked, Error> {
        let receipt = self.link_only(state, &mut prefix, now)?;
        Ok(linked(state, receipt, need))
    }

    /// Links an entry, and forgets about its fate.
    #[inline]
    fn link_only(
        &self,
        state: &mut MutexGuard<'_, State>,
        prefix: &mut PreparedEntry,
        now: Timestamp,
    ) -> Result<Receipt, Error> {
        refuse_unless_open(state, &self.directory)?;
        self.try_again(state)
            .and_then(|()| state.linker.link(prefix, now))
            .inspect_err(|error| self.not_linked(state, error))
    }

    fn link_own(
        &self,
        state: &mut MutexGuard<'_, State>,
        draft: Draft,
        need: WaitFor,
    ) -> Result<Linked, Error> {
        refuse_unless_open(state, &self.directory)?;
        let receipt = self
            .try_again(state)
            .and_then(|()| state.linker.link_own(draft))
            .inspect_err(|error| self.not_linked(state, error))?;
        Ok(linked(state, receipt, need))
    }

    #[cold]
    fn not_linked(&self, state: &mut MutexGuard<'_, State>, error: &Error) {
        self.lose(state, error);
        // What was to be said before it may stand in line.
        if !state.linker.batch.is_empty() {
            self.note_lines(state);
        }
    }

    /// Recording is tried again: what did not work is said first. A buffered log knows better when it works again.
    fn try_again(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        if self.durability == Durability::Buffered { say_remarks(state) } else { self.announce(state) }
    }

    /// Links what the log has to say about itself.
    fn announce(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        say_remarks(state)?;
        let Some(degraded) = state.degraded.clone() else { return Ok(()) };
        let to = state.linker.clock.now();
        let draft = Draft::from_origin("audit_degraded", Origin::Log)
            .detail("from", degraded.from.to_string())
            .detail("to", to.to_string())
            .detail("lost", degraded.lost)
            .detail("cause", &degraded.cause);
        let receipt = state.linker.link_own(draft)?;
        state.degraded = None;
        state.announced.push((receipt.seq, degraded));
        Ok(())
    }

    /// Counts an entry that was refused because of the disk.
    fn lose(&self, state: &mut MutexGuard<'_, State>, error: &Error) {
        if matches!(error, Error::Io { .. } | Error::Conflict { .. }) {
            state.degrade(error, 1);
        }
    }

    /// Waits until an entry that was linked just now is through; whoever finds nobody writing writes for all. Before a
    /// sync, those are let come who are about to, and the last of them writes.
    fn wait(&self, mut state: MutexGuard<'_, State>, linked: &Linked) -> Result<(), Error> {
        self.waits(|| {
            state.awaited = state.awaited.saturating_sub(1);
            if state.writer.is_some() && !state.awaits_others(linked.need) {
                return self.wait_for(&mut state, linked);
            }
            let (round, place) = state.join();
            loop {
                // One of them sees to it that those who don't come are not waited for; none whose entry was written, and
                // who is about to be told so.
                let watches = state.writer.is_some() && state.watch(&round);
                let patience = watches.then_some(state.patience);
                drop(state);
                let news = round.wait(place, patience);
                if news == WakeReason::Through {
                    return Ok(());
                }
                state = self.state.lock();
                state.watched &= !watches;
                let writes =
                    state.writer.is_some() && (news == WakeReason::Late || !state.awaits_others(linked.need));
                if writes {
                    state.leave(&round);
                }
                if writes || news == WakeReason::Over {
                    return self.wait_for(&mut state, linked);
                }
            }
        })
    }

    /// Counts a caller who waits.
    fn waits<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let outcome = wait();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        outcome
    }

    fn wait_for(&self, state: &mut MutexGuard<'_, State>, linked: &Linked) -> Result<(), Error> {
        loop {
            if let Some(outcome) = state.outcome(linked, &self.directory) {
                return outcome;
            }
            if state.writer.is_none() {
                self.done.wait(state);
            } else if let Some(error) = self.commit(state)
                && self.durability == Durability::Buffered
                && state.outcome(linked, &self.directory).is_none()
            {
                // What failed is found by the entry's fate; but a buffered log keeps its lines.
                return Err(error);
            }
        }
    }

    fn flush_linked(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        let end = state.linker.chain.next;
        self.waits(|| self.flush_up_to(state, end))
    }

    /// Puts the entries below the number `end` on the device, as far as they are not given up meanwhile.
    fn flush_up_to(&self, state: &mut MutexGuard<'_, State>, mut end: u64) -> Result<(), Error> {
        let fate = Arc::clone(&state.fate);
        loop {
            if let Some(failure) = fate.failure() {
                end = end.min(failure.through);
            }
            if state.synced >= end {
                return Ok(());
            }
            if let Some(error) = state.condition.refusal(&self.directory) {
                return Err(error);
            }
            state.sync_to = state.sync_to.max(end);
            if state.writer.is_none() {
                self.done.wait(state);
            } else if let Some(error) = self.commit(state) {
                return Err(error);
            }
        }
    }

    fn pause(&self, state: &mut MutexGuard<'_, State>) {
        self.waits(|| self.done.wait(state));
    }

    /// Notes that lines wait which nobody waits for.
    fn note_lines(&self, state: &mut MutexGuard<'_, State>) {
        if state.lines_since.is_none() {
            state.lines_since = Some(Instant::now());
            self.keeper.notify_one();
        } else if !state.filled && state.linker.batch.weight() >= BUFFER {
            state.filled = true;
            self.keeper.notify_one();
        }
    }

    /// Writes what is linked, and syncs it if somebody asked for that, outside the lock. The writer is there when it
    /// is called. Gives the error that ended it.
    fn commit(&self, state: &mut MutexGuard<'_, State>) -> Option<Error> {
        let mut writer = state.writer.take()?;
        let sync = state.sync_to > state.synced;
        let mut batch = state.linker.take_batch();
        state.out = batch.weight();
        let up_to = state.linker.chain.next;
        let joined = state.joined;
        let round = (joined > 0).then(|| state.next_round());
        state.lines_since = None;
        state.urgent = false;
        state.filled = false;

        let begun = sync.then(Instant::now);
        let work = MutexGuard::unlocked(state, || Work::of(&mut writer, &mut batch, sync));
        if let Some(begun) = begun {
            state.note_sync(begun.elapsed(), joined + 1);
        }

        state.out = 0;
        let failed = self.account(state, &mut writer, &mut batch, up_to, work);
        state.linker.keep_memory(batch);
        state.bytes = writer.bytes();
        state.writer = Some(writer);
        if failed.is_none() {
            state.not_before = None;
        }
        state.count_orphans(&self.directory);
        self.tell_waiting(state, round, failed.is_some());
        // Not each time: waking a thread costs more than writing a line.
        if std::mem::take(&mut state.ring) {
            self.keeper.notify_one();
        }
        self.tell_others(state);
        failed
    }

    /// Tells those who waited for a commit that it is over, and sees to it that somebody writes for those who came since.
    fn tell_waiting(&self, state: &mut MutexGuard<'_, State>, round: Option<Arc<WaitGroup>>, failed: bool) {
        self.done.notify_all();
        let came =
            (state.joined > 0).then(|| if failed { state.next_round() } else { Arc::clone(&state.round) });
        if round.is_none() && came.is_none() {
            return;
        }
        MutexGuard::unlocked(state, || {
            if let Some(came) = came {
                // What failed for these may have failed for those too.
                if failed { came.end(WakeReason::Over) } else { came.call() }
            }
            if let Some(round) = round {
                round.end(if failed { WakeReason::Over } else { WakeReason::Through });
            }
        });
    }

    /// Wakes futures and tells what there is to be told, outside the lock: who is told may look at the log.
    fn tell_others(&self, state: &mut MutexGuard<'_, State>) {
        if state.wakers.is_empty() && state.untold.is_empty() && state.losses.is_empty() {
            return;
        }
        // Each future looks for itself whether it is done.
        let wakers = std::mem::take(&mut state.wakers);
        let untold = std::mem::take(&mut state.untold);
        let losses = std::mem::take(&mut state.losses);
        MutexGuard::unlocked(state, || {
            for waker in wakers {
                // One that panics is its runtime's affair, and leaves the others to be woken.
                drop(catch_unwind(AssertUnwindSafe(|| waker.wake())));
            }
            untold.iter().for_each(|error| self.tell(error));
            losses.iter().for_each(UnreportedFailure::tell);
        });
    }

    /// Tells what no caller is there to be told.
    fn tell(&self, error: &Error) {
        // The lock is held, and an event of the hook's would ask for it again.
        let _guard = ReentrancyGuard::enter();
        // Nobody's hook ends the log's own thread, or takes the writer along.
        let told = match &self.hook {
            Some(hook) => catch_unwind(AssertUnwindSafe(|| hook(error))),
            None => {
                print_to_stderr(error);
                return;
            }
        };
        if told.is_err() {
            print_to_stderr(error);
        }
    }
}

fn linked(state: &mut State, receipt: Receipt, need: WaitFor) -> Linked {
    if need == WaitFor::Synced {
        state.sync_to = receipt.seq + 1;
    }
    Linked { receipt, fate: Arc::clone(&state.fate), need }
}

/// Links what is to be remarked and does not stand in line yet.
fn say_remarks(state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
    let State { remarks, linker, .. } = &mut **state;
    for remark in remarks.iter_mut().filter(|remark| remark.linked.is_none()) {
        remark.linked = Some(linker.link_own(remark.draft.clone())?.seq);
    }
    Ok(())
}

fn refuse_unless_open(state: &MutexGuard<'_, State>, directory: &Path) -> Result<(), Error> {
    let closing = || Error::Closed { path: directory.to_owned() };
    match &state.condition {
        Lifecycle::Closing => Err(closing()),
        condition => condition.refusal(directory).map_or(Ok(()), Err),
    }
}
