//! A file as lines, read once from front to back in bounded memory, whatever the bytes are.
//!
//! It knows newlines and nothing else. The end is fixed when reading starts, so a growing file can be read.

use std::io::{self, Read};

/// One piece of a file. Offsets count bytes from the file's start.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// A line without its newline.
    Line { offset: u64, bytes: &'a [u8] },
    /// A line longer than the limit; `start` is how it begins.
    Long { offset: u64, length: u64, start: &'a [u8] },
    /// What follows the last newline, to the end of the file. Never empty; `start` is how it begins.
    Rest { offset: u64, length: u64, start: &'a [u8] },
}

/// Reads the pieces of one file.
pub(crate) struct Lines<R> {
    source: R,
    /// Bytes of the file that were not asked for yet.
    unread: u64,
    buffer: Vec<u8>,
    /// What is read and not given out: `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Where `start` stands in the file.
    offset: u64,
    limit: usize,
}

/// How much of an overlong line or a rest is shown.
const SHOWN: usize = 64;

impl<R: Read> Lines<R> {
    /// Reads the first `length` bytes of `source`, whose lines are expected to have at most `limit` bytes with
    /// their newline. A source that ends sooner ends the file.
    pub(crate) fn new(source: R, length: u64, limit: usize) -> Self {
        let buffer = vec![0; (2 * limit).max(1 << 18)];
        Self { source, unread: length, buffer, start: 0, end: 0, offset: 0, limit }
    }

    /// The next piece; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        let mut searched = 0;
        loop {
            let window = &self.buffer[self.start + searched..self.end];
            if let Some(at) = memchr::memchr(b'\n', window) {
                return Ok(Some(self.take_line(searched + at)));
            }
            searched = self.end - self.start;
            if searched >= self.limit {
                return self.skip_long().map(Some);
            }
            if !self.fill()? {
                return Ok(if searched == 0 { None } else { Some(self.take_rest()) });
            }
        }
    }

    fn take_line(&mut self, length: usize) -> Piece<'_> {
        let (offset, from) = (self.offset, self.start);
        self.start += length + 1;
        self.offset += length as u64 + 1;
        let bytes = &self.buffer[from..from + length];
        if length >= self.limit {
            let start = &bytes[..SHOWN.min(length)];
            return Piece::Long { offset, length: length as u64, start };
        }
        Piece::Line { offset, bytes }
    }

    fn take_rest(&mut self) -> Piece<'_> {
        let (offset, from) = (self.offset, self.start);
        let length = self.end - from;
        self.start = self.end;
        self.offset += length as u64;
        Piece::Rest { offset, length: length as u64, start: &self.buffer[from..from + length.min(SHOWN)] }
    }

    /// Passes over a line that has no newline within the limit.
    fn skip_long(&mut self) -> io::Result<Piece<'_>> {
        let offset = self.offset;
        let shown = SHOWN.min(self.end - self.start);
        self.buffer.copy_within(self.start..self.start + shown, 0);
        let mut length = (self.end - self.start) as u64;
        loop {
            // The first bytes stay where they are shown from; the rest of the buffer is read over and over.
            let wanted = clamp(self.unread, self.buffer.len() - shown);
            let read = read(&mut self.source, &mut self.buffer[shown..shown + wanted])?;
            self.unread = if read == 0 { 0 } else { self.unread - read as u64 };
            let newline = memchr::memchr(b'\n', &self.buffer[shown..shown + read]);
            length += newline.unwrap_or(read) as u64;
            self.end = shown + read;
            self.start = self.end;
            if let Some(at) = newline {
                self.start = shown + at + 1;
                self.offset = offset + length + 1;
                return Ok(Piece::Long { offset, length, start: &self.buffer[..shown] });
            }
            if read == 0 {
                self.offset = offset + length;
                return Ok(Piece::Rest { offset, length, start: &self.buffer[..shown] });
            }
        }
    }

    /// Reads on; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.unread == 0 {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let wanted = clamp(self.unread, self.buffer.len() - self.end);
        let read = read(&mut self.source, &mut self.buffer[self.end..self.end + wanted])?;
        self.unread = if read == 0 { 0 } else { self.unread - read as u64 };
        self.end += read;
        Ok(read > 0)
    }
}

fn clamp(unread: u64, room: usize) -> usize {
    usize::try_from(unread).map_or(room, |unread| unread.min(room))
}

fn read(source: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(into.len()).min(self.0.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn pieces(bytes: &[u8], length: u64, step: usize) -> Vec<(char, u64, u64)> {
        let mut lines = Lines::new(Trickle(bytes, step), length, 8);
        let mut found = Vec::new();
        while let Some(piece) = lines.next().expect("a slice can be read") {
            found.push(match piece {
                Piece::Line { offset, bytes } => ('l', offset, bytes.len() as u64),
                Piece::Long { offset, length, .. } => ('L', offset, length),
                Piece::Rest { offset, length, .. } => ('r', offset, length),
            });
        }
        found
    }

    #[test]
    fn pieces_are_the_same_however_the_bytes_arrive() {
        let long = [b'x'; 700_000];
        let text = [b"one\n\ntwo\n1234567\n12345678\n", &long[..], b"\nthree\nrest"].concat();
        let expected = vec![
            ('l', 0, 3),
            ('l', 4, 0),
            ('l', 5, 3),
            ('l', 9, 7),
            ('L', 17, 8),
            ('L', 26, 700_000),
            ('l', 700_027, 5),
            ('r', 700_033, 4),
        ];

        for step in [1, 7, 4096, 1 << 20] {
            assert_eq!(pieces(&text, text.len() as u64, step), expected, "{step} bytes at a time");
        }
    }

    #[test]
    fn the_end_is_fixed_at_the_start() {
        assert_eq!(pieces(b"one\ntwo\n", 4, 3), vec![('l', 0, 3)]);
        assert_eq!(pieces(b"one\ntwo\n", 6, 3), vec![('l', 0, 3), ('r', 4, 2)]);
        assert_eq!(pieces(b"one\n", 100, 3), vec![('l', 0, 3)]);
        assert_eq!(pieces(b"", 0, 3), vec![]);
    }

    #[test]
    fn an_overlong_rest_is_measured_and_not_kept() {
        let long = [b'x'; 600_000];

        assert_eq!(pieces(&long, 600_000, 4096), vec![('r', 0, 600_000)]);
    }
}
