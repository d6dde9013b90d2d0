//! A file in blocks of whole lines, read once from start to end in bounded memory whatever the bytes are.
//!
//! The end is fixed when reading starts, so a file that grows can be read.

use std::io::{self, Read};

/// A part of a file. Offsets count from the file's first byte. The length of a line is without its newline.
#[derive(Debug)]
pub(crate) enum Block {
    /// Whole lines, each with its newline. A line may be longer than the limit.
    Lines { offset: u64, bytes: Bytes },
    /// A line that is longer than the limit, with its first bytes.
    TooLong { offset: u64, length: u64, start: Vec<u8> },
    /// The bytes after the last newline, with the first of them. There is at least one.
    Unterminated { offset: u64, length: u64, start: Vec<u8> },
}

/// The lines of a block: the first `length` bytes of a buffer that goes back to [`Blocks::next`].
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    buffer: Vec<u8>,
    length: usize,
}

/// Reads the blocks of one file.
#[derive(Debug)]
pub(crate) struct Blocks<R> {
    source: R,
    /// Number of bytes up to the end that were not read yet.
    unread: u64,
    /// First bytes of the next line, read with the block before.
    begun: Vec<u8>,
    /// Position of `begun` in the file.
    offset: u64,
    limit: usize,
}

/// Number of bytes kept of a line that is too long, and of an unfinished one.
pub(crate) const LINE_START_BYTES: usize = 64;

/// Number of bytes of a block, unless a line is longer.
const BLOCK_READ_BYTES: usize = 1 << 17;

impl Block {
    /// Position of the block's end in the file.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Self::Lines { offset, bytes } => offset + bytes.length as u64,
            Self::TooLong { offset, length, .. } => offset + length + 1,
            Self::Unterminated { offset, length, .. } => offset + length,
        }
    }
}

impl Bytes {
    /// The lines.
    pub(crate) fn get(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl<R: Read> Blocks<R> {
    /// Reads `length` bytes of `source`, or all if there are fewer. `offset` is the position of the first of them in
    /// the file, and `limit` the maximum length of a line with its newline.
    pub(crate) fn new(source: R, offset: u64, length: u64, limit: usize) -> Self {
        Self { source, unread: length, begun: Vec::new(), offset, limit }
    }

    /// Returns the next block, or `None` at the end. `bytes` is an earlier block, whose buffer is used again.
    pub(crate) fn next(&mut self, bytes: Bytes) -> io::Result<Option<Block>> {
        let mut buffer = bytes.buffer;
        let offset = self.offset;
        let mut end = self.begun.len();
        let least = BLOCK_READ_BYTES.max(2 * end);
        if buffer.len() < least {
            // The allocator takes zeroed pages from the OS and touches none of them: a small file costs little memory.
            buffer = vec![0; least];
        }
        buffer[..end].copy_from_slice(&self.begun);
        self.begun.clear();
        let mut searched = 0;
        loop {
            let wanted = clamp(self.unread, buffer.len() - end);
            let count = read(&mut self.source, &mut buffer[end..end + wanted])?;
            self.unread = if count == 0 { 0 } else { self.unread - count as u64 };
            end += count;
            if let Some(at) = memchr::memrchr(b'\n', &buffer[searched..end]) {
                let length = searched + at + 1;
                self.begun.extend_from_slice(&buffer[length..end]);
                self.offset += length as u64;
                return Ok(Some(Block::Lines { offset, bytes: Bytes { buffer, length } }));
            }
            searched = end;
            if end >= self.limit {
                return self.skip_long(buffer, end).map(Some);
            }
            if count == 0 {
                self.offset += end as u64;
                let start = buffer[..end.min(LINE_START_BYTES)].to_vec();
                return Ok((end > 0).then_some(Block::Unterminated { offset, length: end as u64, start }));
            }
            if end == buffer.len() {
                buffer.resize((2 * end).min(self.limit.max(end + 1)), 0);
            }
        }
    }

    /// Skips a line that is longer than the limit: the first `end` bytes of `buffer` have no newline.
    fn skip_long(&mut self, mut buffer: Vec<u8>, end: usize) -> io::Result<Block> {
        let offset = self.offset;
        let start = buffer[..end.min(LINE_START_BYTES)].to_vec();
        let mut length = end as u64;
        loop {
            let wanted = clamp(self.unread, buffer.len());
            let count = read(&mut self.source, &mut buffer[..wanted])?;
            self.unread = if count == 0 { 0 } else { self.unread - count as u64 };
            if count == 0 {
                self.offset += length;
                return Ok(Block::Unterminated { offset, length, start });
            }
            if let Some(at) = memchr::memchr(b'\n', &buffer[..count]) {
                length += at as u64;
                self.offset += length + 1;
                self.begun.extend_from_slice(&buffer[at + 1..count]);
                return Ok(Block::TooLong { offset, length, start });
            }
            length += count as u64;
        }
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
        let mut blocks = Blocks::new(Trickle(bytes, step), 0, length, 8);
        let mut found = Vec::new();
        let mut spare = Bytes::default();
        while let Some(block) = blocks.next(std::mem::take(&mut spare)).expect("a slice can be read") {
            match block {
                Block::Lines { mut offset, bytes } => {
                    for line in bytes.get().split_inclusive(|&byte| byte == b'\n') {
                        assert!(line.ends_with(b"\n"));
                        found.push(('l', offset, line.len() as u64 - 1));
                        offset += line.len() as u64;
                    }
                    spare = bytes;
                }
                Block::TooLong { offset, length, .. } => found.push(('L', offset, length)),
                Block::Unterminated { offset, length, .. } => found.push(('r', offset, length)),
            }
        }
        // A line over the limit can also be part of a block of lines: its length shows that.
        found
            .iter()
            .map(|&(kind, offset, length)| {
                (if length >= 8 && kind == 'l' { 'L' } else { kind }, offset, length)
            })
            .collect()
    }

    #[test]
    fn blocks_do_not_depend_on_the_sizes_of_reads() {
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
    fn blocks_end_at_the_length_given_at_the_start() {
        assert_eq!(pieces(b"one\ntwo\n", 4, 3), vec![('l', 0, 3)]);
        assert_eq!(pieces(b"one\ntwo\n", 6, 3), vec![('l', 0, 3), ('r', 4, 2)]);
        assert_eq!(pieces(b"one\n", 100, 3), vec![('l', 0, 3)]);
        assert_eq!(pieces(b"", 0, 3), vec![]);
    }

    #[test]
    fn an_unfinished_line_over_the_limit_is_only_measured() {
        let long = [b'x'; 600_000];

        assert_eq!(pieces(&long, 600_000, 4096), vec![('r', 0, 600_000)]);
    }
}
