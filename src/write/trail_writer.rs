//! The one writer of a trail's files: it writes batches, begins new files, keeps the head, and looks after what others
//! may do to the directory meanwhile.
//!
//! It knows no threads and links nothing. After an error it says how far it came, by whole lines.

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
        receipt::TrailId,
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
        batch::Batch,
        private_file::{self, PrivateFile},
        segment::Segment,
    },
};

/// Where the head is not written with every commit, it is written this often at most. What happens to the end of a
/// trail within this time can't be told from a crash.
pub(crate) const HEAD_EVERY: Duration = Duration::from_millis(10);

/// The files of a trail, open for writing.
#[derive(Debug)]
pub(crate) struct TrailWriter {
    directory: PathBuf,
    access: Permissions,
    wrap: WrapDebug,
    live: Option<Live>,
    head: Head,
    head_file: Box<dyn Storage>,
    /// The same file, to look at.
    head_itself: File,
    /// The directory as it was opened: its path may name another one by now.
    #[cfg(unix)]
    opened: File,
    /// The last entry that was written in this run, and the last that was put on the device: the head names them when it
    /// is written the next time.
    written: Option<(u64, Digest)>,
    synced: Option<(u64, Digest)>,
    head_written: Instant,
    bytes: u64,
    boot_id: Option<String>,
    /// The process that opened the files: a fork of it lets nobody in.
    process: Process,
    /// Held until the writer is dropped.
    lock: Lock,
}

/// A wrap, which has nothing to show.
#[derive(Clone)]
struct WrapDebug(Wrap);

#[derive(Debug)]
struct Live {
    segment: Segment,
    label: SegmentName,
    /// Opened when there is something for it.
    private: Option<PrivateFile>,
}

impl Live {
    fn new(segment: Segment, label: SegmentName) -> Self {
        Self { segment, label, private: None }
    }

    /// Keeps private records ahead of the lines that commit to them, whose first is `next`.
    fn keep(&mut self, trail: &Path, records: &[u8], next: u64, wrap: &Wrap) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let file = match &mut self.private {
            Some(file) => file,
            none => none.insert(PrivateFile::open(trail, &self.label.name(), next, wrap)?),
        };
        let kept = file.append(records);
        if kept.is_err() {
            // Opening it anew takes out what is left over.
            self.private = None;
        }
        kept
    }

    /// Takes out the last `bytes` that were kept: their lines were not written.
    fn take_back(&mut self, bytes: usize) {
        if self.private.as_mut().is_some_and(|file| file.take_back(bytes).is_err()) {
            self.private = None;
        }
    }
}

/// How far a batch came.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Bytes of the batch that stand in files, by whole lines.
    pub(crate) bytes: usize,
    /// Turns to new files that were taken.
    pub(crate) turns: usize,
    /// Why not further.
    pub(crate) error: Option<Error>,
    /// Bytes that belong to nothing and could not be cut off: the trail goes on in a new file.
    pub(crate) stuck: Option<Stuck>,
}

/// Bytes of an unfinished line that stay where they are.
#[derive(Clone, Debug)]
pub(crate) struct Stuck {
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) sha256: String,
}

/// What was found to have happened to the live file.
#[derive(Debug)]
pub(crate) enum Incident {
    /// It vanished or was replaced; its content stands in `restored` again.
    Replaced { file: String, restored: String },
    /// It was cut while it was written, and what was cut is gone.
    Truncated { file: String, from: u64, to: u64 },
    /// The live file is as it was, but the head was deleted or replaced; it is written anew.
    HeadReplaced,
    /// The values that the live file withholds were deleted or replaced; they stand where they stood again.
    PrivateFileReplaced(PathBuf),
}

