//! The flusher: the thread of a log that writes what no caller waits for. It ends with the log.
//!
//! The thread writes the lines of a buffered log, the entries that futures wait for, and heads that commits did not
//! write.

use std::{sync::Arc, thread::JoinHandle, time::Instant};

use parking_lot::MutexGuard;

use crate::{
    error::{Error, Operation},
    write::{
        commit::{lifecycle::Lifecycle, queue::CommitQueue},
        reentrancy::ReentrancyGuard,
    },
};

/// The running thread.
#[derive(Debug)]
pub(crate) struct Flusher(JoinHandle<()>);

impl Flusher {
    /// Starts the flusher of `queue`.
    pub(crate) fn start(queue: &Arc<CommitQueue>) -> Result<Self, Error> {
        let directory = queue.directory.clone();
        let queue = Arc::clone(queue);
        std::thread::Builder::new()
            .name("kling-audit flusher".to_owned())
            .spawn(move || {
                let _guard = ReentrancyGuard::enter();
                run(&queue);
            })
            .map(Self)
            .map_err(Error::io(Operation::StartFlusher, directory))
    }

    /// Waits for the end of the thread, which closing the log brings about.
    pub(crate) fn join(self) {
        // A future or a hook may drop the last handle in the flusher itself, which cannot wait for its own end.
        if self.0.thread().id() != std::thread::current().id() {
            // If the thread panicked, closing has done all that was left to do.
            drop(self.0.join());
        }
    }
}

/// Commits when something is due, until the log is poisoned or closed. Of several failures in a row, the first is
/// reported.
fn run(queue: &CommitQueue) {
    let mut state = queue.state.lock();
    let mut has_reported = false;
    while matches!(state.lifecycle, Lifecycle::Open | Lifecycle::Closing) {
        let now = Instant::now();
        // While another thread commits, nothing can be done.
        let due = state.writer.as_ref().and_then(|writer| state.schedule.due(writer.head_due_at(), now));
        match due {
            None => {
                if state.writer.is_none() {
                    state.schedule.notify_after_commit();
                }
                queue.flusher.wait(&mut state);
            }
            Some(at) if at > now => {
                queue.flusher.wait_until(&mut state, at);
            }
            Some(_) => match queue.commit(&mut state) {
                Some(error) if !has_reported => {
                    has_reported = true;
                    MutexGuard::unlocked(&mut state, || queue.report(&error));
                }
                Some(_) => {}
                None => has_reported = false,
            },
        }
    }
}
