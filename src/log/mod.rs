//! The handle that a program holds: any number of threads append to one trail through it.
//!
//! It owns counters and the failure policy, and knows no files. An entry is recorded, or its caller gets an error.

pub(crate) mod builder;
pub(crate) mod erase;
pub(crate) mod global;
pub(crate) mod not_recorded;
pub(crate) mod outcome;
pub(crate) mod pending_receipt;
pub(crate) mod prune;

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    checkpoint::{policy::Checkpoints, statement::SignedCheckpoint},
    error::{DraftError, Error, Operation, print_to_stderr},
    findings::verification::Verification,
    format::{
        draft::{Draft, Origin},
        prepared_entry::{EntryDefaults, PreparedEntry},
        receipt::{Receipt, TrailId},
    },
    log::{builder::AuditLogBuilder, not_recorded::NotRecorded, pending_receipt::PendingReceipt},
    storage::process::Process,
    write::{
        adopt,
        commit::{
            abandoned::OutcomeObserver, awaited_entry::WaitFor, checkpointer::Checkpointer, flusher::Flusher,
            pending::PendingEntry, queue::CommitQueue,
        },
        health::Health,
        open,
        reentrancy::ReentrancyGuard,
        settings::{Hook, OnFailure, Settings},
    },
};

/// An open trail. Clones are cheap and share it; the trail has one writer, and this is it.
///
/// Dropping the last clone closes the log in order, as [`close`](Self::close) does, but can only print an error. A
/// global `tracing` subscriber is never dropped, and the layer in it holds a clone: a program that installs one
/// calls `close` before it ends.
///
/// ```
/// use kling_audit::{AuditLog, Draft};
///
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("audit");
/// let log = AuditLog::open(&directory)?;
/// let receipt = log.append(Draft::new("quota_changed").actor("alice").detail("value", 5))?;
/// log.close()?;
///
/// assert_eq!(receipt.seq, 1, "0 is the log's own `audit_started`");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AuditLog {
    handle: Arc<Handle>,
    /// What entries need at least that are recorded through this clone.
    least: WaitFor,
}

/// Counts since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Entries recorded at callers' request; the log's own entries aside.
    pub recorded: u64,
    /// Entries that were to be recorded and were not.
    pub not_recorded: u64,
    /// Of those, entries that the operating system would not take.
    pub io_errors: u64,
    /// Threads and futures that wait for the disk now.
    pub waiting: u64,
    /// Bytes handed to the system.
    pub bytes: u64,
}

/// What clones share; its drop is the end of the last of them.
struct Handle {
    queue: Arc<CommitQueue>,
    keeper: Mutex<Option<Flusher>>,
    notary: Mutex<Option<Checkpointer>>,
    /// One erasure at a time.
    erasing: Mutex<()>,
    shared: Arc<Shared>,
}

/// What outlives the handle in futures.
struct Shared {
    /// The process that opened the log: a fork of it must not write.
    process: Process,
    hook: Option<Hook>,
    on_failure: OnFailure,
    recorded: AtomicU64,
    not_recorded: AtomicU64,
    io_errors: AtomicU64,
    has_layer: AtomicBool,
}

