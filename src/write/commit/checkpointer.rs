//! The checkpointer: the thread of a log that signs checkpoints of written entries. The thread ends with the log.
//!
//! The thread holds the frontier of the Merkle tree and takes 32 bytes for each written entry, so no thread that
//! appends waits for it. After a log was opened, the thread reads the tree from the trail's files. Entries that do not
//! follow from the last checkpoint are not signed.

use std::{
    fs::OpenOptions,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Instant,
};

use parking_lot::MutexGuard;

use crate::{
    checkpoint::{policy::Checkpoints, statement::SignedCheckpoint},
    codec::merkle::Frontier,
    error::{Error, Operation},
    format::{
        draft::{Draft, Origin},
        file_name::SegmentName,
    },
    storage::{open::open_regular, permissions::Permissions},
    write::{
        commit::{
            awaited_entry::WaitFor,
            lifecycle::Lifecycle,
            queue::CommitQueue,
            signing_queue::{CheckpointJob, CheckpointRequest, NewEntries, SigningQueue},
            state::State,
        },
        reentrancy::ReentrancyGuard,
        signing::{self, checkpoint_log::CheckpointLog},
    },
};

/// The running thread.
#[derive(Debug)]
pub(crate) struct Checkpointer(JoinHandle<()>);

/// The state of the thread.
struct Worker {
    queue: Arc<CommitQueue>,
    checkpoints: Checkpoints,
    permissions: Permissions,
    /// The trail's `audit.checkpoints`, once it was read.
    log: Option<CheckpointLog>,
    /// The tree of all entries below `size`, once it was read from the trail.
    tree: Option<Frontier>,
    /// The number of entries that the tree has, or will have once it is read.
    size: u64,
    signed_at: Instant,
}

impl Checkpointer {
    /// Starts the thread, before the first entry of the log is linked.
    pub(crate) fn start(
        queue: &Arc<CommitQueue>,
        checkpoints: Checkpoints,
        permissions: Permissions,
    ) -> Result<Self, Error> {
        let size = {
            let mut state = queue.state.lock();
            state.signing = Some(SigningQueue::new(checkpoints.every_entries));
            state.linker.chain.next
        };
        let directory = queue.directory.clone();
        let worker = Worker {
            queue: Arc::clone(queue),
            checkpoints,
            permissions,
            log: None,
            tree: None,
            size,
            signed_at: Instant::now(),
        };
        std::thread::Builder::new()
            .name("kling-audit checkpointer".to_owned())
            .spawn(move || {
                let _guard = ReentrancyGuard::enter();
                let _end = EndOfThread(Arc::clone(&worker.queue));
                if let Some(signing) = &mut worker.queue.state.lock().signing {
                    signing.enter();
                }
                worker.run();
            })
            .map(Self)
            .map_err(Error::io(Operation::StartCheckpointer, directory))
    }

    /// Waits for the end of the thread, which closing the log brings about.
    pub(crate) fn join(self) {
        // A sink may drop the last handle in the checkpointer itself, which cannot wait for its own end.
        if self.0.thread().id() != std::thread::current().id() {
            drop(self.0.join());
        }
    }
}

/// Removes the signing queue when the thread ends, also by a panic: no thread waits for a checkpoint any more.
struct EndOfThread(Arc<CommitQueue>);

impl Drop for EndOfThread {
    fn drop(&mut self) {
        let signing = self.0.state.lock().signing.take();
        // Dropped outside the lock: it ends the channels of threads that wait for an answer.
        drop(signing);
        self.0.committed.notify_all();
    }
}

impl Worker {
    fn run(mut self) {
        // Faults of the trail's checkpoints are reported when the log is opened, not when the first checkpoint is due.
        if let Err(error) = self.attempt(Self::open) {
            self.queue.report(&error);
        }
        while let Some(job) = self.await_job() {
            let CheckpointJob { entries, live_file, requests } = job;
            let is_last = requests.iter().any(|request| request.is_last);
            let is_requested = !requests.is_empty() && !is_last;
            let signed = self.attempt(|worker| {
                worker.add(entries);
                if is_requested {
                    worker.add_unwritten()?;
                }
                worker.open()?;
                worker.sign(live_file, is_last)
            });
            self.signed_at = Instant::now();
            self.answer(requests, signed);
            if let Some(signing) = &mut self.queue.state.lock().signing {
                signing.finish_job();
            }
            self.queue.committed.notify_all();
        }
    }

