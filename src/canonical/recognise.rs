//! `Recogniser`: whether bytes are canonical text.
//!
//! Promise: it takes exactly what the writers write, in one pass that is linear, allocates nothing and recurses no
//! deeper than 128 levels. The bytes are not trusted. Does not build values, and does not know which members an
//! entry has.

use std::cmp::Ordering;
use std::fmt;

use crate::canonical::float::FloatText;
use crate::canonical::plain::Marks;
use crate::canonical::text::Text;

/// The deepest nesting of canonical text.
const DEEPEST: usize = 128;

/// The most digits of an integer: those of 128 bits.
const MOST_DIGITS: usize = 39;

/// A double is the nearest to any number of so many digits, and no shorter number is nearer to it.
const FAITHFUL_DIGITS: usize = 15;

/// Where bytes stop being canonical, and what was expected there instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} (byte {})", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

/// Reads canonical text step by step: each step is given where it begins and says where it ends, so that no position
/// waits for memory. `None` is a failure, which [`failed`](Self::failed) tells.
#[derive(Clone, Debug)]
pub(crate) struct Recogniser<'a> {
    bytes: &'a [u8],
    marks: &'a Marks,
    start: usize,
    /// Why the last step failed, where one did.
    failed: Malformed,
}

impl<'a> Recogniser<'a> {
    /// Reads `bytes`, whose marks are `marks`.
    pub(crate) fn new(bytes: &'a [u8], marks: &'a Marks) -> Self {
        Self::from(bytes, marks, 0)
    }

    /// Reads `bytes` from `start` on. `marks` are those of `bytes`, or of more that begins so and goes on with a newline.
    pub(crate) fn from(bytes: &'a [u8], marks: &'a Marks, start: usize) -> Self {
        Self { bytes, marks, start, failed: Malformed { at: start, what: "" } }
    }

