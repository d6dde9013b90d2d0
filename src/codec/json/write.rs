//! Writers of single values: each appends a string, a number or bytes as canonical JSON text.
//!
//! Promise: the output is printable ASCII, byte for byte that of CPython's `json.dumps`, for every value. Objects and
//! arrays are written by `value` and `object_builder`.

use crate::codec::json::float::FloatText;
use crate::codec::json::string_bitmap::{is_unescaped, unescaped_run};
use crate::codec::json::wtf8::{CodePoints, Text};

/// Appends a string with its quotes.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    quoted(out, text.as_bytes());
}

/// Appends a text with its quotes; a lone surrogate becomes an escape of its own.
pub(crate) fn text(out: &mut Vec<u8>, text: &Text) {
    quoted(out, text.as_bytes());
}

/// Appends a double; one that is not finite becomes the string `"NaN"`, `"Infinity"` or `"-Infinity"`.
pub(crate) fn float(out: &mut Vec<u8>, value: f64) {
    match FloatText::new(value) {
        Some(text) => out.extend_from_slice(text.as_bytes()),
        None => string(out, not_finite(value)),
    }
}

/// Returns the name of a double that is not finite, for which JSON has no number.
pub(crate) fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value.is_sign_positive() {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// Appends an integer.
pub(crate) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends bytes as a string of lower-case hexadecimal digits.
pub(crate) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(2 * bytes.len() + 2);
    out.push(b'"');
    out.extend(bytes.iter().flat_map(|&byte| [hex_digit(byte >> 4), hex_digit(byte)]));
    out.push(b'"');
}

/// Returns the lower-case hexadecimal digits of bytes.
pub(crate) fn hex_digits(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|&byte| [hex_digit(byte >> 4), hex_digit(byte)]).map(char::from).collect()
}

/// Appends generalised UTF-8 with quotes.
pub(crate) fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    // Most strings need no escape: one test of the whole string, and one copy.
    if is_unescaped(bytes) {
        extend(out, bytes);
        out.push(b'"');
        return;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let (unescaped, after) = rest.split_at(unescaped_run(rest));
        out.extend_from_slice(unescaped);
        let mut points = CodePoints::new(after);
        // The first byte of `after` is special. It begins the code point to be escaped, or `after` is empty.
        let Some(point) = points.next() else { break };
        escape(out, point);
        rest = points.rest();
    }
    out.push(b'"');
}

/// Appends bytes. From 8 to 16 bytes it copies two overlapping chunks of fixed size, which need no call of `memcpy`.
///
/// ```text
/// bytes    a b c d e f g h i j k
/// first    a b c d e f g h
/// last           d e f g h i j k      behind the first three bytes of `first`, once the others are truncated
/// ```
///
/// Copies are part of quoting texts, 52 of the 1,200 ns of a buffered event in `benches/RESULTS.md`.
#[inline]
fn extend(out: &mut Vec<u8>, bytes: &[u8]) {
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) if bytes.len() <= 16 => {
            let end = out.len() + bytes.len();
            out.extend_from_slice(first);
            out.truncate(end - 8);
            out.extend_from_slice(last);
        }
        _ => out.extend_from_slice(bytes),
    }
}

fn escape(out: &mut Vec<u8>, point: u32) {
    match point {
        0x22 => out.extend(br#"\""#),
        0x5c => out.extend(br"\\"),
        0x0a => out.extend(br"\n"),
        0x0d => out.extend(br"\r"),
        0x09 => out.extend(br"\t"),
        0x08 => out.extend(br"\b"),
        0x0c => out.extend(br"\f"),
        0..0x1_0000 => escape_unit(out, point),
        _ => {
            // A surrogate pair: the upper and the lower ten bits of the distance from U+10000.
            let above = point - 0x1_0000;
            escape_unit(out, 0xd800 | (above >> 10 & 0x3ff));
            escape_unit(out, 0xdc00 | (above & 0x3ff));
        }
    }
}

fn escape_unit(out: &mut Vec<u8>, unit: u32) {
    let digit = |shift: u32| hex_digit((unit >> shift & 0xf) as u8);
    out.extend([b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

fn hex_digit(value: u8) -> u8 {
    b"0123456789abcdef"[usize::from(value & 0xf)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn strings_are_written_as_python_writes_them() {
        let table: &[(&str, &str)] = &[
            ("", r#""""#),
            ("alice", r#""alice""#),
            ("a/b", r#""a/b""#),
            ("\"\\\n\r\t\u{8}\u{c}", r#""\"\\\n\r\t\b\f""#),
            ("\0\u{b}\u{1b}[31m\u{1f}", r#""\u0000\u000b\u001b[31m\u001f""#),
            ("~\u{7f}\u{80}", r#""~\u007f\u0080""#),
            ("é\u{2028}\u{202e}\u{ffff}", r#""\u00e9\u2028\u202e\uffff""#),
            ("\u{10000}😀\u{10ffff}", r#""\ud800\udc00\ud83d\ude00\udbff\udfff""#),
        ];

        for (text, expected) in table {
            assert_eq!(written(|out| string(out, text)), *expected);
            assert_eq!(written(|out| super::text(out, &Text::from(*text))), *expected);
        }
    }

    #[test]
    fn lone_surrogate_becomes_one_escape() {
        let mut value = Text::from("a");
        value.push(0xdc00);
        value.push(0xd8ff);

        assert_eq!(written(|out| text(out, &value)), r#""a\udc00\ud8ff""#);
    }

    #[test]
    fn every_code_point_is_written_as_printable_ascii() {
        let mut all = Text::default();
        (0..0x11_0000).for_each(|point| all.push(point));

        let line = written(|out| text(out, &all));

        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    }

    #[test]
    fn numbers_and_bytes_are_written_canonically() {
        assert_eq!(written(|out| float(out, 1e-5)), "1e-05");
        assert_eq!(written(|out| float(out, f64::NAN)), r#""NaN""#);
        assert_eq!(written(|out| float(out, -f64::NAN)), r#""NaN""#);
        assert_eq!(written(|out| float(out, f64::INFINITY)), r#""Infinity""#);
        assert_eq!(written(|out| float(out, f64::NEG_INFINITY)), r#""-Infinity""#);
        assert_eq!(written(|out| integer(out, u128::MAX)), "340282366920938463463374607431768211455");
        assert_eq!(written(|out| integer(out, i64::MIN)), "-9223372036854775808");
        assert_eq!(written(|out| hex(out, &[0, 0xab, 0xff])), r#""00abff""#);
        assert_eq!(written(|out| hex(out, &[])), r#""""#);
    }
}
