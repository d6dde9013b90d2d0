//! A video's length. Its promise: on the wire it is the string of seconds that the vendor's video endpoints take.
//! It does not know which model makes which lengths.

use std::{fmt, ops::RangeInclusive};

use crate::kling::request::RequestError;

/// A video's length in whole seconds, in the request's `duration`. The vendor's default is 5.
///
/// Most models make 5 or 10 seconds, `kling-v3` makes 3 to 15. A request with a length outside of 3 to 15 is refused
/// before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Duration {
    /// 5 seconds.
    S5,
    /// 10 seconds.
    S10,
    /// So many seconds.
    Seconds(u8),
    /// Any other text, as it goes on the wire.
    Other(String),
}

impl Duration {
    /// The seconds, where it is a whole number of them.
    pub fn seconds(&self) -> Option<u64> {
        match self {
            Duration::S5 => Some(5),
            Duration::S10 => Some(10),
            Duration::Seconds(seconds) => Some(u64::from(*seconds)),
            Duration::Other(text) => text.parse().ok(),
        }
    }

    /// So many seconds, where it is whole seconds at all.
    pub(crate) fn check(&self, range: RangeInclusive<u64>) -> Result<(), RequestError> {
        match self.seconds() {
            Some(seconds) if !range.contains(&seconds) => {
                let rule = format!("must be {} to {} seconds", range.start(), range.end());
                Err(RequestError::of("duration", rule))
            }
            None if self.to_string().trim().is_empty() => {
                Err(RequestError::new("duration", "must not be blank"))
            }
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
    use super::Duration;

    #[test]
    fn it_is_a_string_on_the_wire() {
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
