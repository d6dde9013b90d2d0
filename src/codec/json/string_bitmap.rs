//! The end of a run of unescaped bytes, found once for a whole block or searched for one text.
//!
//! Promise: writer and validator both ask here, and so agree on the bytes that a canonical string escapes: all but 0x20
//! to 0x7e, and of those the quote and the backslash. Does not know the form of an escape.

use crate::codec::{
    simd::{special_mask, special_mask_of_16, special_masks},
    word::{WORD_HIGH_BITS, WORD_ONES},
};

/// Returns the number of unescaped bytes that `bytes` begin with.
pub(crate) fn unescaped_run(bytes: &[u8]) -> usize {
    let (chunks, mut rest) = bytes.as_chunks::<16>();
    for (index, chunk) in chunks.iter().enumerate() {
        let mask = special_mask_of_16(chunk);
        // The lowest set bit is the first special byte.
        if mask != 0 {
            return index * 16 + mask.trailing_zeros() as usize;
        }
    }
    // Fewer than 16 bytes are left: one word, and then single bytes.
    let mut run = chunks.len() * 16;
    if let Some((word, after)) = rest.split_first_chunk() {
        let mask = special_bytes(u64::from_le_bytes(*word));
        if mask != 0 {
            return run + mask.trailing_zeros() as usize / 8;
        }
        run += 8;
        rest = after;
    }
    run + rest.iter().take_while(|&&byte| UNESCAPED[usize::from(byte)]).count()
}

/// Returns `true` if no byte must be escaped.
///
/// From eight bytes on the first and the last word overlap, so that no shorter rest remains to be checked byte by byte.
pub(crate) fn is_unescaped(bytes: &[u8]) -> bool {
    let special = |chunk: &[u8; 8]| special_bytes(u64::from_le_bytes(*chunk));
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            let all = bytes.as_chunks::<8>().0.iter().skip(1);
            all.fold(special(first) | special(last), |sum, chunk| sum | special(chunk)) == 0
        }
        _ => bytes.iter().fold(true, |all, byte| all & UNESCAPED[usize::from(*byte)]),
    }
}

/// One bit for each byte of a block of lines: set if the byte ends a run of unescaped bytes.
///
/// ```text
/// block   {  "  a  c  t  o  r  "  :     "  a  l  \  u  0  0  e  9  "
/// bits    0  1  0  0  0  0  0  1  0  0  1  0  0  1  0  0  0  0  0  1
///               ^ from         ^ unescaped_end(from)
/// ```
///
/// Saves the start of a search in every string. A line of eight fields has about 25 short strings. Each would cost a
/// load, a compare and a branch on its length; the bitmap costs a shift and a count of zeros. It is made in one pass
/// of [`special_masks`] over the block, and takes an eighth of the block's memory.
///
/// The bitmap pays where every string of a block is read, in validation: a third of the time of the row `verify, 1
/// thread` of `benches/RESULTS.md`. A single text is searched with [`unescaped_run`].
#[derive(Clone, Debug, Default)]
pub(crate) struct StringBitmap {
    /// 64 bytes of the block a word, the first byte's bit lowest. The bits past the last byte of the block are set.
    words: Vec<u64>,
}

impl StringBitmap {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut bitmap = Self::default();
        bitmap.set(bytes);
        bitmap
    }

    /// Replaces the bitmap by that of `bytes` and keeps its memory.
    pub(crate) fn set(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks::<64>();
        // Clearing keeps the capacity: verification sets one bitmap for block after block.
        self.words.clear();
        special_masks(blocks, &mut self.words);
        // A zero byte is special: the padding ends every run at the end of the block.
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        self.words.push(special_mask(&last));
    }

    /// Returns the first place from `from` on whose byte is special. Behind the end of the block that is `from`, or
    /// some place behind the end.
    #[inline]
    pub(crate) fn unescaped_end(&self, from: usize) -> usize {
        let mut at = from;
        while let Some(word) = self.words.get(at / 64) {
            // The shift drops the bits of the bytes before `at`.
            let mask = word >> (at % 64);
            if mask != 0 {
                return at + mask.trailing_zeros() as usize;
            }
            at = (at / 64 + 1) * 64;
        }
        at
    }
}

const UNESCAPED: [bool; 256] = {
    let mut unescaped = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        unescaped[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    unescaped
};

/// Marks the special bytes of a word by their highest bits.
///
/// Only the lowest mark is exact. A subtraction borrows from the next byte, and a borrow may mark a byte above a true
/// mark. A result of zero is exact as well.
fn special_bytes(word: u64) -> u64 {
    let zero_bytes = |word: u64| word.wrapping_sub(WORD_ONES) & !word;
    let below_space = word.wrapping_sub(WORD_ONES * 0x20) & !word;
    let quote = zero_bytes(word ^ (WORD_ONES * 0x22));
    let backslash = zero_bytes(word ^ (WORD_ONES * 0x5c));
    let delete = zero_bytes(word ^ (WORD_ONES * 0x7f));
    (below_space | quote | backslash | delete | word) & WORD_HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_agree_with_single_bytes() {
        for byte in 0..=u8::MAX {
            for after in 0..=u8::MAX {
                for at in 0..28 {
                    let mut bytes = [b'!'; 28];
                    bytes[at] = byte;
                    if let Some(next) = bytes.get_mut(at + 1) {
                        *next = after;
                    }

                    let expected = bytes.iter().take_while(|&&byte| UNESCAPED[usize::from(byte)]).count();

                    assert_eq!(unescaped_run(&bytes), expected, "{bytes:?}");
                    for length in [at, at + 1, 20] {
                        let is_all = bytes[..length].iter().all(|&byte| UNESCAPED[usize::from(byte)]);
                        assert_eq!(is_unescaped(&bytes[..length]), is_all, "{length} of {bytes:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn unescaped_end_is_the_first_special_byte() {
        for length in [0, 1, 63, 64, 65, 127, 128, 200] {
            for other in 0..=length {
                let mut bytes = vec![b'!'; length];
                if let Some(byte) = bytes.get_mut(other) {
                    *byte = b'\\';
                }
                let bitmap = StringBitmap::of(&bytes);

                for from in 0..length {
                    let expected = if from <= other { other } else { length };
                    assert_eq!(bitmap.unescaped_end(from), expected, "{from} of {length}, {other}");
                }
                assert!(bitmap.unescaped_end(length) >= length && bitmap.unescaped_end(10_000) >= length);
            }
        }
    }

    #[test]
    fn unescaped_is_printable_ascii_but_quote_and_backslash() {
        for byte in 0..=u8::MAX {
            let unescaped = (0x20..=0x7e).contains(&byte) && byte != 0x22 && byte != 0x5c;

            assert_eq!(UNESCAPED[usize::from(byte)], unescaped, "{byte:#x}");
        }
    }
}