    /// Where reading begins.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    #[inline]
    pub(super) fn rest_from(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// Where the string ends inside of which `at` is: the place of its closing quote, or of whatever stands where none can.
    #[inline(always)]
    pub(super) fn string_end(&mut self, at: usize) -> Option<usize> {
        let end = self.marks.plain_end(at);
        match self.bytes.get(end) {
            Some(b'\\') => self.quoted_with_escapes(end).map(|end| end.at),
            _ => Some(end),
        }
    }

    /// The end and the value of the integer from 0 on that begins at `at`, if it has at most seven digits and another member
    /// follows it. `None` only means that it takes more to find out.
    #[inline]
    pub(crate) fn short_unsigned(&self, at: usize) -> Option<(usize, u64)> {
        let word = self.rest_from(at).first_chunk::<8>()?;
        let digits = short_integer(word).filter(|digits| word.get(*digits) == Some(&b','))?;
        // The digits move to where the last of eight stand, behind zeros, and are added up by two, four and eight.
        let value = u64::from_le_bytes(*word) << (64 - 8 * digits) & 0x0f0f_0f0f_0f0f_0f0f;
        let pairs = (value.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
        let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
        Some((at + digits, fours.wrapping_mul(10_000 << 32 | 1) >> 32))
    }

    /// The end of the value that begins at `at` and is neither a string nor a container.
    #[inline(always)]
    pub(super) fn scalar(&mut self, at: usize) -> Option<usize> {
        let rest = self.rest_from(at);
        if let Some(digits) = rest.first_chunk().and_then(short_integer) {
            return Some(at + digits);
        }
        match rest.first() {
            Some(b'-' | b'0'..=b'9') => self.number(at),
            Some(b't') if rest.starts_with(b"true") => Some(at + 4),
            Some(b'f') if rest.starts_with(b"false") => Some(at + 5),
            Some(b'n') if rest.starts_with(b"null") => Some(at + 4),
            _ => self.fail(at, "a value"),
        }
    }

    /// Whether the bytes end at `at`.
    pub(crate) fn ends(&self, at: usize) -> bool {
        at == self.bytes.len()
    }

    /// Why the last step failed.
    pub(crate) fn failed(&self) -> Malformed {
        self.failed
    }

    /// The end of the value that begins at `at`; if it is a container, `level` is its nesting level.
    pub(crate) fn value_from(&mut self, at: usize, level: usize) -> Option<usize> {
        let rest = self.rest_from(at);
        match rest.first() {
            Some(b'"') => self.quoted(at).map(|end| end.at + 1),
            Some(b'{' | b'[') if level > DEEPEST => self.fail(at, "at most 128 levels"),
            Some(b'{') => self.object(at, level),
            Some(b'[') => self.array(at, level),
            _ => self.scalar(at),
        }
    }

    fn array(&mut self, at: usize, level: usize) -> Option<usize> {
        let mut at = at + 1;
        if self.bytes.get(at) == Some(&b']') {
            return Some(at + 1);
        }
        loop {
            at = self.value_from(at, level + 1)?;
            if self.bytes.get(at) == Some(&b']') {
                return Some(at + 1);
            }
            at = self.literal(at, ", ")?;
        }
    }

    fn object(&mut self, at: usize, level: usize) -> Option<usize> {
        let mut at = at + 1;
        if self.bytes.get(at) == Some(&b'}') {
            return Some(at + 1);
        }
        let mut previous: Option<Name<'a>> = None;
        loop {
            let end = self.quoted(at)?;
            let name = Name::new(self.bytes, at + 1, end);
            if previous.is_some_and(|previous| !previous.is_below(name)) {
                return self.fail(at, "a name that sorts after the one before it");
            }
            previous = Some(name);
            at = self.literal(end.at + 1, ": ")?;
            at = match self.bytes.get(at) {
                Some(b'"') => self.quoted(at)?.at + 1,
                _ => self.value_from(at, level + 1)?,
            };
            if self.bytes.get(at) == Some(&b'}') {
                return Some(at + 1);
            }
            at = self.literal(at, ", ")?;
        }
    }

    /// The end of `literal`, which begins at `at`.
    #[inline(always)]
    pub(crate) fn literal(&mut self, at: usize, literal: &'static str) -> Option<usize> {
        match self.rest_from(at).starts_with(literal.as_bytes()) {
            true => Some(at + literal.len()),
            false => self.fail(at, literal),
        }
    }

    /// The end of the string that begins at `at`.
    #[inline(always)]
    pub(crate) fn quoted(&mut self, at: usize) -> Option<End> {
        if self.bytes.get(at) != Some(&b'"') {
            return self.fail(at, "\"");
        }
        let end = self.marks.plain_end(at + 1);
        match self.bytes.get(end) {
            Some(b'"') => Some(End { at: end, escaped: false }),
            _ => self.quoted_with_escapes(end),
        }
    }

    /// The end of a string whose first byte that is not plain stands at `at`.
    #[inline(never)]
    fn quoted_with_escapes(&mut self, mut at: usize) -> Option<End> {
        loop {
            match self.bytes.get(at) {
                Some(b'"') => return Some(End { at, escaped: true }),
                Some(b'\\') => match escape_length(self.rest_from(at)) {
                    Some(length) => at = self.marks.plain_end(at + length),
                    None => return self.fail(at, "a canonical escape"),
                },
                Some(_) => return self.fail(at, "printable ASCII"),
                None => return self.fail(self.bytes.len(), "the end of a string"),
            }
        }
    }

    fn number(&mut self, at: usize) -> Option<usize> {
        let rest = self.rest_from(at);
        let unsigned = rest.strip_prefix(b"-").unwrap_or(rest);
        let sign = rest.len() - unsigned.len();
        let whole = digit_run(unsigned);
        let length = match unsigned.get(whole) {
            Some(b'.') if is_short_decimal(unsigned, whole) => whole + 1 + digit_run(&unsigned[whole + 1..]),
            Some(b'.' | b'e') => return self.float(at),
            _ => match unsigned {
                _ if whole == 0 => return self.fail(at, "a digit"),
                [b'0', ..] if whole + sign > 1 => return self.fail(at, "an integer in plain digits"),
                _ if whole > MOST_DIGITS => return self.fail(at, "at most 39 digits"),
                _ => whole,
            },
        };
        Some(at + sign + length)
    }

    /// The way that is always right: to read the number and to spell it again.
    fn float(&mut self, at: usize) -> Option<usize> {
        let rest = self.rest_from(at);
        let end = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-'));
        let length = end.take(FloatText::LONGEST + 1).count();
        let spelling = rest.get(..length).unwrap_or_default();
        let value = std::str::from_utf8(spelling).ok().and_then(|spelling| spelling.parse().ok());
        match value.and_then(FloatText::new) {
            Some(text) if text.as_bytes() == spelling => Some(at + length),
            _ => self.fail(at, "the shortest spelling of a number"),
        }
    }

    /// Fails at `at`, where `what` is expected.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail<T>(&mut self, at: usize, what: &'static str) -> Option<T> {
        self.failed = Malformed { at, what };
        None
    }
}

/// Where a string's closing quote stands, and whether there are escapes before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) at: usize,
    escaped: bool,
}

