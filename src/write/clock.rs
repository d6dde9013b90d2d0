//! The clock that gives entries their time: the OS's, or a function of a test.

use std::{fmt, sync::Arc, time::SystemTime};

use chrono::{DateTime, Utc};

use crate::codec::timestamp::Timestamp;

/// Source of the current time.
#[derive(Clone, Default)]
pub(crate) enum Clock {
    /// Clock of the OS.
    #[default]
    System,
    /// Function that was set in the builder.
    Given(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>),
}

impl Clock {
    /// Returns the current time.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            // Not `Utc::now`: it would convert to a calendar date and back for every entry.
            Self::System => Timestamp::of(SystemTime::now()),
            Self::Given(clock) => clock().into(),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Given(_) => "Given(..)",
        })
    }
}
