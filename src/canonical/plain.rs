//! The plain bytes: those that stand for themselves in a canonical string.
//!
//! Promise: the writer and the recogniser ask here, and so agree on what must be escaped: everything but 0x20 to
//! 0x7e, and `"` and `\` among those. Does not know what an escape looks like.

/// How many of the first bytes are plain.
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = not_plain(u64::from_le_bytes(*word));
        if marks != 0 {
            return index * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    words.len() * 8 + tail.iter().take_while(|&&byte| PLAIN[usize::from(byte)]).count()
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
                for at in 0..20 {
                    let mut bytes = [b'!'; 20];
                    bytes[at] = byte;
                    if let Some(next) = bytes.get_mut(at + 1) {
                        *next = after;
                    }

                    let expected = bytes.iter().take_while(|&&byte| PLAIN[usize::from(byte)]).count();

                    assert_eq!(plain_run(&bytes), expected, "{bytes:?}");
                }
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
