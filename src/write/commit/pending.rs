//! An entry whose caller awaits it as a future, so that no thread blocks.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use parking_lot::MutexGuard;

use crate::{
    error::{Error, Operation},
    format::{prepared_entry::PreparedEntry, receipt::Receipt},
    write::{
        commit::{
            abandoned::{AbandonedEntry, Account, OutcomeObserver},
            awaited_entry::{AwaitedEntry, WaitFor},
            lifecycle::Lifecycle,
            queue::CommitQueue,
            state::State,
        },
        settings::Durability,
    },
};

/// An entry on its way into the trail. The flusher thread writes it.
///
/// Invariant: each entry is counted once, by [`settle`](Account::settle) if the future is polled to its end, or by the
/// queue if it is dropped before.
pub(crate) struct PendingEntry {
    queue: Arc<CommitQueue>,
    step: Step,
    account: Option<Account>,
}

enum Step {
    /// The buffer was full, and the entry is not linked yet.
    Unlinked(PreparedEntry, WaitFor),
    Linked {
        awaited: AwaitedEntry,
        /// Number of write failures of the queue when the entry was linked.
        write_failures: u64,
    },
    Failed(Error),
    Done,
}

impl PendingEntry {
    /// Links `entry` if there is room for it.
    pub(crate) fn new(
        queue: &Arc<CommitQueue>,
        entry: Result<PreparedEntry, Error>,
        level: WaitFor,
        observer: Arc<dyn OutcomeObserver>,
        is_own: bool,
    ) -> Self {
        queue.waiting.fetch_add(1, Ordering::Relaxed);
        let step = match entry {
            Ok(entry) => queue.try_link(entry, level, &mut queue.state.lock()),
            Err(error) => Step::Failed(error),
        };
        Self { queue: Arc::clone(queue), step, account: Some(Account::new(observer, is_own)) }
    }

    /// Links the entry now, even into a full buffer. Returns its receipt, though the entry may not be durable yet.
    pub(crate) fn detach(mut self) -> Result<Receipt, Error> {
        let step = match std::mem::replace(&mut self.step, Step::Done) {
            Step::Unlinked(entry, level) if !self.queue.is_fork() => {
                self.queue.link_pending(entry, level, &mut self.queue.state.lock())
            }
            step => step,
        };
        match step {
            Step::Failed(error) => {
                let result = Err(error);
                if let Some(account) = self.account.take() {
                    account.settle(&result);
                }
                result
            }
            Step::Linked { awaited, write_failures } => {
                let receipt = awaited.receipt;
                // Dropping `self` abandons the entry, so that the queue counts it.
                self.step = Step::Linked { awaited, write_failures };
                Ok(receipt)
            }
            Step::Unlinked(..) | Step::Done => Err(Error::Forked { path: self.queue.directory.clone() }),
        }
    }

    /// Returns the result of the entry. While it is not known, adds the waker to the queue and returns `None`.
    fn result(&mut self, context: &Context<'_>) -> Option<Result<Receipt, Error>> {
        let queue = &*self.queue;
        let step = match std::mem::replace(&mut self.step, Step::Done) {
            Step::Failed(error) => return Some(Err(error)),
            Step::Done => return None,
            open => open,
        };
        if queue.is_fork() {
            return Some(Err(Error::Forked { path: queue.directory.clone() }));
        }
        // A commit applies its result under this lock. So no result can arrive between the check here and `add_waker`,
        // and no wake-up is lost.
        let mut state = queue.state.lock();
        let step = match step {
            Step::Unlinked(entry, level) => queue.try_link(entry, level, &mut state),
            step => step,
        };
        match step {
            Step::Failed(error) => return Some(Err(error)),
            Step::Linked { awaited, write_failures } => {
                if let Some(outcome) = state.outcome(&awaited, &queue.directory) {
                    return Some(outcome.map(|()| awaited.receipt));
                }
                // A buffered log keeps its lines and retries them. Its caller gets the error instead of waiting for a
                // disk that may never come back.
                if let Some(failure) = state.failures.write_failure_since(write_failures) {
                    return Some(Err(failure.error()));
                }
                self.step = Step::Linked { awaited, write_failures };
            }
            step => self.step = step,
        }
        state.waiters.add_waker(context.waker());
        None
    }
}

impl Future for PendingEntry {
    type Output = Result<Receipt, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(result) = self.result(context) else { return Poll::Pending };
        if let Some(account) = self.account.take() {
            account.settle(&result);
        }
        Poll::Ready(result)
    }
}

impl CommitQueue {
    /// Links an entry if there is room. On a disk that fails, a full buffer is an error and not a wait.
    fn try_link(&self, entry: PreparedEntry, level: WaitFor, state: &mut MutexGuard<'_, State>) -> Step {
        let is_full = self.durability == Durability::Buffered && !state.has_room(&entry);
        if !is_full || !matches!(state.lifecycle, Lifecycle::Open) {
            return self.link_pending(entry, level, state);
        }
        if let (Some(degradation), true) = (state.failures.unannounced(), state.schedule.is_paused()) {
            let source = std::io::Error::other(format!("the buffer is full: {}", degradation.cause));
            let error = Error::io(Operation::Append, &self.directory)(source);
            self.count_refused(state, &error);
            return Step::Failed(error);
        }
        self.flush_soon(state);
        Step::Unlinked(entry, level)
    }

    fn link_pending(
        &self,
        mut entry: PreparedEntry,
        level: WaitFor,
        state: &mut MutexGuard<'_, State>,
    ) -> Step {
        match self.link(state, &mut entry, self.clock.now()) {
            Ok(receipt) => {
                let awaited = state.awaited(receipt, level);
                if level == WaitFor::Linked {
                    self.note_lines(state);
                } else {
                    self.flush_soon(state);
                }
                Step::Linked { awaited, write_failures: state.failures.write_failures() }
            }
            Err(error) => Step::Failed(error),
        }
    }

    /// Makes the flusher thread commit at once, because a future waits.
    fn flush_soon(&self, state: &mut MutexGuard<'_, State>) {
        state.schedule.flush_now();
        self.flusher.notify_one();
    }
}

impl Drop for PendingEntry {
    fn drop(&mut self) {
        self.queue.waiting.fetch_sub(1, Ordering::Relaxed);
        let Some(account) = self.account.take() else { return };
        let queue = &*self.queue;
        let step = std::mem::replace(&mut self.step, Step::Done);
        if queue.is_fork() && !matches!(step, Step::Failed(_)) {
            return;
        }
        let step = match step {
            // Dropping the future does not withdraw its entry, which is linked even if the buffer is full.
            Step::Unlinked(entry, level) => queue.link_pending(entry, level, &mut queue.state.lock()),
            step => step,
        };
        let result = match step {
            Step::Failed(error) => Err(error),
            Step::Linked { awaited, .. } => {
                let mut state = queue.state.lock();
                match state.outcome(&awaited, &queue.directory) {
                    Some(outcome) => outcome.map(|()| awaited.receipt),
                    None => {
                        state.waiters.abandon(AbandonedEntry::new(awaited, account));
                        return;
                    }
                }
            }
            Step::Unlinked(..) | Step::Done => return,
        };
        if let Some(failure) = account.count(result) {
            failure.report();
        }
    }
}
