//! The parser: turns JSON text from outside into a `Value`.
//!
//! Promise: a text is read without loss or refused. The time is linear but for the sorting of names, and nesting is
//! bounded. There are two dialects: strict JSON, and the output of CPython's `json.dumps`. Does not check that the text
//! is canonical; `validate` does.

use std::{fmt, mem};

use crate::codec::json::float::FloatText;
use crate::codec::json::sanitize;
use crate::codec::json::value::{MAX_INTEGER_DIGITS, Value};
use crate::codec::json::wtf8::Text;

/// Parses strict JSON text. Integers keep every digit; other numbers become the nearest double.
///
/// Containers may nest `max_level` deep; the outermost one has level 1.
///
/// # Errors
///
/// Text that is not JSON, a duplicate name in one object, a lone surrogate; an integer of 40 or more digits, or a
/// number beyond the largest double.
pub(crate) fn parse(bytes: &[u8], max_level: usize) -> Result<Value, ParseError> {
    Parser::parse(bytes, max_level, Dialect::Strict)
}

/// Parses the output of CPython's `json.dumps`, which the Python tool hashes. Numbers keep their text.
///
/// `NaN`, `Infinity`, `-Infinity` and lone surrogates are accepted as well.
///
/// # Errors
///
/// Text that is not JSON even then, a duplicate name in one object, nesting beyond `max_level`.
pub(crate) fn parse_python(bytes: &[u8], max_level: usize) -> Result<Value, ParseError> {
    Parser::parse(bytes, max_level, Dialect::Python)
}

/// The reason why a text was refused; safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseError {
    /// Byte at which the fault was found.
    pub(crate) offset: usize,
    pub(crate) what: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.what, self.offset)
    }
}

impl std::error::Error for ParseError {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Strict,
    Python,
}

/// A container that has not ended yet.
enum Container {
    Array(Vec<Value>),
    /// The members so far, and the name whose value comes next.
    Object {
        members: Vec<Member>,
        next: Name,
    },
}

/// The name of a member and the byte at which it begins.
#[derive(Default)]
struct Name {
    text: Text,
    start: usize,
}

struct Member {
    name: Name,
    value: Value,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    max_level: usize,
    dialect: Dialect,
}

impl<'a> Parser<'a> {
    fn parse(bytes: &'a [u8], max_level: usize, dialect: Dialect) -> Result<Value, ParseError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| ParseError { offset: error.valid_up_to(), what: "not UTF-8".to_owned() })?;
        let mut parser = Self { text, at: 0, max_level: max_level.min(Value::MAX_LEVELS), dialect };
        parser.skip_whitespace();
        let value = parser.value()?;
        parser.skip_whitespace();
        match parser.peek() {
            None => Ok(value),
            Some(_) => Err(parser.error("more text after the value")),
        }
    }

    /// Reads one value. Open containers are kept on the heap: hostile nesting must not overflow the thread's stack.
    fn value(&mut self) -> Result<Value, ParseError> {
        let mut open: Vec<Container> = Vec::new();
        loop {
            let mut value = match self.peek() {
                Some(b'[') => {
                    self.enter(open.len() + 1)?;
                    if !self.accept("]") {
                        open.push(Container::Array(Vec::new()));
                        continue;
                    }
                    Value::Array(Vec::new())
                }
                Some(b'{') => {
                    self.enter(open.len() + 1)?;
                    if !self.accept("}") {
                        open.push(Container::Object { members: Vec::new(), next: self.name()? });
                        continue;
                    }
                    Value::Object(Vec::new())
                }
                _ => self.scalar()?,
            };
            // The value may end its container, and that may end the container around it.
            loop {
                let Some(mut container) = open.pop() else { return Ok(value) };
                match self.put(&mut container, value)? {
                    Some(closed) => value = closed,
                    None => {
                        open.push(container);
                        break;
                    }
                }
            }
        }
    }

