//! `Finding`: a fault in a trail, with its place.
//!
//! A finding is not an [`Error`](crate::Error). An error means that verification could not do its work; a finding means
//! that it did, and that the trail is not as its writer left it.

use std::fmt;

use serde::Serialize;

use crate::codec::terminal::Escaped;

/// A fault that verification found in a trail.
///
/// One finding is enough for the verdict [`Tampered`](crate::verify::Verdict::Tampered).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of the fault.
    pub kind: FindingKind,
    /// Name of the file, relative to the trail's directory.
    pub file: String,
    /// Number of the line, from 1; `None` for a finding about a whole file.
    pub line: Option<u64>,
    /// Byte at which the line begins; `None` for a finding about a whole file.
    pub offset: Option<u64>,
    /// Sequence number on the line, if the line could be read.
    pub seq: Option<u64>,
    /// Value or text that belongs there.
    pub expected: String,
    /// Value or text that is there instead.
    pub found: String,
}

/// The kinds of findings. A line has at most one finding: that of the first kind in this list which applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The line is not an entry in canonical text: it is not JSON, a member is missing, unknown or duplicate, or the
    /// text has another form or spacing.
    MalformedLine,
    /// The SHA-256 of the line is not the hash that it prints: the line was changed.
    HashMismatch,
    /// The sequence number does not follow that of the line before: entries were removed, inserted, repeated or moved.
    SequenceGap,
    /// `prev_hash` is not the hash of the line before: that line was replaced, or lines between them were removed.
    ChainBroken,
    /// The entry is in the file of another day.
    WrongFile,
    /// The time is before that of the line before, and no `audit_clock_stepped` entry records a change of the clock.
    ClockWentBack,
    /// Entries that belong before this file are missing, mostly because a file was removed. Or the file belongs to an
    /// adopted trail and is missing itself.
    MissingFile,
    /// The trail ends before the last entry that its head or a checkpoint names: entries at its end were removed.
    Truncated,
    /// The trail has no readable head file. Entries may be missing at its end, and nothing else would show that.
    HeadMissing,
    /// A checkpoint that a given key signed does not match the entries: the trail was rewritten or forked.
    CheckpointMismatch,
    /// A text in place of a checkpoint has the name of a given key but no valid signature by it.
    CheckpointForged,
    /// The newest valid checkpoint is older than [`max_age`](crate::verify::Verifier::max_age) allows.
    CheckpointStale,
    /// The entry of a given receipt is not in the trail.
    ReceiptMissing,
    /// A private value does not match the commitment in its entry: the value was changed.
    ValueChanged,
}

impl FindingKind {
    /// Returns the code word of the kind in JSON and on screen, such as `malformed_line`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MalformedLine => "malformed_line",
            Self::HashMismatch => "hash_mismatch",
            Self::SequenceGap => "sequence_gap",
            Self::ChainBroken => "chain_broken",
            Self::WrongFile => "wrong_file",
            Self::ClockWentBack => "clock_went_back",
            Self::MissingFile => "missing_file",
            Self::Truncated => "truncated",
            Self::HeadMissing => "head_missing",
            Self::CheckpointMismatch => "checkpoint_mismatch",
            Self::CheckpointForged => "checkpoint_forged",
            Self::CheckpointStale => "checkpoint_stale",
            Self::ReceiptMissing => "receipt_missing",
            Self::ValueChanged => "value_changed",
        }
    }
}

/// Writes one line: `FILE:LINE: KIND at seq SEQ (byte OFFSET): expected .., found ..`. Text of the trail is escaped.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(self.file.as_str()))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.kind.name())?;
        if let Some(seq) = self.seq {
            write!(f, " at seq {seq}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " (byte {offset})")?;
        }
        write!(f, ": expected {}, found {}", Escaped(self.expected.as_str()), Escaped(self.found.as_str()))
    }
}
