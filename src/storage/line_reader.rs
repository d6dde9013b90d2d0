//! The lines of a file, read once from start to end in bounded memory whatever the bytes are.
//!
//! The end is fixed when reading starts, so a file that grows can be read.

use std::io::{self, Read};

use crate::storage::block_reader::{Block, Blocks, Bytes, LINE_START_BYTES};

/// A piece of a file. Offsets count from the first byte of the source. Lengths are without the newline.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A line without its newline.
    Line { offset: u64, bytes: &'a [u8] },
    /// A line that is longer than the limit, with its first bytes.
    TooLong { offset: u64, length: u64, start: &'a [u8] },
    /// Bytes after the last newline.
    Unterminated,
}

/// Reads the pieces of one file.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    blocks: Blocks<R>,
    /// The block that pieces are taken from.
    block: Option<Block>,
    /// Number of bytes of the block that were returned.
    returned: usize,
    limit: usize,
}

impl<R: Read> Lines<R> {
    /// Reads the first `length` bytes of `source`, or all if there are fewer. `limit` is the maximum length of a line
    /// with its newline.
    pub(crate) fn new(source: R, length: u64, limit: usize) -> Self {
        Self { blocks: Blocks::new(source, 0, length, limit), block: None, returned: 0, limit }
    }

    /// Returns the next piece, or `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        let is_done = match &self.block {
            Some(Block::Lines { bytes, .. }) => self.returned == bytes.get().len(),
            _ => true,
        };
        if is_done {
            // The buffer of the finished block is used for the next one.
            let bytes = match self.block.take() {
                Some(Block::Lines { bytes, .. }) => bytes,
                _ => Bytes::default(),
            };
            self.block = self.blocks.next(bytes)?;
            self.returned = 0;
        }
        Ok(match &self.block {
            None => None,
            Some(Block::TooLong { offset, length, start }) => {
                Some(Piece::TooLong { offset: *offset, length: *length, start })
            }
            Some(Block::Unterminated { .. }) => Some(Piece::Unterminated),
            Some(Block::Lines { offset, bytes }) => {
                let offset = offset + self.returned as u64;
                let rest = &bytes.get()[self.returned..];
                let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                self.returned = (self.returned + length + 1).min(bytes.get().len());
                let line = &rest[..length];
                Some(if length < self.limit {
                    Piece::Line { offset, bytes: line }
                } else {
                    Piece::TooLong {
                        offset,
                        length: length as u64,
                        start: &line[..LINE_START_BYTES.min(length)],
                    }
                })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_other_pieces_come_in_the_order_of_the_file() {
        let long = [b'x'; 700_000];
        let text = [b"one\n\ntwo\n1234567\n12345678\n", &long[..], b"\nthree\nrest"].concat();
        let mut lines = Lines::new(&text[..], text.len() as u64, 8);

        for expected in [
            Piece::Line { offset: 0, bytes: b"one" },
            Piece::Line { offset: 4, bytes: b"" },
            Piece::Line { offset: 5, bytes: b"two" },
            Piece::Line { offset: 9, bytes: b"1234567" },
            Piece::TooLong { offset: 17, length: 8, start: b"12345678" },
            Piece::TooLong { offset: 26, length: 700_000, start: &long[..LINE_START_BYTES] },
            Piece::Line { offset: 700_027, bytes: b"three" },
            Piece::Unterminated,
        ] {
            assert_eq!(lines.next().expect("a slice can be read"), Some(expected));
        }
        assert_eq!(lines.next().expect("a slice can be read"), None);
    }
}
