//! `Progress`: the state of a running verification or report, for a progress bar.

/// The progress of a verification or a report.
///
/// A run passes one to its callback from time to time. `bytes` grows up to `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes that were read and checked so far.
    pub bytes: u64,
    /// Bytes of all files of the trail.
    pub of: u64,
    /// Entries that were read so far.
    pub entries: u64,
}
