//! The results of a scan while it runs: counts, the first and the last entry, findings and notices.
//!
//! Promise: bounded memory. Findings and notices beyond [`Verification::MAX_LISTED`] are counted and dropped.

use chrono::{Days, NaiveDate};

use crate::{
    codec::{digest::Digest, timestamp::Timestamp},
    findings::{
        finding::{Finding, FindingKind},
        notice::Notice,
        verification::{EntryRef, Verification},
        withheld::ErasableCounts,
    },
    verify::position::Position,
};

/// The results of a scan so far.
#[derive(Debug, Default)]
pub(crate) struct ScanState {
    pub(super) entries: u64,
    pub(super) first: Option<EntryRef>,
    pub(super) last: Option<LastEntry>,
    pub(super) findings: Vec<Finding>,
    pub(super) findings_total: u64,
    pub(super) notices: Vec<Notice>,
    pub(super) notices_total: u64,
    pub(super) erasable: Option<ErasableCounts>,
    /// Reason why the rest of the trail cannot be verified. The scan ends after the line that sets it.
    pub(super) stopped: Option<String>,
    latest_day: Option<NaiveDate>,
    /// The malformed line directly before the current one, if it does not end like an entry: the current line may be
    /// its second part.
    open_damage: Option<LineEnds>,
}

/// The last entry so far. Copied once a run of lines; its text is made after the scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastEntry {
    pub(super) seq: Option<u64>,
    pub(super) hash: Digest,
    pub(super) time: Timestamp,
}

/// The difference between a line and an entry, as a finding states it.
#[derive(Debug)]
pub(super) struct NotAnEntry {
    pub(super) expected: String,
    pub(super) found: String,
}

/// The form of both ends of a malformed line.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineEnds {
    pub(super) begins_like_an_entry: bool,
    pub(super) ends_like_an_entry: bool,
}

impl ScanState {
    pub(super) fn add_finding(&mut self, finding: Finding) {
        self.findings_total += 1;
        if self.findings.len() < Verification::MAX_LISTED {
            self.findings.push(finding);
        }
    }

    pub(super) fn add_notice(&mut self, notice: Notice) {
        self.notices_total += 1;
        if self.notices.len() < Verification::MAX_LISTED {
            self.notices.push(notice);
        }
    }

    /// Adds a line that is not an entry. An entry that damage split into two lines is one finding, at its first part.
    pub(super) fn add_malformed(&mut self, at: Position<'_>, line: &NotAnEntry, ends: LineEnds) {
        let is_second_part = self.open_damage.take().is_some_and(|first| {
            !ends.begins_like_an_entry && (first.begins_like_an_entry || ends.ends_like_an_entry)
        });
        if !is_second_part {
            self.open_damage = (!ends.ends_like_an_entry).then_some(ends);
            self.add_finding(at.finding(FindingKind::MalformedLine, None, &line.expected, &line.found));
        }
    }

    /// Adds a line that is an entry.
    pub(super) fn add_entry(&mut self, seq: Option<u64>, hash: Digest, time: Timestamp) {
        self.entries += 1;
        if self.first.is_none() {
            self.first = Some(EntryRef::new(seq, hash, time));
        }
        self.last = Some(LastEntry { seq, hash, time });
    }

    /// Adds a run of `count` entries that follow an entry of the same day. `last` is the last of them.
    pub(super) fn add_run(&mut self, count: usize, last: LastEntry) {
        self.entries += count as u64;
        self.last = Some(last);
    }

    /// Ends a damaged entry: the current line is an entry, so it is no second part.
    pub(super) fn end_damage(&mut self) {
        self.open_damage = None;
    }

    /// Adds the day of an entry, and a notice if whole days lie between it and the latest day before.
    pub(super) fn add_day(&mut self, day: NaiveDate) {
        match self.latest_day {
            Some(latest) if day <= latest => {}
            Some(latest) => {
                self.latest_day = Some(day);
                let days = day.signed_duration_since(latest).num_days().unsigned_abs() - 1;
                let from = latest.checked_add_days(Days::new(1));
                let to = day.checked_sub_days(Days::new(1));
                if let (1.., Some(from), Some(to)) = (days, from, to) {
                    self.add_notice(Notice::DaysWithoutEntries { from, to, days });
                }
            }
            None => self.latest_day = Some(day),
        }
    }
}
