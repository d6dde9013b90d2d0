//! Counts of the values that entries commit to.

use serde::Serialize;

/// How many values entries withhold, and where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErasableCounts {
    /// Values that entries commit to.
    pub values: u64,
    /// Of those, values that are at hand and are what their entries commit to.
    pub at_hand: u64,
    /// Values that were erased, as the trail tells.
    pub erased: u64,
    /// Values that are not at hand though nothing tells that they were erased.
    pub missing: u64,
}
