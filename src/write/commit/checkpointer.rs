//! The notary: one thread of a log that signs checkpoints of what was written. It ends with the log.
//!
//! It holds the tree's frontier and takes 32 bytes for each entry that was written: nothing that records waits for it.
//! Where the tree stands when a log is opened, it reads from the trail itself; what does not follow from the last
//! checkpoint is not signed.

use std::{
    fs::OpenOptions,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Instant,
};

use parking_lot::MutexGuard;

use crate::write::commit::{
    CommitQueue,
    signing_queue::{Request, SigningQueue},
    state::{Lifecycle, State},
};
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
        reentrancy::ReentrancyGuard,
        signing::{self, checkpoint_log::CheckpointLog},
    },
};

/// The running thread.
#[derive(Debug)]
pub(crate) struct Checkpointer(JoinHandle<()>);

/// What it knows.
struct Desk {
    queue: Arc<CommitQueue>,
    checkpoints: Checkpoints,
    access: Permissions,
    book: Option<CheckpointLog>,
    /// Once it was read from the trail.
    tree: Option<Frontier>,
    /// How many entries the tree has, or is to have once it is read.
    size: u64,
    signed_at: Instant,
}

/// What there is to do.
struct Task {
    leaves: Vec<[u8; 32]>,
    forgotten: u64,
    file: Option<SegmentName>,
    requests: Vec<Request>,
}

impl Checkpointer {
    /// Starts it, before anything is recorded.
    pub(crate) fn start(
        queue: &Arc<CommitQueue>,
        checkpoints: Checkpoints,
        access: Permissions,
    ) -> Result<Self, Error> {
        let size = {
            let mut state = queue.state.lock();
            state.leaves = Some(SigningQueue::new(checkpoints.every_entries));
            state.linker.chain.next
        };
        let directory = queue.directory.clone();
        let desk = Desk {
            queue: Arc::clone(queue),
            checkpoints,
            access,
            book: None,
            tree: None,
            size,
            signed_at: Instant::now(),
        };
        std::thread::Builder::new()
            .name("kling-audit notary".to_owned())
            .spawn(move || {
                let _guard = ReentrancyGuard::enter();
                let _end = End(Arc::clone(&desk.queue));
                if let Some(leaves) = &mut desk.queue.state.lock().leaves {
                    leaves.enter();
                }
                desk.run();
            })
            .map(Self)
            .map_err(Error::io(Operation::StartCheckpointer, directory))
    }

    /// Waits for its end, which closing the log brings about.
    pub(crate) fn join(self) {
        // The last handle may be dropped by a sink, in the notary itself.
        if self.0.thread().id() != std::thread::current().id() {
            drop(self.0.join());
        }
    }
}

/// However the thread ends: nobody waits for it any more.
struct End(Arc<CommitQueue>);

impl Drop for End {
    fn drop(&mut self) {
        let leaves = self.0.state.lock().leaves.take();
        drop(leaves);
        self.0.done.notify_all();
    }
}

impl Desk {
    fn run(mut self) {
        // What is wrong with the trail's checkpoints is better told when the log is opened than when the first is due.
        if let Err(error) = self.attempt(Self::open) {
            self.queue.tell(&error);
        }
        while let Some(task) = self.await_task() {
            let Task { leaves, forgotten, file, requests } = task;
            let last = requests.iter().any(|request| request.last);
            let asked = !requests.is_empty() && !last;
            let signed = self.attempt(|desk| {
                desk.take(&leaves, forgotten);
                if asked {
                    desk.take_all()?;
                }
                desk.open()?;
                desk.sign(file, last)
            });
            self.signed_at = Instant::now();
            self.answer(requests, signed);
            if let Some(leaves) = &mut self.queue.state.lock().leaves {
                leaves.busy = false;
            }
            self.queue.done.notify_all();
        }
    }

