//! The writer of a trail's files: it writes batches, rolls to new files, updates the head, and checks the files.
//!
//! Order on disk: private records before the lines that commit to them, lines before the head that names them. After an
//! error it reports which whole lines are written. It uses no threads and links no entries.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    codec::digest::Digest,
    error::{Error, Operation},
    format::{
        file_name::SegmentName,
        head::{self, Head, Mark},
    },
    storage::{
        backend::{Storage, Wrap},
        durable::{exists, sync_directory},
        lock::{Lock, same_file},
        open::open_regular,
        permissions::Permissions,
        process::{self, Process},
        segments,
        tail::hash_from,
    },
    write::{
        batch::{Batch, BatchPart},
        private_file::{self, PrivateFile},
        segment::Segment,
    },
};

/// Longest time between two writes of the head, unless commits sync. A file truncated within this time looks like a
/// crash.
pub(crate) const HEAD_INTERVAL: Duration = Duration::from_millis(10);

/// The files of a trail, open for writing.
#[derive(Debug)]
pub(crate) struct TrailWriter {
    directory: PathBuf,
    access: Permissions,
    wrap: DebugWrap,
    live: Option<LiveFile>,
    /// The head as it was written last.
    head: Head,
    /// The head file as it is written. In tests it fails on request.
    head_storage: Box<dyn Storage>,
    /// The same file, for its metadata.
    head_file: File,
    /// The directory as it was opened. Its path may name another directory later.
    #[cfg(unix)]
    opened_directory: File,
    /// Last entry that this writer wrote. The next head names it.
    written: Option<EntryMark>,
    /// Last entry that this writer synced. The next head names it.
    synced: Option<EntryMark>,
    /// Time of the last write of the head.
    head_written: Instant,
    /// Bytes written since the writer was created.
    bytes: u64,
    boot_id: Option<String>,
    /// The process that opened the files. A fork of it must not release their locks.
    process: Process,
    /// Lock of the trail, held until the writer is dropped.
    lock: Lock,
}

/// Number and printed hash of an entry. It becomes a [`Mark`], which allocates, only when a head is written.
#[derive(Clone, Copy, Debug)]
struct EntryMark {
    seq: u64,
    hash: Digest,
}

impl EntryMark {
    fn to_mark(self) -> Mark {
        Mark::new(self.seq, &self.hash)
    }
}

/// A [`Wrap`] with a `Debug` of its own, which closures lack.
#[derive(Clone)]
struct DebugWrap(Wrap);

/// The live file, with its private records.
#[derive(Debug)]
struct LiveFile {
    segment: Segment,
    name: SegmentName,
    /// The file of private records, opened for the first record.
    private: Option<PrivateFile>,
}

impl LiveFile {
    fn new(segment: Segment, name: SegmentName) -> Self {
        Self { segment, name, private: None }
    }

    /// Appends private records. The caller then writes the lines that commit to them, the first of which is `next`.
    fn append_private(&mut self, trail: &Path, records: &[u8], next: u64, wrap: &Wrap) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let file = match &mut self.private {
            Some(file) => file,
            none => none.insert(PrivateFile::open(trail, &self.name.name(), next, wrap)?),
        };
        let appended = file.append(records);
        if appended.is_err() {
            // The file may have a part of the records now. Opening it again removes them.
            self.private = None;
        }
        appended
    }

    /// Removes the last `bytes` of private records, whose lines were not written.
    fn remove_private(&mut self, bytes: usize) {
        if self.private.as_mut().is_some_and(|file| file.truncate_by(bytes).is_err()) {
            // Opening the file again, for the next record, removes them.
            self.private = None;
        }
    }
}

/// Result of writing a batch.
#[derive(Debug, Default)]
pub(crate) struct WriteResult {
    /// Bytes of the batch that are in files, as whole lines.
    pub(crate) bytes: usize,
    /// Number of new files that were created for the batch.
    pub(crate) rolls: usize,
    /// Error that ended the write early.
    pub(crate) error: Option<Error>,
    /// Bytes that could not be truncated. The trail continues in a new file.
    pub(crate) stuck: Option<Stuck>,
}

