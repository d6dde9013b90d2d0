//! A SHA-256 as entries state it: all 64 hex digits, or the first 16 in a trail opened with short hashes.
//!
//! Pure. Equality is equality of the stated text, never of digits that were not stated.

use std::{fmt, str::FromStr};

use crate::codec::simd::differences;

/// How many hex digits of its SHA-256 each entry of a trail states.
///
/// A trail never mixes the two. The default is [`HashLength::Full`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashLength {
    /// All 64 digits (256 bits).
    #[default]
    Full,
    /// The first 16 digits (64 bits), as the Python tool writes them: for estates whose auditors still run it.
    Short,
}

impl HashLength {
    /// The number of hex digits: 64 or 16.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Full => 64,
            Self::Short => 16,
        }
    }

    pub(crate) const fn of_digits(digits: usize) -> Option<Self> {
        match digits {
            64 => Some(Self::Full),
            16 => Some(Self::Short),
            _ => None,
        }
    }
}

/// The hash of an entry, as the entry states it: lower-case hex, 64 or 16 digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    /// Zero beyond the stated digits.
    bytes: [u8; 32],
    length: HashLength,
}

impl Digest {
    pub(crate) const ZERO: Self = Self { bytes: [0; 32], length: HashLength::Full };

    pub(crate) fn new(sha256: [u8; 32], length: HashLength) -> Self {
        let mut bytes = sha256;
        for byte in bytes.iter_mut().skip(length.digits() / 2) {
            *byte = 0;
        }
        Self { bytes, length }
    }

    /// Reads exactly 64 or 16 lower-case hex digits.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let length = HashLength::of_digits(text.len())?;
        let bytes = match text.try_into() {
            Ok(digits) => bytes_of(digits)?,
            Err(_) => {
                let mut digits = [b'0'; 64];
                digits[..text.len()].copy_from_slice(text);
                bytes_of(&digits)?
            }
        };
        Some(Self { bytes, length })
    }

    /// Whether the stated digits are those of this SHA-256.
    pub(crate) fn is_of(&self, sha256: &[u8; 32]) -> bool {
        match self.length {
            // Not compared with a branch for each part: what is looked at next would wait for it.
            HashLength::Full => differences(&self.bytes, sha256) == 0,
            HashLength::Short => self.bytes[..8] == sha256[..8],
        }
    }

    /// How many digits are stated.
    #[must_use]
    pub fn length(&self) -> HashLength {
        self.length
    }

    /// All 32 bytes, where all digits are stated.
    pub(crate) fn full(&self) -> Option<&[u8; 32]> {
        (self.length == HashLength::Full).then_some(&self.bytes)
    }

    /// Appends the hex digits.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let digits = digits_of(&self.bytes);
        match self.length {
            HashLength::Full => out.extend_from_slice(&digits),
            HashLength::Short => out.extend_from_slice(&digits[..self.length.digits()]),
        }
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes()).ok_or(ParseDigestError)
    }
}

/// The text is not 64 or 16 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 or 16 lower-case hex digits")]
pub struct ParseDigestError;

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = digits_of(&self.bytes);
        f.write_str(str::from_utf8(&digits[..self.length.digits()]).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// What an entry names as its predecessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// The first entry of a trail has none, and says `genesis`.
    Genesis,
    Hash(Digest),
}

impl Link {
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text == b"genesis" { Some(Self::Genesis) } else { Digest::parse(text).map(Self::Hash) }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Genesis => out.extend_from_slice(b"genesis"),
            Self::Hash(digest) => digest.write(out),
        }
    }

    /// How many characters it has.
    pub(crate) fn digits(&self) -> usize {
        match self {
            Self::Genesis => "genesis".len(),
            Self::Hash(digest) => digest.length.digits(),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genesis => f.write_str("genesis"),
            Self::Hash(digest) => digest.fmt(f),
        }
    }
}

/// The lower-case hex digits of bytes: without a table, so that many are made at a time.
fn digits_of(bytes: &[u8; 32]) -> [u8; 64] {
    let digit = |nibble: u8| nibble + b'0' + if nibble > 9 { b'a' - b'0' - 10 } else { 0 };
    let mut digits = [[0; 2]; 32];
    for (digits, byte) in digits.iter_mut().zip(bytes) {
        *digits = [digit(byte >> 4), digit(byte & 15)];
    }
    let mut text = [0; 64];
    text.copy_from_slice(digits.as_flattened());
    text
}

/// The bytes that lower-case hex digits stand for. Digits of a hash are random, so no branch depends on one.
fn bytes_of(digits: &[u8; 64]) -> Option<[u8; 32]> {
    let mut nibbles = [0; 64];
    let mut wrong = 0;
    for (nibble, digit) in nibbles.iter_mut().zip(digits) {
        let decimal = digit.wrapping_sub(b'0');
        let letter = digit.wrapping_sub(b'a');
        *nibble = if decimal < 10 { decimal } else { letter.wrapping_add(10) };
        wrong |= u8::from(decimal >= 10) & u8::from(letter >= 6);
    }
    let (pairs, _) = nibbles.as_chunks::<2>();
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = high << 4 | low;
    }
    (wrong == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_back_as_written() {
        for length in [HashLength::Full, HashLength::Short] {
            let digest = Digest::new([0xa7; 32], length);
            let mut text = Vec::new();
            digest.write(&mut text);

            assert_eq!(text.len(), length.digits());
            assert_eq!(Digest::parse(&text), Some(digest));
            assert_eq!(text, digest.to_string().into_bytes());
        }
    }

    #[test]
    fn a_digit_is_one_of_sixteen_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for (length, at) in [(16, 0), (16, 15), (64, 0), (64, 31), (64, 63)] {
                let mut text = vec![b'7'; length];
                text[at] = byte;

                let expected = matches!(byte, b'0'..=b'9' | b'a'..=b'f');

                assert_eq!(Digest::parse(&text).is_some(), expected, "{byte:#x}");
                if let Some(digest) = Digest::parse(&text) {
                    assert_eq!(digest.to_string().into_bytes(), text);
                }
            }
        }
    }

    #[test]
    fn only_64_or_16_lower_case_digits_are_a_digest() {
        for text in
            ["", "genesis", "A7A7A7A7A7A7A7A7", "a7a7a7a7a7a7a7a", "g7a7a7a7a7a7a7a7", "a7a7a7a7a7a7a7a7a7"]
        {
            assert_eq!(Digest::parse(text.as_bytes()), None, "{text}");
        }
    }
}
