//! `Validator`: checks that bytes are canonical JSON text.
//!
//! Promise: it accepts exactly the output of the writers, in one linear pass without allocation that recurses at most
//! 128 levels deep. The bytes are not trusted. Does not build values, and does not know which members an entry has.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

use crate::codec::json::float::FloatText;
use crate::codec::json::string_bitmap::StringBitmap;
use crate::codec::json::value::MAX_INTEGER_DIGITS;
use crate::codec::json::wtf8::Text;
use crate::codec::word::{WORD_ONES, decimal, mask_above_nine};

/// Most levels of containers in canonical text.
const MAX_CANONICAL_LEVELS: usize = 128;

/// Most digits with which two different decimal numbers are never nearest to the same double.
const MAX_EXACT_DECIMAL_DIGITS: usize = 15;

/// The place where bytes stop being canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    /// Text that was expected there.
    pub(crate) what: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} (byte {})", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

/// Validates canonical text step by step.
///
/// A step takes the position at which it begins and returns the position behind it, or `None` after a fault, which
/// [`failed`](Self::failed) returns. The validator has no position of its own: positions stay in registers, and
/// the caller may go on from any of them. The steps and the bytes that decide between them:
///
/// ```text
/// value_from --- " --- quoted ------- unescaped run, from the bitmap --- " -------------- end
///            |                          ^                            |
///            |                          +-- escape of 2, 6 or 12 ----+ \
///            |
///            +-- [ --- array -------- ] or: value { ", " value } ]
///            |
///            +-- { --- object ------- } or: name ": " value { ", " name ": " value } }
///            |                        each name sorts after the one before
///            |
///            +-- else: scalar ------- up to 7 digits and , } or ]      short integer
///                                     true, false, null
///                                     - or a digit: number
///
/// number     digits alone             no leading zero, no "-0", at most 39 digits
///            digits . digits          up to 15 digits and no zero to spare: the text is the shortest
///            else with . or e         parsed as a double, written again, and compared
/// ```
#[derive(Clone, Debug)]
pub(crate) struct Validator<'a> {
    bytes: &'a [u8],
    bitmap: &'a StringBitmap,
    start: usize,
    /// Fault of the last step that failed.
    failed: Malformed,
}

impl<'a> Validator<'a> {
    /// Creates a validator of `bytes`, whose bitmap is `bitmap`.
    pub(crate) fn new(bytes: &'a [u8], bitmap: &'a StringBitmap) -> Self {
        Self::from(bytes, bitmap, 0)
    }

    /// Creates a validator of the line of `bytes` from `start` on.
    ///
    /// `bitmap` may be that of a block that begins with `bytes` and goes on with a newline. The newline is a special
    /// byte, so no unescaped run passes it.
    pub(crate) fn from(bytes: &'a [u8], bitmap: &'a StringBitmap, start: usize) -> Self {
        Self { bytes, bitmap, start, failed: Malformed { at: start, what: "" } }
    }

