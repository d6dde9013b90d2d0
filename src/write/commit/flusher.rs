//! The keeper: one thread a log, for what no caller waits for. It writes lines that gather in a buffered log, and the
//! head where it isn't written with every commit. It ends with the log.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::MutexGuard;

use crate::write::commit::{
    CommitQueue,
    state::{Lifecycle, State},
};
use crate::{
    error::{Error, Operation},
    write::reentrancy::ReentrancyGuard,
};

/// How long a buffered entry waits at most before it is handed to the system.
const FLUSH_EVERY: Duration = Duration::from_millis(15);

/// How long nobody but a caller tries again after a failure.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The running thread.
#[derive(Debug)]
pub(crate) struct Flusher(JoinHandle<()>);

impl Flusher {
    pub(crate) fn start(queue: &Arc<CommitQueue>) -> Result<Self, Error> {
        let directory = queue.directory.clone();
        let queue = Arc::clone(queue);
        std::thread::Builder::new()
            .name("kling-audit keeper".to_owned())
            .spawn(move || {
                let _guard = ReentrancyGuard::enter();
                queue.keep();
            })
            .map(Self)
            .map_err(Error::io(Operation::StartFlusher, directory))
    }

    /// Waits for its end, which closing the log brings about.
    pub(crate) fn join(self) {
        // The last handle may be dropped by a future or a hook, in the keeper itself.
        if self.0.thread().id() != std::thread::current().id() {
            // One that panicked has nothing left that closing didn't do.
            drop(self.0.join());
        }
    }
}

impl CommitQueue {
    fn keep(&self) {
        let mut state = self.state.lock();
        let mut told = false;
        while matches!(state.condition, Lifecycle::Open | Lifecycle::Closing) {
            match due(&state) {
                None => {
                    // If somebody writes, there may be something to do when he is done.
                    state.ring |= state.writer.is_none();
                    self.keeper.wait(&mut state);
                }
                Some(at) if at > Instant::now() => {
                    self.keeper.wait_until(&mut state, at);
                }
                Some(_) => match self.commit(&mut state) {
                    Some(error) if !told => {
                        told = true;
                        MutexGuard::unlocked(&mut state, || self.tell(&error));
                    }
                    Some(_) => {}
                    None => told = false,
                },
            }
        }
    }
}

/// When there is something to do. Nothing, while somebody writes.
fn due(state: &State) -> Option<Instant> {
    let writer = state.writer.as_ref()?;
    let lines = state.lines_since.map(|since| since + FLUSH_EVERY);
    let again = if state.head_failed { RETRY_AFTER } else { Duration::ZERO };
    let head = state.head_due.then(|| writer.head_due_at() + again);
    let now = (state.urgent || state.filled).then(Instant::now);
    let due = [lines, head, now].into_iter().flatten().min()?;
    Some(state.not_before.map_or(due, |not_before| due.max(not_before)))
}
