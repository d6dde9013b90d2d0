//! One line of a file of private values.

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

/// What a line of private values is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PrivateLine<'a> {
    Record(Record<'a>),
    /// A value stood here.
    Erased,
    Unreadable,
}

/// A value that an entry commits to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// What was cut off it: the canonical text of an object, empty where nothing was.
    pub(crate) cut: &'a [u8],
    /// Its path in the entry, as canonical text between its quotes.
    pub(crate) field: &'a [u8],
    salt: &'a [u8],
    pub(crate) seq: u64,
    /// Canonical text.
    pub(crate) value: &'a [u8],
}

impl<'a> PrivateLine<'a> {
    /// Reads a line without its newline.
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        if bytes.first().is_none_or(|&byte| byte == b' ') {
            return Self::Erased;
        }
        Record::read(bytes).map_or(Self::Unreadable, Self::Record)
    }
}

impl<'a> Record<'a> {
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

    /// What an entry that withholds this value commits to.
    pub(crate) fn commitment(&self) -> Digest {
        commitment::commit(self.salt, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_and_nothing_else_is_one() {
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
