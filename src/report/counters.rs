//! Everything that a report counts, entry by entry.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use crate::report::{credentials::Credentials, fields, log_events::Remarks, spans::Spans, tasks::Tasks};
use crate::{codec::timestamp::Timestamp, verify::scan::Said};

/// The counts so far.
#[derive(Debug)]
pub(super) struct Tally {
    /// The period's beginning; what came before is followed, and not counted.
    from: Timestamp,
    pub(super) total: u64,
    pub(super) event_types: Names,
    pub(super) actors: Names,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    /// Of other days than the latest.
    days: BTreeMap<i64, u64>,
    /// The latest day, and its entries.
    latest_day: (i64, u64),
    pub(super) tasks: Tasks,
    pub(super) spans: Spans,
    pub(super) credentials: Credentials,
    pub(super) remarks: Remarks,
}

/// How often each name occurred.
#[derive(Debug, Default)]
pub(super) struct Names {
    counts: Vec<(Vec<u8>, u64)>,
    places: HashMap<Vec<u8>, usize>,
    /// Where the latest one stands: it is often the next one too.
    latest: usize,
}

impl Tally {
    pub(super) fn new(from: Timestamp) -> Self {
        Self {
            from,
            total: 0,
            event_types: Names::default(),
            actors: Names::default(),
            first: None,
            last: None,
            days: BTreeMap::new(),
            latest_day: (0, 0),
            tasks: Tasks::default(),
            spans: Spans::default(),
            credentials: Credentials::default(),
            remarks: Remarks::default(),
        }
    }

    pub(super) fn take(&mut self, said: &Said<'_>) {
        let counted = said.time >= self.from;
        if counted {
            self.total += 1;
            self.event_types.add(said.event_type);
            self.actors.add(said.actor);
            self.first.get_or_insert(said.time);
            self.last = Some(said.time);
            self.count_day(said.time.day());
        }
        let kind = said.event_type;
        if kind.ends_with(b".opened") || kind.ends_with(b".closed") {
            self.spans.take(said, counted);
        } else if kind.starts_with(b"audit_") {
            self.remarks.take(said, counted);
        } else if kind.starts_with(b"task_") {
            self.tasks.take(said, counted);
        } else if kind == b"auth_event" && counted {
            self.credentials.take(said);
        }
    }

    fn count_day(&mut self, day: i64) {
        if self.latest_day.0 != day {
            let (before, count) = std::mem::replace(&mut self.latest_day, (day, 0));
            self.keep(before, count);
        }
        self.latest_day.1 += 1;
    }

    fn keep(&mut self, day: i64, count: u64) {
        if count > 0 {
            *self.days.entry(day).or_default() += count;
        }
    }

    /// Entries by day.
    pub(super) fn days(&mut self) -> BTreeMap<NaiveDate, u64> {
        let (latest, count) = std::mem::take(&mut self.latest_day);
        self.keep(latest, count);
        self.days.iter().map(|(day, count)| (Timestamp::of_day(*day).date(), *count)).collect()
    }
}

impl Names {
    fn add(&mut self, name: &[u8]) {
        if let Some((_, count)) = self.counts.get_mut(self.latest).filter(|(latest, _)| latest == name) {
            *count += 1;
            return;
        }
        self.latest = match self.places.get(name) {
            Some(place) => *place,
            None => {
                self.counts.push((name.to_vec(), 0));
                self.places.insert(name.to_vec(), self.counts.len() - 1);
                self.counts.len() - 1
            }
        };
        self.counts[self.latest].1 += 1;
    }

    pub(super) fn distinct(&self) -> u64 {
        self.counts.len() as u64
    }

    pub(super) fn decoded(&self) -> BTreeMap<String, u64> {
        let mut decoded = BTreeMap::new();
        for (name, count) in &self.counts {
            *decoded.entry(fields::decoded(name)).or_default() += count;
        }
        decoded
    }
}
