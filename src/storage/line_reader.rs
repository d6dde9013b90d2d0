//! A file line by line, read once from front to back in bounded memory, whatever the bytes are.
//!
//! It knows newlines and nothing else. The end is fixed when reading starts, so a growing file can be read.

use std::io::{self, Read};

use crate::storage::block_reader::{Block, Blocks, Bytes, SHOWN};

/// One piece of a file. Offsets count bytes from where the source stood; lengths are without newline.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A line without its newline.
    Line { offset: u64, bytes: &'a [u8] },
    /// A line that is longer than the limit; `start` is how it begins.
    Long { offset: u64, length: u64, start: &'a [u8] },
    /// Something follows the last newline.
    Rest,
}

/// Reads the pieces of one file.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    blocks: Blocks<R>,
    block: Option<Block>,
    /// How many bytes of the block are given out.
    given: usize,
    limit: usize,
}

impl<R: Read> Lines<R> {
    /// Reads the first `length` bytes of `source`, whose lines are expected to have at most `limit` bytes with
    /// their newline. A source that ends sooner ends the file.
    pub(crate) fn new(source: R, length: u64, limit: usize) -> Self {
        Self { blocks: Blocks::new(source, 0, length, limit), block: None, given: 0, limit }
    }

    /// The next piece; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        let done = match &self.block {
            Some(Block::Lines { bytes, .. }) => self.given == bytes.get().len(),
            _ => true,
        };
        if done {
            let bytes = match self.block.take() {
                Some(Block::Lines { bytes, .. }) => bytes,
                _ => Bytes::default(),
            };
            self.block = self.blocks.next(bytes)?;
            self.given = 0;
        }
        Ok(match &self.block {
            None => None,
            Some(Block::Long { offset, length, start }) => {
                Some(Piece::Long { offset: *offset, length: *length, start })
            }
            Some(Block::Rest { .. }) => Some(Piece::Rest),
            Some(Block::Lines { offset, bytes }) => {
                let offset = offset + self.given as u64;
                let rest = &bytes.get()[self.given..];
                let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                self.given = (self.given + length + 1).min(bytes.get().len());
                let line = &rest[..length];
                Some(if length < self.limit {
                    Piece::Line { offset, bytes: line }
                } else {
                    Piece::Long { offset, length: length as u64, start: &line[..SHOWN.min(length)] }
                })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_given_out_as_they_are_and_what_is_no_line_is_told_apart() {
        let long = [b'x'; 700_000];
        let text = [b"one\n\ntwo\n1234567\n12345678\n", &long[..], b"\nthree\nrest"].concat();
        let mut lines = Lines::new(&text[..], text.len() as u64, 8);

        for expected in [
            Piece::Line { offset: 0, bytes: b"one" },
            Piece::Line { offset: 4, bytes: b"" },
            Piece::Line { offset: 5, bytes: b"two" },
            Piece::Line { offset: 9, bytes: b"1234567" },
            Piece::Long { offset: 17, length: 8, start: b"12345678" },
            Piece::Long { offset: 26, length: 700_000, start: &long[..SHOWN] },
            Piece::Line { offset: 700_027, bytes: b"three" },
            Piece::Rest,
        ] {
            assert_eq!(lines.next().expect("a slice can be read"), Some(expected));
        }
        assert_eq!(lines.next().expect("a slice can be read"), None);
    }
}
