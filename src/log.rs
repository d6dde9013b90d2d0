//! The handle that a program holds: any number of threads append to one trail through it.
//!
//! It owns threads, counters and durability, and knows no files. An entry is recorded, or its caller gets an error.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use crate::{
    builder::AuditLogBuilder,
    draft::{Draft, Origin},
    entry::{Prefix, Rules},
    error::Error,
    receipt::{Receipt, TrailId},
    settings::{Durability, Settings},
    trail::Trail,
    verify::Verification,
};

/// How long a buffered entry waits at most before it is handed to the system.
const FLUSH_EVERY: Duration = Duration::from_millis(15);

/// After a failed flush the flusher waits this long; every append tries again by itself when the buffer is full.
const RETRY_AFTER: Duration = Duration::from_secs(1);

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
}

/// Counts since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Entries recorded at callers' request; the log's own entries aside.
    pub recorded: u64,
    /// Entries that were to be recorded and were not.
    pub not_recorded: u64,
    /// Failures of the operating system among them, and of flushes.
    pub io_errors: u64,
    /// Bytes handed to the system.
    pub bytes: u64,
}

/// What clones share; its drop is the end of the last of them.
struct Handle {
    shared: Arc<Shared>,
    flusher: Mutex<Option<JoinHandle<()>>>,
}

/// What the flusher shares with the handle.
struct Shared {
    directory: PathBuf,
    durability: Durability,
    rules: Rules,
    id: TrailId,
    trail: Mutex<Trail>,
    recorded: AtomicU64,
    not_recorded: AtomicU64,
    io_errors: AtomicU64,
    has_layer: AtomicBool,
    alarm: Alarm,
}

/// Tells the flusher that there is something to write, or that it is over.
#[derive(Default)]
struct Alarm {
    state: Mutex<AlarmState>,
    rung: Condvar,
}

#[derive(Default)]
struct AlarmState {
    dirty: bool,
    over: bool,
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

    pub(crate) fn start(settings: Settings) -> Result<Self, Error> {
        let directory = settings.directory.clone();
        let durability = settings.durability;
        let trail = Trail::open(settings)?;
        let shared = Arc::new(Shared {
            directory,
            durability,
            rules: trail.rules().clone(),
            id: trail.id(),
            trail: Mutex::new(trail),
            recorded: AtomicU64::new(0),
            not_recorded: AtomicU64::new(0),
            io_errors: AtomicU64::new(0),
            has_layer: AtomicBool::new(false),
            alarm: Alarm::default(),
        });
        let flusher = match durability {
            Durability::Buffered => Some(start_flusher(&shared)?),
            Durability::Written | Durability::Synced => None,
        };
        Ok(Self { handle: Arc::new(Handle { shared, flusher: Mutex::new(flusher) }) })
    }

    /// Records `draft`, and says where it landed.
    ///
    /// On `Ok` the entry is as durable as the log's [`Durability`] promises. On `Err` the trail is as it was. This
    /// may wait for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Draft`] if the draft can't be an entry: its type is empty or reserved, a detail can't be serialised.
    /// [`Error::Closed`] after [`close`](Self::close). [`Error::Poisoned`] after a failed sync: reopen the trail.
    /// [`Error::Io`] may pass: try again.
    pub fn append(&self, draft: Draft) -> Result<Receipt, Error> {
        self.record(draft)
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

    /// As [`append`](Self::append), for drafts of any origin.
    pub(crate) fn record(&self, draft: Draft) -> Result<Receipt, Error> {
        let shared = &*self.handle.shared;
        let own = draft.origin == Origin::Log;
        let recorded = Prefix::render(draft, &shared.rules)
            .map_err(|source| Error::Draft { path: shared.directory.clone(), source })
            .and_then(|prefix| shared.append(prefix));
        match &recorded {
            Ok(_) => shared.recorded.fetch_add(u64::from(!own), Ordering::Relaxed),
            Err(error) => {
                shared.count(error);
                shared.not_recorded.fetch_add(1, Ordering::Relaxed)
            }
        };
        recorded
    }

    /// Puts everything recorded so far on the device, whatever the log's durability.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Poisoned`]. A failed sync poisons the log.
    pub fn flush(&self) -> Result<(), Error> {
        let shared = &*self.handle.shared;
        let mut trail = shared.trail.lock();
        let flushed = trail.write().and_then(|()| trail.sync());
        flushed.inspect_err(|error| shared.count(error))
    }

    /// Ends the trail in order: records `audit_stopped`, puts everything on the device, lets the lock go.
    ///
    /// Every clone is closed by it, and a layer in a subscriber too; what they are given afterwards is not recorded.
    /// Closing twice is closing once.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append) and [`flush`](Self::flush). The log is closed all the same.
    pub fn close(&self) -> Result<(), Error> {
        self.handle.close()
    }

    /// Counts since the log was opened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let shared = &*self.handle.shared;
        Counters {
            recorded: shared.recorded.load(Ordering::Relaxed),
            not_recorded: shared.not_recorded.load(Ordering::Relaxed),
            io_errors: shared.io_errors.load(Ordering::Relaxed),
            bytes: shared.trail.lock().bytes(),
        }
    }