    /// A signer or a sink that panics fails, and ends nothing else.
    fn attempt<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        match catch_unwind(AssertUnwindSafe(|| step(self))) {
            Ok(done) => done,
            Err(_) => Err(self.refused("who signs, or who takes checkpoints, panicked".to_owned())),
        }
    }

    fn await_task(&self) -> Option<Task> {
        let queue = &*self.queue;
        // A time beyond all reckoning is never.
        let deadline = self.signed_at.checked_add(self.checkpoints.every);
        let mut state = queue.state.lock();
        loop {
            if matches!(state.condition, Lifecycle::Closed) {
                return None;
            }
            let past = deadline.is_some_and(|at| at <= Instant::now());
            let closing = matches!(state.condition, Lifecycle::Closing);
            let leaves = state.leaves.as_mut()?;
            // Who closes asks for the last one himself.
            let closing = (closing || leaves.closing) && leaves.requests.is_empty();
            if (past || leaves.are_due()) && !closing {
                leaves.entries = 0;
                leaves.turned = false;
                leaves.busy = true;
                return Some(Task {
                    leaves: std::mem::take(&mut leaves.waiting),
                    forgotten: std::mem::take(&mut leaves.forgotten),
                    file: leaves.file,
                    requests: std::mem::take(&mut leaves.requests),
                });
            }
            match deadline {
                Some(at) if !past => drop(queue.notary.wait_until(&mut state, at)),
                _ => queue.notary.wait(&mut state),
            }
        }
    }

    /// Adds what was written.
    fn take(&mut self, leaves: &[[u8; 32]], forgotten: u64) {
        self.size += forgotten + leaves.len() as u64;
        match &mut self.tree {
            Some(tree) if forgotten == 0 => tree.extend(leaves),
            // It is read from the files.
            tree => *tree = None,
        }
    }

    /// Adds what is recorded and was not handed to the system yet: who asks for a checkpoint means that too.
    fn take_all(&mut self) -> Result<(), Error> {
        self.queue.flush()?;
        let mut state = self.queue.state.lock();
        let Some(leaves) = &mut state.leaves else { return Ok(()) };
        let (waiting, forgotten) =
            (std::mem::take(&mut leaves.waiting), std::mem::take(&mut leaves.forgotten));
        drop(state);
        self.take(&waiting, forgotten);
        Ok(())
    }

    /// Reads where the trail and its checkpoints stand, unless that is known.
    fn open(&mut self) -> Result<(), Error> {
        let directory = &self.queue.directory;
        let signer = &*self.checkpoints.signer;
        let book = match &mut self.book {
            Some(book) => book,
            None => self.book.insert(CheckpointLog::open(directory, self.access, signer.verifying_key())?),
        };
        if self.tree.is_none() {
            let trail = self.queue.trail_id;
            self.tree = Some(signing::resume(directory, signer, book, trail, Some(self.size))?);
        }
        Ok(())
    }

    /// Signs what is in the tree, and hands it on. With the `last` one nothing is recorded any more.
    fn sign(&mut self, file: Option<SegmentName>, last: bool) -> Result<SignedCheckpoint, Error> {
        let queue = &*self.queue;
        let (Some(tree), Some(book)) = (&self.tree, &mut self.book) else {
            return Err(self.refused("the trail was not read".to_owned()));
        };
        let signer = &*self.checkpoints.signer;
        // What a power cut could take must not be signed.
        if !last {
            queue.settle(tree.size(), file)?;
        }
        let signed = signing::sign(signer, &queue.directory, tree)?;
        if book.root(signed.size()) == Some(signed.root()) {
            // Nothing was written since.
            return Ok(signed);
        }
        book.append(&signed)?;
        // It stands in the trail: that the signer can't remember it keeps nobody else from it.
        if let Err(error) = signer.signed(&signed) {
            queue.tell(&error);
        }
        for sink in &self.checkpoints.sinks {
            if let Err(error) = sink.send(&signed) {
                queue.tell(&error);
            }
        }
        if !last {
            let nodes: Vec<_> = tree.nodes().iter().map(ToString::to_string).collect();
            let draft = Draft::from_origin("audit_checkpoint", Origin::Log)
                .detail("size", signed.size())
                .detail("root", signed.root().to_string())
                .detail("key", signer.verifying_key().label())
                .detail("frontier", nodes);
            match queue.append_own(draft) {
                // It is being closed, and the last checkpoint follows.
                Err(Error::Closed { .. }) => {}
                noted => noted?,
            }
        }
        Ok(signed)
    }

    /// Tells those who asked, or whoever is told of errors.
    fn answer(&self, mut requests: Vec<Request>, signed: Result<SignedCheckpoint, Error>) {
        // Who does not wait any more is not told.
        let send = |request: Request, signed| drop(request.answer.send(signed));
        match signed {
            Ok(signed) => requests.into_iter().for_each(|request| send(request, Ok(signed.clone()))),
            Err(error) => match requests.pop() {
                // The last checkpoint follows.
                None if matches!(error, Error::Closed { .. }) => {}
                None => self.queue.tell(&error),
                Some(one) => {
                    let reason = error.to_string();
                    send(one, Err(error));
                    for request in requests {
                        send(request, Err(self.refused(reason.clone())));
                    }
                }
            },
        }
    }

    fn refused(&self, reason: String) -> Error {
        refused(&self.queue, reason)
    }
}

