//! Loops over many bytes, by vector instructions where the processor has them.
//!
//! Owns all `unsafe` code of the codec. Promise: every function is safe to call, has a path without vector
//! instructions, and gives the same result on every machine.

#![allow(unsafe_code, reason = "calling a function that uses vector instructions is unsafe")]

use sha2::block_api::compress256;

/// Runs blocks of two independent messages through SHA-256, each with its own state. Processes as many blocks of each
/// as the shorter of the two slices has.
///
/// One message leaves the SHA instructions idle: each of its rounds waits for the round before. Rounds of two messages
/// alternate and fill that gap. SHA-256 is two fifths of the time of the row `verify, everything checked, 1 thread` of
/// `benches/RESULTS.md`. That row keeps up with `openssl dgst`, which hashes a single message and does nothing else.
pub(crate) fn compress_two(states: [&mut [u32; 8]; 2], blocks: [&[[u8; 64]]; 2]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sha")
        && std::arch::is_x86_feature_detected!("ssse3")
        && std::arch::is_x86_feature_detected!("sse4.1")
    {
        // SAFETY: the features that the function is compiled for were found in this processor on the lines above.
        unsafe { x86_64::compress_two(states, blocks) };
        return;
    }
    // Without the SHA extensions there is no gap to fill: one message after the other.
    let count = blocks[0].len().min(blocks[1].len());
    for (state, blocks) in states.into_iter().zip(blocks) {
        compress256(state, &blocks[..count]);
    }
}

/// Appends the [`special_mask`] of each of `blocks` to `masks`.
///
/// This is the first pass over every block that verification reads, 32 bytes per instruction with AVX2. Validation is
/// a third of the time of the row `verify, everything checked, 1 thread` of `benches/RESULTS.md`.
pub(crate) fn special_masks(blocks: &[[u8; 64]], masks: &mut Vec<u64>) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the feature that the function is compiled for was found in this processor on the line above.
        return unsafe { x86_64::special_masks(blocks, masks) };
    }
    masks.extend(blocks.iter().map(special_mask));
}

/// Returns one bit for each byte of `block`, the first byte's bit lowest: set for a quote, a backslash, and any byte
/// that is not printable ASCII. These are the bytes that end a run of unescaped text in a canonical string.
///
/// ```text
/// bytes   a  l  i  c  e  "  ,  \n ...
/// bits    0  0  0  0  0  1  0  1        mask 0b...1010_0000
/// ```
#[inline]
pub(crate) fn special_mask(block: &[u8; 64]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is a part of x86-64, and every processor has it that this is compiled for.
    return unsafe { x86_64::special_mask(block) };
    #[cfg(not(target_arch = "x86_64"))]
    special_mask_by_words(block)
}

/// Returns the [`special_mask`] of 16 bytes.
#[inline]
pub(crate) fn special_mask_of_16(bytes: &[u8; 16]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is a part of x86-64, and every processor has it that this is compiled for.
    return unsafe { x86_64::special_mask_of_16(bytes) };
    #[cfg(not(target_arch = "x86_64"))]
    return u32::try_from(special_mask_by_words(bytes)).unwrap_or(u32::MAX);
}

/// Number of bytes that [`mismatch_mask`] compares.
pub(crate) const COMPARED_BYTES: usize = 32;

/// Compares 32 bytes at once. Returns one bit for each byte, the first byte's bit lowest: set if the two bytes differ.
#[inline]
pub(crate) fn mismatch_mask(one: &[u8; COMPARED_BYTES], other: &[u8; COMPARED_BYTES]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is a part of x86-64, and every processor has it that this is compiled for.
    return unsafe { x86_64::mismatch_mask(one, other) };
    #[cfg(not(target_arch = "x86_64"))]
    mismatch_mask_by_bytes(one, other)
}

/// [`mismatch_mask`] without vector instructions.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn mismatch_mask_by_bytes(one: &[u8; COMPARED_BYTES], other: &[u8; COMPARED_BYTES]) -> u32 {
    one.iter().zip(other).rev().fold(0, |mask, (one, other)| mask << 1 | u32::from(one != other))
}

