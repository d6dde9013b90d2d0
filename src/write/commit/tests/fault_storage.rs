//! Storage with injected faults, and a journal of everything that reached the files.
//!
//! A rule decides about each call before it is carried out. A sync is journalled and not passed on to the OS: no test
//! needs the device.

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{
    format::receipt::Receipt,
    storage::backend::{Storage, Wrap},
};

pub(super) const EIO: i32 = 5;
pub(super) const ENOSPC: i32 = 28;
pub(super) const EPERM: i32 = 1;

/// The operation of a [`StorageCall`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    Append,
    Overwrite,
    Sync,
    Truncate,
}

/// A call to a storage.
#[derive(Clone, Copy, Debug)]
pub(super) struct StorageCall {
    pub(super) kind: CallKind,
    /// The file is the head.
    pub(super) is_head: bool,
    /// The file holds private values.
    pub(super) is_private: bool,
    /// The number of bytes to be written.
    pub(super) length: usize,
}

/// The outcome of a call, as a rule decides it. Error codes are those of the OS.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallOutcome {
    Proceed,
    /// Nothing is written, and the call fails.
    Fail(i32),
    /// Some of the bytes are written, and the call returns their number.
    ShortWrite(usize),
    /// Some of the bytes are written, and the call fails.
    FailAfter(usize, i32),
}

impl CallOutcome {
    /// The error of a call that writes no bytes; `None` if the call proceeds.
    fn error(self) -> Option<io::Error> {
        let code = match self {
            Self::Proceed => return None,
            Self::Fail(code) | Self::FailAfter(_, code) => code,
            Self::ShortWrite(_) => EIO,
        };
        Some(io::Error::from_raw_os_error(code))
    }
}

/// An event of a run.
#[derive(Clone, Debug)]
pub(super) enum JournalEvent {
    /// A file was created, or opened with this length.
    Opened(PathBuf, u64),
    Appended(PathBuf, Vec<u8>),
    Overwritten(PathBuf, u64, Vec<u8>),
    Synced(PathBuf),
    Truncated(PathBuf, u64),
    /// A caller received a receipt; `is_synced` if the entry has to be on the device by then.
    Acknowledged {
        receipt: Receipt,
        is_synced: bool,
    },
}

type FaultRule = Box<dyn FnMut(StorageCall) -> CallOutcome + Send>;

/// The fault rule and the journal of all files of a trail. Clones share them.
#[derive(Clone, Default)]
pub(super) struct FaultInjector(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    // The rule has a lock of its own. So a test can replace a rule while it blocks a thread.
    rule: Option<Arc<Mutex<FaultRule>>>,
    journal: Vec<JournalEvent>,
    keeps_journal: bool,
}

impl FaultInjector {
    /// Creates an injector that keeps a journal.
    pub(super) fn with_journal() -> Self {
        let faults = Self::default();
        faults.0.lock().keeps_journal = true;
        faults
    }

    /// The function that opens a file of the trail as a storage with faults.
    pub(super) fn wrap(&self) -> Wrap {
        let faults = self.clone();
        Arc::new(move |file, path| {
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            faults.note(|| JournalEvent::Opened(path.to_owned(), length));
            Box::new(FaultStorage { file, path: path.to_owned(), faults: faults.clone() })
        })
    }

    /// Lets `rule` decide about all calls from now on.
    pub(super) fn set_rule(&self, rule: impl FnMut(StorageCall) -> CallOutcome + Send + 'static) {
        self.0.lock().rule = Some(Arc::new(Mutex::new(Box::new(rule))));
    }

    /// Fails all appends from now on.
    pub(super) fn fail_appends(&self, code: i32) {
        self.set_rule(move |call| match call.kind {
            CallKind::Append => CallOutcome::Fail(code),
            _ => CallOutcome::Proceed,
        });
    }

    /// Fails all syncs from now on, except those of the head.
    pub(super) fn fail_syncs(&self, code: i32) {
        self.set_rule(move |call| match call.kind {
            CallKind::Sync if !call.is_head => CallOutcome::Fail(code),
            _ => CallOutcome::Proceed,
        });
    }

    /// Lets all calls succeed from now on.
    pub(super) fn clear(&self) {
        self.0.lock().rule = None;
    }

    /// Notes in the journal that a caller received `receipt`.
    pub(super) fn acknowledge(&self, receipt: Receipt, is_synced: bool) {
        self.note(|| JournalEvent::Acknowledged { receipt, is_synced });
    }

    pub(super) fn journal(&self) -> Vec<JournalEvent> {
        self.0.lock().journal.clone()
    }

    fn note(&self, event: impl FnOnce() -> JournalEvent) {
        let mut inner = self.0.lock();
        if inner.keeps_journal {
            inner.journal.push(event());
        }
    }

    fn decide(&self, call: StorageCall) -> CallOutcome {
        let rule = self.0.lock().rule.clone();
        rule.map_or(CallOutcome::Proceed, |rule| (rule.lock())(call))
    }
}

struct FaultStorage {
    file: File,
    path: PathBuf,
    faults: FaultInjector,
}

impl FaultStorage {
    fn decide(&self, kind: CallKind, length: usize) -> CallOutcome {
        let is_head = self.path.file_name().is_some_and(|name| name == crate::format::head::NAME);
        let is_private = self
            .path
            .parent()
            .is_some_and(|directory| directory.ends_with(crate::storage::private_values::NAME));
        self.faults.decide(StorageCall { kind, is_head, is_private, length })
    }

    /// Writes the first `count` bytes and notes them in the journal. Returns their number.
    fn write(&mut self, bytes: &[u8], count: usize) -> io::Result<usize> {
        let bytes = &bytes[..count.min(bytes.len())];
        io::Write::write_all(&mut self.file, bytes)?;
        self.faults.note(|| JournalEvent::Appended(self.path.clone(), bytes.to_vec()));
        Ok(bytes.len())
    }
}

impl Storage for FaultStorage {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.decide(CallKind::Append, bytes.len()) {
            CallOutcome::Proceed => self.write(bytes, bytes.len()),
            CallOutcome::Fail(code) => Err(io::Error::from_raw_os_error(code)),
            CallOutcome::ShortWrite(count) => self.write(bytes, count),
            CallOutcome::FailAfter(count, code) => {
                self.write(bytes, count)?;
                Err(io::Error::from_raw_os_error(code))
            }
        }
    }

    fn overwrite(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let outcome = self.decide(CallKind::Overwrite, bytes.len());
        let count = match outcome {
            CallOutcome::Proceed => bytes.len(),
            CallOutcome::Fail(_) => 0,
            CallOutcome::ShortWrite(count) | CallOutcome::FailAfter(count, _) => count,
        };
        let bytes = &bytes[..count.min(bytes.len())];
        Storage::overwrite(&mut self.file, bytes, offset)?;
        self.faults.note(|| JournalEvent::Overwritten(self.path.clone(), offset, bytes.to_vec()));
        outcome.error().map_or(Ok(()), Err)
    }

    fn sync(&mut self) -> io::Result<()> {
        if let Some(error) = self.decide(CallKind::Sync, 0).error() {
            return Err(error);
        }
        self.faults.note(|| JournalEvent::Synced(self.path.clone()));
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if let Some(error) = self.decide(CallKind::Truncate, 0).error() {
            return Err(error);
        }
        self.file.set_len(length)?;
        self.faults.note(|| JournalEvent::Truncated(self.path.clone(), length));
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }
}

impl fmt::Debug for FaultStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultStorage").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A temporary directory, in memory if the machine has such a file system.
pub(super) fn memory_directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let created = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    created.expect("a directory")
}
