//! Everything that a report counts, entry by entry.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::{credentials::Credentials, member, remarks::Remarks, spans::Spans, tasks::Tasks};
use crate::{timestamp::Timestamp, verify::Said};

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
    days: BTreeMap<i64, u64>,
    pub(super) tasks: Tasks,
    pub(super) spans: Spans,
    pub(super) credentials: Credentials,
    pub(super) remarks: Remarks,
}

/// How often each name occurred.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Vec<u8>, u64>);

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
            *self.days.entry(said.time.day()).or_default() += 1;
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

    /// Entries by day.
    pub(super) fn days(&self) -> BTreeMap<NaiveDate, u64> {
        self.days.iter().map(|(day, count)| (Timestamp::of_day(*day).date(), *count)).collect()
    }
}

impl Names {
    fn add(&mut self, name: &[u8]) {
        match self.0.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.0.insert(name.to_vec(), 1);
            }
        }
    }

    pub(super) fn distinct(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) fn decoded(&self) -> BTreeMap<String, u64> {
        let mut decoded = BTreeMap::new();
        for (name, count) in &self.0 {
            *decoded.entry(member::decoded(name)).or_default() += count;
        }
        decoded
    }
}
