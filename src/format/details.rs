//! The `details` of a line, decoded once.

use crate::codec::json::{parse::parse, value::Value, wtf8::Text};

/// Nesting that `details` may have: an entry nests at most 128 levels deep, and its `details` begin at level 2.
const MAX_DETAILS_LEVELS: usize = 127;

/// The decoded members of an entry's `details`. A type that a member does not have reads as an absent member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details(Vec<(Text, Value)>);

impl Details {
    /// Decodes a canonical object. Any other text has no members.
    pub(crate) fn parse(object: &[u8]) -> Self {
        match parse(object, MAX_DETAILS_LEVELS) {
            Ok(Value::Object(members)) => Self(members),
            _ => Self::default(),
        }
    }

    /// Returns the value of the member `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known.to_str() == Some(name)).map(|(_, value)| value)
    }

    /// Returns the member `name` if it is a string that is valid Unicode.
    pub(crate) fn str(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::String(text) => text.to_str(),
            _ => None,
        }
    }

    /// Returns the member `name` if it is an integer from 0 to `u64::MAX`.
    pub(crate) fn u64(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// Returns the elements of the member `name` if it is an array.
    pub(crate) fn array(&self, name: &str) -> Option<&[Value]> {
        match self.get(name)? {
            Value::Array(values) => Some(values),
            _ => None,
        }
    }

    /// Returns the members of the member `name` if it is an object.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        match self.get(name)? {
            Value::Object(members) => Some(Self(members.clone())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_as_its_own_type_only() {
        let details = Details::parse(br#"{"a": [1], "o": {"n": 2}, "s": "x", "u": 7, "z": -1}"#);

        assert_eq!((details.str("s"), details.u64("u")), (Some("x"), Some(7)));
        assert_eq!(details.array("a"), Some(&[Value::integer(1)][..]));
        assert_eq!(details.object("o").and_then(|object| object.u64("n")), Some(2));
        assert_eq!((details.str("u"), details.u64("s"), details.u64("z")), (None, None, None));
        assert!(details.get("absent").is_none() && details.object("a").is_none());
        for other in ["", "[]", "{", "{\"a\":1}x"] {
            assert!(Details::parse(other.as_bytes()).get("a").is_none(), "{other}");
        }
    }
}
