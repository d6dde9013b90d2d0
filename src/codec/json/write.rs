//! The writers: each appends one JSON value in its canonical spelling.
//!
//! Promise: what they append is printable ASCII, byte for byte what CPython's `json.dumps` writes, whatever the
//! value holds. They do not know objects and arrays.

use crate::codec::json::float::FloatText;
use crate::codec::json::string_bitmap::{is_plain, plain_run};
use crate::codec::json::wtf8::{CodePoints, Text};

/// Appends a string with its quotes.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    quoted(out, text.as_bytes());
}

/// Appends a text with its quotes; a lone surrogate becomes its own escape.
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

/// The name of a double that JSON has no number for.
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

/// The lower-case hexadecimal digits of bytes.
pub(crate) fn hex_digits(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|&byte| [hex_digit(byte >> 4), hex_digit(byte)]).map(char::from).collect()
}

/// Appends generalised UTF-8 with quotes.
pub(crate) fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    if is_plain(bytes) {
        extend(out, bytes);
        out.push(b'"');
        return;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let (plain, after) = rest.split_at(plain_run(rest));
        out.extend_from_slice(plain);
        let mut points = CodePoints::new(after);
        let Some(point) = points.next() else { break };
        escape(out, point);
        rest = points.rest();
    }
    out.push(b'"');
}

/// Appends bytes. Most strings are short, and copied without asking how long they are.
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
    fn strings_are_spelled_as_python_does() {
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
    fn a_lone_surrogate_is_its_own_escape() {
        let mut value = Text::from("a");
        value.push(0xdc00);
        value.push(0xd8ff);

        assert_eq!(written(|out| text(out, &value)), r#""a\udc00\ud8ff""#);
    }

    #[test]
    fn everything_is_printable_ascii() {
        let mut all = Text::default();
        (0..0x11_0000).for_each(|point| all.push(point));

        let line = written(|out| text(out, &all));

        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    }

    #[test]
    fn numbers_and_bytes_are_spelled() {
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
