//! The local clock in the unit that tokens, callbacks and HTTP dates are compared in.

use std::time::SystemTime;

/// Returns the current time in Unix seconds, or 0 for a clock before 1970, by which no token is valid.
pub(crate) fn unix_seconds() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