    /// The trail's name, as receipts state it.
    #[must_use]
    pub fn trail_id(&self) -> TrailId {
        self.handle.shared.id
    }

    /// The trail's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.handle.shared.directory
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

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("directory", &self.directory())
            .field("trail_id", &self.trail_id())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn append(&self, prefix: Prefix) -> Result<Receipt, Error> {
        let mut trail = self.trail.lock();
        match self.durability {
            Durability::Buffered => {
                let receipt = trail.append(prefix)?;
                drop(trail);
                self.alarm.ring();
                Ok(receipt)
            }
            Durability::Written => trail.append_written(prefix),
            Durability::Synced => {
                let receipt = trail.append_written(prefix)?;
                trail.sync()?;
                Ok(receipt)
            }
        }
    }

    fn count(&self, error: &Error) {
        if matches!(error, Error::Io { .. }) {
            self.io_errors.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Handle {
    fn close(&self) -> Result<(), Error> {
        self.shared.alarm.end();
        let flusher = self.flusher.lock().take();
        // A flusher that panicked has nothing left to flush that closing doesn't.
        drop(flusher.map(JoinHandle::join));
        let not_recorded = self.shared.not_recorded.load(Ordering::Relaxed);
        self.shared.trail.lock().close(not_recorded).inspect_err(|error| self.shared.count(error))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            report(&error);
        }
    }
}

impl Alarm {
    fn ring(&self) {
        let mut state = self.state.lock();
        if !state.dirty {
            state.dirty = true;
            self.rung.notify_one();
        }
    }

    fn end(&self) {
        self.state.lock().over = true;
        self.rung.notify_one();
    }

    /// Waits for something to write; `false` when it is over.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while !state.dirty && !state.over {
            self.rung.wait(&mut state);
        }
        !state.over
    }

    /// Lets time pass; `false` when it is over.
    fn pass(&self, time: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.over {
            self.rung.wait_for(&mut state, time);
        }
        !state.over
    }
}

/// Starts the thread that writes what a buffered log holds. It ends with the log.
fn start_flusher(shared: &Arc<Shared>) -> Result<JoinHandle<()>, Error> {
    let directory = shared.directory.clone();
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("kling-audit flusher".to_owned())
        .spawn(move || {
            let mut reported = false;
            while shared.alarm.wait() && shared.alarm.pass(FLUSH_EVERY) {
                shared.alarm.state.lock().dirty = false;
                let flushed = shared.trail.lock().write();
                if let Err(error) = flushed {
                    shared.count(&error);
                    if !reported {
                        report(&error);
                        reported = true;
                    }
                    // What could not be written is still in the buffer.
                    shared.alarm.state.lock().dirty = true;
                    if !shared.alarm.pass(RETRY_AFTER) {
                        break;
                    }
                } else {
                    reported = false;
                }
            }
        })
        .map_err(Error::io("start the flusher of", directory))
}

/// Says on stderr what no caller is there to be told.
pub(crate) fn report(error: &dyn std::error::Error) {
    use std::io::Write as _;

    // If stderr is gone too there is nobody left to tell; `eprintln!` would panic then.
    drop(writeln!(std::io::stderr(), "kling-audit: {error}"));
}
