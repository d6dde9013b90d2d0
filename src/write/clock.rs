//! The clock that a log takes the time of its entries from.

use std::{fmt, sync::Arc, time::SystemTime};

use chrono::{DateTime, Utc};

use crate::codec::timestamp::Timestamp;

/// Gives the time of now.
#[derive(Clone, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    Given(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>),
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            // Asked for with each entry, so it does without a calendar.
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
