//! Lines of a file of private values, as they are read.
//!
//! A line is a record of one erasable value, or blank after the value was erased. The reader accepts exactly the text that
//! the writer produces, in canonical JSON.

use crate::{
    codec::{
        digest::Digest,
        json::{
            object_reader::{MemberTexts, string_text},
            string_bitmap::StringBitmap,
            validate::Validator,
        },
    },
    format::commitment,
};

/// A line of a file of private values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PrivateLine<'a> {
    /// The record of a value.
    Record(Record<'a>),
    /// Spaces: the record was overwritten when its value was erased.
    Erased,
    /// Any other text.
    Unreadable,
}

/// The record of an erasable value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// Lengths and hashes of truncated strings in the value: canonical text of an object. Empty if there are none.
    pub(crate) cut: &'a [u8],
    /// Path of the value in its entry: the content of a canonical JSON string, without the quotes.
    pub(crate) field: &'a [u8],
    /// Salt of the commitment, as hex digits.
    salt: &'a [u8],
    /// Number of the entry.
    pub(crate) seq: u64,
    /// The value as canonical text.
    pub(crate) value: &'a [u8],
}

impl<'a> PrivateLine<'a> {
    /// Reads a line, given without its newline.
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        if bytes.first().is_none_or(|&byte| byte == b' ') {
            return Self::Erased;
        }
        Record::read(bytes).map_or(Self::Unreadable, Self::Record)
    }
}

impl<'a> Record<'a> {
    /// Reads a record, whose members must have exactly the names and the order in which they are written.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let marks = StringBitmap::of(bytes);
        let mut text = Validator::new(bytes, &marks);
        let end = text.value_from(0, 1)?;
        if !text.ends(end) {
            return None;
        }
        let mut members = MemberTexts::of(bytes).peekable();
        let cut = members.next_if(|(name, _)| *name == b"cut").map_or(&b""[..], |(_, cut)| cut);
        let mut value =
            |expected: &[u8]| members.next().filter(|(name, _)| *name == expected).map(|(_, value)| value);
        let field = string_text(value(b"field")?)?;
        let salt = string_text(value(b"salt")?)?;
        let seq = std::str::from_utf8(value(b"seq")?).ok()?.parse().ok()?;
        let value = value(b"value")?;
        members.next().is_none().then_some(Self { cut, field, salt, seq, value })
    }

    /// Returns the commitment to the value, which its entry must contain.
    pub(crate) fn commitment(&self) -> Digest {
        commitment::commit(self.salt, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_erased_lines_are_recognised() {
        let record = r#"{"field": "email", "salt": "00", "seq": 7, "value": {"a": [1]}}"#;

        let read = Record::read(record.as_bytes()).expect("a record");

        assert_eq!((read.field, read.seq, read.value), (&b"email"[..], 7, &b"{\"a\": [1]}"[..]));
        assert_eq!(read.cut, b"");
        for erased in ["", " ", "     "] {
            assert!(matches!(PrivateLine::read(erased.as_bytes()), PrivateLine::Erased));
        }
        for other in [
            "x",
            "{}",
            r#"{"field": "email", "salt": "00", "seq": 7}"#,
            r#"{"field": "email", "salt": "00", "seq": -7, "value": 1}"#,
            r#"{"field": "email", "salt": "00", "seq": 7, "value": 1, "x": 1}"#,
            r#"{"field": "email", "salt": "00", "seq": 7, "value":1}"#,
            r#"{"field": "email", "salt": "00", "seq": 7, "value": 1} "#,
        ] {
            assert!(matches!(PrivateLine::read(other.as_bytes()), PrivateLine::Unreadable), "{other}");
        }
    }
}