/// The text of the bytes between the quotes of a recognised string.
///
/// Other bytes give some text too, and no panic.
pub(crate) fn decode(raw: &[u8]) -> Text {
    match std::str::from_utf8(raw) {
        Ok(text) if !raw.contains(&b'\\') => text.into(),
        _ => {
            let mut text = Text::default();
            Decoded(raw).for_each(|point| text.push(point));
            text
        }
    }
}

/// A recognised name of a member.
#[derive(Clone, Copy)]
struct Name<'a> {
    raw: &'a [u8],
    /// The first eight bytes as a number, which sorts as they do. Zeros stand for those that are not there: no byte of a
    /// name sorts before them.
    head: u64,
    escaped: bool,
}

impl<'a> Name<'a> {
    #[inline]
    fn new(bytes: &'a [u8], from: usize, end: End) -> Self {
        let raw = bytes.get(from..end.at).unwrap_or_default();
        let head = match bytes.get(from..).and_then(|bytes| bytes.first_chunk()) {
            Some(word) if raw.len() >= 8 => u64::from_be_bytes(*word),
            Some(word) => u64::from_be_bytes(*word) & !(u64::MAX >> (8 * raw.len())),
            None => raw
                .iter()
                .zip([56, 48, 40, 32, 24, 16, 8, 0])
                .fold(0, |head, (byte, shift)| head | u64::from(*byte) << shift),
        };
        Self { raw, head, escaped: end.escaped }
    }

    /// Whether the decoded text sorts strictly before that of `other`.
    #[inline]
    fn is_below(self, other: Self) -> bool {
        if self.escaped || other.escaped {
            return Decoded(self.raw).cmp(Decoded(other.raw)) == Ordering::Less;
        }
        match self.head.cmp(&other.head) {
            Ordering::Equal => self.raw < other.raw,
            order => order == Ordering::Less,
        }
    }
}

/// The code points that ASCII with escapes stands for.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (point, length) = match *self.0 {
            [] => return None,
            [b'\\', b'u', ..] => match (unit(self.0), self.0.get(6..).and_then(unit)) {
                (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => (join(high, low), 12),
                (Some(unit), _) => (unit, 6),
                (None, _) => (0xfffd, 2),
            },
            [b'\\', byte, ..] => {
                let point = match byte {
                    b'n' => 0x0a,
                    b'r' => 0x0d,
                    b't' => 0x09,
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    other => u32::from(other),
                };
                (point, 2)
            }
            [byte @ ..0x80, ..] => (u32::from(byte), 1),
            [_, ..] => (0xfffd, 1),
        };
        self.0 = self.0.get(length..).unwrap_or_default();
        Some(point)
    }
}

/// The length of the escape that `bytes` begin with; `None` if a writer would not write it.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'n' | b'r' | b't' | b'b' | b'f' => Some(2),
        _ => match unit(bytes)? {
            0x08 | 0x09 | 0x0a | 0x0c | 0x0d | 0x20..0x7f => None,
            0xd800..0xdc00 => matches!(unit(bytes.get(6..)?)?, 0xdc00..0xe000).then_some(12),
            0xdc00..0xe000 => None,
            _ => Some(6),
        },
    }
}

/// The UTF-16 unit that `bytes` begin with an escape of, in lower case.
fn unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(br"\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(unit << 4 | u32::from(digit))
    })
}

fn join(high: u32, low: u32) -> u32 {
    0x1_0000 + ((high & 0x3ff) << 10 | (low & 0x3ff))
}

/// What recognised text says, if that is an integer from 0 to `u64::MAX`.
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

