//! A recording under way: a future for callers that must not block.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Instant,
};

use parking_lot::MutexGuard;

use crate::error::print_to_stderr;
use crate::write::commit::{
    CommitQueue, Linked, WaitFor,
    state::{Lifecycle, State},
};
use crate::{
    error::{Error, Operation},
    format::{prepared_entry::PreparedEntry, receipt::Receipt},
    write::settings::Durability,
};

/// An entry on its way into the trail; made by [`AuditLog::append_async`](crate::AuditLog::append_async).
///
/// The entry has its place in the trail from the start; awaiting the future is how its caller hears that it is as
/// durable as the log promises. Dropping the future takes nothing back. No runtime is needed, and no thread of one is
/// blocked: the log's own thread writes.
#[must_use = "whether the entry was recorded is known only when this was awaited"]
pub struct Recording {
    queue: Arc<CommitQueue>,
    step: Step,
    account: Option<Account>,
}

/// Where the log keeps count of an entry's outcome.
pub(super) struct Account {
    observer: Arc<dyn OutcomeObserver>,
    /// The entry is the log's own.
    own: bool,
}

/// Who hears what became of entries.
pub(crate) trait OutcomeObserver: Send + Sync {
    /// Counts an outcome; called under the log's lock too.
    fn count(&self, recorded: &Result<Receipt, Error>, own: bool);

    /// Does what is to be done about a failure; never called under the lock.
    fn tell(&self, error: &Error);

    /// Counts an outcome, and tells of it if it is a failure.
    fn settle(&self, recorded: &Result<Receipt, Error>, own: bool) {
        self.count(recorded, own);
        if let Err(error) = recorded {
            self.tell(error);
        }
    }
}

impl Account {
    fn settle(&self, outcome: &Result<Receipt, Error>) {
        self.observer.settle(outcome, self.own);
    }

    /// Counts an outcome that no caller hears of, and gives what is still to be told of it.
    fn count(&self, outcome: Result<Receipt, Error>) -> Option<UnreportedFailure> {
        self.observer.count(&outcome, self.own);
        outcome.err().map(|error| UnreportedFailure { observer: Arc::clone(&self.observer), error })
    }
}

enum Step {
    /// The buffer was full.
    Unlinked(PreparedEntry, WaitFor),
    /// With the number of times that a buffered log had failed by then.
    Linked(Linked, u64),
    Failed(Error),
    Done,
}

/// An entry whose future was dropped before it heard of it: the log still counts it.
pub(super) struct AbandonedEntry {
    linked: Linked,
    account: Account,
}

/// What is still to be told of an entry that failed and whose future is gone.
pub(super) struct UnreportedFailure {
    observer: Arc<dyn OutcomeObserver>,
    error: Error,
}

impl AbandonedEntry {
    /// Counts the entry if its fate is known, and says whether it is. What is to be told of it goes to `failed`.
    fn count(&self, state: &State, directory: &Path, failed: &mut Vec<UnreportedFailure>) -> bool {
        let Some(outcome) = state.outcome(&self.linked, directory) else { return false };
        failed.extend(self.account.count(outcome.map(|()| self.linked.receipt)));
        true
    }
}

impl UnreportedFailure {
    /// Outside of the caller's sight, a hook's panic ends nobody's thread.
    pub(super) fn tell(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.observer.tell(&self.error))).is_err() {
            print_to_stderr(&self.error);
        }
    }
}

impl State {
    /// Counts the entries without a future whose fate is known by now: before anybody who waits goes on, so that what
    /// is flushed is counted.
    pub(super) fn count_orphans(&mut self, directory: &Path) {
        if self.orphans.is_empty() {
            return;
        }
        let (mut orphans, mut failed) = (std::mem::take(&mut self.orphans), std::mem::take(&mut self.losses));
        orphans.retain(|orphan| !orphan.count(self, directory, &mut failed));
        (self.orphans, self.losses) = (orphans, failed);
    }
}

impl Recording {
    pub(crate) fn new(
        queue: &Arc<CommitQueue>,
        prefix: Result<PreparedEntry, Error>,
        need: WaitFor,
        observer: Arc<dyn OutcomeObserver>,
        own: bool,
    ) -> Self {
        queue.waiting.fetch_add(1, Ordering::Relaxed);
        let step = match prefix {
            Ok(prefix) => queue.place(prefix, need, &mut queue.state.lock()),
            Err(error) => Step::Failed(error),
        };
        Self { queue: Arc::clone(queue), step, account: Some(Account { observer, own }) }
    }

