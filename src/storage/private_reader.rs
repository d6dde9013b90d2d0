//! The private values of one file, read beside its entries: both stand in the order of the entries' numbers.

use std::{fs::File, path::PathBuf};

use crate::{
    codec::digest::Digest,
    error::{Error, Operation},
    storage::line_reader::{Lines, Piece},
};
use crate::{format::private_record::PrivateLine, storage::private_values::PrivateValues};

/// Reads values entry by entry; it holds those of one entry at a time.
pub(crate) struct PrivateReader {
    path: PathBuf,
    lines: Lines<File>,
    line: u64,
    /// The first value of an entry that was not asked for yet.
    ahead: Option<PrivateValue>,
    damaged: Vec<Damaged>,
}

/// A value that is at hand.
#[derive(Clone, Debug)]
pub(crate) struct PrivateValue {
    pub(crate) seq: u64,
    /// Its path in the entry, as canonical text between its quotes.
    pub(crate) field: Vec<u8>,
    /// Canonical text.
    pub(crate) value: Vec<u8>,
    /// What was cut off it: the canonical text of an object, empty where nothing was.
    pub(crate) cut: Vec<u8>,
    /// What an entry that withholds it commits to.
    pub(crate) commitment: Digest,
    /// From 1.
    pub(crate) line: u64,
    pub(crate) offset: u64,
}

/// A line that is no record and no trace of one that was erased.
#[derive(Clone, Debug)]
pub(crate) struct Damaged {
    /// From 1.
    pub(crate) line: u64,
    pub(crate) offset: u64,
}

impl PrivateReader {
    pub(crate) fn new(values: &PrivateValues) -> Result<Self, Error> {
        let lines = values.lines()?;
        Ok(Self { path: values.path().to_owned(), lines, line: 0, ahead: None, damaged: Vec::new() })
    }

    /// The values of entry `seq`; entries are asked for in their order.
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

    /// Reads the rest, and gives the lines that can't be read, of the whole file.
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
                Piece::Long { offset, .. } => self.damaged.push(Damaged { line: self.line, offset }),
                // A crash leaves it, and its entry was not written.
                Piece::Rest => {}
            }
            self.damaged.truncate(MAX_DAMAGED);
        }
        Ok(None)
    }
}

/// So many lines that can't be read are told of.
const MAX_DAMAGED: usize = 10_000;
