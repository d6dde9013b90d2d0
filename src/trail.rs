//! A trail being written: one directory, one writer.
//!
//! It links, appends, rotates and recovers, and knows no threads. The chain never gets ahead of what can be written:
//! an entry that was refused leaves the trail as it was.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    access::Access,
    canonical::{self, Value},
    digest::{Digest, HashLength, Link},
    directory::{self, Label, TrailFile, Writer},
    draft::{Draft, Origin},
    entry::{Entry, Prefix, Rules},
    error::Error,
    line::{self, Line, MAX_LINE},
    receipt::{Receipt, TrailId},
    segment::{AppendError, Ending, Segment, open_regular},
    settings::Settings,
    timestamp::Timestamp,
};

/// The version of the format that is written here.
pub(crate) const FORMAT: u64 = 1;

/// A clock that goes back by more than this is recorded; by less, the last time is kept.
const STEP: i64 = 1_000_000;

/// A buffered log holds this many bytes before an append writes them itself.
const BUFFER: usize = 256 * 1024;

const LOCK: &str = "audit.lock";
const TORN: &str = ".torn";
const UNRECORDED: &str = ".torn-unrecorded";

/// One directory and its one writer.
pub(crate) struct Trail {
    settings: Settings,
    rules: Rules,
    id: TrailId,
    length: HashLength,
    /// The next entry's number and predecessor, and the last entry's time.
    next: u64,
    head: Link,
    time: Option<Timestamp>,
    live: Option<Live>,
    /// Linked lines of the live file that are not yet written.
    buffer: Vec<u8>,
    /// The first `seq` of this run.
    first: u64,
    state: State,
    bytes: u64,
    /// Held until the trail is dropped or closed.
    lock: Option<File>,
}

struct Live {
    segment: Segment,
    label: Label,
}

enum State {
    Open,
    /// What failed.
    Poisoned(String),
    Closed,
}

#[derive(Serialize)]
struct Started<'a> {
    format: u64,
    trail_id: String,
    hash_length: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    host: String,
    pid: u32,
    min_retention_days: u32,
    resumed_from: Option<ResumedFrom>,
    adopted: Option<()>,
}

#[derive(Clone, Serialize)]
struct ResumedFrom {
    seq: u64,
    hash: String,
}

/// What `audit_recovered` says of bytes that were taken out of a file.
#[derive(Serialize)]
struct Recovered {
    file: String,
    offset: u64,
    length: u64,
    sha256: String,
    kept_as: String,
}

impl Trail {
    /// Opens the trail in the settings' directory, or begins one there.
    pub(crate) fn open(settings: Settings) -> Result<Self, Error> {
        let directory = settings.directory.clone();
        settings.access.create_directory(&directory).map_err(Error::io("create", &directory))?;
        let lock = take_lock(&directory, settings.access)?;
        let files = directory::list(&directory)?;
        let rules = Rules { actor: settings.actor.clone(), redaction: settings.redaction.clone() };
        let mut trail = Self {
            id: TrailId::new([0; 16]),
            length: settings.hash_length.unwrap_or_default(),
            settings,
            rules,
            next: 0,
            head: Link::Genesis,
            time: None,
            live: None,
            buffer: Vec::new(),
            first: 0,
            state: State::Open,
            bytes: 0,
            lock: Some(lock),
        };
        let resumed = trail.resume(&files)?;
        if resumed.is_none() {
            let mut bits = [0; 16];
            getrandom::fill(&mut bits)
                .map_err(|error| Error::io("draw the random id of", &directory)(io::Error::other(error)))?;
            trail.id = TrailId::new(bits);
        }
        trail.first = trail.next;
        trail.record_start(resumed)?;
        Ok(trail)
    }

    pub(crate) fn id(&self) -> TrailId {
        self.id
    }

