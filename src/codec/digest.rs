//! The printed hash of an entry: all 64 hex digits of its SHA-256, or the first 16 in a trail with short hashes.
//!
//! Promise: two digests are equal if their printed digits are. Digits that are not printed never count.

use std::{fmt, str::FromStr};

use crate::codec::simd::mismatch_mask;

/// The number of hex digits of its SHA-256 that each entry of a trail prints.
///
/// All entries of a trail have the same length. The default is [`HashLength::Full`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashLength {
    /// All 64 digits (256 bits).
    #[default]
    Full,
    /// The first 16 digits (64 bits), as the Python tool writes and checks them.
    Short,
}

impl HashLength {
    /// Returns the number of hex digits: 64 or 16.
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

/// The hash of an entry as the entry prints it: 64 or 16 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    /// The hash. In a short digest all bytes behind the printed ones are zero, so that the derived equality ignores
    /// them.
    bytes: [u8; 32],
    length: HashLength,
}

impl Digest {
    pub(crate) const ZERO: Self = Self { bytes: [0; 32], length: HashLength::Full };

    pub(crate) fn new(sha256: [u8; 32], length: HashLength) -> Self {
        let mut bytes = sha256;
        // Two digits a byte. The rest becomes zero, so that the derived comparison sees only printed digits.
        for byte in bytes.iter_mut().skip(length.digits() / 2) {
            *byte = 0;
        }
        Self { bytes, length }
    }

    /// Parses exactly 64 or 16 lower-case hex digits.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let length = HashLength::of_digits(text.len())?;
        let bytes = match text.try_into() {
            Ok(digits) => bytes_of(digits)?,
            Err(_) => {
                // Zeros fill up the short form, so that one loop of fixed length serves both.
                let mut digits = [b'0'; 64];
                digits[..text.len()].copy_from_slice(text);
                bytes_of(&digits)?
            }
        };
        Some(Self { bytes, length })
    }

    /// Returns `true` if the printed digits are those of this SHA-256.
    pub(crate) fn matches_sha256(&self, sha256: &[u8; 32]) -> bool {
        match self.length {
            // One comparison without a branch for each part, so that verification does not wait for a prediction here.
            HashLength::Full => mismatch_mask(&self.bytes, sha256) == 0,
            HashLength::Short => self.bytes[..8] == sha256[..8],
        }
    }

    /// Returns the number of printed digits.
    #[must_use]
    pub fn length(&self) -> HashLength {
        self.length
    }

    /// Returns all 32 bytes if all digits are printed.
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

/// The error of text that is not 64 or 16 lower-case hex digits.
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

/// An entry's reference to its predecessor: the member `prev_hash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// The text `genesis`, in the first entry of a trail.
    Genesis,
    /// The printed hash of the entry before.
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

    /// Returns the number of characters of the text.
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

/// Returns the lower-case hex digits of bytes. It computes digits instead of loading them from a table, so that the
/// compiler can use vector instructions.
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

/// Returns the bytes of lower-case hex digits. No branch depends on a digit: digits of a hash are random, and half of
/// such branches would be mispredicted.
fn bytes_of(digits: &[u8; 64]) -> Option<[u8; 32]> {
    let mut nibbles = [0; 64];
    let mut wrong = 0;
    for (nibble, digit) in nibbles.iter_mut().zip(digits) {
        let decimal = digit.wrapping_sub(b'0');
        // Every other byte is 10 or more from `0` and 6 or more from `a`.
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
    fn digest_is_parsed_as_written() {
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
    fn every_digit_is_checked_at_every_place() {
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
    fn text_of_another_length_or_case_is_no_digest() {
        for text in
            ["", "genesis", "A7A7A7A7A7A7A7A7", "a7a7a7a7a7a7a7a", "g7a7a7a7a7a7a7a7", "a7a7a7a7a7a7a7a7a7"]
        {
            assert_eq!(Digest::parse(text.as_bytes()), None, "{text}");
        }
    }
}