    /// Returns the position at which the line begins.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    #[inline]
    pub(super) fn rest_from(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// Returns the end of the string that `at` is inside of: the position of its closing quote, or of a byte that no
    /// string contains. The caller checks which.
    #[inline(always)]
    pub(super) fn string_end(&mut self, at: usize) -> Option<usize> {
        let end = self.bitmap.unescaped_end(at);
        match self.bytes.get(end) {
            Some(b'\\') => self.quoted_with_escapes(end).map(|end| end.at),
            _ => Some(end),
        }
    }

    /// Fast path: returns the end and the value of an unsigned integer of at most seven digits that another member
    /// follows. `None` is no fault: the caller then validates the value with [`value_from`](Self::value_from).
    #[inline]
    pub(crate) fn short_unsigned(&self, at: usize) -> Option<(usize, u64)> {
        let word = self.rest_from(at).first_chunk::<8>()?;
        // The comma proves that the digits end inside of the word, so the shift below is by 8 to 56 bits.
        let digits = short_integer(word).filter(|digits| word.get(*digits) == Some(&b','))?;
        // The shift moves the digits up to the last places of eight, behind zeros: `123,` becomes `00000123`.
        let value = u64::from_le_bytes(*word) << (64 - 8 * digits) & 0x0f0f_0f0f_0f0f_0f0f;
        Some((at + digits, decimal(value)))
    }

    /// Returns the end of the value at `at`, which is neither a string nor a container.
    #[inline(always)]
    pub(super) fn scalar(&mut self, at: usize) -> Option<usize> {
        let rest = self.rest_from(at);
        // Most scalars are short integers.
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

    /// Returns `true` if the line ends at `at`.
    pub(crate) fn ends(&self, at: usize) -> bool {
        at == self.bytes.len()
    }

    /// Returns the fault of the last step that returned `None`.
    pub(crate) fn failed(&self) -> Malformed {
        self.failed
    }

    /// Returns the end of the value at `at`. `level` is the nesting level of the value if it is a container.
    pub(crate) fn value_from(&mut self, at: usize, level: usize) -> Option<usize> {
        let rest = self.rest_from(at);
        match rest.first() {
            Some(b'"') => self.quoted(at).map(|end| end.at + 1),
            // The limit bounds the recursion: each level of hostile nesting would take stack otherwise.
            Some(b'{' | b'[') if level > MAX_CANONICAL_LEVELS => self.fail(at, "at most 128 levels"),
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
            // Strict order excludes duplicate names as well.
            if previous.is_some_and(|previous| !previous.is_below(name)) {
                return self.fail(at, "a name that sorts after the one before it");
            }
            previous = Some(name);
            at = self.literal(end.at + 1, ": ")?;
            at = match self.bytes.get(at) {
                // Most values are strings: this saves the call of `value_from`, which is not inlined.
                Some(b'"') => self.quoted(at)?.at + 1,
                _ => self.value_from(at, level + 1)?,
            };
            if self.bytes.get(at) == Some(&b'}') {
                return Some(at + 1);
            }
            at = self.literal(at, ", ")?;
        }
    }

    /// Returns the end of `literal`, which must be at `at`.
    #[inline(always)]
    pub(crate) fn literal(&mut self, at: usize, literal: &'static str) -> Option<usize> {
        match self.rest_from(at).starts_with(literal.as_bytes()) {
            true => Some(at + literal.len()),
            false => self.fail(at, literal),
        }
    }

    /// Returns the end of the string at `at`.
    #[inline(always)]
    pub(crate) fn quoted(&mut self, at: usize) -> Option<End> {
        if self.bytes.get(at) != Some(&b'"') {
            return self.fail(at, "\"");
        }
        // The bitmap may be longer than the line, so `end` may be behind it: then there is no byte.
        let end = self.bitmap.unescaped_end(at + 1);
        match self.bytes.get(end) {
            Some(b'"') => Some(End { at: end, escaped: false }),
            _ => self.quoted_with_escapes(end),
        }
    }

    /// Returns the end of a string whose first special byte is at `at`.
    #[inline(never)]
    fn quoted_with_escapes(&mut self, mut at: usize) -> Option<End> {
        loop {
            match self.bytes.get(at) {
                Some(b'"') => return Some(End { at, escaped: true }),
                Some(b'\\') => match escape_length(self.rest_from(at)) {
                    Some(length) => at = self.bitmap.unescaped_end(at + length),
                    None => return self.fail(at, "a canonical escape"),
                },
                Some(_) => return self.fail(at, "printable ASCII"),
                // A string may not run on into the next line of the block.
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
                _ if whole > MAX_INTEGER_DIGITS => return self.fail(at, "at most 39 digits"),
                _ => whole,
            },
        };
        Some(at + sign + length)
    }

    /// Parses a number as a double, writes it again and compares: correct for every number, and slow.
    fn float(&mut self, at: usize) -> Option<usize> {
        let rest = self.rest_from(at);
        // Every byte that a number may contain: `1.5.5` must fail as a whole, not be accepted up to its second point.
        let end = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-'));
        // One byte beyond the longest text makes a longer number fail the comparison, without reading all of it.
        let length = end.take(FloatText::MAX_BYTES + 1).count();
        let spelling = rest.get(..length).unwrap_or_default();
        let value = std::str::from_utf8(spelling).ok().and_then(|spelling| spelling.parse().ok());
        match value.and_then(FloatText::new) {
            Some(text) if text.as_bytes() == spelling => Some(at + length),
            _ => self.fail(at, "the shortest spelling of a number"),
        }
    }

    /// Records that `what` was expected at `at`, and returns `None`.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail<T>(&mut self, at: usize, what: &'static str) -> Option<T> {
        self.failed = Malformed { at, what };
        None
    }
}

/// The end of a string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// Position of the closing quote.
    pub(crate) at: usize,
    /// `true` if there may be an escape before it.
    escaped: bool,
}

