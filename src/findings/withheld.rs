//! `ErasableCounts`: how many erasable values a trail has, and how many of them are left.

use serde::Serialize;

/// Counts of the erasable values of a trail.
///
/// An entry holds only a commitment to an erasable value, a salted hash. The value itself is in a private file beside
/// the trail, where it can be erased without a change to the entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErasableCounts {
    /// Values that entries commit to.
    pub values: u64,
    /// Values that are stored and match their commitments.
    pub at_hand: u64,
    /// Values that were erased, as `audit_erased` entries record.
    pub erased: u64,
    /// Values that are not stored although no entry records their erasure.
    pub missing: u64,
}
