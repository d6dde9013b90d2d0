//! A file with checkpoints, one after the other, an empty line between two.
//!
//! The file is not trusted. Bytes after its last newline are an interrupted write and are left out. A malformed part
//! hides no checkpoint after it.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
};

use crate::{
    checkpoint::{
        signed_note::SIGNATURE_PREFIX,
        statement::{ParseCheckpointError, SignedCheckpoint},
    },
    error::{Error, Operation},
    storage::{
        durable::exists,
        line_reader::{Lines, Piece},
        open::open_regular,
    },
};

/// Name of the file in a trail's directory.
pub(crate) const CHECKPOINTS_FILE: &str = "audit.checkpoints";

/// Maximum bytes of one line, and of one checkpoint. A longer checkpoint is truncated, so that it does not parse.
const MAX_CHECKPOINT_BYTES: usize = 1 << 16;

/// A checkpoint in a file.
#[derive(Debug)]
pub(crate) struct FoundCheckpoint {
    /// Number of its first line, from 1.
    pub(crate) line: u64,
    /// Offset of its first byte.
    pub(crate) offset: u64,
    /// Offset of the first byte after it.
    pub(crate) end: u64,
    pub(crate) checkpoint: Result<SignedCheckpoint, ParseCheckpointError>,
}

/// Calls `on_checkpoint` with each checkpoint of a file. Returns `false` if there is no file.
pub(crate) fn read(path: &Path, mut on_checkpoint: impl FnMut(FoundCheckpoint)) -> Result<bool, Error> {
    if !exists(path)? {
        return Ok(false);
    }
    let (file, length) = open_regular(path, OpenOptions::new().read(true))?;
    let mut lines = Lines::new(file, length, MAX_CHECKPOINT_BYTES);
    let mut number = 0;
    let mut part = Part::default();
    while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, path))? {
        number += 1;
        match piece {
            Piece::Line { offset, bytes } => part.add_line(number, offset, bytes, &mut on_checkpoint),
            Piece::TooLong { offset, start, .. } => part.add_line(number, offset, start, &mut on_checkpoint),
            Piece::Unterminated => {}
        }
    }
    part.finish(&mut on_checkpoint);
    Ok(true)
}

/// Returns the path of the checkpoints of the trail in `directory`.
pub(crate) fn path(directory: &Path) -> PathBuf {
    directory.join(CHECKPOINTS_FILE)
}

/// The lines of a checkpoint that is not complete yet.
#[derive(Default)]
struct Part {
    bytes: Vec<u8>,
    line: u64,
    offset: u64,
    end: u64,
    /// `true` if the last line is a signature.
    is_signed: bool,
}

impl Part {
    fn add_line(
        &mut self,
        number: u64,
        offset: u64,
        bytes: &[u8],
        on_checkpoint: &mut impl FnMut(FoundCheckpoint),
    ) {
        let is_signature = bytes.starts_with(SIGNATURE_PREFIX.as_bytes());
        // A line after the signatures begins the next checkpoint, even if the empty line between the two is missing.
        if self.is_signed && !is_signature {
            self.finish(on_checkpoint);
        }
        if self.bytes.is_empty() {
            if bytes.is_empty() {
                return;
            }
            (self.line, self.offset) = (number, offset);
        }
        self.is_signed |= is_signature;
        self.end = offset + bytes.len() as u64 + 1;
        if self.bytes.len() < MAX_CHECKPOINT_BYTES {
            self.bytes.extend_from_slice(bytes);
            self.bytes.push(b'\n');
        }
    }

    fn finish(&mut self, on_checkpoint: &mut impl FnMut(FoundCheckpoint)) {
        let part = std::mem::take(self);
        // A text without a signature at the end of the file is an interrupted write.
        if part.is_signed {
            let checkpoint = String::from_utf8_lossy(&part.bytes).parse();
            on_checkpoint(FoundCheckpoint {
                line: part.line,
                offset: part.offset,
                end: part.end,
                checkpoint,
            });
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
    fn each_checkpoint_has_its_line_and_offsets() {
        let length = GOOD.len() as u64;

        assert_eq!(found(""), []);
        assert_eq!(found(GOOD), [(1, 0, length, true)]);
        let two = [(1, 0, length, true), (7, length + 1, 2 * length + 1, true)];
        assert_eq!(found(&format!("{GOOD}\n{GOOD}")), two);
        assert_eq!(found(&format!("{GOOD}\n{GOOD}\n")), two);
        assert_eq!(found(&format!("{GOOD}{GOOD}")).len(), 2);
    }

    #[test]
    fn an_interrupted_write_is_left_out() {
        let length = GOOD.len() as u64;
        let torn = format!("{GOOD}\n{GOOD}");

        for end in GOOD.len()..torn.len() {
            if torn.is_char_boundary(end) {
                assert_eq!(found(&torn[..end]), [(1, 0, length, true)], "{end}");
            }
        }
    }

    #[test]
    fn a_malformed_part_hides_no_later_checkpoint() {
        for wrong in
            ["\u{2014} example.com/audit AAAAAAAAAAAA\n", "junk\n\n\u{2014} junk\n", "\u{2014} \n\n\n"]
        {
            let oks: Vec<_> =
                found(&format!("{GOOD}\n{wrong}\n{GOOD}")).into_iter().map(|one| one.3).collect();

            assert_eq!(oks, [true, false, true], "{wrong}");
        }
        let long = format!("{}\n\n\u{2014} x AAAAAAAAAAAA\n\n{GOOD}", "x".repeat(3 * MAX_CHECKPOINT_BYTES));
        assert_eq!(found(&long).into_iter().map(|one| one.3).collect::<Vec<_>>(), [false, true]);
    }
}