/// Bytes of an unfinished line that could not be truncated and stay in a file.
#[derive(Clone, Debug)]
pub(crate) struct Stuck {
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) sha256: String,
}

/// A change of the trail's files by another program, found and repaired as far as possible.
#[derive(Debug)]
pub(crate) enum Incident {
    /// The live file was deleted or replaced. Its content was copied into the file `restored`.
    Replaced { file: String, restored: String },
    /// The live file was truncated from `from` to `to` bytes. The bytes in between are lost.
    Truncated { file: String, from: u64, to: u64 },
    /// The head was deleted or replaced, and was written again.
    HeadReplaced,
    /// The live file's private records were deleted or replaced. They were copied into a new file of that path.
    PrivateFileReplaced(PathBuf),
}

impl TrailWriter {
    /// Opens the head file and the live file. Without `live`, the first line goes into a new file.
    pub(crate) fn new(
        directory: PathBuf,
        access: Permissions,
        wrap: Wrap,
        lock: Lock,
        head: Head,
        live: Option<(PathBuf, SegmentName)>,
    ) -> Result<Self, Error> {
        let path = directory.join(head::NAME);
        let file = open_head(&path, access)?;
        let live = match live {
            Some((path, name)) => Some(LiveFile::new(Segment::open(path, &wrap)?, name)),
            None => None,
        };
        let mut writer = Self {
            head_file: file.try_clone().map_err(Error::io(Operation::Open, &path))?,
            head_storage: wrap(file, &path),
            #[cfg(unix)]
            opened_directory: File::open(&directory).map_err(Error::io(Operation::Open, &directory))?,
            directory,
            access,
            wrap: DebugWrap(wrap),
            live,
            head,
            written: None,
            synced: None,
            head_written: Instant::now(),
            bytes: 0,
            boot_id: process::boot_id(),
            process: Process::this(),
            lock,
        };
        if writer.head.turn == 0 {
            // A new trail. The head is on the device before the first entry, so no crash leaves entries without a head.
            writer.renew_head()?;
            sync_directory(&writer.directory)?;
        }
        Ok(writer)
    }

    /// Returns the name and the length of the live file.
    pub(crate) fn position(&self) -> Option<(SegmentName, u64)> {
        self.live.as_ref().map(|live| (live.name, live.segment.length()))
    }

    /// Returns the bytes written since the writer was created.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a batch, which the caller has gathered: hands its lines to the OS.
    pub(crate) fn write(&mut self, batch: &Batch) -> WriteResult {
        let mut written = WriteResult::default();
        for BatchPart { new_file, range, bytes } in batch.parts() {
            if let Some(name) = new_file {
                if let Err(error) = self.roll(name) {
                    written.error = Some(error);
                    break;
                }
                written.rolls += 1;
            }
            let Some(live) = &mut self.live else {
                // Lines without a live file always begin with a new one, so this is not reached.
                written.error = Some(self.no_live_file());
                break;
            };
            let private = batch.private(range.clone());
            let next = batch.beyond(range.start).first().map_or(0, |line| line.seq);
            if let Err(error) = live.append_private(&self.directory, &private, next, &self.wrap.0) {
                written.error = Some(error);
                break;
            }
            if let Err(failed) = live
                .segment
                .append(bytes, |count| batch.whole(range.start + count).saturating_sub(range.start))
            {
                written.bytes = range.start + failed.kept;
                live.remove_private(private.len() - batch.private(range.start..written.bytes).len());
                written.error = Some(failed.error);
                if failed.stuck > 0 {
                    written.stuck = Some(describe_stuck(&live.segment, failed.stuck));
                    self.live = None;
                }
                break;
            }
            written.bytes = range.end;
        }
        self.bytes += written.bytes as u64;
        if let Some(last) = batch.last_within(written.bytes) {
            self.written = Some(EntryMark { seq: last.seq, hash: last.hash() });
        }
        written
    }

