//! A receipt: where an entry landed. Keep it elsewhere, and a later cut or rewrite of the trail can be proven.

use std::{fmt, str::FromStr};

use crate::codec::digest::Digest;

/// Proof that an entry was recorded: the trail, the entry's number, its hash.
///
/// It is as durable as the log's [`Durability`](crate::Durability) promises. Kept outside the writer's reach, it
/// convicts a trail that no longer holds this entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Receipt {
    /// The trail.
    pub trail_id: TrailId,
    /// The entry's number in it, from 0.
    pub seq: u64,
    /// The entry's hash.
    pub hash: Digest,
}

/// The name of a trail: 128 random bits, given when it is created. Shown as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrailId([u8; 16]);

impl TrailId {
    pub(crate) const fn new(bits: [u8; 16]) -> Self {
        Self(bits)
    }
}

impl FromStr for TrailId {
    type Err = ParseTrailIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 32 || !lower {
            return Err(ParseTrailIdError);
        }
        u128::from_str_radix(text, 16).map(|bits| Self(bits.to_be_bytes())).map_err(|_| ParseTrailIdError)
    }
}

/// The text is not 32 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a trail id is 32 lower-case hex digits")]
pub struct ParseTrailIdError;

impl fmt::Display for TrailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TrailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrailId({self})")
    }
}
