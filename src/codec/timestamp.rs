//! The time of an entry: RFC 3339 in UTC with six fractional digits and `Z`, always 27 characters.
//!
//! Promise: each time has one text, and only that text is parsed. Years run from 0000 to 9999; a time outside is
//! clamped. Reads no clock.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::codec::word::{decimal, mask_above_nine};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Timestamp(i64);

/// A day with the text of the last time that was written.
///
/// The next entry mostly has the same second: its time then costs six digits, instead of a division into date and time
/// of day. That keeps the work under the log's lock short, the row `serial section with 10 KB of details` of
/// `benches/RESULTS.md`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Day {
    /// Days since 1970-01-01.
    number: i64,
    pub(crate) date: NaiveDate,
    /// Seconds since 1970-01-01 of the time in `text`.
    second: i64,
    text: [u8; Timestamp::LENGTH],
}

const MICROS_PER_DAY: i64 = 86_400_000_000;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// Microseconds from 1970-01-01 to 0000-01-01T00:00:00.000000Z.
const EARLIEST_MICROS: i64 = -62_167_219_200_000_000;

/// Microseconds from 1970-01-01 to 9999-12-31T23:59:59.999999Z.
const LATEST_MICROS: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// Number of characters of every time.
    pub(crate) const LENGTH: usize = 27;

    pub(crate) const EPOCH: Self = Self(0);

    /// Converts a time of the OS clock.
    pub(crate) fn of(time: SystemTime) -> Self {
        let micros = |span: Duration| {
            let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
            seconds.saturating_mul(1_000_000).saturating_add(span.subsec_micros().into())
        };
        let since = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => micros(since),
            // A clock that was never set may be before 1970.
            Err(before) => -micros(before.duration()),
        };
        Self(since.clamp(EARLIEST_MICROS, LATEST_MICROS))
    }

    pub(crate) fn micros(self) -> i64 {
        self.0
    }

    /// Returns the whole days since 1970-01-01.
    pub(crate) fn day(self) -> i64 {
        self.0.div_euclid(MICROS_PER_DAY)
    }

    /// Returns the beginning of a day, given as days since 1970-01-01.
    pub(crate) fn of_day(day: i64) -> Self {
        Self(day.saturating_mul(MICROS_PER_DAY).clamp(EARLIEST_MICROS, LATEST_MICROS))
    }

    pub(crate) fn date(self) -> NaiveDate {
        self.to_utc().date_naive()
    }

    pub(crate) fn to_utc(self) -> DateTime<Utc> {
        // Every timestamp is clamped to years that chrono supports, so the fallback is never used.
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Appends the 27 characters.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        Day::of(self).write(self, out);
    }

    /// Parses exactly the texts that [`write`](Self::write) writes: a real date, no leap second, no other form.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        /// The character at each place; `0` is any digit.
        const TIME_PATTERN: &[u8; Timestamp::LENGTH] = b"0000-00-00T00:00:00.000000Z";
        let text: &[u8; Self::LENGTH] = text.try_into().ok()?;
        let fits =
            |(byte, place): (&u8, &u8)| if *place == b'0' { byte.is_ascii_digit() } else { byte == place };
        // A fold without an early end compiles to vector instructions.
        if !text.iter().zip(TIME_PATTERN).fold(true, |all, pair| all & fits(pair)) {
            return None;
        }
        let number = |from: usize, to: usize| {
            text[from..to].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit & 0x0f))
        };
        let day = day_of(number(0, 4), number(5, 7), number(8, 10))?;
        let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = (hour * 60 + minute) * 60 + second;
        Some(Self(day * MICROS_PER_DAY + seconds * 1_000_000 + number(20, 26)))
    }

    /// Parses as [`parse`](Self::parse) does, faster if `known`, an earlier text and its time, is of the same minute.
    pub(crate) fn parse_after(text: &[u8], known: Option<(&[u8], Self)>) -> Option<Self> {
        Self::of_minute(text, known).or_else(|| Self::parse(text))
    }

    /// Fast path: parses a text of the same minute as a known one.
    ///
    /// Compares the first 16 characters as one number, and reads only the rest. Verification of entries that follow
    /// each other rarely needs anything else. `None` is no fault: the caller then parses all of the text.
    ///
    /// ```text
    /// 2026-11-24T04:57:14.723726Z
    /// |<---- 16 ---->|   |<- 8->|     the last eight bytes hold the point, six digits and the Z
    /// ```
    #[inline]
    fn of_minute(text: &[u8], known: Option<(&[u8], Self)>) -> Option<Self> {
        const MINUTE_BYTES: usize = "0000-00-00T00:00".len();
        let (known, time) = known?;
        let text: &[u8; Self::LENGTH] = text.try_into().ok()?;
        let known: &[u8; Self::LENGTH] = known.try_into().ok()?;
        let number =
            |text: &[u8; Self::LENGTH]| text.first_chunk::<MINUTE_BYTES>().copied().map(u128::from_le_bytes);
        if number(text) != number(known) {
            return None;
        }
        let [.., b':', tens, ones, b'.', _, _, _, _, _, _, b'Z'] = text else { return None };
        let fraction = text.last_chunk::<8>()?;
        // Digits become 0 to 9, the point and the letter become 0, and any other byte becomes 10 or more.
        let digits = u64::from_le_bytes(*fraction) ^ u64::from_le_bytes(*b".000000Z");
        if mask_above_nine(digits) != 0 || !(b'0'..=b'5').contains(tens) || !ones.is_ascii_digit() {
            return None;
        }
        // The letter adds a last digit 0, so the number is ten times the microseconds.
        let fraction = decimal(digits) / 10;
        let seconds = i64::from(tens & 0x0f) * 10 + i64::from(ones & 0x0f);
        // Euclidean remainder: times before 1970 are negative, and their minute begins below them as well.
        let minute = time.0 - time.0.rem_euclid(60_000_000);
        Some(Self(minute + seconds * 1_000_000 + fraction.cast_signed()))
    }

    /// Parses the text of Python's `datetime.isoformat() + "Z"`, which leaves out a fraction of zero.
    pub(crate) fn parse_isoformat(text: &[u8]) -> Option<Self> {
        let whole = text.strip_suffix(b"Z")?;
        if whole.len() != 19 {
            return Self::parse(text);
        }
        Self::parse(&[whole, b".000000Z"].concat())
    }
}

