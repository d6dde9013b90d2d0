//! Eight bytes of text in one `u64`: the tests and sums that need no vector instructions.
//!
//! A word is read in little-endian order, so the first byte of the text is the lowest byte of the number. Masks mark a
//! byte by its highest bit; `mask.trailing_zeros() / 8` is then the index of the first marked byte.

/// One in every byte. Its product with a byte repeats that byte eight times.
pub(super) const WORD_ONES: u64 = 0x0101_0101_0101_0101;

/// The highest bit of every byte.
pub(super) const WORD_HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// All bits but the highest of every byte.
pub(super) const WORD_LOW_BITS: u64 = !WORD_HIGH_BITS;

/// Returns the mask of the bytes of `word` that are 10 or more.
///
/// `0x76` is `0x80 - 10`, so the sum reaches the highest bit from 10 on. The masked byte and `0x76` are both below
/// `0x80`: no sum carries into the next byte.
///
/// ```text
/// byte             0x05    0x09    0x0a    0x83
/// low bits + 0x76  0x7b    0x7f    0x80    0x79
/// or the byte      0x7f    0x7f    0x8a    0xfb
/// highest bit      0       0       1       1
/// ```
#[inline(always)]
pub(super) fn mask_above_nine(word: u64) -> u64 {
    (((word & WORD_LOW_BITS) + WORD_ONES * 0x76) | word) & WORD_HIGH_BITS
}

/// Returns the number of eight digits. Each byte of `digits` is 0 to 9; the lowest byte is the first digit.
///
/// Three multiplications add up neighbours, instead of seven steps that wait for each other:
///
/// ```text
/// digits   1   2   3   4   5   6   7   8
/// pairs       12      34      56      78
/// fours             1234            5678
/// all                           12345678
/// ```
#[inline(always)]
pub(super) fn decimal(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_above_nine_marks_each_byte_by_itself() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut bytes = [9; 8];
                bytes[at] = byte;

                let expected = if byte > 9 { 0x80 << (8 * at) } else { 0 };

                assert_eq!(mask_above_nine(u64::from_le_bytes(bytes)), expected, "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn decimal_is_the_number_that_eight_digits_spell() {
        for number in (0..100_000_000_u64).step_by(9_973).chain([99_999_999]) {
            let text = format!("{number:08}").into_bytes();
            let digits: Vec<u8> = text.iter().map(|digit| digit - b'0').collect();

            assert_eq!(decimal(u64::from_le_bytes(digits.try_into().expect("eight"))), number);
        }
    }
}