impl TrailWriter {
    /// Opens the head file and takes charge of the directory. `live` is the file to go on with.
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
            Some((path, label)) => Some(Live::new(Segment::open(path, &wrap)?, label)),
            None => None,
        };
        let mut writer = Self {
            head_itself: file.try_clone().map_err(Error::io(Operation::Open, &path))?,
            head_file: wrap(file, &path),
            #[cfg(unix)]
            opened: File::open(&directory).map_err(Error::io(Operation::Open, &directory))?,
            directory,
            access,
            wrap: WrapDebug(wrap),
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
            // On the device before the first entry: entries without a head are no crash's doing.
            writer.renew_head()?;
            sync_directory(&writer.directory)?;
        }
        Ok(writer)
    }

    /// The live file, and how long it is.
    pub(crate) fn position(&self) -> Option<(SegmentName, u64)> {
        self.live.as_ref().map(|live| (live.label, live.segment.length()))
    }

    /// Bytes handed to the system since the writer began.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hands `batch`, gathered, to the system.
    pub(crate) fn write(&mut self, batch: &Batch) -> Written {
        let mut written = Written::default();
        for (turn, range, bytes) in batch.parts() {
            if let Some(label) = turn {
                if let Err(error) = self.turn(label) {
                    written.error = Some(error);
                    break;
                }
                written.turns += 1;
            }
            let Some(live) = &mut self.live else {
                // The first line of a trail turns to its first file.
                written.error = Some(self.nowhere());
                break;
            };
            let private = batch.private(range.clone());
            let next = batch.beyond(range.start).first().map_or(0, |line| line.seq);
            if let Err(error) = live.keep(&self.directory, &private, next, &self.wrap.0) {
                written.error = Some(error);
                break;
            }
            if let Err(failed) = live
                .segment
                .append(bytes, |count| batch.whole(range.start + count).saturating_sub(range.start))
            {
                written.bytes = range.start + failed.kept;
                live.take_back(private.len() - batch.private(range.start..written.bytes).len());
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
            self.written = Some((last.seq, last.hash()));
        }
        written
    }

    /// Waits until everything written is on the device.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        if let Some(live) = &mut self.live {
            // Values first: no line is on the device whose values are not.
            if let Some(private) = &mut live.private {
                private.sync()?;
            }
            live.segment.sync()?;
        }
        self.note_synced();
        Ok(())
    }

    /// Everything written is on the device.
    fn note_synced(&mut self) {
        match self.written {
            Some(written) => self.synced = Some(written),
            None => self.head.synced.clone_from(&self.head.written),
        }
    }

    /// Whether the head is due, where it need not be written with every commit.
    pub(crate) fn head_is_due(&self) -> bool {
        self.head_written.elapsed() >= HEAD_EVERY
    }

    /// When the head is due.
    pub(crate) fn head_due_at(&self) -> Instant {
        self.head_written + HEAD_EVERY
    }

    /// Writes the head: what is acknowledged stands in the files by now.
    pub(crate) fn write_head(&mut self) -> Result<(), Error> {
        self.head_written = Instant::now();
        self.head.turn += 1;
        if let Some(live) = &self.live {
            self.head.file = live.label.name();
        }
        self.head.boot_id.clone_from(&self.boot_id);
        if let Some((seq, hash)) = &self.written {
            self.head.written = Some(Mark::new(*seq, hash));
        }
        if let Some((seq, hash)) = &self.synced {
            self.head.synced = Some(Mark::new(*seq, hash));
        }
        let offset = (self.head.turn % 2) * head::BLOCK as u64;
        let path = self.directory.join(head::NAME);
        let written = self.head_file.overwrite(&self.head.block(), offset);
        if written.is_err() {
            // The block may be torn: it is tried again, and the other one left alone.
            self.head.turn -= 1;
        }
        written.map_err(Error::io(Operation::Write, path))
    }

    /// Writes both blocks anew, so that nothing older is left, and puts them on the device.
    pub(crate) fn renew_head(&mut self) -> Result<(), Error> {
        self.write_head()?;
        self.write_head()?;
        self.head_file.sync().map_err(Error::io(Operation::Sync, self.directory.join(head::NAME)))
    }

    /// Puts the head on the device.
    pub(crate) fn sync_head(&mut self) -> Result<(), Error> {
        self.head_file.sync().map_err(Error::io(Operation::Sync, self.directory.join(head::NAME)))
    }

    /// Looks whether lock and live file are still what they were. What happened to the live file is made good as far
    /// as it can be.
    ///
    /// # Errors
    ///
    /// What can't be made good: the directory is another one, another writer has the lock, or wrote into the live file.
    pub(crate) fn look_after(&mut self) -> Result<Option<Incident>, Error> {
        if !self.process.is_this_by_id() {
            return Err(Error::Forked { path: self.directory.clone() });
        }
        self.refuse_if_moved()?;
        self.lock.renew()?;
        let path = self.directory.join(head::NAME);
        if !same_file(&self.head_itself, &path).map_err(Error::io(Operation::Inspect, &path))? {
            let file = open_head(&path, self.access)?;
            // Whatever else stands there is not this writer's, and must not be taken for newer.
            file.set_len(0).map_err(Error::io(Operation::Write, &path))?;
            self.head_itself = file.try_clone().map_err(Error::io(Operation::Open, &path))?;
            self.head_file = (self.wrap.0)(file, &path);
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
        let file = live.label.name();
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

    /// What was written stands in the directory that was opened, wherever that is now.
    fn refuse_if_moved(&self) -> Result<(), Error> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;

            let io = || Error::io(Operation::Inspect, &self.directory);
            let opened = self.opened.metadata().map_err(io())?;
            let named = std::fs::metadata(&self.directory).map_err(io())?;
            if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
                return Err(Error::Conflict {
                    action: Operation::Record,
                    path: self.directory.clone(),
                    reason: "the directory was moved away and replaced by another one; what was recorded is in the \
                             one that was moved"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Copies the live file's content back from the open descriptor, under its own name if that is free.
    fn restore(&self) -> Result<String, Error> {
        let Some(live) = &self.live else { return Err(self.nowhere()) };
        let mut label = live.label;
        if exists(live.segment.path())? {
            label.number = self.next_number(label.day)?;
        }
        let path = self.directory.join(label.name());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        self.access.on_create(&mut options);
        let mut copy = options.open(&path).map_err(Error::io(Operation::Create, &path))?;
        io::copy(&mut live.segment.content()?, &mut copy).map_err(Error::io(Operation::Write, &path))?;
        copy.sync_all().map_err(Error::io(Operation::Sync, &path))?;
        self.access.closed(&copy).map_err(Error::io(Operation::SetMode, &path))?;
        sync_directory(&self.directory)?;
        if label != live.label {
            private_file::rename(&self.directory, &live.label.name(), &label.name())?;
        }
        Ok(label.name())
    }

    /// The next number for a file of `day`.
    fn next_number(&self, day: chrono::NaiveDate) -> Result<u32, Error> {
        segments::next_number(&self.directory, day)
    }

    /// Goes on in a new file.
    fn turn(&mut self, label: SegmentName) -> Result<(), Error> {
        // What is closed is closed whole: a crash then tears the newest file alone.
        if let Some(mut live) = self.live.take() {
            if let Some(private) = &mut live.private {
                private.sync()?;
            }
            live.segment.finish(self.access)?;
            self.note_synced();
        }
        let (segment, label) = self.create(label)?;
        if let Err(error) = sync_directory(&self.directory) {
            // Nothing stands in it yet, and the next try begins anew.
            std::fs::remove_file(segment.path()).map_err(Error::io(Operation::Remove, segment.path()))?;
            return Err(error);
        }
        self.live = Some(Live::new(segment, label));
        Ok(())
    }

    /// Creates a file under that label, or under the day's next one where somebody has taken the name.
    fn create(&self, mut label: SegmentName) -> Result<(Segment, SegmentName), Error> {
        let path = |label: SegmentName| self.directory.join(label.name());
        if exists(&path(label))? {
            label.number = self.next_number(label.day)?;
        }
        Segment::create(path(label), self.access, &self.wrap.0).map(|segment| (segment, label))
    }

    fn nowhere(&self) -> Error {
        Error::Conflict {
            action: Operation::Append,
            path: self.directory.clone(),
            reason: "there is no live file".to_owned(),
        }
    }
}

impl Drop for TrailWriter {
    fn drop(&mut self) {
        if self.process.is_this_by_id() {
            if let Some(live) = &self.live {
                live.segment.unlock();
            }
            self.lock.release();
        }
    }
}

impl std::fmt::Debug for WrapDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wrap")
    }
}

impl Head {
    /// The head of a trail without entries.
    pub(crate) fn begin(trail_id: TrailId) -> Self {
        Self {
            boot_id: process::boot_id(),
            file: String::new(),
            synced: None,
            trail_id: trail_id.to_string(),
            turn: 0,
            written: None,
        }
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

fn describe_stuck(segment: &Segment, length: usize) -> Stuck {
    let file = segment.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let offset = segment.length();
    let sha256 = hash_from(segment.path(), offset).map(|(_, sha256)| sha256).unwrap_or_default();
    Stuck { file, offset, length: length as u64, sha256 }
}