/// Decodes the bytes between the quotes of a validated string.
///
/// Bytes that were not validated decode to some text, without a panic.
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

/// A validated name of a member.
#[derive(Clone, Copy)]
struct Name<'a> {
    raw: &'a [u8],
    /// The first eight bytes as a number that sorts as they do. Zeros fill up a shorter name; every byte of a name is
    /// larger.
    head: u64,
    escaped: bool,
}

impl<'a> Name<'a> {
    #[inline]
    fn new(bytes: &'a [u8], from: usize, end: End) -> Self {
        let raw = bytes.get(from..end.at).unwrap_or_default();
        let head = match bytes.get(from..).and_then(|bytes| bytes.first_chunk()) {
            Some(word) if raw.len() >= 8 => u64::from_be_bytes(*word),
            // The word goes on behind the name. The mask clears the bytes that are not part of the name.
            Some(word) => u64::from_be_bytes(*word) & !(u64::MAX >> (8 * raw.len())),
            None => raw
                .iter()
                .zip([56, 48, 40, 32, 24, 16, 8, 0])
                .fold(0, |head, (byte, shift)| head | u64::from(*byte) << shift),
        };
        Self { raw, head, escaped: end.escaped }
    }

    /// Returns `true` if the decoded name sorts strictly before `other`.
    #[inline]
    fn is_below(self, other: Self) -> bool {
        // An escape sorts as its code point and not as its text.
        if self.escaped || other.escaped {
            return Decoded(self.raw).cmp(Decoded(other.raw)) == Ordering::Less;
        }
        match self.head.cmp(&other.head) {
            Ordering::Equal => self.raw < other.raw,
            order => order == Ordering::Less,
        }
    }
}

/// Decodes ASCII with escapes into code points.
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

/// Returns the length of the escape at the start of `bytes`; `None` for an escape that the writers do not write.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'n' | b'r' | b't' | b'b' | b'f' => Some(2),
        _ => match unit(bytes)? {
            // These have a shorter escape or need none.
            0x08 | 0x09 | 0x0a | 0x0c | 0x0d | 0x20..0x7f => None,
            // A surrogate must be the high half of a pair. The pair is one escape of 12 bytes.
            0xd800..0xdc00 => matches!(unit(bytes.get(6..)?)?, 0xdc00..0xe000).then_some(12),
            0xdc00..0xe000 => None,
            _ => Some(6),
        },
    }
}

/// Returns the UTF-16 unit of the escape at the start of `bytes`, which must have lower-case digits.
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

/// Returns the value of validated text that is an integer from 0 to `u64::MAX`.
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

/// Returns the number of digits that `word` begins with.
#[inline]
fn digits_of_word(word: &[u8; 8]) -> usize {
    // 0x30 is the digit zero: digits become 0 to 9, and every other byte becomes 10 or more.
    let value = u64::from_le_bytes(*word) ^ (WORD_ONES * 0x30);
    mask_above_nine(value).trailing_zeros() as usize / 8
}

/// Returns the number of digits of a canonical unsigned integer that begins and ends in `word`.
#[inline]
fn short_integer(word: &[u8; 8]) -> Option<usize> {
    let digits = digits_of_word(word);
    let is_plain = digits == 1 || word[0] != b'0';
    let ends = matches!(word.get(digits), Some(b',' | b'}' | b']'));
    (digits > 0 && is_plain && ends).then_some(digits)
}

/// Fast path: returns `true` if `unsigned`, with `whole` digits before its point, is canonical because it is short.
///
/// Two numbers of at most 15 digits never share a nearest double. Without superfluous zeros, such a number is
/// therefore the shortest text of its double. `false` is no fault: the caller then parses the number.
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
        // A number below 0.0001 has an exponent.
        [b'0'] => fraction == b"0" || !fraction.starts_with(b"0000"),
        [first, ..] => *first != b'0',
    };
    // `1.5e3` and `1.5.5` are for the slow path, which parses all of it.
    let stops = !matches!(after.first(), Some(b'.' | b'e' | b'+' | b'-'));
    begins_well && ends_well && stops && whole + fraction.len() <= MAX_EXACT_DECIMAL_DIGITS
}