impl Day {
    pub(crate) fn of(time: Timestamp) -> Self {
        let date = time.date();
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        put(&mut text[0..4], date.year().unsigned_abs());
        put(&mut text[5..7], date.month());
        put(&mut text[8..10], date.day());
        let number = time.day();
        Self { number, date, second: number * (MICROS_PER_DAY / MICROS_PER_SECOND), text }
    }

    pub(crate) fn holds(&self, time: Timestamp) -> bool {
        self.number == time.day()
    }

    /// Appends a time, which must be of this day.
    #[inline]
    pub(crate) fn write(&mut self, time: Timestamp, out: &mut Vec<u8>) {
        let second = time.0.div_euclid(MICROS_PER_SECOND);
        // Times of one second differ in the fraction alone.
        if second != self.second {
            self.set_second(second);
        }
        put(&mut self.text[20..26], (time.0 - second * MICROS_PER_SECOND) as u32);
        out.extend_from_slice(&self.text);
    }

    /// Writes hour, minute and second of a time of this day into `text`.
    fn set_second(&mut self, second: i64) {
        let seconds = second.rem_euclid(MICROS_PER_DAY / MICROS_PER_SECOND) as u32;
        put(&mut self.text[11..13], seconds / 3600);
        put(&mut self.text[14..16], seconds / 60 % 60);
        put(&mut self.text[17..19], seconds % 60);
        self.second = second;
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros().clamp(EARLIEST_MICROS, LATEST_MICROS))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(Self::LENGTH);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// Parses `YYYY-MM-DD`.
pub(crate) fn parse_date(text: &[u8]) -> Option<NaiveDate> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    date(number(&text[0..4])?, number(&text[5..7])?, number(&text[8..10])?)
}

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// Returns the days from 1970-01-01 to a date of the years 0 to 9999; `None` if there is no such date.
///
/// Counts years from March, so that the leap day is the last day of a year:
///
/// ```text
/// 2026-11-24   month 8 of year 2026
/// days before  2026 * 365 + (506 - 20 + 5) leap days + (153 * 8 + 2) / 5  =  739,490 + 491 + 245  =  740,226
/// number       740,226 + 24 - 719,469  =  20,781 days since 1970-01-01
/// ```
fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > longest {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From March on, five months in a row have 153 days: (153 m + 2) / 5 days lie before month m.
    let before = year * 365 + leap_days + (153 * month + 2) / 5;
    // In this count 0000-03-01 is day 1 and 1970-01-01 is day 719,469.
    Some(before + day - 719_469)
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}