    /// Turns a panic of a signer or a sink into an error: the next checkpoint retries.
    fn attempt<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        match catch_unwind(AssertUnwindSafe(|| step(self))) {
            Ok(result) => result,
            Err(_) => Err(cannot_sign(&self.queue, "the signer or a sink panicked".to_owned())),
        }
    }

    /// Waits for the next job. Returns `None` once the log is closed.
    fn await_job(&self) -> Option<CheckpointJob> {
        let queue = &*self.queue;
        // An interval that overflows the clock is never over.
        let deadline = self.signed_at.checked_add(self.checkpoints.every);
        let mut state = queue.state.lock();
        loop {
            if matches!(state.lifecycle, Lifecycle::Closed) {
                return None;
            }
            let is_overdue = deadline.is_some_and(|at| at <= Instant::now());
            let is_closing = matches!(state.lifecycle, Lifecycle::Closing);
            if let Some(job) = state.signing.as_mut()?.take_job(is_overdue, is_closing) {
                return Some(job);
            }
            match deadline {
                Some(at) if !is_overdue => drop(queue.checkpointer.wait_until(&mut state, at)),
                _ => queue.checkpointer.wait(&mut state),
            }
        }
    }

    /// Adds written entries to the tree.
    fn add(&mut self, entries: NewEntries) {
        self.size += entries.skipped + entries.hashes.len() as u64;
        match &mut self.tree {
            Some(tree) if entries.skipped == 0 => tree.extend(&entries.hashes),
            // The skipped hashes are in the files only: `open` reads the tree again.
            tree => *tree = None,
        }
    }

    /// Flushes the log and adds the entries that this wrote: a requested checkpoint covers every entry linked before
    /// the request.
    fn add_unwritten(&mut self) -> Result<(), Error> {
        self.queue.flush()?;
        let mut state = self.queue.state.lock();
        let Some(signing) = &mut state.signing else { return Ok(()) };
        let entries = signing.take_entries();
        drop(state);
        self.add(entries);
        Ok(())
    }

    /// Reads the trail's checkpoints and the tree, unless they are in memory.
    fn open(&mut self) -> Result<(), Error> {
        let directory = &self.queue.directory;
        let signer = &*self.checkpoints.signer;
        let log = match &mut self.log {
            Some(log) => log,
            None => {
                self.log.insert(CheckpointLog::open(directory, self.permissions, signer.verifying_key())?)
            }
        };
        if self.tree.is_none() {
            let trail = self.queue.trail_id;
            self.tree = Some(signing::resume::resume(directory, signer, log, trail, Some(self.size))?);
        }
        Ok(())
    }

    /// Signs the tree, appends the checkpoint to the trail's file and hands it to the sinks. After the last checkpoint
    /// no entry follows.
    fn sign(&mut self, live_file: Option<SegmentName>, is_last: bool) -> Result<SignedCheckpoint, Error> {
        let queue = &*self.queue;
        let (Some(tree), Some(log)) = (&self.tree, &mut self.log) else {
            return Err(cannot_sign(queue, "the trail was not read".to_owned()));
        };
        let signer = &*self.checkpoints.signer;
        // Entries that a power failure could still take must not be signed. Closing has synced them before it requests
        // the last checkpoint.
        if !is_last {
            queue.sync_for_checkpoint(tree.size(), live_file)?;
        }
        let signed = signing::sign::sign(signer, &queue.directory, tree)?;
        if log.root(signed.size()) == Some(signed.root()) {
            // Nothing was written since the last checkpoint.
            return Ok(signed);
        }
        log.append(&signed)?;
        // The checkpoint is in the trail. The sinks receive it even if the signer fails to store it.
        if let Err(error) = signer.signed(&signed) {
            queue.report(&error);
        }
        for sink in &self.checkpoints.sinks {
            if let Err(error) = sink.send(&signed) {
                queue.report(&error);
            }
        }
        if !is_last {
            let nodes: Vec<_> = tree.nodes().iter().map(ToString::to_string).collect();
            let draft = Draft::from_origin("audit_checkpoint", Origin::Log)
                .detail("size", signed.size())
                .detail("root", signed.root().to_string())
                .detail("key", signer.verifying_key().label())
                .detail("frontier", nodes);
            match queue.append_own(draft) {
                // The log is being closed: the last checkpoint follows.
                Err(Error::Closed { .. }) => {}
                appended => appended?,
            }
        }
        Ok(signed)
    }

    /// Answers the threads that requested the checkpoint. Without a request, an error goes to the log's hook.
    fn answer(&self, mut requests: Vec<CheckpointRequest>, signed: Result<SignedCheckpoint, Error>) {
        // A thread that no longer waits has dropped its end of the channel.
        let send = |request: CheckpointRequest, signed| drop(request.answer.send(signed));
        match signed {
            Ok(signed) => requests.into_iter().for_each(|request| send(request, Ok(signed.clone()))),
            Err(error) => match requests.pop() {
                // The log is being closed: the last checkpoint follows.
                None if matches!(error, Error::Closed { .. }) => {}
                None => self.queue.report(&error),
                Some(one) => {
                    let reason = error.to_string();
                    send(one, Err(error));
                    for request in requests {
                        send(request, Err(cannot_sign(&self.queue, reason.clone())));
                    }
                }
            },
        }
    }
}

