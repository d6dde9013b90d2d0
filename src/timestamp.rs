//! The time of an entry: RFC 3339, UTC, six fractional digits and `Z`, always 27 characters.
//!
//! Pure: it knows no clock. Years run from 0000 to 9999; what lies beyond is held at the edge.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Timestamp(i64);

/// A day and its spelling: entries of one day have most of their time in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Day {
    /// As [`Timestamp::day`] counts.
    number: i64,
    pub(crate) date: NaiveDate,
    /// `YYYY-MM-DD`.
    text: [u8; 10],
}

const DAY: i64 = 86_400_000_000;
/// 0000-01-01T00:00:00.000000Z and 9999-12-31T23:59:59.999999Z.
const EARLIEST: i64 = -62_167_219_200_000_000;
const LATEST: i64 = 253_402_300_799_999_999;

impl Timestamp {
    pub(crate) const LENGTH: usize = 27;

    pub(crate) fn micros(self) -> i64 {
        self.0
    }

    /// Whole days since 1970-01-01.
    pub(crate) fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// The beginning of a day, counted as [`day`](Self::day) does.
    pub(crate) fn of_day(day: i64) -> Self {
        Self(day.saturating_mul(DAY).clamp(EARLIEST, LATEST))
    }

    pub(crate) fn date(self) -> NaiveDate {
        self.to_utc().date_naive()
    }

    pub(crate) fn to_utc(self) -> DateTime<Utc> {
        // In range by construction; the fallback can't be reached and needs no panic.
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Appends the 27 characters.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        Day::of(self).write(self, out);
    }

    /// Reads exactly what [`write`](Self::write) writes: a real date, no leap second, no other spelling.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text: &[u8; 27] = text.try_into().ok()?;
        let punctuation = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
        if punctuation.iter().any(|&(at, byte)| text[at] != byte) {
            return None;
        }
        let date = date(number(&text[0..4])?, number(&text[5..7])?, number(&text[8..10])?)?;
        let time = NaiveTime::from_hms_micro_opt(
            number(&text[11..13])?,
            number(&text[14..16])?,
            number(&text[17..19])?,
            number(&text[20..26])?,
        )?;
        Some(Self(NaiveDateTime::new(date, time).and_utc().timestamp_micros()))
    }

    /// Reads what Python's `datetime.isoformat() + "Z"` gives: as [`parse`](Self::parse), but the fraction is left
    /// out when it is zero.
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
        let mut text = *b"0000-00-00";
        put(&mut text[0..4], date.year().unsigned_abs());
        put(&mut text[5..7], date.month());
        put(&mut text[8..10], date.day());
        Self { number: time.day(), date, text }
    }

    pub(crate) fn holds(&self, time: Timestamp) -> bool {
        self.number == time.day()
    }

    /// Appends a time of this day.
    pub(crate) fn write(&self, time: Timestamp, out: &mut Vec<u8>) {
        let micros = time.0.rem_euclid(DAY).unsigned_abs();
        let (seconds, micros) = ((micros / 1_000_000) as u32, (micros % 1_000_000) as u32);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        text[..10].copy_from_slice(&self.text);
        put(&mut text[11..13], seconds / 3600);
        put(&mut text[14..16], seconds / 60 % 60);
        put(&mut text[17..19], seconds % 60);
        put(&mut text[20..26], micros);
        out.extend_from_slice(&text);
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros().clamp(EARLIEST, LATEST))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(Self::LENGTH);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// Reads `YYYY-MM-DD`.
pub(crate) fn parse_date(text: &[u8]) -> Option<NaiveDate> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    date(number(&text[0..4])?, number(&text[5..7])?, number(&text[8..10])?)
}

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
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
    fn written_times_are_read_back_and_have_27_characters() {
        for micros in
            [EARLIEST, -1, 0, 1, 951_782_400_000_000, 1_795_496_234_723_726, 9_223_372_036_000_000, LATEST]
        {
            let mut text = Vec::new();
            Timestamp(micros).write(&mut text);

            assert_eq!(text.len(), Timestamp::LENGTH);
            assert_eq!(Timestamp::parse(&text), Some(Timestamp(micros)), "{}", Timestamp(micros));
        }
    }

    #[test]
    fn only_real_dates_in_the_one_spelling_are_read() {
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
    fn isoformat_may_leave_the_fraction_out() {
        let whole = Timestamp::parse(b"2026-11-24T04:57:14.000000Z");

        assert!(whole.is_some());
        assert_eq!(Timestamp::parse_isoformat(b"2026-11-24T04:57:14Z"), whole);
        assert_eq!(Timestamp::parse_isoformat(b"2026-11-24T04:57:14"), None);
    }
}
