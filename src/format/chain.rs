//! The chain: number, previous hash, time and day of the next entry.
//!
//! Pure. The chain advances by one entry at a time, and each entry gets a number, a link and a time of its own.

use chrono::NaiveDate;

use crate::{
    codec::{
        digest::{Digest, HashLength, Link},
        timestamp::{Day, Timestamp},
    },
    format::prepared_entry::{ChainPosition, LinkedEntry, PreparedEntry},
};

/// State of a trail's chain after its last entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    /// Number of the next entry.
    pub(crate) next: u64,
    /// Value of `prev_hash` in the next entry.
    pub(crate) head: Link,
    /// Time of the last entry. `None` in a trail without entries.
    pub(crate) time: Option<Timestamp>,
    /// Length of the printed hashes, the same in the whole trail.
    pub(crate) length: HashLength,
    /// Day of the entry that was linked last, with its spelled date. It is a cache: most entries have the same day.
    day: Option<Day>,
}

impl Chain {
    /// Returns the chain of a trail without entries.
    pub(crate) fn new(length: HashLength) -> Self {
        Self { next: 0, head: Link::Genesis, time: None, length, day: None }
    }

    /// Returns the day of `time`, and the length in bytes of the line that `entry` would become next.
    #[inline]
    pub(crate) fn measure(&mut self, entry: &PreparedEntry, time: Timestamp) -> (NaiveDate, u64) {
        let length = entry.line_length(self.next, &self.head, self.length);
        (cached_day(&mut self.day, time).date, length as u64)
    }

    /// Links `entry` as the next one and advances the chain. Appends the suffix of the entry's line to `line`.
    #[inline]
    pub(crate) fn link(&mut self, entry: &PreparedEntry, time: Timestamp, line: &mut Vec<u8>) -> LinkedEntry {
        let linked = entry.link(
            line,
            ChainPosition {
                seq: self.next,
                time,
                day: cached_day(&mut self.day, time),
                previous: &self.head,
                length: self.length,
            },
        );
        self.set(linked.seq, linked.hash, linked.time);
        linked
    }

    /// Continues the chain after the entry with this number, printed hash and time.
    pub(crate) fn set(&mut self, seq: u64, hash: Digest, time: Timestamp) {
        self.next = seq + 1;
        self.head = Link::Hash(hash);
        self.time = Some(time);
    }
}

/// Returns the cached day if `time` is in it. Otherwise replaces it by the day of `time`.
fn cached_day(day: &mut Option<Day>, time: Timestamp) -> &mut Day {
    day.take_if(|day| !day.holds(time));
    day.get_or_insert_with(|| Day::of(time))
}
