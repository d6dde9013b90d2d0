//! Random numbers that a seed repeats.

#![allow(dead_code, reason = "each test binary uses a part of it")]

/// SplitMix64. Its whole state is the number inside.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// Bytes out of `alphabet`; any bytes if it is empty.
    pub(crate) fn bytes(&mut self, length: usize, alphabet: &[u8]) -> Vec<u8> {
        let byte = |number: u64| match alphabet {
            [] => number as u8,
            _ => alphabet[number as usize % alphabet.len()],
        };
        (0..length).map(|_| byte(self.next())).collect()
    }
}
