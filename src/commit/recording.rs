//! A recording under way: a future for callers that must not block.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use super::{Committer, Linked, Need, state::Condition};
use crate::{entry::Prefix, error::Error, receipt::Receipt};

/// An entry on its way into the trail; made by [`AuditLog::append_async`](crate::AuditLog::append_async).
///
/// The entry has its place in the trail from the start; awaiting the future is how its caller hears that it is as
/// durable as the log promises. Dropping the future takes nothing back. No runtime is needed, and no thread of one is
/// blocked: the log's own thread writes.
#[must_use = "whether the entry was recorded is known only when this was awaited"]
pub struct Recording {
    committer: Arc<Committer>,
    step: Step,
    settle: Option<Settle>,
}

/// What a log does with the outcome.
type Settle = Box<dyn FnOnce(&Result<Receipt, Error>) + Send + Sync>;

enum Step {
    /// The buffer was full.
    Unlinked(Prefix, Need),
    Linked(Linked),
    Failed(Error),
    Done,
}

impl Recording {
    pub(crate) fn new(
        committer: &Arc<Committer>,
        prefix: Result<Prefix, Error>,
        need: Need,
        settle: impl FnOnce(&Result<Receipt, Error>) + Send + Sync + 'static,
    ) -> Self {
        let step = match prefix {
            Ok(prefix) => Step::Unlinked(prefix, need),
            Err(error) => Step::Failed(error),
        };
        let mut state = committer.state.lock();
        state.recordings += 1;
        drop(state);
        let mut recording = Self { committer: Arc::clone(committer), step, settle: Some(Box::new(settle)) };
        recording.link();
        recording
    }

    /// Takes a place, if there is room.
    fn link(&mut self) {
        let Step::Unlinked(prefix, need) = &self.step else { return };
        let (committer, need) = (&*self.committer, *need);
        let mut state = committer.state.lock();
        let batch = &state.linker.batch;
        let full = committer.durability == crate::Durability::Buffered
            && !batch.is_empty()
            && batch.length() + prefix.longest_line() > super::BUFFER;
        if full && matches!(state.condition, Condition::Open) {
            // On a failing disk a full buffer is an error and not a wait.
            if let (Some(degraded), true) =
                (&state.degraded, state.not_before.is_some_and(|at| at > Instant::now()))
            {
                let error = std::io::Error::other(format!("the buffer is full: {}", degraded.cause));
                let error = Error::io("append to", &committer.directory)(error);
                committer.lose(&mut state, &error);
                drop(state);
                self.step = Step::Failed(error);
                return;
            }
            state.urgent = true;
            committer.keeper.notify_one();
            return;
        }
        let linked = committer.link(&mut state, prefix.clone(), need);
        if need == Need::Linked {
            committer.note_lines(&mut state);
        } else {
            state.urgent = true;
            committer.keeper.notify_one();
        }
        drop(state);
        self.step = match linked {
            Ok(linked) => Step::Linked(linked),
            Err(error) => Step::Failed(error),
        };
    }

    fn outcome(&mut self, context: &Context<'_>) -> Option<Result<Receipt, Error>> {
        self.link();
        match std::mem::replace(&mut self.step, Step::Done) {
            Step::Failed(error) => Some(Err(error)),
            Step::Done => None,
            Step::Unlinked(prefix, need) => {
                self.step = Step::Unlinked(prefix, need);
                self.committer.state.lock().wakers.push(context.waker().clone());
                None
            }
            Step::Linked(linked) => {
                let mut state = self.committer.state.lock();
                let path = || self.committer.directory.clone();
                let outcome = state.outcome(linked.receipt.seq, linked.epoch, linked.need).or_else(|| {
                    match &state.condition {
                        Condition::Poisoned(cause) => {
                            Some(Err(Error::Poisoned { path: path(), cause: cause.clone() }))
                        }
                        Condition::Closed => Some(Err(Error::Closed { path: path() })),
                        Condition::Open | Condition::Closing => None,
                    }
                });
                match outcome {
                    Some(outcome) => Some(outcome.map(|()| linked.receipt)),
                    None => {
                        state.wakers.push(context.waker().clone());
                        drop(state);
                        self.step = Step::Linked(linked);
                        None
                    }
                }
            }
        }
    }
}

impl Future for Recording {
    type Output = Result<Receipt, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.outcome(context) {
            Some(outcome) => {
                if let Some(settle) = self.settle.take() {
                    settle(&outcome);
                }
                Poll::Ready(outcome)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.committer.state.lock().recordings -= 1;
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}
