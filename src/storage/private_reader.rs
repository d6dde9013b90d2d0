//! The private values of one file, read beside its entries: both are in the order of the entries' numbers.

use std::{fs::File, path::PathBuf};

use crate::{
    codec::digest::Digest,
    error::{Error, Operation},
    format::private_record::PrivateLine,
    storage::{
        line_reader::{Lines, Piece},
        private_values::PrivateValues,
    },
};

/// Maximum number of damaged lines that are reported for one file.
const MAX_DAMAGED_LINES: usize = 10_000;

/// Reads values entry by entry. It holds the values of one entry at a time.
pub(crate) struct PrivateReader {
    path: PathBuf,
    lines: Lines<File>,
    /// Number of lines read.
    line: u64,
    /// First value of a later entry than the one asked for last.
    ahead: Option<PrivateValue>,
    damaged: Vec<Damaged>,
}

/// The record of a private value.
#[derive(Clone, Debug)]
pub(crate) struct PrivateValue {
    /// Number of the value's entry.
    pub(crate) seq: u64,
    /// Path of the value in its entry, as canonical text between its quotes.
    pub(crate) field: Vec<u8>,
    /// The value as canonical text.
    pub(crate) value: Vec<u8>,
    /// Description of what was truncated in the value: the canonical text of an object, or empty.
    pub(crate) cut: Vec<u8>,
    /// The commitment that an entry with this value has in its place.
    pub(crate) commitment: Digest,
    /// Line of the record, counted from 1.
    pub(crate) line: u64,
    /// Position of that line in its file.
    pub(crate) offset: u64,
}

/// A line that is neither a record nor an erased one.
#[derive(Clone, Debug)]
pub(crate) struct Damaged {
    /// Line, counted from 1.
    pub(crate) line: u64,
    /// Position of that line in its file.
    pub(crate) offset: u64,
}

impl PrivateReader {
    /// Begins at the start of the file.
    pub(crate) fn new(values: &PrivateValues) -> Result<Self, Error> {
        let lines = values.lines()?;
        Ok(Self { path: values.path().to_owned(), lines, line: 0, ahead: None, damaged: Vec::new() })
    }

    /// Returns the values of entry `seq`. Entries must be asked for in the order of their numbers: values of entries
    /// that were passed over are dropped.
    pub(crate) fn of(&mut self, seq: u64) -> Result<Vec<PrivateValue>, Error> {
        let mut found = Vec::new();
        loop {
            if self.ahead.is_none() {
                self.ahead = self.next()?;
            }
            match self.ahead.take_if(|value| value.seq <= seq) {
                Some(value) if value.seq == seq => found.push(value),
                Some(_) => {}
                None => return Ok(found),
            }
        }
    }

    /// Reads the rest of the file. Returns the damaged lines of all of it.
    pub(crate) fn finish(mut self) -> Result<Vec<Damaged>, Error> {
        while self.next()?.is_some() {}
        Ok(self.damaged)
    }

    fn next(&mut self) -> Result<Option<PrivateValue>, Error> {
        while let Some(piece) = self.lines.next().map_err(Error::io(Operation::Read, &self.path))? {
            self.line += 1;
            match piece {
                Piece::Line { offset, bytes } => match PrivateLine::read(bytes) {
                    PrivateLine::Record(record) => {
                        return Ok(Some(PrivateValue {
                            seq: record.seq,
                            field: record.field.to_vec(),
                            value: record.value.to_vec(),
                            cut: record.cut.to_vec(),
                            commitment: record.commitment(),
                            line: self.line,
                            offset,
                        }));
                    }
                    PrivateLine::Erased => {}
                    PrivateLine::Unreadable => self.damaged.push(Damaged { line: self.line, offset }),
                },
                Piece::TooLong { offset, .. } => self.damaged.push(Damaged { line: self.line, offset }),
                // A crash in the middle of the write leaves this. Values are written before their entry, so there is
                // no entry that needs it.
                Piece::Unterminated => {}
            }
            self.damaged.truncate(MAX_DAMAGED_LINES);
        }
        Ok(None)
    }
}
