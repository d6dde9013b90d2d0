//! The state of a log, for health checks.

use chrono::{DateTime, Utc};

/// State of a log, as [`AuditLog::health`](crate::AuditLog::health) returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// The log records entries.
    Recording,
    /// Entries could not be written. The next append tries again. If it succeeds, the trail gets an `audit_degraded` that
    /// describes the failure.
    Degraded {
        /// Time of the first failure.
        since: DateTime<Utc>,
        /// Number of entries that were refused since then.
        lost: u64,
        /// Text of the first error.
        cause: String,
    },
    /// A failed sync left it unknown which bytes are on the device. The log records nothing until it is opened again.
    Poisoned {
        /// Text of the error.
        cause: String,
    },
    /// The log was closed.
    Closed,
}