    /// Waits until all written lines are on the device.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        if let Some(live) = &mut self.live {
            // Private records first: no line may be on the device without its values.
            if let Some(private) = &mut live.private {
                private.sync()?;
            }
            live.segment.sync()?;
        }
        self.set_synced();
        Ok(())
    }

    /// Notes for the next head that all written lines are synced.
    fn set_synced(&mut self) {
        match self.written {
            Some(written) => self.synced = Some(written),
            // This writer wrote nothing yet: the entries of earlier runs are synced.
            None => self.head.synced.clone_from(&self.head.written),
        }
    }

    /// Returns `true` if [`HEAD_INTERVAL`] has passed since the head was written.
    pub(crate) fn head_is_due(&self) -> bool {
        self.head_written.elapsed() >= HEAD_INTERVAL
    }

    /// Returns the time at which the head is due.
    pub(crate) fn head_due_at(&self) -> Instant {
        self.head_written + HEAD_INTERVAL
    }

    /// Writes the head, which names the last written and the last synced entry.
    pub(crate) fn write_head(&mut self) -> Result<(), Error> {
        self.head_written = Instant::now();
        self.head.turn += 1;
        if let Some(live) = &self.live {
            self.head.file = live.name.name();
        }
        self.head.boot_id.clone_from(&self.boot_id);
        if let Some(written) = self.written {
            self.head.written = Some(written.to_mark());
        }
        if let Some(synced) = self.synced {
            self.head.synced = Some(synced.to_mark());
        }
        let offset = (self.head.turn % 2) * head::BLOCK as u64;
        let path = self.directory.join(head::NAME);
        let written = self.head_storage.overwrite(&self.head.block(), offset);
        if written.is_err() {
            // The block may be half written. The next attempt overwrites the same block, so the other one stays
            // readable.
            self.head.turn -= 1;
        }
        written.map_err(Error::io(Operation::Write, path))
    }

    /// Writes both blocks of the head and syncs it, so that no older block is left.
    pub(crate) fn renew_head(&mut self) -> Result<(), Error> {
        self.write_head()?;
        self.write_head()?;
        self.sync_head()
    }

    /// Waits until the head is on the device.
    pub(crate) fn sync_head(&mut self) -> Result<(), Error> {
        self.head_storage.sync().map_err(Error::io(Operation::Sync, self.directory.join(head::NAME)))
    }

    /// Checks the lock, the head, the private records and the live file for changes by other programs, and repairs
    /// them as far as possible. Returns the first change that it finds.
    ///
    /// # Errors
    ///
    /// Changes that cannot be repaired: the process is a fork, the directory was replaced, another writer has the
    /// lock, or another program appended to the live file.
    pub(crate) fn check_files(&mut self) -> Result<Option<Incident>, Error> {
        if !self.process.is_this_by_id() {
            return Err(Error::Forked { path: self.directory.clone() });
        }
        self.refuse_if_moved()?;
        self.lock.renew()?;
        let path = self.directory.join(head::NAME);
        if !same_file(&self.head_file, &path).map_err(Error::io(Operation::Inspect, &path))? {
            let file = open_head(&path, self.access)?;
            // Another program's head may have a higher turn than this writer's, and would then count as the newer one.
            file.set_len(0).map_err(Error::io(Operation::Write, &path))?;
            self.head_file = file.try_clone().map_err(Error::io(Operation::Open, &path))?;
            self.head_storage = (self.wrap.0)(file, &path);
            self.renew_head()?;
            sync_directory(&self.directory)?;
            return Ok(Some(Incident::HeadReplaced));
        }
        let Some(live) = &mut self.live else { return Ok(None) };
        if let Some(private) = live.private.take_if(|private| !private.is_in_place().unwrap_or(false)) {
            private.restore()?;
            return Ok(Some(Incident::PrivateFileReplaced(private.path().to_owned())));
        }
        let (length, now) = (live.segment.length(), live.segment.length_now()?);
        let file = live.name.name();
        if now < length {
            self.live = None;
            return Ok(Some(Incident::Truncated { file, from: length, to: now }));
        }
        if now > length {
            return Err(Error::Conflict {
                action: Operation::Append,
                path: live.segment.path().to_owned(),
                reason: format!("another writer appended {} bytes to the live file", now - length),
            });
        }
        if live.segment.is_in_place()? {
            return Ok(None);
        }
        let restored = self.restore()?;
        self.live = None;
        Ok(Some(Incident::Replaced { file, restored }))
    }

    /// Fails if the trail's path names another directory than the one that was opened. Files are created by path, so
    /// they would be in the other directory.
    fn refuse_if_moved(&self) -> Result<(), Error> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;

            let io = || Error::io(Operation::Inspect, &self.directory);
            let opened = self.opened_directory.metadata().map_err(io())?;
            let named = std::fs::metadata(&self.directory).map_err(io())?;
            if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
                return Err(Error::Conflict {
                    action: Operation::Record,
                    path: self.directory.clone(),
                    reason: "the directory was moved away and replaced by another one; the recorded entries are in \
                             the directory that was moved"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Copies the live file's content from the open descriptor into a new file: under its own name, or under the day's
    /// next number if that name is taken. Returns the name.
    fn restore(&self) -> Result<String, Error> {
        let Some(live) = &self.live else { return Err(self.no_live_file()) };
        let mut name = live.name;
        if exists(live.segment.path())? {
            name.number = segments::next_number(&self.directory, name.day)?;
        }
        let path = self.directory.join(name.name());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        self.access.on_create(&mut options);
        let mut copy = options.open(&path).map_err(Error::io(Operation::Create, &path))?;
        io::copy(&mut live.segment.content()?, &mut copy).map_err(Error::io(Operation::Write, &path))?;
        copy.sync_all().map_err(Error::io(Operation::Sync, &path))?;
        self.access.closed(&copy).map_err(Error::io(Operation::SetMode, &path))?;
        sync_directory(&self.directory)?;
        if name != live.name {
            private_file::rename(&self.directory, &live.name.name(), &name.name())?;
        }
        Ok(name.name())
    }

    /// Closes the live file and continues in a new one.
    fn roll(&mut self, name: SegmentName) -> Result<(), Error> {
        // A file is synced before the next one exists. So after a crash only the newest file can lack lines.
        if let Some(mut live) = self.live.take() {
            if let Some(private) = &mut live.private {
                private.sync()?;
            }
            live.segment.finish(self.access)?;
            self.set_synced();
        }
        let (segment, name) = self.create(name)?;
        if let Err(error) = sync_directory(&self.directory) {
            // The empty file is removed, so that the next attempt can create it.
            std::fs::remove_file(segment.path()).map_err(Error::io(Operation::Remove, segment.path()))?;
            return Err(error);
        }
        self.live = Some(LiveFile::new(segment, name));
        Ok(())
    }

    /// Creates a file of this name, or with the day's next number if another program has created a file of this name.
    fn create(&self, mut name: SegmentName) -> Result<(Segment, SegmentName), Error> {
        let path = |name: SegmentName| self.directory.join(name.name());
        if exists(&path(name))? {
            name.number = segments::next_number(&self.directory, name.day)?;
        }
        Segment::create(path(name), self.access, &self.wrap.0).map(|segment| (segment, name))
    }

    fn no_live_file(&self) -> Error {
        Error::Conflict {
            action: Operation::Append,
            path: self.directory.clone(),
            reason: "there is no live file".to_owned(),
        }
    }
}

impl Drop for TrailWriter {
    fn drop(&mut self) {
        // In a fork the locks belong to the parent. Releasing them here would let a second writer in.
        if self.process.is_this_by_id()
            && let Some(live) = &self.live
        {
            live.segment.unlock();
        }
    }
}

impl std::fmt::Debug for DebugWrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wrap")
    }
}

/// Opens the head file, or creates it.
fn open_head(path: &Path, access: Permissions) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    access.on_create(&mut options);
    if exists(path)? {
        return open_regular(path, &mut options).map(|(file, _)| file);
    }
    let file = options.open(path).map_err(Error::io(Operation::Create, path))?;
    access.live(&file).map_err(Error::io(Operation::SetMode, path))?;
    Ok(file)
}

/// Describes the `length` bytes that follow the whole lines of a file.
fn describe_stuck(segment: &Segment, length: usize) -> Stuck {
    let file = segment.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let offset = segment.length();
    let sha256 = hash_from(segment.path(), offset).map(|(_, sha256)| sha256).unwrap_or_default();
    Stuck { file, offset, length: length as u64, sha256 }
}