    /// Puts `value` into `container`. Returns the container as a value if it ends here.
    fn put(&mut self, container: &mut Container, value: Value) -> Result<Option<Value>, ParseError> {
        self.skip_whitespace();
        match container {
            Container::Array(items) => {
                items.push(value);
                if self.accept("]") {
                    return Ok(Some(Value::Array(mem::take(items))));
                }
                if !self.accept(",") {
                    return Err(self.error("neither `,` nor `]` after an item"));
                }
                self.skip_whitespace();
            }
            Container::Object { members, next } => {
                members.push(Member { name: mem::take(next), value });
                if self.accept("}") {
                    return Self::object(mem::take(members)).map(Some);
                }
                if !self.accept(",") {
                    return Err(self.error("neither `,` nor `}` after a member"));
                }
                self.skip_whitespace();
                *next = self.name()?;
            }
        }
        Ok(None)
    }

    /// Consumes the name of a member and the colon.
    fn name(&mut self) -> Result<Name, ParseError> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.error("not a name"));
        }
        let text = self.string()?;
        self.skip_whitespace();
        if !self.accept(":") {
            return Err(self.error("no `:` after a name"));
        }
        self.skip_whitespace();
        Ok(Name { text, start })
    }

    fn scalar(&mut self) -> Result<Value, ParseError> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') if self.accept("null") => Ok(Value::Null),
            Some(b't') if self.accept("true") => Ok(Value::Bool(true)),
            Some(b'f') if self.accept("false") => Ok(Value::Bool(false)),
            Some(b'N') if self.dialect == Dialect::Python && self.accept("NaN") => {
                Ok(Value::Number("NaN".to_owned()))
            }
            Some(b'I') if self.dialect == Dialect::Python && self.accept("Infinity") => {
                Ok(Value::Number("Infinity".to_owned()))
            }
            _ => Err(self.error("not a JSON value")),
        }
    }

    /// Sorts the members. A search for duplicate names before sorting would be quadratic.
    fn object(mut members: Vec<Member>) -> Result<Value, ParseError> {
        // The sort is stable: of a pair of equal names the second one is the duplicate.
        members.sort_by(|one, other| one.name.text.cmp(&other.name.text));
        match members.windows(2).find(|pair| pair[0].name.text == pair[1].name.text) {
            Some(pair) => Err(ParseError {
                offset: pair[1].name.start,
                what: format!("a name appears twice: {}", sanitize::name(&pair[1].name.text)),
            }),
            None => Ok(Value::Object(
                members.into_iter().map(|member| (member.name.text, member.value)).collect(),
            )),
        }
    }

    /// Consumes the opening bracket of a container at `level`.
    fn enter(&mut self, level: usize) -> Result<(), ParseError> {
        if level > self.max_level {
            return Err(self.error(&format!("nested deeper than {} levels", self.max_level)));
        }
        self.at += 1;
        self.skip_whitespace();
        Ok(())
    }

    fn number(&mut self) -> Result<Value, ParseError> {
        let start = self.at;
        let negative = self.accept("-");
        if negative && self.dialect == Dialect::Python && self.accept("Infinity") {
            return Ok(Value::Number("-Infinity".to_owned()));
        }
        let first = self.peek();
        let digits = self.digits()?;
        if first == Some(b'0') && digits > 1 {
            return Err(Self::error_at(start, "a number with a leading zero"));
        }
        let mut is_integer = true;
        if self.accept(".") {
            is_integer = false;
            self.digits()?;
        }
        if self.accept("e") || self.accept("E") {
            is_integer = false;
            if !self.accept("+") {
                self.accept("-");
            }
            self.digits()?;
        }

        // Python's numbers keep their text, since the tool hashed it. Strict numbers get their canonical text.
        let text_of_number = self.text.get(start..self.at).unwrap_or_default();
        match self.dialect {
            Dialect::Python => Ok(Value::Number(text_of_number.to_owned())),
            Dialect::Strict if is_integer && digits > MAX_INTEGER_DIGITS => {
                Err(Self::error_at(start, &format!("an integer of more than {MAX_INTEGER_DIGITS} digits")))
            }
            // An integer has no negative zero: a double does, and keeps its sign.
            Dialect::Strict if text_of_number == "-0" => Ok(Value::Number("0".to_owned())),
            Dialect::Strict if is_integer => Ok(Value::Number(text_of_number.to_owned())),
            Dialect::Strict => match text_of_number.parse().ok().and_then(FloatText::new) {
                Some(text) => Ok(Value::Number(text.as_bytes().iter().copied().map(char::from).collect())),
                None => Err(Self::error_at(start, "a number beyond the largest double")),
            },
        }
    }

    /// Consumes one or more digits and returns their number.
    fn digits(&mut self) -> Result<usize, ParseError> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err(self.error("no digit where a number needs one")) } else { Ok(count) }
    }

    fn string(&mut self) -> Result<Text, ParseError> {
        let mut text = Text::default();
        self.at += 1;
        loop {
            let run = self.rest().iter().take_while(|&&byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
            text.push_str(self.text.get(self.at..self.at + run).unwrap_or_default());
            self.at += run;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                _ => return Err(self.error("a control character in a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<u32, ParseError> {
        let start = self.at;
        let point = match self.rest().get(1) {
            Some(b'u') => return self.unicode_escape(),
            Some(&byte @ (b'"' | b'\\' | b'/')) => u32::from(byte),
            Some(b'n') => 0x0a,
            Some(b'r') => 0x0d,
            Some(b't') => 0x09,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            _ => return Err(Self::error_at(start, "an escape that JSON does not have")),
        };
        self.at += 2;
        Ok(point)
    }

    fn unicode_escape(&mut self) -> Result<u32, ParseError> {
        let start = self.at;
        let Some(unit) = self.unit() else {
            return Err(Self::error_at(start, "an escape without four hexadecimal digits"));
        };
        self.at += 6;
        match (unit, self.unit()) {
            (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) => {
                self.at += 6;
                Ok(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
            }
            // Python writes a lone surrogate as an escape; strict JSON has no code point for it.
            (0xd800..0xe000, _) if self.dialect == Dialect::Strict => {
                Err(Self::error_at(start, "half of a surrogate pair"))
            }
            _ => Ok(unit),
        }
    }

    /// Returns the UTF-16 unit of the escape `\uXXXX` at the current position, without consuming it.
    fn unit(&self) -> Option<u32> {
        let digits = self.rest().strip_prefix(br"\u")?.get(..4)?;
        digits.iter().try_fold(0, |unit, &byte| Some(unit << 4 | char::from(byte).to_digit(16)?))
    }

    fn skip_whitespace(&mut self) {
        self.at += self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn accept(&mut self, literal: &str) -> bool {
        let found = self.rest().starts_with(literal.as_bytes());
        if found {
            self.at += literal.len();
        }
        found
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Returns an error at the current position. At the end of the text every fault is that the text ends too early.
    fn error(&self, what: &str) -> ParseError {
        match self.peek() {
            Some(_) => Self::error_at(self.at, what),
            None => Self::error_at(self.at, "the text ends too early"),
        }
    }

    fn error_at(offset: usize, what: &str) -> ParseError {
        ParseError { offset, what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn strict(text: &str) -> Result<String, String> {
        parse(text.as_bytes(), 128).map(written).map_err(|error| error.to_string())
    }

    fn python(text: &str) -> Result<String, String> {
        parse_python(text.as_bytes(), 128).map(written).map_err(|error| error.to_string())
    }

    fn written(value: Value) -> String {
        let mut out = Vec::new();
        value.write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn any_json_text_becomes_canonical() {
        let table = [
            (" \t\r\n{ \"b\" :1,\"a\":[ ],\n\"\":{ } } ", r#"{"": {}, "a": [], "b": 1}"#),
            ("[null,true,false]", "[null, true, false]"),
            (r#""\/\u0041\u00E9\ud83D\uDe00""#, r#""/A\u00e9\ud83d\ude00""#),
            ("\"é\u{7f}\u{2028}😀\"", r#""\u00e9\u007f\u2028\ud83d\ude00""#),
            (r#""\"\\\b\f\n\r\t\u0000""#, r#""\"\\\b\f\n\r\t\u0000""#),
            (r#"{"\uffff":1,"\ud800\udc00":2,"z":3}"#, r#"{"z": 3, "\uffff": 1, "\ud800\udc00": 2}"#),
        ];

        for (text, expected) in table {
            assert_eq!(strict(text).as_deref(), Ok(expected));
            assert_eq!(python(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn numbers_become_canonical() {
        let table = [
            ("0", "0"),
            ("-0", "0"),
            ("-1", "-1"),
            ("123456789012345678901234567890123456789", "123456789012345678901234567890123456789"),
            ("-999999999999999999999999999999999999999", "-999999999999999999999999999999999999999"),
            ("1.0", "1.0"),
            ("-0.0", "-0.0"),
            ("-0e7", "-0.0"),
            ("1e5", "100000.0"),
            ("1E+5", "100000.0"),
            ("1e16", "1e+16"),
            ("1e22", "1e+22"),
            ("1e-5", "1e-05"),
            ("0.0001", "0.0001"),
            ("1.50", "1.5"),
            ("123456789012345680.0", "1.2345678901234568e+17"),
            ("9007199254740993.0", "9007199254740992.0"),
            ("568971736690281.25", "568971736690281.2"),
            ("5e-324", "5e-324"),
            ("2.5e-324", "5e-324"),
            ("2e-324", "0.0"),
            ("1e-400", "0.0"),
            ("-1e-400", "-0.0"),
            ("1e-99999999999999999999999999", "0.0"),
            ("0e99999999999999999999999999", "0.0"),
            ("1.7976931348623158e308", "1.7976931348623157e+308"),
            ("0.1000000000000000055511151231257827021181583404541015625", "0.1"),
        ];

        for (text, expected) in table {
            assert_eq!(strict(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        let table = [
            ("", "the text ends too early (byte 0)"),
            (" ", "the text ends too early (byte 1)"),
            ("{", "the text ends too early (byte 1)"),
            ("[1", "the text ends too early (byte 2)"),
            ("[1,", "the text ends too early (byte 3)"),
            ("\"abc", "the text ends too early (byte 4)"),
            ("\u{feff}1", "not a JSON value (byte 0)"),
            ("nul", "not a JSON value (byte 0)"),
            ("[1,]", "not a JSON value (byte 3)"),
            ("[1 2]", "neither `,` nor `]` after an item (byte 3)"),
            ("{1:2}", "not a name (byte 1)"),
            ("{\"a\":1,}", "not a name (byte 7)"),
            ("{\"a\" 1}", "no `:` after a name (byte 5)"),
            ("{\"a\":1 \"b\":2}", "neither `,` nor `}` after a member (byte 7)"),
            ("1 2", "more text after the value (byte 2)"),
            ("01", "a number with a leading zero (byte 0)"),
            ("-01", "a number with a leading zero (byte 0)"),
            ("+1", "not a JSON value (byte 0)"),
            (".5", "not a JSON value (byte 0)"),
            ("[1.]", "no digit where a number needs one (byte 3)"),
            ("[1e]", "no digit where a number needs one (byte 3)"),
            ("[1e+]", "no digit where a number needs one (byte 4)"),
            ("[-]", "no digit where a number needs one (byte 2)"),
            ("\"a\nb\"", "a control character in a string (byte 2)"),
            (r#""\x""#, "an escape that JSON does not have (byte 1)"),
            (r#""\u12g4""#, "an escape without four hexadecimal digits (byte 1)"),
            (r#""\u+123""#, "an escape without four hexadecimal digits (byte 1)"),
            (r#""\u12"#, "an escape without four hexadecimal digits (byte 1)"),
            (r#"{"a": 1, "\u0061": 2}"#, r#"a name appears twice: "a" (byte 9)"#),
            (r#"[{"x\u001b":1,"x\u001B":1}]"#, r#"a name appears twice: "x\u001b" (byte 14)"#),
        ];

        for (text, expected) in table {
            assert_eq!(strict(text), Err(expected.to_owned()), "{text}");
            assert_eq!(python(text), Err(expected.to_owned()), "{text}");
        }
        assert_eq!(parse(b"\"a\xff\"", 1).map_err(|error| error.offset), Err(2));
        assert_eq!(parse(b"\"\xed\xa0\x80\"", 1).map_err(|error| error.offset), Err(1));
    }

    #[test]
    fn strict_json_refuses_lone_surrogates_and_infinity() {
        let table = [
            (r#""\ud800""#, "half of a surrogate pair (byte 1)"),
            (r#""\udc00\ud800""#, "half of a surrogate pair (byte 1)"),
            (r#""\ud800\ud800\udc00""#, "half of a surrogate pair (byte 1)"),
            (r#""\ud800\u0041""#, "half of a surrogate pair (byte 1)"),
            ("NaN", "not a JSON value (byte 0)"),
            ("Infinity", "not a JSON value (byte 0)"),
            ("-Infinity", "no digit where a number needs one (byte 1)"),
            ("1e400", "a number beyond the largest double (byte 0)"),
            ("[-1.8e308]", "a number beyond the largest double (byte 1)"),
            ("1e99999999999999999999", "a number beyond the largest double (byte 0)"),
            ("1234567890123456789012345678901234567890", "an integer of more than 39 digits (byte 0)"),
        ];

        for (text, expected) in table {
            assert_eq!(strict(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn python_text_is_kept_as_it_is() {
        for text in [
            "NaN",
            "[NaN, Infinity, -Infinity]",
            "-0",
            "1e5",
            "1E+05",
            "1.50",
            "1e400",
            "12345678901234567890123456789012345678901234567890",
            r#""\ud800""#,
            r#""\udc00\ud800x\ud83d\ude00""#,
            r#"{"\ud800": 1, "\uffff": 2, "\ud83d\ude00": 3}"#,
        ] {
            assert_eq!(python(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn surrogate_pair_is_one_code_point() {
        let value = parse_python(br#""\ud800\ud83d\ude00""#, 1);

        let Ok(Value::String(text)) = value else { unreachable!("{value:?}") };
        assert!(text.code_points().eq([0xd800, 0x1f600]));
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);

        assert!(parse(nested(3).as_bytes(), 3).is_ok());
        assert_eq!(
            parse(nested(4).as_bytes(), 3).map_err(|error| error.to_string()),
            Err("nested deeper than 3 levels (byte 3)".to_owned())
        );
        assert!(parse(b"1", 0).is_ok());
        assert!(parse(b"{}", 0).is_err());
        assert!(parse_python(nested(Value::MAX_LEVELS).as_bytes(), usize::MAX).is_ok());
        assert!(parse_python(nested(Value::MAX_LEVELS + 1).as_bytes(), usize::MAX).is_err());
        let objects = r#"{"a":"#.repeat(Value::MAX_LEVELS) + "1" + &"}".repeat(Value::MAX_LEVELS);
        assert!(parse_python(objects.as_bytes(), usize::MAX).is_ok());
    }

    #[test]
    fn hostile_text_is_refused_quickly() {
        // Processor time of this thread: other threads of a busy machine must not make the test fail.
        #[cfg(unix)]
        let spent = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            Duration::try_from(time).expect("no time before the thread")
        };
        #[cfg(not(unix))]
        let started = std::time::Instant::now();
        #[cfg(not(unix))]
        let spent = || started.elapsed();
        let before = spent();

        assert!(parse_python("[".repeat(100_000).as_bytes(), usize::MAX).is_err());
        assert!(parse(r#"{"a":"#.repeat(100_000).as_bytes(), usize::MAX).is_err());
        let names: String = (0..100_000).map(|index| format!(r#""{}":0,"#, index * 7919 % 100_000)).collect();
        assert!(parse(format!(r#"{{{names}"x":0}}"#).as_bytes(), 1).is_ok());
        assert!(parse(format!(r#"{{{names}"7":0}}"#).as_bytes(), 1).is_err());
        assert!(parse(format!("[{}.0]", "9".repeat(1_000_000)).as_bytes(), 1).is_err());

        let took = spent() - before;
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}
