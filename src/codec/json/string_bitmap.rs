//! The plain bytes: those that stand for themselves in a canonical string.
//!
//! Promise: the writer and the recogniser ask here, and so agree on what must be escaped: everything but 0x20 to
//! 0x7e, and `"` and `\` among those. Does not know what an escape looks like.

use crate::codec::simd::{marks, marks_of_each, marks_of_few};

/// How many of the first bytes are plain.
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    let (chunks, mut rest) = bytes.as_chunks::<16>();
    for (index, chunk) in chunks.iter().enumerate() {
        let marks = marks_of_few(chunk);
        if marks != 0 {
            return index * 16 + marks.trailing_zeros() as usize;
        }
    }
    let mut run = chunks.len() * 16;
    if let Some((word, after)) = rest.split_first_chunk() {
        let marks = not_plain(u64::from_le_bytes(*word));
        if marks != 0 {
            return run + marks.trailing_zeros() as usize / 8;
        }
        run += 8;
        rest = after;
    }
    run + rest.iter().take_while(|&&byte| PLAIN[usize::from(byte)]).count()
}

/// Whether all bytes are plain.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    let marks = |chunk: &[u8; 8]| not_plain(u64::from_le_bytes(*chunk));
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            let all = bytes.as_chunks::<8>().0.iter().skip(1);
            all.fold(marks(first) | marks(last), |sum, chunk| sum | marks(chunk)) == 0
        }
        _ => bytes.iter().fold(true, |all, byte| all & PLAIN[usize::from(*byte)]),
    }
}

/// Which of some bytes are not plain: found once for all, and asked for wherever a string begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct StringBitmap {
    /// A bit for each byte, the first one's lowest. What follows the last byte is marked.
    words: Vec<u64>,
}

impl StringBitmap {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut marks = Self::default();
        marks.set(bytes);
        marks
    }

    /// Marks those of `bytes`, instead of the ones before.
    pub(crate) fn set(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks::<64>();
        self.words.clear();
        marks_of_each(blocks, &mut self.words);
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        self.words.push(marks(&last));
    }

    /// Where the plain bytes end that come next at `from`. Past the end that is `from` itself, or some place past the end.
    #[inline]
    pub(crate) fn plain_end(&self, from: usize) -> usize {
        let mut at = from;
        while let Some(word) = self.words.get(at / 64) {
            let marks = word >> (at % 64);
            if marks != 0 {
                return at + marks.trailing_zeros() as usize;
            }
            at = (at / 64 + 1) * 64;
        }
        at
    }
}

const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Marks with their highest bit the bytes of a word that are not plain.
///
/// Only the lowest mark can be relied on: the subtractions borrow, and a borrow may mark a byte above a true mark.
fn not_plain(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;

    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = zero_bytes(word ^ (ONES * 0x22));
    let backslash = zero_bytes(word ^ (ONES * 0x5c));
    let delete = zero_bytes(word ^ (ONES * 0x7f));
    (below_space | quote | backslash | delete | word) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_single_bytes_agree() {
        for byte in 0..=u8::MAX {
            for after in 0..=u8::MAX {
                for at in 0..28 {
                    let mut bytes = [b'!'; 28];
                    bytes[at] = byte;
                    if let Some(next) = bytes.get_mut(at + 1) {
                        *next = after;
                    }

                    let expected = bytes.iter().take_while(|&&byte| PLAIN[usize::from(byte)]).count();

                    assert_eq!(plain_run(&bytes), expected, "{bytes:?}");
                    for length in [at, at + 1, 20] {
                        let is_all = bytes[..length].iter().all(|&byte| PLAIN[usize::from(byte)]);
                        assert_eq!(is_plain(&bytes[..length]), is_all, "{length} of {bytes:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn plain_bytes_end_where_the_first_other_one_stands() {
        for length in [0, 1, 63, 64, 65, 127, 128, 200] {
            for other in 0..=length {
                let mut bytes = vec![b'!'; length];
                if let Some(byte) = bytes.get_mut(other) {
                    *byte = b'\\';
                }
                let marks = StringBitmap::of(&bytes);

                for from in 0..length {
                    let expected = if from <= other { other } else { length };
                    assert_eq!(marks.plain_end(from), expected, "{from} of {length}, {other}");
                }
                assert!(marks.plain_end(length) >= length && marks.plain_end(10_000) >= length);
            }
        }
    }

    #[test]
    fn plain_is_printable_ascii_but_quote_and_backslash() {
        for byte in 0..=u8::MAX {
            let plain = (0x20..=0x7e).contains(&byte) && byte != 0x22 && byte != 0x5c;

            assert_eq!(PLAIN[usize::from(byte)], plain, "{byte:#x}");
        }
    }
}