/// [`special_mask`] of up to 64 bytes without vector instructions, eight bytes at a time.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn special_mask_by_words(block: &[u8]) -> u64 {
    use crate::codec::word::{WORD_LOW_BITS, WORD_ONES};

    let (words, _) = block.as_chunks::<8>();
    let mut mask = 0;
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // Each sum adds two numbers below 0x80, so it never carries into the next byte. Its highest bit is set if the
        // byte differs from the given one, or if it is a space or above.
        let differs = |byte: u64| ((word ^ (WORD_ONES * byte)) & WORD_LOW_BITS) + WORD_LOW_BITS;
        let from_space = (word & WORD_LOW_BITS) + WORD_ONES * 0x60;
        let unescaped = differs(0x22) & differs(0x5c) & differs(0x7f) & from_space & !word;
        let special = !unescaped >> 7 & WORD_ONES;
        // The product moves the lowest bit of byte n to bit 56 + n, so that the highest byte holds all eight in order.
        mask |= (special.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at);
    }
    mask
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::x86_64::*;

    /// The round constants of SHA-256 (FIPS 180-4, 4.2.2), four in each vector.
    const ROUND_CONSTANTS: [[u32; 4]; 16] = [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
        [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
        [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
        [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
        [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
        [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
        [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ];

    /// A message in progress: its state in the order that the SHA instructions take, and the last 16 words of its
    /// message schedule.
    ///
    /// ```text
    /// state of FIPS 180-4   a b c d e f g h
    /// abef                  f e b a          lowest lane first
    /// cdgh                  h g d c
    /// ```
    struct Lane {
        abef: __m128i,
        cdgh: __m128i,
        words: [__m128i; 4],
    }

    impl Lane {
        #[inline]
        #[target_feature(enable = "sse2")]
        fn load(state: &[u32; 8]) -> Self {
            let [a, b, c, d, e, f, g, h] = state.map(u32::cast_signed);
            Self {
                abef: _mm_set_epi32(a, b, e, f),
                cdgh: _mm_set_epi32(c, d, g, h),
                words: [_mm_setzero_si128(); 4],
            }
        }

        /// Returns the state in the order of FIPS 180-4.
        #[inline]
        #[target_feature(enable = "sse2,sse4.1")]
        fn store(&self) -> [u32; 8] {
            let of = |at: i32| at.cast_unsigned();
            [
                of(_mm_extract_epi32::<3>(self.abef)),
                of(_mm_extract_epi32::<2>(self.abef)),
                of(_mm_extract_epi32::<3>(self.cdgh)),
                of(_mm_extract_epi32::<2>(self.cdgh)),
                of(_mm_extract_epi32::<1>(self.abef)),
                of(_mm_extract_epi32::<0>(self.abef)),
                of(_mm_extract_epi32::<1>(self.cdgh)),
                of(_mm_extract_epi32::<0>(self.cdgh)),
            ]
        }

        /// Loads the 16 words of a block, whose bytes come most significant first.
        #[inline]
        #[target_feature(enable = "ssse3")]
        fn load_block(&mut self, block: &[u8; 64]) {
            // The shuffle reverses the four bytes of each word: SHA-256 is big-endian, the processor little-endian.
            let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
            for (words, bytes) in self.words.iter_mut().zip(block.as_chunks::<16>().0) {
                *words = _mm_shuffle_epi8(load(bytes), order);
            }
        }

        /// Runs four rounds with the four schedule words of `words[at]`.
        #[inline]
        #[target_feature(enable = "sha,sse2")]
        fn rounds(&mut self, at: usize, constants: __m128i) {
            let sum = _mm_add_epi32(self.words[at], constants);
            // Each instruction runs two rounds, and leaves the new `abef` in the register of the old `cdgh`. After two
            // of them the halves are in their places again.
            self.cdgh = _mm_sha256rnds2_epu32(self.cdgh, self.abef, sum);
            self.abef = _mm_sha256rnds2_epu32(self.abef, self.cdgh, _mm_shuffle_epi32::<0x0e>(sum));
        }

        /// Computes the next four schedule words. They replace the oldest four, in `words[at]`.
        #[inline]
        #[target_feature(enable = "sha,ssse3")]
        fn extend(&mut self, at: usize) {
            let [oldest, second, third, latest] = [0, 1, 2, 3].map(|next| self.words[(at + next) % 4]);
            let sum =
                _mm_add_epi32(_mm_sha256msg1_epu32(oldest, second), _mm_alignr_epi8::<4>(latest, third));
            self.words[at] = _mm_sha256msg2_epu32(sum, latest);
        }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(bytes: &[u8; 16]) -> __m128i {
        // SAFETY: the 16 bytes behind the pointer are those of the reference, and the load needs no alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    /// Runs the `STEP`th four of 64 rounds, first of one message and then of the other.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3")]
    fn alternate<const STEP: usize>(first: &mut Lane, second: &mut Lane) {
        let [a, b, c, d] = ROUND_CONSTANTS[STEP].map(u32::cast_signed);
        let constants = _mm_set_epi32(d, c, b, a);
        // The first 16 schedule words are the block itself.
        if STEP >= 4 {
            first.extend(STEP % 4);
            second.extend(STEP % 4);
        }
        first.rounds(STEP % 4, constants);
        second.rounds(STEP % 4, constants);
    }

    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    pub(super) fn compress_two(states: [&mut [u32; 8]; 2], blocks: [&[[u8; 64]]; 2]) {
        let [first_state, second_state] = states;
        let mut first = Lane::load(first_state);
        let mut second = Lane::load(second_state);
        for (first_block, second_block) in blocks[0].iter().zip(blocks[1]) {
            let before = [first.abef, first.cdgh, second.abef, second.cdgh];
            first.load_block(first_block);
            second.load_block(second_block);
            // A loop would index `words` at run time and keep them in memory. With a constant STEP in each call they
            // stay in registers.
            alternate::<0>(&mut first, &mut second);
            alternate::<1>(&mut first, &mut second);
            alternate::<2>(&mut first, &mut second);
            alternate::<3>(&mut first, &mut second);
            alternate::<4>(&mut first, &mut second);
            alternate::<5>(&mut first, &mut second);
            alternate::<6>(&mut first, &mut second);
            alternate::<7>(&mut first, &mut second);
            alternate::<8>(&mut first, &mut second);
            alternate::<9>(&mut first, &mut second);
            alternate::<10>(&mut first, &mut second);
            alternate::<11>(&mut first, &mut second);
            alternate::<12>(&mut first, &mut second);
            alternate::<13>(&mut first, &mut second);
            alternate::<14>(&mut first, &mut second);
            alternate::<15>(&mut first, &mut second);
            // The state after a block is the sum of the states before and after its rounds.
            first.abef = _mm_add_epi32(first.abef, before[0]);
            first.cdgh = _mm_add_epi32(first.cdgh, before[1]);
            second.abef = _mm_add_epi32(second.abef, before[2]);
            second.cdgh = _mm_add_epi32(second.cdgh, before[3]);
        }
        *first_state = first.store();
        *second_state = second.store();
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn special_masks(blocks: &[[u8; 64]], masks: &mut Vec<u64>) {
        masks.extend(blocks.iter().map(|block| {
            let (halves, _) = block.as_chunks::<32>();
            halves.iter().rev().fold(0, |mask, half| mask << 32 | u64::from(special_mask_of_32(half)))
        }));
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn special_mask_of_32(bytes: &[u8; 32]) -> u32 {
        // SAFETY: the 32 bytes behind the pointer are those of the reference, and the load needs no alignment.
        let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        // The comparison is signed, so that bytes from 0x80 on are negative and below the space as well.
        let outside = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), bytes);
        let quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x22));
        let backslash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x5c));
        let delete = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
        let any = _mm256_or_si256(_mm256_or_si256(outside, quote), _mm256_or_si256(backslash, delete));
        _mm256_movemask_epi8(any).cast_unsigned()
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn mismatch_mask(one: &[u8; 32], other: &[u8; 32]) -> u32 {
        let (one, _) = one.as_chunks::<16>();
        let (other, _) = other.as_chunks::<16>();
        one.iter().zip(other).rev().fold(0, |mask, (one, other)| {
            // Equal bytes compare as ones. The last 16 bytes come first in the fold and end up in the upper half.
            let same = _mm_movemask_epi8(_mm_cmpeq_epi8(load(one), load(other))).cast_unsigned();
            mask << 16 | (same ^ 0xffff)
        })
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn special_mask(block: &[u8; 64]) -> u64 {
        let (quarters, _) = block.as_chunks::<16>();
        quarters.iter().rev().fold(0, |mask, bytes| mask << 16 | u64::from(special_mask_of_16(bytes)))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn special_mask_of_16(bytes: &[u8; 16]) -> u32 {
        let bytes = load(bytes);
        // The comparison is signed, so that bytes from 0x80 on are negative and below the space as well.
        let outside = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x22));
        let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x5c));
        let delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
        let any = _mm_or_si128(_mm_or_si128(outside, quote), _mm_or_si128(backslash, delete));
        _mm_movemask_epi8(any).cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_masks_agree_with_a_test_of_single_bytes() {
        for byte in 0..=u8::MAX {
            for at in 0..64 {
                for filling in [b'!', b'"', 0x80] {
                    let mut block = [filling; 64];
                    block[at] = byte;

                    let special = |byte: u8| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\');
                    let expected =
                        (0..64).filter(|&at| special(block[at])).fold(0, |mask, at| mask | 1_u64 << at);

                    assert_eq!(special_mask(&block), expected, "{byte:#x} at {at}");
                    assert_eq!(special_mask_by_words(&block), expected, "{byte:#x} at {at}");
                    for (few, mask) in
                        block.as_chunks().0.iter().zip([0, 16, 32, 48].map(|at| expected >> at))
                    {
                        assert_eq!(u64::from(special_mask_of_16(few)), mask & 0xffff, "{byte:#x} at {at}");
                        assert_eq!(special_mask_by_words(few), mask & 0xffff, "{byte:#x} at {at}");
                    }
                    let mut each = Vec::new();
                    special_masks(&[block, [b'!'; 64], block], &mut each);
                    assert_eq!(each, [expected, 0, expected], "{byte:#x} at {at}");
                }
            }
        }
    }

    #[test]
    fn mismatch_mask_agrees_with_single_bytes() {
        for first in 0..COMPARED_BYTES {
            for second in 0..COMPARED_BYTES {
                let one = [b'x'; COMPARED_BYTES];
                let mut other = one;
                other[first] ^= 0x80;
                other[second] = b'y';

                let expected = 1 << first | 1 << second;

                assert_eq!(mismatch_mask(&one, &other), expected, "{first} and {second}");
                assert_eq!(mismatch_mask_by_bytes(&one, &other), expected, "{first} and {second}");
                assert_eq!(mismatch_mask(&other, &other), 0);
            }
        }
    }

    #[test]
    fn compress_two_agrees_with_one_message_at_a_time() {
        let mut bytes = 1_u64;
        let mut random = || {
            bytes = bytes.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (bytes >> 56) as u8
        };
        let mut blocks = || -> Vec<[u8; 64]> { (0..24).map(|_| std::array::from_fn(|_| random())).collect() };
        let (one, other) = (blocks(), blocks());
        for first in 0..24 {
            for second in 0..24 {
                let count = first.min(second);
                let mut states: [[u32; 8]; 2] = [[7; 8], std::array::from_fn(|at| 0x9e37_79b9 << at)];
                let mut expected = states;
                compress256(&mut expected[0], &one[..count]);
                compress256(&mut expected[1], &other[..count]);

                let [a, b] = &mut states;
                compress_two([a, b], [&one[..first], &other[..second]]);

                assert_eq!(states, expected, "{first} and {second} blocks");
            }
        }
    }
}
