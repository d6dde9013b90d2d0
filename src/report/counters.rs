//! The counts of one pass over a period, entry by entry.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use crate::{
    codec::timestamp::Timestamp,
    report::{
        credentials::CredentialUses, fields, log_events::LogEvents, spans::SpanTracker, tasks::TaskTracker,
    },
    verify::entry_view::EntryView,
};

/// The counts of the entries read so far.
#[derive(Debug)]
pub(super) struct PeriodCounters {
    /// Start of the period. Earlier entries are not counted, but their tasks and spans are followed into the period.
    from: Timestamp,
    pub(super) total: u64,
    pub(super) event_types: NameCounts,
    pub(super) actors: NameCounts,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    /// Entries of all days except `latest_day`.
    days: BTreeMap<i64, u64>,
    /// Day of the last entry, and the entries counted for it. Entries come by day, so a map is searched once a day.
    latest_day: (i64, u64),
    pub(super) tasks: TaskTracker,
    pub(super) spans: SpanTracker,
    pub(super) credentials: CredentialUses,
    pub(super) log_events: LogEvents,
}

/// Number of entries by name.
#[derive(Debug, Default)]
pub(super) struct NameCounts {
    counts: Vec<(Vec<u8>, u64)>,
    /// Index in `counts` by name.
    places: HashMap<Vec<u8>, usize>,
    /// Index of the last name. Neighbouring entries often have the same one, and a comparison saves the hash.
    latest: usize,
}

impl PeriodCounters {
    /// Counts of no entries, for a period that starts at `from`.
    pub(super) fn new(from: Timestamp) -> Self {
        Self {
            from,
            total: 0,
            event_types: NameCounts::default(),
            actors: NameCounts::default(),
            first: None,
            last: None,
            days: BTreeMap::new(),
            latest_day: (0, 0),
            tasks: TaskTracker::default(),
            spans: SpanTracker::default(),
            credentials: CredentialUses::default(),
            log_events: LogEvents::default(),
        }
    }

    /// Counts an entry.
    pub(super) fn add(&mut self, entry: &EntryView<'_>) {
        let is_counted = entry.time >= self.from;
        if is_counted {
            self.total += 1;
            self.event_types.add(entry.event_type);
            self.actors.add(entry.actor);
            self.first.get_or_insert(entry.time);
            self.last = Some(entry.time);
            self.count_day(entry.time.day());
        }
        let kind = entry.event_type;
        if kind.ends_with(b".opened") || kind.ends_with(b".closed") {
            self.spans.add(entry, is_counted);
        } else if kind.starts_with(b"audit_") {
            self.log_events.add(entry, is_counted);
        } else if kind.starts_with(b"task_") {
            self.tasks.add(entry, is_counted);
        } else if kind == b"auth_event" && is_counted {
            self.credentials.add(entry);
        }
    }

    fn count_day(&mut self, day: i64) {
        if self.latest_day.0 != day {
            let (before, count) = std::mem::replace(&mut self.latest_day, (day, 0));
            self.add_day(before, count);
        }
        self.latest_day.1 += 1;
    }

    fn add_day(&mut self, day: i64, count: u64) {
        if count > 0 {
            *self.days.entry(day).or_default() += count;
        }
    }

    /// Returns the number of entries by day.
    pub(super) fn days(&mut self) -> BTreeMap<NaiveDate, u64> {
        let (latest, count) = std::mem::take(&mut self.latest_day);
        self.add_day(latest, count);
        self.days.iter().map(|(day, count)| (Timestamp::of_day(*day).date(), *count)).collect()
    }
}

impl NameCounts {
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

    /// Number of different names.
    pub(super) fn distinct(&self) -> u64 {
        self.counts.len() as u64
    }

    /// Returns the counts by decoded name.
    pub(super) fn decoded(&self) -> BTreeMap<String, u64> {
        let mut decoded = BTreeMap::new();
        for (name, count) in &self.counts {
            *decoded.entry(fields::decoded(name)).or_default() += count;
        }
        decoded
    }
}