    /// Bytes handed to the system since this run began.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What drafts are rendered by.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Links an entry and takes it into the buffer. It is written by [`write`](Self::write), or when the buffer is
    /// full, or when the next entry belongs into another file.
    pub(crate) fn append(&mut self, prefix: Prefix) -> Result<Receipt, Error> {
        self.refuse_unless_open()?;
        let time = self.now()?;
        self.link(prefix, time)
    }

    /// Links an entry and writes it before the chain moves on.
    pub(crate) fn append_written(&mut self, prefix: Prefix) -> Result<Receipt, Error> {
        self.refuse_unless_open()?;
        let time = self.now()?;
        self.write()?;
        let (next, head, last) = (self.next, self.head, self.time);
        let receipt = self.link(prefix, time)?;
        if let Err(error) = self.write() {
            // The file was cut back to where it was; the chain goes back with it.
            (self.next, self.head, self.time) = (next, head, last);
            self.buffer.clear();
            return Err(error);
        }
        Ok(receipt)
    }

    /// Hands everything linked so far to the system.
    pub(crate) fn write(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let State::Poisoned(cause) = &self.state {
            return Err(Error::Poisoned { path: self.settings.directory.clone(), cause: cause.clone() });
        }
        let Some(live) = &mut self.live else { return Ok(()) };
        match live.segment.append(&self.buffer) {
            Ok(()) => {
                self.bytes += self.buffer.len() as u64;
                self.buffer.clear();
                Ok(())
            }
            Err(AppendError::CutBack(error)) => Err(error),
            Err(AppendError::Unknown(error)) => Err(self.poison(error)),
        }
    }

