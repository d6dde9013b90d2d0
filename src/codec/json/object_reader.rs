//! The members of a canonical object as slices of its text, without allocation.
//!
//! Promise: for validated text it returns every member; for other text it ends early and never panics.

use crate::codec::{json::string_bitmap::unescaped_run, simd::special_mask_of_16};

/// Iterates over an object's members. An item is the text of the name between its quotes, and the text of the value.
#[derive(Clone, Debug)]
pub(crate) struct MemberTexts<'a> {
    rest: &'a [u8],
}

impl<'a> MemberTexts<'a> {
    pub(crate) fn of(object: &'a [u8]) -> Self {
        Self { rest: object.strip_prefix(b"{").unwrap_or_default() }
    }
}

impl<'a> Iterator for MemberTexts<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.strip_prefix(b", ").unwrap_or(self.rest).strip_prefix(b"\"")?;
        let end = string_end(text)?;
        let (name, rest) = (&text[..end], &text[end + 1..]);
        let value = rest.strip_prefix(b": ")?;
        let end = value_end(value)?;
        self.rest = &value[end..];
        Some((name, &value[..end]))
    }
}

/// Returns the text of a string value between its quotes; `None` for a value of another kind.
pub(crate) fn string_text(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// Returns the index of the closing quote. `text` begins behind the opening quote.
#[inline(always)]
fn string_end(text: &[u8]) -> Option<usize> {
    // Most strings end within 16 bytes without an escape: one comparison finds their quote, without a loop.
    if let Some(few) = text.first_chunk() {
        let at = special_mask_of_16(few).trailing_zeros() as usize;
        if few.get(at) == Some(&b'"') {
            return Some(at);
        }
    }
    long_string_end(text)
}

/// [`string_end`] for strings that are long, have escapes, or are near the end of the text.
fn long_string_end(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + unescaped_run(text.get(from..)?);
        match text.get(at)? {
            b'"' => return Some(at),
            // Only `\"` and `\\` matter: the rest of a longer escape is unescaped text to this search.
            b'\\' => from = at + 2,
            _ => return None,
        }
    }
}

fn value_end(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => string_end(&text[1..]).map(|end| end + 2),
        b'{' | b'[' => container_end(text),
        // A number, `true`, `false` or `null` contains neither a comma nor a brace.
        _ => text.iter().position(|byte| matches!(byte, b',' | b'}')),
    }
}

fn container_end(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match text.get(at)? {
            // Brackets inside strings must not count.
            b'"' => at += string_end(text.get(at + 1..)?)? + 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::{parse::parse, random_value::Random, value::Value};

    #[test]
    fn members_are_those_of_the_parser() {
        let mut random = Random::new(31);
        let mut objects = 0;
        for _ in 0..4_000 {
            let value = random.value(4);
            let mut text = Vec::new();
            value.write(&mut text);
            let Value::Object(members) = &value else { continue };
            objects += 1;

            let found: Vec<_> = MemberTexts::of(&text).collect();

            assert_eq!(found.len(), members.len(), "{}", text.escape_ascii());
            for ((name, value), (expected_name, expected)) in found.iter().zip(members) {
                assert_eq!(&crate::codec::json::validate::decode(name), expected_name);
                assert_eq!(parse(value, 128).as_ref(), Ok(expected));
            }
        }
        assert!(objects > 300, "{objects}");
    }

    #[test]
    fn text_that_is_no_object_ends_early() {
        for text in [
            "",
            "{",
            "{\"",
            "{\"a",
            "{\"a\\",
            "{\"a\"",
            "{\"a\": ",
            "{\"a\": \"",
            "{\"a\": [",
            "{\"a\": [}",
            "]",
        ] {
            assert_eq!(MemberTexts::of(text.as_bytes()).count(), usize::from(text == "{\"a\": [}"), "{text}");
        }
    }
}