impl AuditLog {
    /// Opens the trail in `directory` with the defaults of [`AuditLogBuilder`], or begins one there.
    ///
    /// # Errors
    ///
    /// As [`AuditLogBuilder::open`].
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::builder(directory).open()
    }

    /// Prepares to open the trail in `directory` with other than the defaults.
    pub fn builder(directory: impl Into<PathBuf>) -> AuditLogBuilder {
        AuditLogBuilder::new(directory.into())
    }

    #[cfg(test)]
    pub(crate) fn start(settings: Settings) -> Result<Self, Error> {
        Self::start_signing(settings, None)
    }

    pub(crate) fn start_signing(settings: Settings, checkpoints: Option<Checkpoints>) -> Result<Self, Error> {
        Self::start_with(settings, checkpoints, open::open)
    }

    /// Seals the trail that is there, and begins a new one that tells of it.
    pub(crate) fn start_anew(
        settings: Settings,
        checkpoints: Option<Checkpoints>,
        actor: &str,
        reason: &str,
    ) -> Result<Self, Error> {
        let lock = adopt::seal(&settings, actor, reason)?;
        Self::start_with(settings, checkpoints, |settings| open::open_locked(settings, lock))
    }

    fn start_with(
        settings: Settings,
        checkpoints: Option<Checkpoints>,
        open: impl FnOnce(Settings) -> Result<CommitQueue, Error>,
    ) -> Result<Self, Error> {
        let shared = Shared {
            process: Process::this(),
            hook: settings.hook.clone(),
            on_failure: settings.on_failure,
            recorded: AtomicU64::new(0),
            not_recorded: AtomicU64::new(0),
            io_errors: AtomicU64::new(0),
            has_layer: AtomicBool::new(false),
        };
        let access = settings.access;
        let queue = Arc::new(open(settings)?);
        let keeper = Mutex::new(Some(Flusher::start(&queue)?));
        let handle = Handle {
            queue,
            keeper,
            erasing: Mutex::new(()),
            notary: Mutex::new(None),
            shared: Arc::new(shared),
        };
        if let Some(checkpoints) = checkpoints {
            let notary = Checkpointer::start(&handle.queue, checkpoints, access)?;
            *handle.notary.lock() = Some(notary);
        }
        Ok(Self { handle: Arc::new(handle), least: WaitFor::Linked })
    }

    /// Records `draft`, and says where it landed.
    ///
    /// On `Ok` the entry is as durable as the log's [`Durability`](crate::Durability) promises, or as the draft asked
    /// for. On `Err` it is nowhere in the trail, but for a [critical](Draft::critical) draft in a buffered log, which
    /// stays in line, and for one whose sync failed ([`Error::Poisoned`]), which may be there. This may wait for the
    /// disk; many threads that wait share one write and one sync.
    ///
    /// # Errors
    ///
    /// [`Error::Draft`] if the draft can't be an entry: its type is empty or reserved, a detail can't be serialised.
    /// [`Error::Closed`] after [`close`](Self::close). [`Error::Poisoned`] after a failed sync: reopen the trail.
    /// [`Error::Forked`] in a child process. [`Error::Io`] may pass: try again.
    pub fn append(&self, draft: Draft) -> Result<Receipt, Error> {
        self.record(draft)
    }

    /// As [`append`](Self::append), without blocking the thread: the log's own thread writes, and the future wakes
    /// when the entry is through. It needs no particular runtime.
    ///
    /// The entry takes its place in the trail when this is called, and keeps it if the future is dropped.
    ///
    /// ```
    /// # async fn example(log: kling_audit::AuditLog) -> Result<(), kling_audit::Error> {
    /// use kling_audit::Draft;
    ///
    /// let receipt = log.append_async(Draft::new("quota_changed").actor("alice")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn append_async(&self, draft: Draft) -> PendingReceipt {
        let (critical, own) = (draft.critical, draft.origin == Origin::Log);
        PendingReceipt::new(self.place_async(critical, own, |rules| PreparedEntry::render(draft, rules)))
    }

    /// Records an entry that no caller waits for. Returns its place in the trail, where it need not be durable yet.
    pub(crate) fn append_in_background(&self, draft: Draft) -> Result<Receipt, Error> {
        let (critical, own) = (draft.critical, draft.origin == Origin::Log);
        self.place_async(critical, own, |rules| PreparedEntry::render(draft, rules)).detach()
    }

    /// As [`append_async`](Self::append_async), for an event that `render` renders.
    pub(crate) fn append_event_async(
        &self,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> PendingReceipt<NotRecorded> {
        PendingReceipt::new(self.place_async(false, false, render))
    }

    fn place_async(
        &self,
        critical: bool,
        own: bool,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> PendingEntry {
        let queue = &self.handle.queue;
        let shared = Arc::clone(&self.handle.shared);
        let prefix = self.render(render);
        let level = queue.need(critical).max(self.least);
        PendingEntry::new(queue, prefix, level, shared, own)
    }

    /// As [`append`](Self::append), for drafts of any origin.
    pub(crate) fn record(&self, draft: Draft) -> Result<Receipt, Error> {
        let (critical, own) = (draft.critical, draft.origin == Origin::Log);
        self.place(critical, own, |rules| PreparedEntry::render(draft, rules))
    }

    /// As [`append`](Self::append), for an event that `render` renders.
    pub(crate) fn record_event(
        &self,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> Result<Receipt, Error> {
        self.place(false, false, render)
    }

    fn place(
        &self,
        critical: bool,
        own: bool,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> Result<Receipt, Error> {
        let queue = &*self.handle.queue;
        let need = queue.need(critical).max(self.least);
        let recorded = self.render(render).and_then(|prefix| queue.append(prefix, need));
        self.handle.shared.settle(&recorded, own);
        recorded
    }

    /// Records drafts, and says how long that took once all were rendered.
    pub(crate) fn time_of_linking(&self, drafts: Vec<Draft>) -> Result<Duration, Error> {
        let queue = &*self.handle.queue;
        let prefixes: Vec<_> = drafts
            .into_iter()
            .map(|draft| self.render(|rules| PreparedEntry::render(draft, rules)))
            .collect::<Result<_, _>>()?;
        let started = Instant::now();
        for prefix in prefixes {
            queue.append(prefix, WaitFor::Linked)?;
        }
        Ok(started.elapsed())
    }

    fn render(
        &self,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> Result<PreparedEntry, Error> {
        self.refuse_in_fork()?;
        render(self.handle.queue.rules())
            .map_err(|source| Error::Draft { path: self.directory().to_owned(), source })
    }

    /// Asked before any lock is taken: in a fork, a lock may be held by a thread that is not there.
    fn refuse_in_fork(&self) -> Result<(), Error> {
        if self.handle.shared.is_fork() {
            return Err(Error::Forked { path: self.directory().to_owned() });
        }
        Ok(())
    }

    /// Records that this trail was verified, by whom and with what outcome, as `audit_verified`.
    ///
    /// The entry names the last entry that the verification saw, so it may be recorded while the trail goes on.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn record_verification(&self, verification: &Verification, by: &str) -> Result<Receipt, Error> {
        let (first, last) = (verification.first(), verification.last());
        let verified = Draft::from_origin("audit_verified", Origin::Log)
            .detail("verdict", verification.verdict().name())
            .detail("entries", verification.entries())
            .detail("first_seq", first.and_then(|place| place.seq))
            .detail("last_seq", last.and_then(|place| place.seq))
            .detail("last_hash", last.map(|place| place.hash.to_string()))
            .detail("findings", verification.findings_total())
            .detail("by", by);
        self.record(verified)
    }

    /// Puts everything recorded so far on the device, whatever the log's durability.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Poisoned`], [`Error::Forked`]. A failed sync poisons the log.
    pub fn flush(&self) -> Result<(), Error> {
        self.refuse_in_fork()?;
        self.handle.queue.flush()
    }

    /// Has a checkpoint signed of everything recorded so far, and puts it on the device; with the keys of
    /// [`AuditLogBuilder::checkpoints`].
    ///
    /// It is handed to the sinks too, and an `audit_checkpoint` tells of it.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if the log was opened without checkpoints, if the trail does not follow from its last checkpoint,
    /// or the key signs another trail; what [`flush`](Self::flush) gives.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, Error> {
        self.refuse_in_fork()?;
        self.handle.queue.checkpoint().unwrap_or_else(|| {
            Err(Error::Conflict {
                action: Operation::SignCheckpoint,
                path: self.directory().to_owned(),
                reason: "the log is closed, or was opened without `AuditLogBuilder::checkpoints`".to_owned(),
            })
        })
    }

    /// Ends the trail in order: records `audit_stopped`, puts everything on the device, has a last checkpoint signed where
    /// the log signs any, lets the lock go.
    ///
    /// Every clone is closed by it, and a layer in a subscriber too; what they are given afterwards is not recorded.
    /// Closing twice is closing once.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append) and [`flush`](Self::flush). The log is closed all the same.
    pub fn close(&self) -> Result<(), Error> {
        self.refuse_in_fork()?;
        self.handle.close()
    }

    /// Counts since the log was opened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let (queue, shared) = (&*self.handle.queue, &*self.handle.shared);
        let (waiting, bytes) = if shared.is_fork() { (0, 0) } else { (queue.waiting(), queue.bytes()) };
        Counters {
            recorded: shared.recorded.load(Ordering::Relaxed),
            not_recorded: shared.not_recorded.load(Ordering::Relaxed),
            io_errors: shared.io_errors.load(Ordering::Relaxed),
            waiting,
            bytes,
        }
    }

    /// How the log is doing, for a health check.
    #[must_use]
    pub fn health(&self) -> Health {
        if self.handle.shared.is_fork() { Health::Closed } else { self.handle.queue.health() }
    }

    /// The trail's name, as receipts state it.
    #[must_use]
    pub fn trail_id(&self) -> TrailId {
        self.handle.queue.trail_id()
    }

    /// The trail's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.handle.queue.directory()
    }

    pub(crate) fn erasing(&self) -> &Mutex<()> {
        &self.handle.erasing
    }

    /// Whether it signs checkpoints.
    pub(crate) fn signs(&self) -> bool {
        self.handle.notary.lock().is_some()
    }

    /// The time by the log's clock.
    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.handle.queue.now()
    }

    /// The number that the next entry will have.
    pub(crate) fn next_seq(&self) -> u64 {
        self.handle.queue.next_seq()
    }

    /// The names of fields that entries take over from the spans around them.
    pub(crate) fn inherited(&self) -> &[String] {
        &self.handle.queue.rules().inherit_fields
    }

    /// A clone whose entries are at least handed to the system before their receipts, whatever the log's durability.
    #[cfg(feature = "kling")]
    pub(crate) fn at_least_written(&self) -> Self {
        Self { handle: Arc::clone(&self.handle), least: WaitFor::Written }
    }

    /// Whether an entry that was refused may stay in line, and be written later.
    #[cfg(feature = "kling")]
    pub(crate) fn keeps_lines(&self) -> bool {
        self.handle.queue.keeps_lines()
    }

    /// Whether both are handles of one trail.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.handle, &other.handle)
    }

    /// Remembers that a layer records in this log.
    pub(crate) fn note_layer(&self) {
        self.handle.shared.has_layer.store(true, Ordering::Relaxed);
    }

    /// Whether a layer was ever made for this log.
    pub(crate) fn has_layer(&self) -> bool {
        self.handle.shared.has_layer.load(Ordering::Relaxed)
    }

    /// Counts an entry that was lost before it reached the log.
    pub(crate) fn count_not_recorded(&self) {
        self.handle.shared.not_recorded.fetch_add(1, Ordering::Relaxed);
    }
}

