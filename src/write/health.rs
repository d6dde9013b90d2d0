//! How a log is doing, for a health check.

use chrono::{DateTime, Utc};

/// How a log is doing; given by [`AuditLog::health`](crate::AuditLog::health).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Entries are recorded.
    Recording,
    /// Entries could not be recorded, or handed to the system. The next append tries again, and once it works the
    /// trail says what happened in an `audit_degraded`.
    Degraded {
        /// When it began.
        since: DateTime<Utc>,
        /// How many entries were refused since.
        lost: u64,
        /// The first failure.
        cause: String,
    },
    /// A failure left unknown what the disk holds: the log records nothing until it is opened anew.
    Poisoned {
        /// What failed.
        cause: String,
    },
    /// The log was closed.
    Closed,
}
