//! `Validator`: whether bytes are canonical text.
//!
//! Promise: it takes exactly what the writers write, in one pass that is linear, allocates nothing and recurses no
//! deeper than 128 levels. The bytes are not trusted. Does not build values, and does not know which members an
//! entry has.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

use crate::codec::json::float::FloatText;
use crate::codec::json::string_bitmap::StringBitmap;
use crate::codec::json::wtf8::Text;

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
pub(crate) struct Validator<'a> {
    bytes: &'a [u8],
    marks: &'a StringBitmap,
    start: usize,
    /// Why the last step failed, where one did.
    failed: Malformed,
}

impl<'a> Validator<'a> {
    /// Reads `bytes`, whose marks are `marks`.
    pub(crate) fn new(bytes: &'a [u8], marks: &'a StringBitmap) -> Self {
        Self::from(bytes, marks, 0)
    }

    /// Reads `bytes` from `start` on. `marks` are those of `bytes`, or of more that begins so and goes on with a newline.
    pub(crate) fn from(bytes: &'a [u8], marks: &'a StringBitmap, start: usize) -> Self {
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
