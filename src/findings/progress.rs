//! The progress of a verification or a report.

/// How far a verification or a report has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes that were read and checked.
    pub bytes: u64,
    /// Bytes to read in all.
    pub of: u64,
    /// Entries among what was read.
    pub entries: u64,
}
