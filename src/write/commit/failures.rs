//! Failed commits: the entries that fail with them, and the time without recording, which the trail has to describe.

use std::sync::Arc;

use crate::{
    codec::timestamp::Timestamp,
    error::Error,
    write::commit::epoch::{Epoch, Failure},
};

/// A time in which entries could not be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Degradation {
    /// The time of the first failure.
    pub(crate) from: Timestamp,
    /// Number of entries that were refused.
    pub(crate) lost: u64,
    /// The text of the first failure.
    pub(crate) cause: String,
}

/// A degradation whose entry `audit_degraded` is linked and not written yet.
#[derive(Debug)]
struct Announced {
    seq: u64,
    degradation: Degradation,
}

/// The failures of one log.
///
/// Invariant: a degradation is in `current` until its entry is linked, then in `announced` until the entry is written.
/// If the entry's commit fails, the degradation returns to `current`: it is never lost and never described twice.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// Failure state shared by all entries linked since the last failed write.
    epoch: Arc<Epoch>,
    current: Option<Degradation>,
    announced: Vec<Announced>,
    /// Number of commits of a buffered log that could not write their lines.
    write_failures: u64,
    last: Option<Failure>,
}

impl Failures {
    /// Returns the epoch of the entries that are linked now.
    #[inline]
    pub(crate) fn epoch(&self) -> &Arc<Epoch> {
        &self.epoch
    }

    /// Ends the epoch: its entries from `first_failed` on failed with `error`. Entries linked from now on have a new
    /// one.
    pub(crate) fn fail_epoch(&mut self, first_failed: u64, error: &Error) {
        std::mem::take(&mut self.epoch).fail(first_failed, error);
    }

    /// Records that the log refused `lost` entries at `now`, because of `error`.
    pub(crate) fn degrade(&mut self, now: Timestamp, error: &Error, lost: u64) {
        let current =
            self.current.get_or_insert_with(|| Degradation { from: now, lost: 0, cause: error.to_string() });
        current.lost += lost;
    }

    /// Returns the degradation that no linked entry describes yet.
    #[inline]
    pub(crate) fn unannounced(&self) -> Option<&Degradation> {
        self.current.as_ref()
    }

    /// Records that the linked entry `seq` describes the current degradation.
    pub(crate) fn announce(&mut self, seq: u64) {
        if let Some(degradation) = self.current.take() {
            self.announced.push(Announced { seq, degradation });
        }
    }

    /// Returns the degradation that a health check reports: the oldest one that no written entry describes.
    pub(crate) fn degradation(&self) -> Option<&Degradation> {
        self.announced.first().map(|announced| &announced.degradation).or(self.current.as_ref())
    }

    /// Makes degradations current again whose entries, from `first_failed` on, are gone.
    pub(crate) fn requeue(&mut self, first_failed: u64) {
        while let Some(mut last) = self.announced.pop_if(|announced| announced.seq >= first_failed) {
            // The older one began first, so it keeps its start and its cause.
            last.degradation.lost += self.current.take().map_or(0, |current| current.lost);
            self.current = Some(last.degradation);
        }
    }

    /// Drops the degradations that entries below `written` describe.
    #[inline]
    pub(crate) fn drop_written(&mut self, written: u64) {
        self.announced.retain(|announced| announced.seq >= written);
    }

    /// Records that a buffered log could not write its lines, which it keeps.
    pub(crate) fn note_write_failure(&mut self, failure: Failure) {
        self.write_failures += 1;
        self.last = Some(failure);
    }

    /// Returns the number of commits that could not write their lines.
    pub(crate) fn write_failures(&self) -> u64 {
        self.write_failures
    }

    /// Returns the last write failure, if there was one after the first `count` of them.
    pub(crate) fn write_failure_since(&self, count: u64) -> Option<&Failure> {
        self.last.as_ref().filter(|_| self.write_failures > count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> Error {
        Error::Closed { path: "audit".into() }
    }

    fn at(micros: u64) -> Timestamp {
        Timestamp::of(std::time::UNIX_EPOCH + std::time::Duration::from_micros(micros))
    }

    #[test]
    fn a_degradation_is_described_until_its_entry_is_written() {
        let mut failures = Failures::default();
        failures.degrade(at(1), &error(), 2);
        failures.announce(7);
        assert!(failures.unannounced().is_none());
        assert_eq!(failures.degradation().map(|degradation| degradation.lost), Some(2));

        failures.drop_written(7);
        assert!(failures.degradation().is_some(), "entry 7 is not below 7");
        failures.drop_written(8);
        assert!(failures.degradation().is_none());
    }

    #[test]
    fn a_degradation_whose_entry_failed_is_described_again() {
        let mut failures = Failures::default();
        failures.degrade(at(1), &error(), 2);
        failures.announce(7);
        failures.degrade(at(5), &error(), 3);

        failures.requeue(7);

        let degradation = failures.unannounced().expect("both together");
        assert_eq!((degradation.from, degradation.lost), (at(1), 5));
    }

    #[test]
    fn an_entry_below_the_first_failed_one_stays_announced() {
        let mut failures = Failures::default();
        failures.degrade(at(1), &error(), 2);
        failures.announce(7);

        failures.requeue(8);

        assert!(failures.unannounced().is_none() && failures.degradation().is_some());
    }

    #[test]
    fn entries_of_the_next_epoch_do_not_fail() {
        let mut failures = Failures::default();
        let earlier = Arc::clone(failures.epoch());

        failures.fail_epoch(3, &error());

        assert_eq!(earlier.failure().map(|failure| failure.first_failed), Some(3));
        assert!(failures.epoch().failure().is_none());
    }

    #[test]
    fn only_later_write_failures_concern_an_entry() {
        let mut failures = Failures::default();
        failures.note_write_failure(Failure::new(0, &error()));
        let count = failures.write_failures();
        assert!(failures.write_failure_since(count).is_none());

        failures.note_write_failure(Failure::new(0, &error()));

        assert!(failures.write_failure_since(count).is_some());
    }
}
