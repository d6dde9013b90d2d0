//! Checkpoints in a file: one after the other, an empty line between two.
//!
//! The file is not trusted. What follows its last newline is a write that did not come to its end, and is left out.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
};

use crate::checkpoint::statement::{ParseCheckpointError, SignedCheckpoint};
use crate::{
    error::{Error, Operation},
    storage::{
        durable::exists,
        line_reader::{Lines, Piece},
        open::open_regular,
    },
};

/// The file in a trail's directory.
pub(crate) const NAME: &str = "audit.checkpoints";

/// The most bytes that a line or a checkpoint has.
const LIMIT: usize = 1 << 16;

/// A checkpoint as it was found in a file.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Its first line, from 1.
    pub(crate) line: u64,
    /// Where that begins, in bytes.
    pub(crate) offset: u64,
    /// Where what follows it begins.
    pub(crate) end: u64,
    pub(crate) checkpoint: Result<SignedCheckpoint, ParseCheckpointError>,
}

/// Shows each checkpoint of a file. `false` if the file is not there.
pub(crate) fn read(path: &Path, mut show: impl FnMut(Stored)) -> Result<bool, Error> {
    if !exists(path)? {
        return Ok(false);
    }
    let (file, length) = open_regular(path, OpenOptions::new().read(true))?;
    let mut lines = Lines::new(file, length, LIMIT);
    let mut number = 0;
    let mut part = Part::default();
    while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, path))? {
        number += 1;
        match piece {
            Piece::Line { offset, bytes } => part.take(number, offset, bytes, &mut show),
            Piece::Long { offset, start, .. } => part.take(number, offset, start, &mut show),
            Piece::Rest => {}
        }
    }
    part.finish(&mut show);
    Ok(true)
}

/// The checkpoints of the trail in `directory`.
pub(crate) fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// Lines that are no whole checkpoint yet.
#[derive(Default)]
struct Part {
    bytes: Vec<u8>,
    line: u64,
    offset: u64,
    end: u64,
    /// Signature lines are read.
    signed: bool,
}

impl Part {
    fn take(&mut self, number: u64, offset: u64, bytes: &[u8], show: &mut impl FnMut(Stored)) {
        let is_signature = bytes.starts_with("\u{2014} ".as_bytes());
        // A text begins where signatures end, also where no empty line says so.
        if self.signed && !is_signature {
            self.finish(show);
        }
        if self.bytes.is_empty() {
            if bytes.is_empty() {
                return;
            }
            (self.line, self.offset) = (number, offset);
        }
        self.signed |= is_signature;
        self.end = offset + bytes.len() as u64 + 1;
        if self.bytes.len() < LIMIT {
            self.bytes.extend_from_slice(bytes);
            self.bytes.push(b'\n');
        }
    }

    fn finish(&mut self, show: &mut impl FnMut(Stored)) {
        let part = std::mem::take(self);
        // A text without a signature at the file's end is a write that was cut short.
        if part.signed {
            let checkpoint = String::from_utf8_lossy(&part.bytes).parse();
            show(Stored { line: part.line, offset: part.offset, end: part.end, checkpoint });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "example.com/audit\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} \
                        example.com/audit AAAAAAAAAAAA\n";

    fn found(content: &str) -> Vec<(u64, u64, u64, bool)> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("checkpoints");
        std::fs::write(&path, content).expect("written");
        let mut found = Vec::new();
        let there = read(&path, |one| {
            found.push((one.line, one.offset, one.end, one.checkpoint.is_ok()));
        });
        assert!(there.expect("readable"));
        found
    }

    #[test]
    fn each_checkpoint_is_found_where_it_stands() {
        let length = GOOD.len() as u64;

        assert_eq!(found(""), []);
        assert_eq!(found(GOOD), [(1, 0, length, true)]);
        let two = [(1, 0, length, true), (7, length + 1, 2 * length + 1, true)];
        assert_eq!(found(&format!("{GOOD}\n{GOOD}")), two);
        assert_eq!(found(&format!("{GOOD}\n{GOOD}\n")), two);
        assert_eq!(found(&format!("{GOOD}{GOOD}")).len(), 2);
    }

    #[test]
    fn a_write_that_was_cut_short_is_left_out() {
        let length = GOOD.len() as u64;
        let torn = format!("{GOOD}\n{GOOD}");

        for end in GOOD.len()..torn.len() {
            if torn.is_char_boundary(end) {
                assert_eq!(found(&torn[..end]), [(1, 0, length, true)], "{end}");
            }
        }
    }

    #[test]
    fn what_is_no_checkpoint_hides_none_that_follows() {
        for wrong in
            ["\u{2014} example.com/audit AAAAAAAAAAAA\n", "junk\n\n\u{2014} junk\n", "\u{2014} \n\n\n"]
        {
            let oks: Vec<_> =
                found(&format!("{GOOD}\n{wrong}\n{GOOD}")).into_iter().map(|one| one.3).collect();

            assert_eq!(oks, [true, false, true], "{wrong}");
        }
        let long = format!("{}\n\n\u{2014} x AAAAAAAAAAAA\n\n{GOOD}", "x".repeat(3 * LIMIT));
        assert_eq!(found(&long).into_iter().map(|one| one.3).collect::<Vec<_>>(), [false, true]);
    }
}
