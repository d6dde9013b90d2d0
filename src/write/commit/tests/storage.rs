//! A storage whose faults come when asked for, and that keeps a journal of what reached the files.

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

/// What a storage is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Append,
    Overwrite,
    Sync,
    Cut,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) what: What,
    /// Whether it is about the head.
    pub(super) head: bool,
    /// Whether it is about values that entries withhold.
    pub(super) private: bool,
    /// The bytes to be written.
    pub(super) length: usize,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Do,
    Fail(i32),
    /// Some of the bytes are written, and the call says so.
    Short(usize),
    /// Some of the bytes are written, and the call fails.
    Persist(usize, i32),
}

/// What happened, in its order.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A file was created or opened, this long.
    Opened(PathBuf, u64),
    Appended(PathBuf, Vec<u8>),
    Overwrote(PathBuf, u64, Vec<u8>),
    Synced(PathBuf),
    Cut(PathBuf, u64),
    /// A caller was told: recorded. Whether it was to be on the device.
    Acknowledged(Receipt, bool),
}

type Rule = Box<dyn FnMut(Asked) -> Answer + Send>;

/// The faults, and the journal.
#[derive(Clone, Default)]
pub(super) struct Faults(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// Behind a lock of its own, so that a rule that holds a thread up can be replaced meanwhile.
    rule: Option<Arc<Mutex<Rule>>>,
    journal: Vec<Event>,
    keeps_journal: bool,
}

impl Faults {
    pub(super) fn with_journal() -> Self {
        let faults = Self::default();
        faults.0.lock().keeps_journal = true;
        faults
    }

    pub(super) fn wrap(&self) -> Wrap {
        let faults = self.clone();
        Arc::new(move |file, path| {
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            faults.note(|| Event::Opened(path.to_owned(), length));
            Box::new(Faulty { file, path: path.to_owned(), faults: faults.clone() })
        })
    }

    /// From now on `rule` decides.
    pub(super) fn rule(&self, rule: impl FnMut(Asked) -> Answer + Send + 'static) {
        self.0.lock().rule = Some(Arc::new(Mutex::new(Box::new(rule))));
    }

    /// From now on everything works.
    pub(super) fn clear(&self) {
        self.0.lock().rule = None;
    }

    pub(super) fn acknowledged(&self, receipt: Receipt, synced: bool) {
        self.note(|| Event::Acknowledged(receipt, synced));
    }

    pub(super) fn journal(&self) -> Vec<Event> {
        self.0.lock().journal.clone()
    }

    fn note(&self, event: impl FnOnce() -> Event) {
        let mut inner = self.0.lock();
        if inner.keeps_journal {
            inner.journal.push(event());
        }
    }

    fn ask(&self, asked: Asked) -> Answer {
        let rule = self.0.lock().rule.clone();
        rule.map_or(Answer::Do, |rule| (rule.lock())(asked))
    }
}

struct Faulty {
    file: File,
    path: PathBuf,
    faults: Faults,
}

impl Faulty {
    fn ask(&self, what: What, length: usize) -> Answer {
        let head = self.path.file_name().is_some_and(|name| name == crate::format::head::NAME);
        let private = self
            .path
            .parent()
            .is_some_and(|directory| directory.ends_with(crate::storage::private_values::NAME));
        self.faults.ask(Asked { what, head, private, length })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.file, bytes)?;
        self.faults.note(|| Event::Appended(self.path.clone(), bytes.to_vec()));
        Ok(())
    }
}

impl Storage for Faulty {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.ask(What::Append, bytes.len()) {
            Answer::Do => self.write(bytes).map(|()| bytes.len()),
            Answer::Fail(code) => Err(io::Error::from_raw_os_error(code)),
            Answer::Short(count) => {
                let count = count.min(bytes.len());
                self.write(&bytes[..count]).map(|()| count)
            }
            Answer::Persist(count, code) => {
                self.write(&bytes[..count.min(bytes.len())])?;
                Err(io::Error::from_raw_os_error(code))
            }
        }
    }

    fn overwrite(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (count, result) = match self.ask(What::Overwrite, bytes.len()) {
            Answer::Do => (bytes.len(), Ok(())),
            Answer::Fail(code) => (0, Err(code)),
            Answer::Short(count) => (count, Err(EIO)),
            Answer::Persist(count, code) => (count, Err(code)),
        };
        let bytes = &bytes[..count.min(bytes.len())];
        Storage::overwrite(&mut self.file, bytes, offset)?;
        self.faults.note(|| Event::Overwrote(self.path.clone(), offset, bytes.to_vec()));
        result.map_err(io::Error::from_raw_os_error)
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.ask(What::Sync, 0) {
            Answer::Do => {
                self.faults.note(|| Event::Synced(self.path.clone()));
                Ok(())
            }
            Answer::Fail(code) | Answer::Persist(_, code) => Err(io::Error::from_raw_os_error(code)),
            Answer::Short(_) => Err(io::Error::from_raw_os_error(EIO)),
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        match self.ask(What::Cut, 0) {
            Answer::Do => {
                self.file.set_len(length)?;
                self.faults.note(|| Event::Cut(self.path.clone(), length));
                Ok(())
            }
            Answer::Fail(code) | Answer::Persist(_, code) => Err(io::Error::from_raw_os_error(code)),
            Answer::Short(_) => Err(io::Error::from_raw_os_error(EIO)),
        }
    }

    fn length(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A directory that costs no disk, where the machine has one.
pub(super) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a directory")
}
