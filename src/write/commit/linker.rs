//! Linking: entries get their place in the chain and in a batch, one after the other, before anybody writes them.
//!
//! It knows no threads and touches no file; the chain never goes on from a line that could not be written.

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

/// A clock that goes back by more than this is recorded; by less, the last time is kept.
const STEP: i64 = 1_000_000;

/// The chain, and the lines of it that are not written yet.
pub(crate) struct Linker {
    pub(crate) chain: Chain,
    pub(crate) batch: Batch,
    /// Memory for the next batch.
    spare: Batch,
    pub(crate) trail_id: TrailId,
    pub(crate) rules: EntryDefaults,
    pub(crate) clock: Clock,
    pub(crate) directory: PathBuf,
    pub(crate) max_file_size: Option<u64>,
    /// The file that the last linked line goes into, and how long it will be.
    file: Option<(SegmentName, u64)>,
    /// Where the chain stands on disk: the last line that was written whole.
    whole: Chain,
}

impl Linker {
    pub(crate) fn new(
        chain: Chain,
        file: Option<(SegmentName, u64)>,
        trail_id: TrailId,
        rules: EntryDefaults,
        clock: Clock,
        directory: PathBuf,
        max_file_size: Option<u64>,
    ) -> Self {
        Self {
            whole: chain,
            chain,
            batch: Batch::default(),
            spare: Batch::default(),
            trail_id,
            rules,
            clock,
            directory,
            max_file_size,
            file,
        }
    }

    /// Links a caller's entry.
    ///
    /// `now` is what the clock said just before.
    pub(crate) fn link(&mut self, prefix: &mut PreparedEntry, now: Timestamp) -> Result<Receipt, Error> {
        let time = self.time(now)?;
        self.place(prefix, time, true)
    }

    /// Links one of the log's own entries.
    pub(crate) fn link_own(&mut self, draft: Draft) -> Result<Receipt, Error> {
        let time = self.time(self.clock.now())?;
        let mut prefix = self.render(draft)?;
        self.place(&mut prefix, time, false)
    }

    /// Writes what is linked, and puts it and a new head on the device.
    pub(crate) fn write_all(&mut self, writer: &mut TrailWriter) -> Result<(), Error> {
        self.batch.gather();
        let written = writer.write(&self.batch);
        if let Some(error) = written.error {
            return Err(error);
        }
        writer.sync()?;
        writer.renew_head()?;
        self.whole = self.chain;
        self.batch.clear();
        Ok(())
    }

    /// Takes out the lines that are linked and not written.
    pub(crate) fn take_batch(&mut self) -> Batch {
        std::mem::replace(&mut self.batch, std::mem::take(&mut self.spare))
    }

    /// Uses the memory of a batch that is done with again.
    pub(crate) fn keep_memory(&mut self, batch: Batch) {
        self.spare = batch.emptied();
    }

    /// The lines up to `last` are written. The files are at `file`.
    pub(crate) fn wrote(&mut self, last: Option<BatchLine>) {
        if let Some(last) = last {
            self.whole.set(last.seq, last.hash(), last.time);
        }
    }

    /// Gives up every line that is not written: the chain returns to the last whole one.
    pub(crate) fn rewind(&mut self, file: Option<(SegmentName, u64)>) {
        self.batch.clear();
        self.chain = self.whole;
        self.file = file;
    }

    /// There is no live file any more: everything that is not written goes into a new one.
    pub(crate) fn leave_file(&mut self) -> Result<(), Error> {
        if !self.batch.is_unplaced() {
            if self.batch.is_empty() {
                self.file = None;
            }
            return Ok(());
        }
        let day = self.whole.time.or(self.chain.time).map(Timestamp::date);
        let Some(day) = self.batch.first_day().or(day) else { return Ok(()) };
        let label = SegmentName { day, number: next_number(&self.directory, day)? };
        self.batch.begin_in(label);
        if self.batch.turns_once() {
            self.file = Some((label, self.batch.length() as u64));
        }
        Ok(())
    }

    /// Lines that were taken for writing, and could not be, stand before those that came since.
    pub(crate) fn take_back(&mut self, mut unwritten: Batch) {
        unwritten.append(&mut self.batch);
        self.batch = unwritten;
    }

    /// The time of the next entry: never before the last one's, unless the clock stepped back, which is recorded.
    fn time(&mut self, now: Timestamp) -> Result<Timestamp, Error> {
        let Some(last) = self.chain.time else { return Ok(now) };
        if now >= last {
            return Ok(now);
        }
        let is_small = |now: Timestamp| last.micros().saturating_sub(now.micros()) <= STEP;
        if is_small(now) {
            return Ok(last);
        }
        // Who read the clock may have waited for long: it is no step if the clock doesn't say so now.
        let now = self.clock.now();
        if is_small(now) {
            return Ok(now.max(last));
        }
        let stepped = Draft::from_origin("audit_clock_stepped", Origin::Log)
            .detail("from", last.to_string())
            .detail("to", now.to_string());
        let mut prefix = self.render(stepped)?;
        self.place(&mut prefix, now, false)?;
        Ok(now)
    }

    fn render(&self, draft: Draft) -> Result<PreparedEntry, Error> {
        PreparedEntry::render(draft, &self.rules)
            .map_err(|source| Error::Draft { path: self.directory.clone(), source })
    }

    fn place(
        &mut self,
        prefix: &mut PreparedEntry,
        time: Timestamp,
        asked_for: bool,
    ) -> Result<Receipt, Error> {
        let (day, length) = self.chain.measure(prefix, time);
        match &mut self.file {
            Some((label, planned)) if label.day == day && !is_full(self.max_file_size, *planned, length) => {
                *planned += length;
            }
            file => {
                let number = match file {
                    // A number that is planned already stands in no directory yet.
                    Some((label, _)) if label.day == day => label.number.saturating_add(1),
                    _ => next_number(&self.directory, day)?,
                };
                let label = SegmentName { day, number };
                *file = Some((label, length));
                self.batch.turn(label);
            }
        }
        let private = prefix.private(self.chain.next);
        let line = self.batch.begin(prefix.bytes());
        let entry = self.chain.link(prefix, time, line);
        self.batch.push(entry, (prefix.bytes(), length as usize), private, asked_for);
        Ok(Receipt { trail_id: self.trail_id, seq: entry.seq, hash: entry.hash })
    }
}

fn is_full(limit: Option<u64>, length: u64, more: u64) -> bool {
    limit.is_some_and(|limit| length > 0 && length + more > limit)
}
