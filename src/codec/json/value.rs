//! `Value`: a JSON value in memory.
//!
//! Promise: each value has one spelling, and `write` writes it. Numbers are held as spelled, so that no digit is
//! lost on the way. Does not know where a value came from.

use crate::codec::json::float::FloatText;
use crate::codec::json::write;
use crate::codec::json::wtf8::Text;

/// A JSON value whose parts are canonical.
///
/// Writing, comparing and dropping recurse: whoever builds a value keeps it within [`Value::DEEPEST`] levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    String(Text),
    Array(Vec<Value>),
    /// Ascending by name, no name twice.
    Object(Vec<(Text, Value)>),
}

impl Value {
    /// The nesting that no limit goes beyond: it fits the stack of a thread, and CPython writes none deeper.
    pub(crate) const DEEPEST: usize = 1_024;

    pub(crate) fn integer(value: impl itoa::Integer) -> Self {
        Self::Number(itoa::Buffer::new().format(value).to_owned())
    }

    /// A double; one that is not finite becomes its name.
    pub(crate) fn float(value: f64) -> Self {
        match FloatText::new(value) {
            Some(text) => Self::Number(text.as_bytes().iter().copied().map(char::from).collect()),
            None => Self::String(write::not_finite(value).into()),
        }
    }

    /// An object of members in any order.
    ///
    /// # Errors
    ///
    /// The name that appears twice.
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
    fn values_are_written_as_python_does() {
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
    fn a_name_twice_is_refused() {
        let members = ["b", "a", "c", "a"].map(|name| (Text::from(name), Value::Null)).to_vec();

        assert_eq!(Value::object(members), Err("a".into()));
    }

    #[test]
    fn a_float_that_is_not_finite_is_its_name() {
        assert_eq!(Value::float(f64::NAN), Value::String("NaN".into()));
        assert_eq!(Value::float(f64::INFINITY), Value::String("Infinity".into()));
        assert_eq!(Value::float(f64::NEG_INFINITY), Value::String("-Infinity".into()));
    }
}
