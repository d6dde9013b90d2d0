//! `Text`: a string that may contain lone surrogates, in generalised UTF-8 (WTF-8).
//!
//! Promise: it holds every string that Python's `str` holds, and comparing two texts compares their code points. Does
//! not know how a string is quoted or escaped.

use std::fmt;

/// The code points of a string, encoded as UTF-8 extended to surrogates.
///
/// The derived order is the order of the bytes, and therefore of the code points: a longer sequence has a higher first
/// byte, and sequences of one length hold the most significant bits first. UTF-16 units sort differently.
///
/// ```text
/// code point   bytes                                   range
/// 7 bits       0xxxxxxx                                 0x00 to 0x7f
/// 11 bits      110xxxxx 10xxxxxx                        0x80 to 0x7ff
/// 16 bits      1110xxxx 10xxxxxx 10xxxxxx               0x800 to 0xffff, surrogates among them
/// 21 bits      11110xxx 10xxxxxx 10xxxxxx 10xxxxxx      0x1_0000 to 0x10_ffff
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Text(Vec<u8>);

impl Text {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the text as a `str`; `None` if it contains a lone surrogate.
    pub(crate) fn to_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Returns the text with U+FFFD in place of each lone surrogate.
    pub(crate) fn to_string_lossy(&self) -> String {
        self.code_points().map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }

    pub(crate) fn code_points(&self) -> CodePoints<'_> {
        CodePoints(&self.0)
    }

    /// Appends one code point; U+FFFD replaces a number beyond U+10FFFF.
    ///
    /// A high and a low surrogate stay two code points. Code that decodes escapes joins the pair before.
    pub(crate) fn push(&mut self, point: u32) {
        let low_six = |shift: u32| 0x80 | (point >> shift & 0x3f) as u8;
        match point {
            0..0x80 => self.0.push(point as u8),
            0x80..0x800 => self.0.extend([0xc0 | (point >> 6) as u8, low_six(0)]),
            0x800..0x1_0000 => self.0.extend([0xe0 | (point >> 12) as u8, low_six(6), low_six(0)]),
            0x1_0000..0x11_0000 => {
                self.0.extend([0xf0 | (point >> 18) as u8, low_six(12), low_six(6), low_six(0)]);
            }
            _ => self.push_str("\u{fffd}"),
        }
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

/// Decodes generalised UTF-8; surrogates are code points of their own.
pub(crate) struct CodePoints<'a>(&'a [u8]);

impl<'a> CodePoints<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes that are not decoded yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl Iterator for CodePoints<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let tail = |byte: u8| u32::from(byte & 0x3f);
        let (point, rest) = match *self.0 {
            [] => return None,
            [a @ ..0x80, ref rest @ ..] => (u32::from(a), rest),
            [a @ 0xc0..0xe0, b, ref rest @ ..] => (u32::from(a & 0x1f) << 6 | tail(b), rest),
            [a @ 0xe0..0xf0, b, c, ref rest @ ..] => {
                (u32::from(a & 0xf) << 12 | tail(b) << 6 | tail(c), rest)
            }
            [a @ 0xf0..=0xff, b, c, d, ref rest @ ..] => {
                (u32::from(a & 0x7) << 18 | tail(b) << 12 | tail(c) << 6 | tail(d), rest)
            }
            // A continuation byte, or a sequence that the text ends inside of. No `Text` or `str` holds such bytes;
            // other input gives a replacement instead of a panic.
            [_, ref rest @ ..] => (0xfffd, rest),
        };
        self.0 = rest;
        Some(point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_point_is_decoded_as_pushed() {
        let mut text = Text::default();
        let points: Vec<u32> = (0..0x11_0000).collect();

        for &point in &points {
            text.push(point);
        }

        assert!(text.code_points().eq(points));
    }

    #[test]
    fn scalar_value_is_encoded_as_utf8() {
        for char in ['a', '\u{7f}', '\u{80}', '\u{7ff}', '\u{800}', '\u{ffff}', '\u{10000}', '\u{10ffff}'] {
            let mut text = Text::default();

            text.push(u32::from(char));

            assert_eq!(text.to_str(), Some(char.to_string().as_str()));
            assert_eq!(text, Text::from(char.to_string()));
        }
    }

    #[test]
    fn text_with_a_lone_surrogate_is_no_str() {
        let mut text = Text::from("a");
        text.push(0xd800);
        text.push_str("b");

        assert_eq!(text.to_str(), None);
        assert_eq!(text.to_string_lossy(), "a\u{fffd}b");
        assert_eq!(text.as_bytes(), b"a\xed\xa0\x80b");
    }

    #[test]
    fn order_is_by_code_point_and_not_by_utf16_unit() {
        let texts: Vec<Text> = (0..0x11_0000)
            .step_by(7)
            .map(|point| {
                let mut text = Text::default();
                text.push(point);
                text
            })
            .collect();

        assert!(texts.is_sorted());
        assert!(Text::from("\u{ffff}") < Text::from("\u{10000}"));
        assert!(Text::from("") < Text::from("a") && Text::from("a") < Text::from("aa"));
    }

    #[test]
    fn invalid_bytes_decode_without_a_panic() {
        for bytes in [&b"\x80"[..], b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xff", b"\xbf\xbf\xbf\xbf"] {
            assert!(CodePoints::new(bytes).count() <= bytes.len());
        }
    }
}