fn digit_run(bytes: &[u8]) -> usize {
    match bytes.first_chunk().map(digits_of_word) {
        Some(digits @ ..8) => digits,
        _ => bytes.iter().take_while(|byte| byte.is_ascii_digit()).count(),
    }
}

/// How many of the first bytes are digits.
#[inline]
fn digits_of_word(word: &[u8; 8]) -> usize {
    const LOWS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    const ONES: u64 = 0x0101_0101_0101_0101;

    let value = u64::from_le_bytes(*word) ^ (ONES * 0x30);
    // No sum of two numbers below 0x80 carries into the byte above. The highest bit says: 10 or more.
    let others = (((value & LOWS) + ONES * 0x76) | value) & !LOWS;
    others.trailing_zeros() as usize / 8
}

/// How many digits the integer has that `word` begins with, if it is canonical and ends in `word`.
#[inline]
fn short_integer(word: &[u8; 8]) -> Option<usize> {
    let digits = digits_of_word(word);
    let is_plain = digits == 1 || word[0] != b'0';
    let ends = matches!(word.get(digits), Some(b',' | b'}' | b']'));
    (digits > 0 && is_plain && ends).then_some(digits)
}

/// Whether `unsigned`, with `whole` digits before its point, is the spelling of a double because it is so short.
///
/// Two numbers of at most 15 digits never share a nearest double: what has so few, and no zero too many, is the
/// shortest there is. A `false` only means that it takes more to find out.
fn is_short_decimal(unsigned: &[u8], whole: usize) -> bool {
    let (before, after) = unsigned.split_at(whole);
    let after = after.get(1..).unwrap_or_default();
    let (fraction, after) = after.split_at(digit_run(after));
    let ends_well = match fraction {
        [] => false,
        [_] => true,
        [.., last] => *last != b'0',
    };
    let begins_well = match before {
        [] => false,
        // Below 0.0001 the other form is due.
        [b'0'] => fraction == b"0" || !fraction.starts_with(b"0000"),
        [first, ..] => *first != b'0',
    };
    let stops = !matches!(after.first(), Some(b'.' | b'e' | b'+' | b'-'));
    begins_well && ends_well && stops && whole + fraction.len() <= FAITHFUL_DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::sample::Random;
    use crate::canonical::write;

    fn recognise(text: &str) -> Result<(), String> {
        let marks = Marks::of(text.as_bytes());
        let mut recogniser = Recogniser::new(text.as_bytes(), &marks);
        match recogniser.value_from(0, 1) {
            Some(end) if recogniser.ends(end) => Ok(()),
            Some(end) => Err(format!("stopped (byte {end})")),
            None => Err(recogniser.failed().to_string()),
        }
    }

    #[test]
    fn canonical_text_is_recognised() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "7",
            "-7",
            "123456789012345678901234567890123456789",
            "-999999999999999999999999999999999999999",
            "0.0",
            "-0.0",
            "1.0",
            "0.5",
            "0.0001",
            "0.00012",
            "0.00012345678901234567",
            "100000.0",
            "1234567890123456.0",
            "9007199254740992.0",
            "568971736690281.2",
            "1e-05",
            "1.5e-07",
            "1e+16",
            "1e+22",
            "-1.2345678901234568e+17",
            "1.7976931348623157e+308",
            "5e-324",
            r#""""#,
            r#""a/b ~""#,
            r#""\"\\\n\r\t\b\f""#,
            r#""\u0000\u000b\u001f\u007f\u0080\u00e9\u2028\uffff""#,
            r#""\ud83d\ude00\ud800\udc00\udbff\udfff""#,
            "[]",
            "{}",
            "[1, [], {}]",
            r#"{"": 1, "\n": 2, "A": 3, "a": 4, "aa": 5, "\u007f": 6, "\uffff": 7, "\ud800\udc00": 8}"#,
            r#"{"a\"b": 1, "a]": 2}"#,
        ] {
            assert_eq!(recognise(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn any_other_spelling_is_refused() {
        for text in [
            "",
            " 1",
            "1 ",
            "nul",
            "True",
            "NaN",
            "Infinity",
            "-Infinity",
            "-",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            "1.",
            ".5",
            "-.5",
            "1.00",
            "0.10",
            "01.5",
            "00.5",
            "-00.5",
            "1e5",
            "1E+16",
            "1e16",
            "1e+016",
            "1.0e+16",
            "10e+15",
            "1e-5",
            "0.00001",
            "0.00009",
            "1e-04",
            "10000000000000000.0",
            "12345678901234567.0",
            "568971736690281.25",
            "0.30000000000000000",
            "9007199254740993.0",
            "1e400",
            "1e+400",
            "1e-400",
            "4e-324",
            "0e+00",
            "0.0e+00",
            "1.5.5",
            "1.5e",
            "1.5e+",
            "1.5-",
            "1e+16+",
            "1-1",
            "1234567890123456789012345678901234567890",
            "0.1000000000000000055511151231257827",
            "'a'",
            "\"",
            "\"a",
            "\"\\",
            "\"\\u",
            "\"\\u00",
            "\"\\ud800\\u",
            "\"a\nb\"",
            "\"\t\"",
            "\"\u{7f}\"",
            "\"é\"",
            r#""\/""#,
            r#""\u0041""#,
            r#""\u0022""#,
            r#""\u005c""#,
            r#""\u002f""#,
            r#""\u000a""#,
            r#""\u0008""#,
            r#""\u0009""#,
            r#""\u000c""#,
            r#""\u000d""#,
            r#""\u007e""#,
            r#""\u00E9""#,
            r#""\U00e9""#,
            r#""\u+0e9""#,
            r#""\ud800""#,
            r#""\ud800a""#,
            r#""\udc00""#,
            r#""\ud800\ud800""#,
            r#""\ud800\u0041""#,
            r#""\udc00\ud800""#,
            r#""\uD83D\uDE00""#,
            "[",
            "[1",
            "[1,",
            "[1,2]",
            "[1 ,2]",
            "[1,  2]",
            "[ 1]",
            "[1 ]",
            "[ ]",
            "[1, ]",
            "[,]",
            "[1}",
            "]",
            "{",
            "{ }",
            "{\"a\"}",
            "{\"a\":1}",
            "{\"a\" : 1}",
            "{\"a\":  1}",
            "{\"a\": }",
            "{\"a\": 1",
            "{a: 1}",
            "{1: 1}",
            "{\"a\": 1,\"b\": 2}",
            "{\"a\": 1, }",
            "{\"a\": 1]",
            "{, }",
            r#"{"b": 1, "a": 2}"#,
            r#"{"a": 1, "a": 2}"#,
            r#"{"aa": 1, "a": 2}"#,
            r#"{"a": 1, "": 2}"#,
            r#"{"\ud800\udc00": 1, "\uffff": 2}"#,
            r#"{"\u00e9": 1, "\u00e9": 2}"#,
            r#"{"a": 1, "\n": 2}"#,
            r#"{"a]": 1, "a\"b": 2}"#,
            r#"{"\\": 1, "A": 2}"#,
        ] {
            assert!(recognise(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_expected_is_said() {
        let table = [
            (r#"{"b": 1, "a": 2}"#, "expected a name that sorts after the one before it (byte 9)"),
            ("[1,2]", "expected ,  (byte 2)"),
            (r#"["\/"]"#, "expected a canonical escape (byte 2)"),
            ("[\"a\u{1b}\"]", "expected printable ASCII (byte 3)"),
            ("\"abc", "expected the end of a string (byte 4)"),
            ("[-0]", "expected an integer in plain digits (byte 1)"),
            ("[1e5]", "expected the shortest spelling of a number (byte 1)"),
        ];

        for (text, expected) in table {
            assert_eq!(recognise(text), Err(expected.to_owned()));
        }
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);

        assert_eq!(recognise(&nested(128)), Ok(()));
        assert_eq!(recognise(&nested(129)), Err("expected at most 128 levels (byte 128)".to_owned()));
        assert!(recognise(&"[".repeat(100_000)).is_err());
        assert!(recognise(&r#"{"a": "#.repeat(100_000)).is_err());
        for (text, level, fits) in
            [("{}", 128, true), ("{}", 129, false), ("1", 129, true), ("[]", usize::MAX, false)]
        {
            let marks = Marks::of(text.as_bytes());

            assert_eq!(
                Recogniser::new(text.as_bytes(), &marks).value_from(0, level).is_some(),
                fits,
                "{text}"
            );
        }
    }

    #[test]
    fn an_entry_can_be_read_step_by_step() {
        let line = br#"{"actor": "al\u00e9", "details": {"a": [1]}, "seq": 7}"#;
        let longer = [&line[..], b"\n\"\"\"\n"].concat();
        let marks = Marks::of(&longer);
        let mut text = Recogniser::new(line, &marks);

        let actor = text.literal(0, r#"{"actor": "#).expect("it begins so");
        let end = text.quoted(actor).expect("a string");
        assert_eq!(decode(&line[actor + 1..end.at]), Text::from("alé"));
        let details = text.literal(end.at + 1, r#", "details": "#).expect("it goes on so");
        let end = text.value_from(details, 2).expect("a value");
        assert_eq!(&line[end..], br#", "seq": 7}"#);
        assert_eq!(text.literal(end, "}"), None);
        assert_eq!(text.failed(), Malformed { at: end, what: "}" });
        assert!(text.ends(line.len()) && !text.ends(end));
    }

    #[test]
    fn a_decoded_string_is_what_was_written() {
        let mut random = Random::new(5);

        for _ in 0..2_000 {
            let text = random.text();
            let mut line = Vec::new();
            write::text(&mut line, &text);

            let marks = Marks::of(&line);
            let end = Recogniser::new(&line, &marks).quoted(0).expect("a canonical string");

            assert_eq!(decode(&line[1..end.at]), text);
        }
    }

    #[test]
    fn bytes_that_were_not_recognised_decode_without_a_panic() {
        for raw in
            [&b"\\"[..], b"\\u", b"\\ud800", b"\\ud800\\u12", b"\\x", b"\xff\\", b"\xc3\xa9\\n", b"\\uD800"]
        {
            assert!(decode(raw).as_bytes().len() <= 3 * raw.len());
        }
    }

    #[test]
    fn a_run_of_digits_ends_at_the_first_other_byte() {
        for byte in 0..=u8::MAX {
            for at in 0..12 {
                for length in [at + 1, 12] {
                    let mut digits = *b"012345678901";
                    digits[at] = byte;
                    let digits = &digits[..length];

                    let expected = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();

                    assert_eq!(digit_run(digits), expected, "{byte:#x} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn short_integers_are_what_all_integers_are() {
        let mut random = Random::new(7);
        let mut short = 0;
        for _ in 0..50_000 {
            let length = random.below(12);
            let alphabet = b"0123456789012345678901234567890123456789-.e, }x";
            let mut line: Vec<u8> =
                (0..length).map(|_| alphabet[random.below(alphabet.len() as u64) as usize]).collect();
            line.extend_from_slice(b", \"timestamp\"");
            let marks = Marks::of(&line);
            let mut text = Recogniser::new(&line, &marks);

            if let Some((end, value)) = text.short_unsigned(0) {
                short += 1;
                assert_eq!(text.value_from(0, 1), Some(end), "{}", line.escape_ascii());
                assert_eq!(unsigned(&line[..end]), Some(value), "{}", line.escape_ascii());
            }
            assert_eq!(text.scalar(0), text.number(0), "{}", line.escape_ascii());
        }
        assert!(short > 10_000, "{short}");
    }

    #[test]
    fn the_short_way_and_the_long_way_agree_about_numbers() {
        let mut random = Random::new(6);
        let mut short = 0;

        for _ in 0..100_000 {
            let mut digits = |most: u64, alphabet: &[u8]| {
                let count = random.below(most);
                (0..count)
                    .map(|_| char::from(alphabet[random.below(alphabet.len() as u64) as usize]))
                    .collect::<String>()
            };
            let whole = digits(12, b"0123456789");
            let zeros = digits(6, b"0");
            let fraction = digits(9, b"0123456789");
            let text = match fraction.len() % 3 {
                0 => format!("0.{zeros}{fraction}"),
                1 => format!("{whole}.{zeros}{fraction}"),
                _ => format!("{whole}{zeros}.{fraction}"),
            };

            if is_short_decimal(text.as_bytes(), digit_run(text.as_bytes())) {
                short += 1;
                let marks = Marks::of(text.as_bytes());
                let end = Recogniser::new(text.as_bytes(), &marks).float(0);
                assert_eq!(end, Some(text.len()), "{text}");
            }
        }
        assert!(short > 10_000, "{short}");
    }
}
