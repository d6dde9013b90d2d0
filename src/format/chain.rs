//! The chain: what the next entry is numbered, linked to and timed after. Pure.

use chrono::NaiveDate;

use crate::{
    codec::{
        digest::{Digest, HashLength, Link},
        timestamp::{Day, Timestamp},
    },
    format::prepared_entry::{LinkedEntry, PreparedEntry},
};

/// Where the chain stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    /// The next entry's number.
    pub(crate) next: u64,
    /// What the next entry names as its predecessor.
    pub(crate) head: Link,
    /// The last entry's time.
    pub(crate) time: Option<Timestamp>,
    pub(crate) length: HashLength,
    /// That of the last entry which was linked.
    day: Option<Day>,
}

impl Chain {
    pub(crate) fn new(length: HashLength) -> Self {
        Self { next: 0, head: Link::Genesis, time: None, length, day: None }
    }

    /// The day of `time`, and the bytes of the line that `prefix` would have next.
    pub(crate) fn measure(&mut self, prefix: &PreparedEntry, time: Timestamp) -> (NaiveDate, u64) {
        let length = prefix.line_length(self.next, &self.head, self.length);
        (known_day(&mut self.day, time).date, length as u64)
    }

    /// Gives `prefix` the next place, and moves on: appends what follows its bytes to `line`.
    #[inline]
    pub(crate) fn link(
        &mut self,
        prefix: &PreparedEntry,
        time: Timestamp,
        line: &mut Vec<u8>,
    ) -> LinkedEntry {
        let day = known_day(&mut self.day, time);
        let entry = prefix.link(line, (self.next, time, day), &self.head, self.length);
        self.set(entry.seq, entry.hash, entry.time);
        entry
    }

    /// Stands after that entry.
    pub(crate) fn set(&mut self, seq: u64, hash: Digest, time: Timestamp) {
        self.next = seq + 1;
        self.head = Link::Hash(hash);
        self.time = Some(time);
    }
}

fn known_day(day: &mut Option<Day>, time: Timestamp) -> &mut Day {
    day.take_if(|day| !day.holds(time));
    day.get_or_insert_with(|| Day::of(time))
}
