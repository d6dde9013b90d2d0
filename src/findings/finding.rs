//! A finding: what is wrong in a trail, and where. Not an error: the job was done, and the trail is bad.

use std::fmt;

use serde::Serialize;

use crate::codec::terminal::Escaped;

/// What verification found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// The file's name in the trail's directory.
    pub file: String,
    /// The line, from 1; `None` for a finding about a whole file.
    pub line: Option<u64>,
    /// Where the line begins, in bytes from the file's start; `None` for a finding about a whole file.
    pub offset: Option<u64>,
    /// The `seq` that the line states, where it states one.
    pub seq: Option<u64>,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// The kinds of findings. A line has at most one, the first of these that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The line is no entry in canonical text: no JSON, a member that is missing, unknown or given twice, another
    /// spelling or spacing.
    MalformedLine,
    /// The line's bytes are not those that were hashed.
    HashMismatch,
    /// `seq` jumps: entries were removed, inserted, repeated or moved.
    SequenceGap,
    /// `prev_hash` is not the hash that the line before states.
    ChainBroken,
    /// The entry stands in a file of another day.
    WrongFile,
    /// Time goes back without an `audit_clock_stepped`.
    ClockWentBack,
    /// What should come before this file is not there.
    MissingFile,
    /// The trail ends before the entry that its head or a checkpoint names.
    Truncated,
    /// The trail has no head that can be read, so that nobody can tell whether its end is there.
    HeadMissing,
    /// A checkpoint that a given key signed is one of other entries: the trail was rewritten or forked.
    CheckpointMismatch,
    /// What stands in place of a checkpoint has the name of a given key, and no given key signed it.
    CheckpointForged,
    /// The newest checkpoint that holds is older than was asked for.
    CheckpointStale,
    /// An entry for which there is a receipt is not in the trail.
    ReceiptMissing,
    /// A value that an entry withholds is not the one that it commits to.
    ValueChanged,
}

impl FindingKind {
    /// The name in JSON and on screen: `malformed_line`, `hash_mismatch`, ….
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
