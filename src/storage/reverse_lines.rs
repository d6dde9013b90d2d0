//! The lines of a file from its end to its start, in bounded memory whatever the bytes are.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes that one read takes from the file.
const REVERSE_READ_BYTES: usize = 1 << 16;

/// Reads the lines of one file backwards.
///
/// ```text
/// file    0 . . . . . . . offset . . . . . . . . . end . . . . . . .
///         [ not read yet ][ in `buffer`, to return ][ already returned ]
/// ```
#[derive(Debug)]
pub(crate) struct ReverseLines<F> {
    file: F,
    /// Position in the file of the first byte of `buffer`.
    offset: u64,
    buffer: Vec<u8>,
    /// Number of bytes at the start of `buffer` that were not returned yet.
    end: usize,
    max_line: usize,
}

/// A line, or the bytes after the file's last newline.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReverseLine<'a> {
    /// Position of the line's first byte in the file.
    pub(crate) offset: u64,
    /// Position behind the line's last byte, its newline included.
    pub(crate) end: u64,
    /// The line without its newline. Empty for a line that is longer than the limit.
    pub(crate) bytes: &'a [u8],
    /// `true` if a newline ends the line. Only the first line returned can lack one.
    pub(crate) is_terminated: bool,
}

impl<F: Read + Seek> ReverseLines<F> {
    /// Reads the first `length` bytes of `file`. The bytes of a line longer than `max_line` are dropped.
    pub(crate) fn new(file: F, length: u64, max_line: usize) -> Self {
        Self { file, offset: length, buffer: Vec::new(), end: 0, max_line }
    }

    /// Returns the line before the one returned last, or `None` at the start of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<ReverseLine<'_>>> {
        if self.end == 0 && self.read_block()? == 0 {
            return Ok(None);
        }
        let end = self.offset + self.end as u64;
        let is_terminated = self.buffer.get(self.end - 1) == Some(&b'\n');
        self.end -= usize::from(is_terminated);
        let mut is_too_long = false;
        // Only the bytes of the last read can hold the newline before the line: those behind were searched already.
        let mut unsearched = self.end;
        let start = loop {
            if let Some(at) = memchr::memrchr(b'\n', &self.buffer[..unsearched]) {
                break at + 1;
            }
            if self.offset == 0 {
                break 0;
            }
            // A line of any length costs no more memory than this: its bytes are not needed, only where it starts.
            if self.end > self.max_line {
                is_too_long = true;
                self.end = 0;
            }
            unsearched = self.read_block()?;
        };
        let bytes = &self.buffer[start..self.end];
        let bytes = if is_too_long || bytes.len() > self.max_line { &[] } else { bytes };
        self.end = start;
        Ok(Some(ReverseLine { offset: self.offset + start as u64, end, bytes, is_terminated }))
    }

    /// Puts the block before `buffer` in front of it. Returns the block's length, which is 0 at the start of the file.
    fn read_block(&mut self) -> io::Result<usize> {
        let count =
            usize::try_from(self.offset).map_or(REVERSE_READ_BYTES, |all| all.min(REVERSE_READ_BYTES));
        let mut buffer = vec![0; count + self.end];
        self.file.seek(SeekFrom::Start(self.offset - count as u64))?;
        self.file.read_exact(&mut buffer[..count])?;
        buffer[count..].copy_from_slice(&self.buffer[..self.end]);
        self.buffer = buffer;
        self.offset -= count as u64;
        self.end += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Offset, end, text and termination of the lines of `text`, in the order of the file.
    fn lines(text: &[u8]) -> Vec<(u64, u64, String, bool)> {
        let mut reader = ReverseLines::new(Cursor::new(text), text.len() as u64, 100_000);
        let mut lines = Vec::new();
        while let Some(line) = reader.next().expect("a slice can be read") {
            let text = String::from_utf8_lossy(line.bytes).into_owned();
            lines.push((line.offset, line.end, text, line.is_terminated));
        }
        lines.reverse();
        lines
    }

    #[test]
    fn reverse_lines_are_those_of_the_file() {
        // Lengths around the size of a read, so that newlines come to stand at the edges of blocks.
        let sizes =
            [0, 1, 7, REVERSE_READ_BYTES - 2, REVERSE_READ_BYTES - 1, REVERSE_READ_BYTES, 99_999, 3, 0];
        for end in ["", "remainder"] {
            let text: String =
                sizes.iter().map(|&size| format!("{}\n", "x".repeat(size))).collect::<String>() + end;
            let mut expected = Vec::new();
            let mut offset = 0;
            for line in text.split_inclusive('\n') {
                let end = offset + line.len() as u64;
                let is_terminated = line.ends_with('\n');
                expected.push((offset, end, line.trim_end_matches('\n').to_owned(), is_terminated));
                offset = end;
            }

            assert_eq!(lines(text.as_bytes()), expected, "{end:?}");
        }
    }

    #[test]
    fn reverse_lines_of_files_without_whole_lines() {
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n"), [(0, 1, String::new(), true)]);
        assert_eq!(lines(b"x"), [(0, 1, "x".to_owned(), false)]);
    }

    #[test]
    fn reverse_lines_drop_the_bytes_of_lines_over_the_limit() {
        for size in [100_001, 700_000] {
            let text = format!("one\n{}\ntwo\n", "x".repeat(size));
            let after = 4 + size as u64 + 1;

            let expected = [
                (0, 4, "one".to_owned(), true),
                (4, after, String::new(), true),
                (after, after + 4, "two".to_owned(), true),
            ];
            assert_eq!(lines(text.as_bytes()), expected, "{size}");
        }
    }
}
