//! The length of a video. In the body it is a string of seconds.

use std::{fmt, ops::RangeInclusive};

use crate::kling::error::RequestError;

/// Lengths that Kling accepts at most, in seconds.
const VIDEO_SECONDS: RangeInclusive<u64> = 3..=15;

/// Length of a video in whole seconds, for the field `duration`. Kling's default is 5.
///
/// Most models make 5 or 10 seconds, `kling-v3` makes 3 to 15. A request with another length than 3 to 15 seconds is
/// refused before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Duration {
    /// 5 seconds.
    S5,
    /// 10 seconds.
    S10,
    /// This many seconds.
    Seconds(u8),
    /// Any other text, sent unchanged.
    Other(String),
}

impl Duration {
    /// Returns the seconds, if the length is a whole number of them.
    pub fn seconds(&self) -> Option<u64> {
        match self {
            Duration::S5 => Some(5),
            Duration::S10 => Some(10),
            Duration::Seconds(seconds) => Some(u64::from(*seconds)),
            Duration::Other(text) => text.parse().ok(),
        }
    }

    /// Accepts 3 to 15 seconds, and any text that is no whole number.
    pub(crate) fn check(&self, field: &'static str) -> Result<(), RequestError> {
        match self.seconds() {
            Some(seconds) if !VIDEO_SECONDS.contains(&seconds) => {
                let rule = format!("must be {} to {} seconds", VIDEO_SECONDS.start(), VIDEO_SECONDS.end());
                Err(RequestError::of(field, rule))
            }
            None if self.to_string().trim().is_empty() => Err(RequestError::new(field, "must not be blank")),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Duration::S5 => f.write_str("5"),
            Duration::S10 => f.write_str("10"),
            Duration::Seconds(seconds) => seconds.fmt(f),
            Duration::Other(text) => f.write_str(text),
        }
    }
}

impl serde::Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::kling::requests::duration::Duration;

    #[test]
    fn a_duration_is_a_string_in_the_body() {
        for (duration, wire) in [
            (Duration::S5, r#""5""#),
            (Duration::S10, r#""10""#),
            (Duration::Seconds(15), r#""15""#),
            (Duration::Other("7.5".into()), r#""7.5""#),
        ] {
            assert_eq!(serde_json::to_string(&duration).expect("a string"), wire);
        }
    }
}
