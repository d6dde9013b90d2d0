//! The linker: gives entries their place in the chain and in a batch, before any thread writes them.
//!
//! The linker knows no threads and writes no file. To number a new file, it lists the directory. The chain never
//! continues from a line that could not be written.

use std::path::PathBuf;

use crate::{
    codec::timestamp::Timestamp,
    error::Error,
    format::{
        chain::Chain,
        draft::{Draft, Origin},
        file_name::SegmentName,
        prepared_entry::{EntryDefaults, PreparedEntry},
        receipt::{Receipt, TrailId},
    },
    storage::segments::next_number,
    write::{
        batch::{Batch, BatchLine},
        clock::Clock,
        trail_writer::TrailWriter,
    },
};

/// A clock that goes back by more than this many microseconds is recorded. For less, the last entry's time is repeated.
const MAX_SILENT_STEP_MICROS: i64 = 1_000_000;

/// The chain, and its lines that are not written yet.
///
/// Invariant: `chain` is `last_written` followed by the lines that are being written and then by those of `batch`.
pub(crate) struct Linker {
    pub(crate) chain: Chain,
    pub(crate) batch: Batch,
    /// An empty batch whose memory the next one uses.
    pooled: Batch,
    pub(crate) trail_id: TrailId,
    pub(crate) defaults: EntryDefaults,
    pub(crate) clock: Clock,
    pub(crate) directory: PathBuf,
    pub(crate) max_file_size: Option<u64>,
    /// The file of the last linked line, as it will be once all linked lines are written.
    file: Option<PlannedFile>,
    /// The chain at the last line that was written whole.
    last_written: Chain,
}

/// A file of the trail and the length that it will have.
#[derive(Clone, Copy, Debug)]
struct PlannedFile {
    name: SegmentName,
    length: u64,
}

impl From<(SegmentName, u64)> for PlannedFile {
    fn from((name, length): (SegmentName, u64)) -> Self {
        Self { name, length }
    }
}

impl Linker {
    /// Continues `chain`. `live` is the file with its last line, and the file's length.
    pub(crate) fn new(
        chain: Chain,
        live: Option<(SegmentName, u64)>,
        trail_id: TrailId,
        defaults: EntryDefaults,
        clock: Clock,
        directory: PathBuf,
        max_file_size: Option<u64>,
    ) -> Self {
        Self {
            last_written: chain,
            chain,
            batch: Batch::default(),
            pooled: Batch::default(),
            trail_id,
            defaults,
            clock,
            directory,
            max_file_size,
            file: live.map(PlannedFile::from),
        }
    }

    /// Links a caller's entry. `now` is the time just before the lock was taken.
    #[inline]
    pub(crate) fn link(&mut self, entry: &mut PreparedEntry, now: Timestamp) -> Result<Receipt, Error> {
        let time = self.time(now)?;
        self.place(entry, time, true)
    }

    /// Links an entry of the log's own.
    pub(crate) fn link_own(&mut self, draft: Draft) -> Result<Receipt, Error> {
        let time = self.time(self.clock.now())?;
        let mut entry = self.prepare(draft)?;
        self.place(&mut entry, time, false)
    }

    /// Writes all linked lines, and puts them and a new head on the device. For opening a trail, when no other thread
    /// appends.
    pub(crate) fn write_all(&mut self, writer: &mut TrailWriter) -> Result<(), Error> {
        self.batch.gather();
        let written = writer.write(&self.batch);
        if let Some(error) = written.error {
            return Err(error);
        }
        writer.sync()?;
        writer.renew_head()?;
        self.last_written = self.chain;
        self.batch.clear();
        Ok(())
    }

    /// Takes the lines that are linked and not written, for a commit.
    #[inline]
    pub(crate) fn take_batch(&mut self) -> Batch {
        std::mem::replace(&mut self.batch, std::mem::take(&mut self.pooled))
    }

    /// Keeps the memory of a batch that was committed for the next one.
    #[inline]
    pub(crate) fn keep_memory(&mut self, batch: Batch) {
        self.pooled = batch.recycled();
    }

