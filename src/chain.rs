//! The chain: what the next entry is numbered, linked to and timed after. Pure.

use crate::{
    digest::{Digest, HashLength, Link},
    entry::{Entry, Prefix},
    timestamp::{Day, Timestamp},
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

    /// Gives `prefix` the next place, and moves on.
    pub(crate) fn link(&mut self, prefix: Prefix, time: Timestamp) -> Entry {
        let day = match self.day {
            Some(day) if day.holds(time) => day,
            _ => *self.day.insert(Day::of(time)),
        };
        let entry = prefix.link(self.next, time, day, &self.head, self.length);
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