    /// Waits until everything written so far is on the device. A failure poisons the trail: what the system's cache
    /// then holds can't be trusted.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        let synced = self.live.as_ref().map_or(Ok(()), |live| live.segment.sync());
        synced.map_err(|error| self.poison(error))
    }

    /// Records `audit_stopped`, writes and syncs everything, and lets the lock go. Closing twice is closing once.
    pub(crate) fn close(&mut self, not_recorded: u64) -> Result<(), Error> {
        if matches!(self.state, State::Closed) {
            return Ok(());
        }
        // Whether or not all of this succeeds, the trail is closed afterwards.
        let closed = self.record_stop(not_recorded);
        self.state = State::Closed;
        self.live = None;
        self.lock = None;
        closed
    }

    fn record_stop(&mut self, not_recorded: u64) -> Result<(), Error> {
        self.refuse_unless_open()?;
        let time = self.now()?;
        let stopped = Draft::from_origin("audit_stopped", Origin::Log)
            .detail("entries", self.next - self.first + 1)
            .detail("not_recorded", not_recorded);
        self.record(stopped, time)?;
        self.write()?;
        self.sync()
    }

    fn refuse_unless_open(&self) -> Result<(), Error> {
        let path = || self.settings.directory.clone();
        match &self.state {
            State::Open => Ok(()),
            State::Poisoned(cause) => Err(Error::Poisoned { path: path(), cause: cause.clone() }),
            State::Closed => Err(Error::Closed { path: path() }),
        }
    }

    fn poison(&mut self, error: Error) -> Error {
        self.state = State::Poisoned(error.to_string());
        error
    }

    /// The time of the next entry: never before the last one's, unless the clock stepped back, which is recorded.
    fn now(&mut self) -> Result<Timestamp, Error> {
        let now = Timestamp::from((self.settings.clock)());
        let Some(last) = self.time else { return Ok(now) };
        if now >= last {
            return Ok(now);
        }
        if last.micros() - now.micros() <= STEP {
            return Ok(last);
        }
        let stepped = Draft::from_origin("audit_clock_stepped", Origin::Log)
            .detail("from", last.to_string())
            .detail("to", now.to_string());
        self.record(stepped, now)?;
        Ok(now)
    }

    /// Records one of the log's own entries.
    fn record(&mut self, draft: Draft, time: Timestamp) -> Result<(), Error> {
        let path = &self.settings.directory;
        let prefix = Prefix::render(draft, &self.rules)
            .map_err(|source| Error::Draft { path: path.clone(), source })?;
        self.link(prefix, time).map(drop)
    }

    fn link(&mut self, prefix: Prefix, time: Timestamp) -> Result<Receipt, Error> {
        let entry = prefix.link(self.next, time, &self.head, self.length);
        self.make_room(&entry)?;
        self.buffer.extend_from_slice(&entry.line);
        self.next = entry.seq + 1;
        self.head = Link::Hash(entry.hash);
        self.time = Some(entry.time);
        Ok(Receipt { trail_id: self.id, seq: entry.seq, hash: entry.hash })
    }

    /// Sees to it that the buffer belongs to the file where `entry` goes, and has room for it.
    fn make_room(&mut self, entry: &Entry) -> Result<(), Error> {
        let day = entry.time.date();
        if let Some(live) = &self.live {
            let length = live.segment.length() + self.buffer.len() as u64;
            let full = self
                .settings
                .max_file_size
                .is_some_and(|limit| length > 0 && length + entry.line.len() as u64 > limit);
            if live.label.day == day && !full {
                let crowded = !self.buffer.is_empty() && self.buffer.len() + entry.line.len() > BUFFER;
                return if crowded { self.write() } else { Ok(()) };
            }
        }
        self.write()?;
        self.rotate(day)
    }

    /// Goes on in a new file of `day`.
    fn rotate(&mut self, day: chrono::NaiveDate) -> Result<(), Error> {
        let directory = &self.settings.directory;
        let number = directory::last_number(directory, day).map_err(Error::io("list", directory))? + 1;
        let label = Label { day, number };
        let segment = Segment::create(directory.join(label.name()), self.settings.access)?;
        if let Err(error) = sync_directory(directory) {
            // Nothing stands in it yet, and the next try begins anew.
            std::fs::remove_file(segment.path()).map_err(Error::io("remove", segment.path()))?;
            return Err(error);
        }
        if let Some(live) = self.live.replace(Live { segment, label }) {
            live.segment.finish(self.settings.access).map_err(|error| self.poison(error))?;
        }
        Ok(())
    }

    /// Takes up where the files end. Only their ends are read.
    fn resume(&mut self, files: &[TrailFile]) -> Result<Option<ResumedFrom>, Error> {
        if directory::writer(files)? == Writer::Tool {
            return Err(self.refused(
                &self.settings.directory,
                "the directory holds logs of the Python tool, which can be verified and reported but not continued",
            ));
        }
        let Some(first) = files.iter().find(|file| file.length > 0) else { return Ok(None) };
        let Some((newest, ending)) = self.recover(files)? else { return Ok(None) };
        self.read_identity(first)?;
        let Some((offset, bytes)) = ending.last_line else { return Ok(None) };
        let path = newest.path.clone();
        let refuse = |trail: &Self, reason: &str| {
            Err(trail.refused(&path, &format!("the last entry (at byte {offset}) {reason}")))
        };
        let line = match Line::recognise(&bytes) {
            Ok(line) => line,
            Err(malformed) => return refuse(self, &format!("is malformed: {malformed}")),
        };
        if !line.holds() {
            return refuse(self, "does not have the hash that it states");
        }
        if line.stated.length() != self.length {
            return refuse(self, "has a hash of another length than the trail");
        }
        if newest.label.is_some_and(|label| label.day != line.time.date()) {
            return refuse(self, "stands in a file of another day");
        }
        self.next = line.seq + 1;
        self.head = Link::Hash(line.stated);
        self.time = Some(line.time);
        // A newer file without entries means that this one is closed: the trail goes on in a third.
        let newest_of_all = files.last().is_some_and(|last| last.path == newest.path);
        if let Some(label) = newest.label.filter(|_| newest_of_all) {
            self.live = Some(Live { segment: Segment::open(newest.path.clone())?, label });
        }
        Ok(Some(ResumedFrom { seq: line.seq, hash: line.stated.to_string() }))
    }

    /// Takes torn bytes out of the newest file, and finds the newest file with a whole line, and its end.
    fn recover<'a>(&self, files: &'a [TrailFile]) -> Result<Option<(&'a TrailFile, Ending)>, Error> {
        for (at, file) in files.iter().enumerate().rev() {
            let mut opened = file.open()?;
            let ending =
                Ending::read(&mut opened, file.length, MAX_LINE).map_err(Error::io("read", &file.path))?;
            if ending.rest < ending.length {
                // A new file is begun only when the one before it is whole, so a crash tears the newest alone.
                if at + 1 < files.len() {
                    return Err(self.refused(&file.path, "the file is not the newest and ends inside a line"));
                }
                self.set_torn_aside(file, &ending)?;
            }
            if ending.last_line.is_some() {
                return Ok(Some((file, ending)));
            }
        }
        Ok(None)
    }

    /// Moves what follows the last newline into a file beside, which is recorded before it gets its final name.
    fn set_torn_aside(&self, file: &TrailFile, ending: &Ending) -> Result<(), Error> {
        use std::io::{Seek as _, SeekFrom};

        let kept = self.settings.directory.join(format!("{}.{}{UNRECORDED}", file.name, ending.rest));
        let mut source = file.open()?;
        source.seek(SeekFrom::Start(ending.rest)).map_err(Error::io("read", &file.path))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        self.settings.access.on_create(&mut options);
        let mut copy = options.open(&kept).map_err(Error::io("create", &kept))?;
        let mut torn = source.take(ending.length - ending.rest);
        io::copy(&mut torn, &mut copy).map_err(Error::io("write", &kept))?;
        copy.sync_all().map_err(Error::io("sync", &kept))?;
        sync_directory(&self.settings.directory)?;
        Segment::open(file.path.clone())?.cut(ending.rest)
    }

    /// Learns the trail's id and hash length from its first entry.
    fn read_identity(&mut self, first: &TrailFile) -> Result<(), Error> {
        let mut lines = first.lines(MAX_LINE)?;
        let piece = lines.next().map_err(Error::io("read", &first.path))?;
        let Some(crate::lines::Piece::Line { bytes, .. }) = piece else {
            return Err(self.refused(&first.path, "the first line is no entry"));
        };
        if let Some(format) = line::foreign_format(bytes) {
            return Err(
                self.refused(&first.path, &format!("the trail has format {format}, and this is format 1"))
            );
        }
        let line = match Line::recognise(bytes) {
            Ok(line) if line.holds() => line,
            _ => return Err(self.refused(&first.path, "the first line does not verify")),
        };
        if line.seq != 0 {
            return Err(self.refused(
                &first.path,
                &format!(
                    "the trail begins with seq {} and not with 0: files before this one are missing",
                    line.seq
                ),
            ));
        }
        let text = |name: &str| match line.detail(name) {
            Some(Value::String(text)) => text.to_str().and_then(|text| text.parse::<TrailId>().ok()),
            _ => None,
        };
        let Some(id) = text("trail_id").filter(|_| line.is("audit_started")) else {
            return Err(self.refused(&first.path, "the first entry is no `audit_started` with a `trail_id`"));
        };
        let found = line.stated.length();
        if let Some(asked) = self.settings.hash_length.filter(|asked| *asked != found) {
            return Err(Error::HashLength { path: self.settings.directory.clone(), found, asked });
        }
        if let Some(Value::Number(days)) = line.detail("min_retention_days") {
            let days = days.parse().unwrap_or(0);
            self.settings.min_retention_days = self.settings.min_retention_days.max(days);
        }
        self.id = id;
        self.length = found;
        Ok(())
    }

    /// The entries that a run begins with.
    fn record_start(&mut self, resumed_from: Option<ResumedFrom>) -> Result<(), Error> {
        let time = self.now()?;
        let started = Started {
            format: FORMAT,
            trail_id: self.id.to_string(),
            hash_length: self.length.digits(),
            service: self.settings.service.as_deref(),
            version: self.settings.version.as_deref(),
            host: host(),
            pid: std::process::id(),
            min_retention_days: self.settings.min_retention_days,
            resumed_from,
            adopted: None,
        };
        let draft = own_draft("audit_started", &started);
        self.record(draft, time)?;
        let recovered = self.unrecorded()?;
        for (_, found) in &recovered {
            let draft = own_draft("audit_recovered", found);
            self.record(draft, time)?;
        }
        self.write()?;
        self.sync()?;
        for (path, found) in &recovered {
            let kept = self.settings.directory.join(&found.kept_as);
            std::fs::rename(path, &kept).map_err(Error::io("rename", path))?;
        }
        Ok(())
    }

    /// Torn bytes that were set aside, by this open or by one that did not live to record them.
    fn unrecorded(&self) -> Result<Vec<(PathBuf, Recovered)>, Error> {
        let directory = &self.settings.directory;
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(Error::io("list", directory))? {
            let Ok(name) = entry.map_err(Error::io("list", directory))?.file_name().into_string() else {
                continue;
            };
            let Some((file, offset)) = name.strip_suffix(UNRECORDED).and_then(|stem| stem.rsplit_once('.'))
            else {
                continue;
            };
            let Ok(offset) = offset.parse() else { continue };
            let path = directory.join(&name);
            let (length, sha256) = hash_file(&path)?;
            let kept_as = free_name(directory, &format!("{file}.{offset}"));
            found.push((path, Recovered { file: file.to_owned(), offset, length, sha256, kept_as }));
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    fn refused(&self, path: &Path, reason: &str) -> Error {
        Error::Refused { path: path.to_owned(), reason: reason.to_owned() }
    }
}

/// A draft of the log's own, with the members of `details`.
fn own_draft(event_type: &'static str, details: &impl Serialize) -> Draft {
    let mut draft = Draft::from_origin(event_type, Origin::Log);
    match canonical::to_value(details, crate::draft::MAX_VALUE_LEVELS + 1) {
        Ok(Value::Object(members)) => {
            for (name, value) in &members {
                draft.put(&name.to_string_lossy(), value);
            }
            draft
        }
        // Own types serialise to objects.
        _ => draft,
    }
}

/// Takes the lock of the one writer.
fn take_lock(directory: &Path, access: Access) -> Result<File, Error> {
    let path = directory.join(LOCK);
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        access.on_create(&mut options);
        let file = match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                options.open(&path).map_err(Error::io("create", &path))?
            }
            _ => open_regular(&path, &mut options)?.0,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { path: directory.to_owned(), lock: path });
            }
            Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path)(source)),
        }
        // A lock on a file that is no longer under its name keeps nobody out.
        if same_file(&file, &path).map_err(Error::io("lock", &path))? {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let held = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn same_file(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// Makes names in a directory durable.
fn sync_directory(directory: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(Error::io("sync", directory))?;
    #[cfg(not(unix))]
    let _: &Path = directory;
    Ok(())
}

fn hash_file(path: &Path) -> Result<(u64, String), Error> {
    let (mut file, _) = open_regular(path, OpenOptions::new().read(true))?;
    let mut sha256 = Sha256::new();
    let mut block = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        let read = file.read(&mut block).map_err(Error::io("read", path))?;
        if read == 0 {
            return Ok((length, Digest::new(sha256.finalize().into(), HashLength::Full).to_string()));
        }
        sha256.update(&block[..read]);
        length += read as u64;
    }
}

/// A name for torn bytes that no earlier recovery took.
fn free_name(directory: &Path, stem: &str) -> String {
    let plain = format!("{stem}{TORN}");
    let mut name = plain.clone();
    let mut number = 2;
    while directory.join(&name).symlink_metadata().is_ok() {
        name = format!("{stem}.{number}{TORN}");
        number += 1;
    }
    name
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}