    /// Records that the lines up to `last` are written.
    #[inline]
    pub(crate) fn wrote(&mut self, last: Option<BatchLine>) {
        if let Some(last) = last {
            self.last_written.set(last.seq, last.hash(), last.time);
        }
    }

    /// Drops every line that is not written: the chain returns to the last written one, which is at the end of `live`.
    pub(crate) fn rewind(&mut self, live: Option<(SegmentName, u64)>) {
        self.batch.clear();
        self.chain = self.last_written;
        self.file = live.map(PlannedFile::from);
    }

    /// Leaves the live file: the lines that are not written go into a new one.
    pub(crate) fn leave_file(&mut self) -> Result<(), Error> {
        if !self.batch.begins_in_live_file() {
            if self.batch.is_empty() {
                self.file = None;
            }
            // The lines begin with a new file already.
            return Ok(());
        }
        let day = self.last_written.time.or(self.chain.time).map(Timestamp::date);
        let Some(day) = self.batch.first_day().or(day) else { return Ok(()) };
        let name = SegmentName { day, number: next_number(&self.directory, day)? };
        self.batch.begin_in_file(name);
        if self.batch.has_one_new_file() {
            self.file = Some(PlannedFile { name, length: self.batch.length() as u64 });
        }
        Ok(())
    }

    /// Puts lines that were taken for a commit, and could not be written, before the lines linked since.
    pub(crate) fn take_back(&mut self, mut unwritten: Batch) {
        unwritten.append(&mut self.batch);
        self.batch = unwritten;
    }

    /// Returns the time of the next entry. Times never decrease, unless the clock stepped back, which is recorded.
    #[inline]
    fn time(&mut self, now: Timestamp) -> Result<Timestamp, Error> {
        let Some(last) = self.chain.time else { return Ok(now) };
        if now >= last {
            return Ok(now);
        }
        let is_small = |now: Timestamp| last.micros().saturating_sub(now.micros()) <= MAX_SILENT_STEP_MICROS;
        if is_small(now) {
            return Ok(last);
        }
        // The caller read the clock before it took the lock, and may have waited long for the lock. The clock stepped
        // back only if it still does not show a later time.
        let now = self.clock.now();
        if is_small(now) {
            return Ok(now.max(last));
        }
        let stepped = Draft::from_origin("audit_clock_stepped", Origin::Log)
            .detail("from", last.to_string())
            .detail("to", now.to_string());
        let mut entry = self.prepare(stepped)?;
        self.place(&mut entry, now, false)?;
        Ok(now)
    }

    fn prepare(&self, draft: Draft) -> Result<PreparedEntry, Error> {
        PreparedEntry::render(draft, &self.defaults)
            .map_err(|source| Error::Draft { path: self.directory.clone(), source })
    }

    /// Gives `entry` the next sequence number and adds its line to the batch, in a new file if the day or the file's
    /// size asks for one.
    #[inline]
    fn place(
        &mut self,
        entry: &mut PreparedEntry,
        time: Timestamp,
        is_from_caller: bool,
    ) -> Result<Receipt, Error> {
        let (day, length) = self.chain.measure(entry, time);
        match &mut self.file {
            Some(file) if file.name.day == day && !is_full(self.max_file_size, file.length, length) => {
                file.length += length;
            }
            file => {
                let number = match file {
                    // The planned file may not exist yet, so the directory does not show its number.
                    Some(file) if file.name.day == day => file.name.number.saturating_add(1),
                    _ => next_number(&self.directory, day)?,
                };
                let name = SegmentName { day, number };
                *file = Some(PlannedFile { name, length });
                self.batch.roll(name);
            }
        }
        let private = entry.private(self.chain.next);
        let line = self.batch.begin(entry.bytes());
        let linked = self.chain.link(entry, time, line);
        self.batch.push(linked, (entry.bytes(), length as usize), private, is_from_caller);
        Ok(Receipt { trail_id: self.trail_id, seq: linked.seq, hash: linked.hash })
    }
}

/// Returns `true` if a file of `length` bytes takes no line of `more` bytes. An empty file takes a line of any length.
#[inline]
fn is_full(limit: Option<u64>, length: u64, more: u64) -> bool {
    limit.is_some_and(|limit| length > 0 && length + more > limit)
}
