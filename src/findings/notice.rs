//! A notice: worth knowing about a trail, and no reason to doubt it. Notices never change a verdict.

use std::fmt;

use chrono::NaiveDate;
use serde::Serialize;

use crate::codec::terminal::Escaped;

/// What verification remarks about a trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// The newest file ends inside a line, as a crash leaves it. Opening the trail sets the bytes aside.
    TornTail {
        /// The file's name.
        file: String,
        /// Where the unfinished line begins.
        offset: u64,
        /// Its bytes.
        length: u64,
    },
    /// The directory or a file lets in more than its owner and a reading group.
    LoosePermissions {
        /// The file's name; `.` for the directory.
        file: String,
        /// The mode, in octal digits.
        mode: String,
    },
    /// Entries that were acknowledged but never put on the device are not there, under another boot of the machine: a
    /// power cut took them.
    UnsyncedLoss {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// The trail takes the place of another one, which was given up and is kept.
    Adopted {
        /// The other trail.
        trail_id: String,
        /// What verification said of it then.
        verdict: String,
        /// Who gave it up.
        actor: String,
        /// Why.
        reason: String,
    },
    /// Between two entries lie whole days, in UTC, without any.
    DaysWithoutEntries {
        /// The first such day.
        from: NaiveDate,
        /// The last.
        to: NaiveDate,
        /// How many.
        days: u64,
    },
    /// The beginning of the trail is not there: it was pruned, and the trail tells of it.
    Pruned {
        /// The last entry that is not there; the first is 0.
        last: u64,
        /// The `audit_pruned` that tells of it.
        told_at: u64,
    },
    /// Values that entries withhold are not at hand, though nothing tells that they were erased: a power cut can take
    /// them, where they were not put on the device, and so can somebody.
    ValuesMissing {
        /// How many.
        values: u64,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornTail { file, offset, length } => write!(
                f,
                "torn_tail: {} ends with {length} bytes of an unfinished line (byte {offset}), as a crash leaves it",
                Escaped(file.as_str())
            ),
            Self::UnsyncedLoss { from, to } => {
                write!(
                    f,
                    "unsynced_loss: entries {from} to {to} were not on the device when the power failed"
                )
            }
            Self::Adopted { trail_id, verdict, actor, reason } => write!(
                f,
                "adopted: this trail takes the place of {}, which was {} when {} gave it up: {}",
                Escaped(trail_id.as_str()),
                Escaped(verdict.as_str()),
                Escaped(actor.as_str()),
                Escaped(reason.as_str())
            ),
            Self::Pruned { last, told_at } => {
                write!(f, "pruned: entries 0 to {last} are not there any more, as seq {told_at} tells")
            }
            Self::ValuesMissing { values: 1 } => f.write_str(
                "values_missing: 1 erasable value is not there, and nothing tells that it was erased",
            ),
            Self::ValuesMissing { values } => write!(
                f,
                "values_missing: {values} erasable values are not there, and nothing tells that they were erased"
            ),
            Self::LoosePermissions { file, mode } => {
                write!(f, "loose_permissions: {} has mode {mode}", Escaped(file.as_str()))
            }
            Self::DaysWithoutEntries { from, to, .. } if from == to => {
                write!(f, "days_without_entries: {from}")
            }
            Self::DaysWithoutEntries { from, to, days } => {
                write!(f, "days_without_entries: {from} to {to} ({days} days)")
            }
        }
    }
}
