//! `Value`: a JSON value in memory.
//!
//! Promise: equal values have equal text, and [`Value::write`] writes it. Numbers are kept as text, so that no digit is
//! lost between reading and writing.

use crate::codec::json::float::FloatText;
use crate::codec::json::write;
use crate::codec::json::wtf8::Text;

/// Most digits of an integer in canonical text: `u128::MAX` has 39.
pub(crate) const MAX_INTEGER_DIGITS: usize = 39;

/// A JSON value whose parts are canonical.
///
/// Writing, comparing and dropping recurse once a level. All code that builds a value keeps within
/// [`Value::MAX_LEVELS`], so that the recursion fits the stack of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A number as its canonical text.
    Number(String),
    String(Text),
    Array(Vec<Value>),
    /// Members in ascending order of their names, each name once.
    Object(Vec<(Text, Value)>),
}

impl Value {
    /// Upper bound of all nesting limits. CPython's `json` writes nothing deeper by default.
    pub(crate) const MAX_LEVELS: usize = 1_024;

    pub(crate) fn integer(value: impl itoa::Integer) -> Self {
        Self::Number(itoa::Buffer::new().format(value).to_owned())
    }

    /// Returns a double as a number, or the name of a double that is not finite as a string.
    pub(crate) fn float(value: f64) -> Self {
        match FloatText::new(value) {
            Some(text) => Self::Number(text.as_bytes().iter().copied().map(char::from).collect()),
            None => Self::String(write::not_finite(value).into()),
        }
    }

    /// Returns an object of members in any order.
    ///
    /// # Errors
    ///
    /// A name that appears twice.
    pub(crate) fn object(mut members: Vec<(Text, Value)>) -> Result<Self, Text> {
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        match members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(pair[0].0.clone()),
            None => Ok(Self::Object(members)),
        }
    }

    /// Appends the canonical text.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(number) => out.extend_from_slice(number.as_bytes()),
            Self::String(text) => write::text(out, text),
            Self::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    separate(out, index);
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (index, (name, value)) in members.iter().enumerate() {
                    separate(out, index);
                    write::text(out, name);
                    out.extend_from_slice(b": ");
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.extend_from_slice(b", ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        value.write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn values_are_written_as_python_writes_them() {
        let object = Value::object(vec![
            ("b".into(), Value::Array(vec![Value::Null, Value::Bool(true), Value::Bool(false)])),
            ("\u{10000}".into(), Value::float(1.0)),
            ("\u{ffff}".into(), Value::integer(-7)),
            ("".into(), Value::Array(Vec::new())),
            ("a".into(), Value::Object(Vec::new())),
        ])
        .expect("names differ");

        assert_eq!(
            written(&object),
            r#"{"": [], "a": {}, "b": [null, true, false], "\uffff": -7, "\ud800\udc00": 1.0}"#
        );
    }

    #[test]
    fn object_refuses_a_duplicate_name() {
        let members = ["b", "a", "c", "a"].map(|name| (Text::from(name), Value::Null)).to_vec();

        assert_eq!(Value::object(members), Err("a".into()));
    }

    #[test]
    fn float_that_is_not_finite_becomes_its_name() {
        assert_eq!(Value::float(f64::NAN), Value::String("NaN".into()));
        assert_eq!(Value::float(f64::INFINITY), Value::String("Infinity".into()));
        assert_eq!(Value::float(f64::NEG_INFINITY), Value::String("-Infinity".into()));
    }
}
