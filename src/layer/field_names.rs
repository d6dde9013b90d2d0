//! Checks of field names while the caller of a macro compiles: no `r#` of raw identifiers, no duplicates.
//!
//! Each function is `const` and never panics: a panic here would be a compile error in the code of a user.

use crate::format::draft::same;

/// Names of fields.
pub type Names = &'static [&'static str];

/// Returns the names of a callsite's fields: `given` if it contains a message, otherwise `with_message`.
pub const fn names(given: Names, with_message: Names) -> Names {
    if holds(given, "message") { given } else { with_message }
}

/// Returns `true` if `names` contains `name`.
pub const fn holds(names: Names, name: &str) -> bool {
    let mut at = 0;
    while at < names.len() {
        if same(names[at].as_bytes(), name.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

/// Returns the first name that occurs twice.
pub const fn twice(names: Names) -> Option<&'static str> {
    let mut first = 0;
    while first < names.len() {
        let mut second = first + 1;
        while second < names.len() {
            if same(names[first].as_bytes(), names[second].as_bytes()) {
                return Some(names[first]);
            }
            second += 1;
        }
        first += 1;
    }
    None
}

/// Name of a field, `LENGTH` bytes long.
#[derive(Debug)]
pub struct FieldName<const LENGTH: usize>([u8; LENGTH]);

impl FieldName<0> {
    /// Returns the length of `written` without each `r#`.
    pub const fn length(written: &str) -> usize {
        let written = written.as_bytes();
        let (mut at, mut length) = (0, 0);
        while at < written.len() {
            // A mark and the byte behind it give one byte of the name.
            at += if is_raw(written, at) { 3 } else { 1 };
            length += 1;
        }
        length
    }
}

impl<const LENGTH: usize> FieldName<LENGTH> {
    /// Returns the name `written` without each `r#`.
    pub const fn new(written: &str) -> Self {
        let written = written.as_bytes();
        let mut name = [0; LENGTH];
        let (mut at, mut length) = (0, 0);
        while at < written.len() && length < LENGTH {
            if is_raw(written, at) {
                at += 2;
            }
            name[length] = written[at];
            at += 1;
            length += 1;
        }
        Self(name)
    }

    /// Returns the name as a string.
    pub const fn as_str(&self) -> &str {
        // `new` leaves out ASCII characters only, so the rest is still UTF-8.
        match std::str::from_utf8(&self.0) {
            Ok(name) => name,
            Err(_) => "",
        }
    }
}

/// Returns `true` if a raw identifier begins at index `at`. Identifiers and dots contain no other `#`.
const fn is_raw(written: &[u8], at: usize) -> bool {
    at + 2 < written.len() && written[at] == b'r' && written[at + 1] == b'#'
}

/// Text of the compile error for a duplicate field.
#[derive(Debug)]
pub struct Twice {
    text: [u8; Self::TEXT_BYTES],
    length: usize,
}

impl Twice {
    const TEXT_BYTES: usize = 256;

    /// Returns the text for the field `name`. A name that does not fit is truncated.
    pub const fn new(name: &str) -> Self {
        let empty = Self { text: [0; Self::TEXT_BYTES], length: 0 };
        empty.push("the field `").push(name).push("` is given twice")
    }

    const fn push(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut at = 0;
        while at < text.len() && self.length < Self::TEXT_BYTES {
            self.text[self.length] = text[at];
            self.length += 1;
            at += 1;
        }
        self
    }

    /// Returns the text.
    pub const fn as_str(&self) -> &str {
        let (text, _) = self.text.split_at(self.length);
        match std::str::from_utf8(text) {
            Ok(text) => text,
            // A truncated name may end inside a character.
            Err(_) => "a field is given twice",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_raw_identifier_has_no_mark() {
        const WRITTEN: &str = "r#type.bar.r#fn";
        const NAME: FieldName<{ FieldName::length(WRITTEN) }> = FieldName::new(WRITTEN);

        assert_eq!(NAME.as_str(), "type.bar.fn");
        assert_eq!(FieldName::<3>::new("bar").as_str(), "bar");
        assert_eq!(FieldName::<2>::new("ér").as_str(), "é");
    }

    #[test]
    fn duplicate_name_is_found_and_named() {
        assert_eq!(twice(&["a", "b", "ab", "b", "a"]), Some("a"));
        assert_eq!(twice(&["a", "b", "A"]), None);
        assert_eq!(Twice::new("rows").as_str(), "the field `rows` is given twice");
        assert!(Twice::new(&"é".repeat(400)).as_str().contains("given twice"));
    }

    #[test]
    fn message_is_added_only_if_there_is_none() {
        assert_eq!(names(&["a"], &["message", "a"]), ["message", "a"]);
        assert_eq!(names(&["a", "message"], &["message", "a", "message"]), ["a", "message"]);
    }
}
