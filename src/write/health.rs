//! The state of a log, for health checks.

use chrono::{DateTime, Utc};

/// State of a log, as [`AuditLog::health`](crate::AuditLog::health) returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// The log records entries.
    Recording,
    /// Entries could not be written. The next append retries. If it succeeds, the trail gets an `audit_degraded` that
    /// describes the failure.
    Degraded {
        /// Time of the first failure.
        since: DateTime<Utc>,
        /// Number of entries that were refused since then.
        lost: u64,
        /// Text of the first error.
        cause: String,
    },
    /// An earlier failure poisoned the log: a failed sync, or an error while the log checked its files. The log records
    /// nothing until it is opened again.
    Poisoned {
        /// Text of that failure.
        cause: String,
    },
    /// The log was closed.
    Closed,
}