/// Fills `place` with `number`, zero-padded.
fn put(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_time_is_parsed_back_and_has_27_characters() {
        for micros in [
            EARLIEST_MICROS,
            -1,
            0,
            1,
            951_782_400_000_000,
            1_795_496_234_723_726,
            9_223_372_036_000_000,
            LATEST_MICROS,
        ] {
            let mut text = Vec::new();
            Timestamp(micros).write(&mut text);

            assert_eq!(text.len(), Timestamp::LENGTH);
            assert_eq!(Timestamp::parse(&text), Some(Timestamp(micros)), "{}", Timestamp(micros));
        }
    }

    #[test]
    fn day_writes_times_in_any_order() {
        let day = 1_795_478_400_000_000;
        for start in [day, -MICROS_PER_DAY, EARLIEST_MICROS, LATEST_MICROS - MICROS_PER_DAY + 1] {
            let mut known = Day::of(Timestamp(start));
            for offset in
                [0, 1, 999_999, 1_000_000, 59_999_999, 3_599_999_999, MICROS_PER_DAY - 1, 42, 3_600_000_000]
            {
                let time = Timestamp(start + offset);
                let (mut one, mut other) = (Vec::new(), Vec::new());
                assert!(known.holds(time));

                known.write(time, &mut one);

                time.write(&mut other);
                assert_eq!(one, other);
                assert_eq!(Timestamp::parse(&one), Some(time));
            }
        }
    }

    #[test]
    fn unreal_date_or_other_form_is_refused() {
        for text in [
            "2026-02-29T00:00:00.000000Z",
            "2026-11-24T24:00:00.000000Z",
            "2026-11-24T23:59:60.000000Z",
            "2026-11-24T23:59:59.00000Z",
            "2026-11-24 23:59:59.000000Z",
            "2026-11-24T23:59:59.000000+",
            "+026-11-24T23:59:59.000000Z",
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()), None, "{text}");
        }
        assert!(Timestamp::parse(b"2024-02-29T23:59:59.999999Z").is_some());
    }

    #[test]
    fn every_day_of_ten_thousand_years_agrees_with_chrono() {
        for year in 0..=9999 {
            for (month, day) in
                (0..=13).flat_map(|month| [0, 1, 15, 28, 29, 30, 31, 32].map(|day| (month, day)))
            {
                let text = format!("{year:04}-{month:02}-{day:02}T12:34:56.789012Z");
                let expected = NaiveDate::from_ymd_opt(year, month, day)
                    .and_then(|date| date.and_hms_micro_opt(12, 34, 56, 789_012))
                    .map(|time| Timestamp::from(time.and_utc()));

                assert_eq!(Timestamp::parse(text.as_bytes()), expected, "{text}");
            }
        }
    }

    #[test]
    fn parse_after_agrees_with_parse() {
        let known = *b"2026-11-24T04:57:14.723726Z";
        let after = |text: &[u8]| Timestamp::parse_after(text, Some((&known, Timestamp::parse(&known)?)));
        for text in [
            &b"2026-11-24T04:57:59.999999Z"[..],
            b"2026-11-24T04:57:00.000000Z",
            b"1969-12-31T23:59:59.5",
            b"",
        ] {
            assert_eq!(after(text), Timestamp::parse(text));
        }
        for at in 0..known.len() {
            for byte in 0..=u8::MAX {
                let mut text = known;
                text[at] = byte;

                assert_eq!(after(&text), Timestamp::parse(&text), "{at} {byte:#x}");
                assert_eq!(after(&text[..at]), None);
            }
        }
        let early = *b"1969-12-31T23:59:59.000001Z";
        let known = Timestamp::parse(&early).map(|time| (&b"1969-12-31T23:59:01.500000Z"[..], time));
        assert_eq!(Timestamp::parse_after(&early, known), Timestamp::parse(&early));
    }

    #[test]
    fn changed_byte_is_refused_or_gives_another_time() {
        let time = *b"2026-11-24T04:57:14.723726Z";
        for at in 0..time.len() {
            for byte in 0..=u8::MAX {
                let mut text = time;
                text[at] = byte;
                let read = Timestamp::parse(&text);
                let digit = time[at].is_ascii_digit();

                assert!(
                    read.is_none() || (digit && byte.is_ascii_digit()) || byte == time[at],
                    "{at} {byte:#x}"
                );
                assert!(read.is_none_or(|read| read.to_string().as_bytes() == text));
            }
        }
    }

    #[test]
    fn isoformat_may_lack_the_fraction() {
        let whole = Timestamp::parse(b"2026-11-24T04:57:14.000000Z");

        assert!(whole.is_some());
        assert_eq!(Timestamp::parse_isoformat(b"2026-11-24T04:57:14Z"), whole);
        assert_eq!(Timestamp::parse_isoformat(b"2026-11-24T04:57:14"), None);
    }
}