impl CommitQueue {
    /// Requests a checkpoint of every entry linked so far, and waits for it. Returns `None` if the log signs none.
    pub(crate) fn checkpoint(&self) -> Option<Result<SignedCheckpoint, Error>> {
        self.request_checkpoint(&mut self.state.lock(), false)
    }

    /// Waits for the checkpoint that is being made. After this, only a request makes another one due.
    pub(super) fn finish_checkpoint(&self, state: &mut MutexGuard<'_, State>) {
        if let Some(signing) = state.signing.as_mut().filter(|signing| !signing.is_own_thread()) {
            signing.close();
            while state.signing.as_ref().is_some_and(SigningQueue::is_busy) {
                self.committed.wait(state);
            }
        }
    }

    /// Requests the checkpoint that covers `audit_stopped`, and waits for it.
    pub(super) fn last_checkpoint(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        self.request_checkpoint(state, true).map_or(Ok(()), |signed| signed.map(drop))
    }

    fn request_checkpoint(
        &self,
        state: &mut MutexGuard<'_, State>,
        is_last: bool,
    ) -> Option<Result<SignedCheckpoint, Error>> {
        let signing = state.signing.as_mut()?;
        if signing.is_own_thread() {
            let reason = "a sink or a signer requested it and would wait for itself".to_owned();
            return Some(Err(cannot_sign(self, reason)));
        }
        let (answer, answered) = mpsc::channel();
        signing.request(CheckpointRequest { is_last, answer });
        self.checkpointer.notify_one();
        let answered = MutexGuard::unlocked(state, || answered.recv());
        Some(answered.unwrap_or_else(|_| Err(cannot_sign(self, "the log was closed meanwhile".to_owned()))))
    }

    /// Puts the entries below `end`, which are written, on the device. The live file is synced through a handle of its
    /// own, so that no thread that appends waits for the sync.
    fn sync_for_checkpoint(&self, end: u64, live_file: Option<SegmentName>) -> Result<(), Error> {
        {
            let state = self.state.lock();
            state.lifecycle.require_open(&self.directory)?;
            if state.progress.synced() >= end {
                return Ok(());
            }
        }
        let Some(name) = live_file else { return self.flush() };
        let path = self.directory.join(name.name());
        // Windows syncs only a file that is open for writing.
        let mut options = OpenOptions::new();
        options.read(true).write(cfg!(not(unix)));
        match open_regular(&path, &mut options) {
            Ok((file, _)) => file.sync_data().map_err(Error::io(Operation::Sync, path)),
            // The file was removed or replaced: the writer notices it in a flush, and copies its content back.
            Err(_) => self.flush(),
        }
    }

    /// Records an entry of the log's own.
    fn append_own(&self, draft: Draft) -> Result<(), Error> {
        let mut state = self.state.lock();
        let level = self.need(false);
        let awaited = self.link_own(&mut state, draft, level)?;
        if level == WaitFor::Linked {
            self.note_lines(&mut state);
            return Ok(());
        }
        self.wait(state, &awaited)
    }
}

fn cannot_sign(queue: &CommitQueue, reason: String) -> Error {
    Error::Conflict { action: Operation::SignCheckpoint, path: queue.directory.clone(), reason }
}