// Locks are not poisoned by a panic here, and the chain moves under them in one step.
impl UnwindSafe for AuditLog {}
impl RefUnwindSafe for AuditLog {}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("directory", &self.directory())
            .field("trail_id", &self.trail_id())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn is_fork(&self) -> bool {
        !self.process.is_this()
    }
}

impl OutcomeObserver for Shared {
    #[inline]
    fn count(&self, recorded: &Result<Receipt, Error>, own: bool) {
        let Err(error) = recorded else {
            self.recorded.fetch_add(u64::from(!own), Ordering::Relaxed);
            return;
        };
        self.not_recorded.fetch_add(1, Ordering::Relaxed);
        if matches!(error, Error::Io { .. }) {
            self.io_errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Does what the failure policy says.
    #[cold]
    fn report(&self, error: &Error) {
        if let Some(hook) = &self.hook {
            let _guard = ReentrancyGuard::enter();
            hook(error);
        }
        // A draft that can't be an entry is the caller's affair, and no failure of the log.
        if self.on_failure == OnFailure::Abort && !matches!(error, Error::Draft { .. } | Error::Closed { .. })
        {
            print_to_stderr(error);
            std::process::abort();
        }
    }
}

impl Handle {
    fn close(&self) -> Result<(), Error> {
        let closed = self.queue.close(|| self.shared.not_recorded.load(Ordering::Relaxed));
        if let Some(keeper) = self.keeper.lock().take() {
            keeper.join();
        }
        if let Some(notary) = self.notary.lock().take() {
            notary.join();
        }
        closed
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.shared.is_fork() {
            // Neither the trail nor the keeper is this process's to end.
            std::mem::forget(self.keeper.get_mut().take());
            std::mem::forget(self.notary.get_mut().take());
        } else if let Err(error) = self.close() {
            print_to_stderr(&error);
        }
    }
}
