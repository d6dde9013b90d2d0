//! Names of a trail's files: the day, and the number of the file on that day. Each file has exactly one name.

use chrono::NaiveDate;

use crate::codec::timestamp;

/// Day and number in the name of a trail's file: `audit-DAY.jsonl` is number 1, `audit-DAY_0002.jsonl` number 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) day: NaiveDate,
    pub(crate) number: u32,
}

impl SegmentName {
    /// Returns the file's name.
    pub(crate) fn name(self) -> String {
        match self.number {
            1 => format!("audit-{}.jsonl", self.day),
            number => format!("audit-{}_{number:04}.jsonl", self.day),
        }
    }

    /// Parses a file's name. Accepts only names that [`name`](Self::name) returns, so that no two names
    /// mean the same file.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_prefix("audit-")?.strip_suffix(".jsonl")?;
        let (day, number) = match stem.split_once('_') {
            None => (stem, 1),
            Some((day, digits)) => (day, digits.parse().ok()?),
        };
        let parsed = Self { day: timestamp::parse_date(day.as_bytes())?, number };
        (parsed.name() == name).then_some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_back_and_other_names_are_not() {
        for name in ["audit-2026-11-24.jsonl", "audit-2026-11-24_0002.jsonl", "audit-2026-11-24_12345.jsonl"]
        {
            assert_eq!(SegmentName::parse(name).map(SegmentName::name).as_deref(), Some(name));
        }
        for name in [
            "audit-2026-11-24_0001.jsonl",
            "audit-2026-11-24_2.jsonl",
            "audit-2026-02-30.jsonl",
            "audit-x.jsonl",
            "audit-2026-11-24_+002.jsonl",
        ] {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
    }
}