impl CommitQueue {
    /// Has a checkpoint signed of everything that is written, and waits for it. `None` if nobody signs here.
    pub(crate) fn checkpoint(&self) -> Option<Result<SignedCheckpoint, Error>> {
        self.request(&mut self.state.lock(), false)
    }

    /// Lets the checkpoint that is being made come to its end, and brings no other about.
    pub(super) fn finish_checkpoint(&self, state: &mut MutexGuard<'_, State>) {
        if let Some(leaves) = state.leaves.as_mut().filter(|leaves| !leaves.are_own()) {
            leaves.closing = true;
            while state.leaves.as_ref().is_some_and(|leaves| leaves.busy) {
                self.done.wait(state);
            }
        }
    }

    /// The checkpoint that covers the log's end.
    pub(super) fn last_checkpoint(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        self.request(state, true).map_or(Ok(()), |signed| signed.map(drop))
    }

    fn request(
        &self,
        state: &mut MutexGuard<'_, State>,
        last: bool,
    ) -> Option<Result<SignedCheckpoint, Error>> {
        let leaves = state.leaves.as_mut()?;
        if leaves.are_own() {
            return Some(Err(refused(
                self,
                "a sink or a signer asked for it, which it would wait for".to_owned(),
            )));
        }
        let (answer, answered) = mpsc::channel();
        leaves.requests.push(Request { last, answer });
        self.notary.notify_one();
        let answered = MutexGuard::unlocked(state, || answered.recv());
        Some(answered.unwrap_or_else(|_| Err(refused(self, "the log was closed meanwhile".to_owned()))))
    }

    /// Puts the entries below the number `end`, which are written, on the device, and keeps nobody from recording
    /// meanwhile: the live file is synced beside its writer.
    fn settle(&self, end: u64, file: Option<SegmentName>) -> Result<(), Error> {
        {
            let state = self.state.lock();
            crate::write::commit::refuse_unless_open(&state, &self.directory)?;
            if state.synced >= end {
                return Ok(());
            }
        }
        let Some(label) = file else { return self.flush() };
        let path = self.directory.join(label.name());
        // Elsewhere, who syncs a file must be able to write it.
        let mut options = OpenOptions::new();
        options.read(true).write(cfg!(not(unix)));
        match open_regular(&path, &mut options) {
            Ok((file, _)) => file.sync_data().map_err(Error::io(Operation::Sync, path)),
            // It was taken away, and the writer makes it good.
            Err(_) => self.flush(),
        }
    }

    /// Records an entry of the log's own.
    fn append_own(&self, draft: Draft) -> Result<(), Error> {
        let mut state = self.state.lock();
        let need = self.need(false);
        let linked = self.link_own(&mut state, draft, need)?;
        if need == crate::write::commit::WaitFor::Linked {
            self.note_lines(&mut state);
            return Ok(());
        }
        self.wait(state, &linked)
    }
}

fn refused(queue: &CommitQueue, reason: String) -> Error {
    Error::Conflict { action: Operation::SignCheckpoint, path: queue.directory.clone(), reason }
}
