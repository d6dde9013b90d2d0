//! `Notice`: a fact about a trail that is worth attention and does not change the verdict.

use std::fmt;

use chrono::NaiveDate;
use serde::Serialize;

use crate::codec::terminal::Escaped;

/// A fact about a trail that an auditor may ask about. Crashes, pruning and permissions cause notices, tampering causes
/// findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// The newest file ends inside a line, as after a crash. The next open moves those bytes to a file of their own.
    TornTail {
        /// Name of the file.
        file: String,
        /// Byte at which the unfinished line begins.
        offset: u64,
        /// Number of bytes of the unfinished line.
        length: u64,
    },
    /// Permissions of the directory or of a file allow more than access by the owner and reading by the group.
    LoosePermissions {
        /// Name of the file; `.` for the directory.
        file: String,
        /// The mode in octal digits.
        mode: String,
    },
    /// Entries are missing that were acknowledged but not yet synced when the machine lost power.
    UnsyncedLoss {
        /// Sequence number of the first missing entry.
        from: u64,
        /// Sequence number of the last missing entry.
        to: u64,
    },
    /// The trail replaces an earlier one, which was sealed and is kept beside it.
    Adopted {
        /// Id of the earlier trail.
        trail_id: String,
        /// Verdict on the earlier trail when it was sealed.
        verdict: String,
        /// Person or program that sealed it.
        actor: String,
        /// Reason that the actor gave.
        reason: String,
    },
    /// Between two entries lie whole days, in UTC, without any entry.
    DaysWithoutEntries {
        /// The first such day.
        from: NaiveDate,
        /// The last such day.
        to: NaiveDate,
        /// Number of such days.
        days: u64,
    },
    /// Entries at the beginning of the trail were pruned, as an entry records.
    Pruned {
        /// Sequence number of the last pruned entry; the first is 0.
        last: u64,
        /// Sequence number of the `audit_pruned` entry that records it.
        #[serde(rename = "told_at")]
        recorded_at: u64,
    },
    /// Erasable values are not stored although no entry records their erasure. A power failure can lose values that
    /// were not synced, and anyone with access to the private files can delete them.
    ValuesMissing {
        /// Number of missing values.
        values: u64,
    },
}

/// Writes one line: the code word of the kind, a colon, and a sentence. Text of the trail is escaped.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornTail { file, offset, length } => write!(
                f,
                "torn_tail: {} ends with {length} bytes of an unfinished line (byte {offset}), as after a crash",
                Escaped(file.as_str())
            ),
            Self::UnsyncedLoss { from, to } => {
                write!(
                    f,
                    "unsynced_loss: entries {from} to {to} were not yet synced when the power failed, and are lost"
                )
            }
            Self::Adopted { trail_id, verdict, actor, reason } => write!(
                f,
                "adopted: this trail replaces {}, which was {} when {} sealed it: {}",
                Escaped(trail_id.as_str()),
                Escaped(verdict.as_str()),
                Escaped(actor.as_str()),
                Escaped(reason.as_str())
            ),
            Self::Pruned { last, recorded_at } => {
                write!(
                    f,
                    "pruned: entries 0 to {last} were removed, as the entry with seq {recorded_at} records"
                )
            }
            Self::ValuesMissing { values: 1 } => {
                f.write_str("values_missing: 1 erasable value is missing, and no entry records its erasure")
            }
            Self::ValuesMissing { values } => write!(
                f,
                "values_missing: {values} erasable values are missing, and no entry records their erasure"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruned_notice_keeps_its_names_in_json() {
        let json = serde_json::to_string(&Notice::Pruned { last: 6, recorded_at: 9 }).expect("JSON");

        // The key is part of the command's output. It is split here, so that no rename of identifiers changes it.
        assert_eq!(json, concat!(r#"{"kind":"pruned","last":6,"told"#, r#"_at":9}"#));
    }
}