    /// Leaves the entry to the log, which gives it its place now, and says which.
    pub(crate) fn leave(mut self) -> Result<Receipt, Error> {
        let step = match std::mem::replace(&mut self.step, Step::Done) {
            Step::Unlinked(prefix, need) if !self.queue.is_fork() => {
                self.queue.place_anyway(prefix, need, &mut self.queue.state.lock())
            }
            step => step,
        };
        match step {
            Step::Failed(error) => {
                let outcome = Err(error);
                if let Some(account) = self.account.take() {
                    account.settle(&outcome);
                }
                outcome
            }
            Step::Linked(linked, refusals) => {
                let receipt = linked.receipt;
                self.step = Step::Linked(linked, refusals);
                Ok(receipt)
            }
            Step::Unlinked(..) | Step::Done => Err(Error::Forked { path: self.queue.directory.clone() }),
        }
    }

    fn outcome(&mut self, context: &Context<'_>) -> Option<Result<Receipt, Error>> {
        let queue = &*self.queue;
        let step = match std::mem::replace(&mut self.step, Step::Done) {
            Step::Failed(error) => return Some(Err(error)),
            Step::Done => return None,
            open => open,
        };
        if queue.is_fork() {
            return Some(Err(Error::Forked { path: queue.directory.clone() }));
        }
        // Whoever wakes takes this lock first: nothing comes between looking and leaving the waker.
        let mut state = queue.state.lock();
        let step = match step {
            Step::Unlinked(prefix, need) => queue.place(prefix, need, &mut state),
            step => step,
        };
        match step {
            Step::Failed(error) => return Some(Err(error)),
            Step::Linked(linked, refusals) => {
                if let Some(outcome) = state.outcome(&linked, &queue.directory) {
                    return Some(outcome.map(|()| linked.receipt));
                }
                // A buffered log keeps its lines; on a failing disk that is an error and not a wait.
                if let Some(refusal) = state.refusal.as_ref().filter(|_| state.refusals > refusals) {
                    return Some(Err(refusal.error()));
                }
                self.step = Step::Linked(linked, refusals);
            }
            step => self.step = step,
        }
        // A future that is polled often leaves one waker, as long as it is the last that came.
        if !state.wakers.last().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.wakers.push(context.waker().clone());
        }
        None
    }
}

impl CommitQueue {
    /// Gives an entry its place, if there is room.
    fn place(&self, prefix: PreparedEntry, need: WaitFor, state: &mut MutexGuard<'_, State>) -> Step {
        let full = self.durability == Durability::Buffered && !state.has_room(&prefix);
        if full && matches!(state.condition, Lifecycle::Open) {
            // On a failing disk a full buffer is an error and not a wait.
            if let (Some(degraded), true) =
                (&state.degraded, state.not_before.is_some_and(|at| at > Instant::now()))
            {
                let error = std::io::Error::other(format!("the buffer is full: {}", degraded.cause));
                let error = Error::io(Operation::Append, &self.directory)(error);
                self.lose(state, &error);
                return Step::Failed(error);
            }
            state.urgent = true;
            self.keeper.notify_one();
            return Step::Unlinked(prefix, need);
        }
        self.place_anyway(prefix, need, state)
    }

    fn place_anyway(&self, prefix: PreparedEntry, need: WaitFor, state: &mut MutexGuard<'_, State>) -> Step {
        match self.link(state, prefix, need, self.clock.now()) {
            Ok(linked) => {
                if need == WaitFor::Linked {
                    self.note_lines(state);
                } else {
                    state.urgent = true;
                    self.keeper.notify_one();
                }
                Step::Linked(linked, state.refusals)
            }
            Err(error) => Step::Failed(error),
        }
    }
}

impl Future for Recording {
    type Output = Result<Receipt, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.outcome(context) {
            Some(outcome) => {
                if let Some(account) = self.account.take() {
                    account.settle(&outcome);
                }
                Poll::Ready(outcome)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.queue.waiting.fetch_sub(1, Ordering::Relaxed);
        let Some(account) = self.account.take() else { return };
        let queue = &*self.queue;
        let step = std::mem::replace(&mut self.step, Step::Done);
        if queue.is_fork() && !matches!(step, Step::Failed(_)) {
            return;
        }
        let step = match step {
            // Dropping takes nothing back: it gets its place, though the buffer is full.
            Step::Unlinked(prefix, need) => queue.place_anyway(prefix, need, &mut queue.state.lock()),
            step => step,
        };
        let outcome = match step {
            Step::Failed(error) => Err(error),
            Step::Linked(linked, _) => {
                let mut state = queue.state.lock();
                match state.outcome(&linked, &queue.directory) {
                    Some(outcome) => outcome.map(|()| linked.receipt),
                    None => {
                        state.orphans.push(AbandonedEntry { linked, account });
                        return;
                    }
                }
            }
            Step::Unlinked(..) | Step::Done => return,
        };
        if let Some(loss) = account.count(outcome) {
            loss.tell();
        }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}
