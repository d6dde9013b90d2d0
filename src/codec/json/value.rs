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

/// Reading access: `None` for a value of another kind.
#[allow(dead_code, reason = "one accessor for each kind, used or not")]
impl Value {
    /// Returns the member of an object under `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let members = self.as_object()?;
        // Members are in order of their names, and the order of texts is the order of their bytes.
        let at = members.binary_search_by(|(known, _)| known.as_bytes().cmp(name.as_bytes())).ok()?;
        members.get(at).map(|(_, value)| value)
    }

    /// Returns a string; `None` also for a string with a lone surrogate. [`as_text`](Self::as_text) returns every
    /// string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.as_text().and_then(Text::to_str)
    }

    pub(crate) fn as_text(&self) -> Option<&Text> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// Returns an integer from 0 to `u64::MAX`.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        if let Self::Number(digits) = self { digits.parse().ok() } else { None }
    }

    pub(crate) fn as_array(&self) -> Option<&[Value]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// Returns the members of an object, in order of their names.
    pub(crate) fn as_object(&self) -> Option<&[(Text, Value)]> {
        if let Self::Object(members) = self { Some(members) } else { None }
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

    #[test]
    fn accessors_return_values_of_their_kind_alone() {
        let text = r#"{"a": [1], "b": {"c": "x"}, "n": 18446744073709551615, "s": "\ud800", "z": -1}"#;
        let value = crate::codec::json::parse::parse_python(text.as_bytes(), 8).expect("JSON");

        assert_eq!(value.get("b").and_then(|b| b.get("c")).and_then(Value::as_str), Some("x"));
        assert_eq!(value.get("n").and_then(Value::as_u64), Some(u64::MAX));
        assert_eq!(value.get("a").and_then(Value::as_array).map(<[_]>::len), Some(1));
        assert_eq!(value.as_object().map(<[_]>::len), Some(5));
        assert_eq!(
            value.get("s").and_then(Value::as_text).map(Text::to_string_lossy).as_deref(),
            Some("\u{fffd}")
        );
        assert_eq!(value.get("s").and_then(Value::as_str), None);
        assert_eq!(value.get("z").and_then(Value::as_u64), None);
        assert_eq!(value.get("y"), None);
        assert_eq!(value.as_str().or(value.get("a").and_then(Value::as_str)), None);
    }
}
