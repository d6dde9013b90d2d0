//! The threads whose entries the next commit writes, and the threads that are about to join them.
//!
//! A sync takes far longer than linking an entry. So before a sync, the log waits briefly for the threads that the last
//! sync acknowledged: their next entries then share the sync. The row `64 threads, synced` of `benches/RESULTS.md`
//! shows the gain.

use std::{sync::Arc, time::Duration};

use crate::write::commit::{awaited_entry::WaitFor, wait_group::WaitGroup};

/// The longest wait for other threads, however long a sync takes.
const MAX_GROUP_DELAY: Duration = Duration::from_millis(10);

/// The group of threads that wait for the next commit.
///
/// Invariant: `joined` counts the threads in `group`, and at most one of them has the timer.
#[derive(Debug, Default)]
pub(crate) struct CommitGroup {
    group: Arc<WaitGroup>,
    joined: usize,
    /// Threads woken by the last sync that have not appended again yet.
    returning: usize,
    /// Longest wait of the next sync for these threads.
    max_delay: Duration,
    /// One thread of the group has the timer: after `max_delay` it leads, so an absent thread delays the group no
    /// longer.
    has_timer: bool,
}

impl CommitGroup {
    /// Records that the calling thread has appended an entry: it is no longer expected.
    #[inline]
    pub(crate) fn arrive(&mut self) {
        self.returning = self.returning.saturating_sub(1);
    }

    /// Adds the calling thread. Returns the group, and the number of threads that joined it before.
    #[inline]
    pub(crate) fn join(&mut self) -> (Arc<WaitGroup>, usize) {
        self.joined += 1;
        (Arc::clone(&self.group), self.joined - 1)
    }

    /// Removes the calling thread, which becomes the leader: it reads its own result after the commit. Nothing happens
    /// if `group` is being written already.
    pub(crate) fn leave(&mut self, group: &Arc<WaitGroup>) {
        if Arc::ptr_eq(&self.group, group) {
            self.joined -= 1;
        }
    }

    /// Returns `true` if an entry that is to be synced must wait for other threads to append theirs.
    #[inline]
    pub(crate) fn expects_others(&self, level: WaitFor) -> bool {
        level == WaitFor::Synced && self.returning > 0 && !self.max_delay.is_zero()
    }

    /// Records a sync that took `duration` and acknowledged the entries of `woken` threads.
    ///
    /// If all threads of the sync before came back while this one lasted, the next sync waits for its threads for up to
    /// `duration`. Otherwise the wait is halved, so that it soon ends for threads that stay away.
    pub(crate) fn note_sync(&mut self, duration: Duration, woken: usize) {
        self.max_delay = if self.returning == 0 { duration.min(MAX_GROUP_DELAY) } else { self.max_delay / 2 };
        self.returning = woken;
    }

    /// Gives the group's timer to the calling thread of `group` and returns its delay. `None` if another thread has the
    /// timer, or if `group` is being written already.
    pub(crate) fn take_timer(&mut self, group: &Arc<WaitGroup>) -> Option<Duration> {
        if !Arc::ptr_eq(&self.group, group) || std::mem::replace(&mut self.has_timer, true) {
            return None;
        }
        Some(self.max_delay)
    }

    /// Records that the thread with the timer woke up.
    pub(crate) fn return_timer(&mut self) {
        self.has_timer = false;
    }

    /// Returns the number of threads in the group.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.joined
    }

    /// Returns the group of the next commit.
    pub(crate) fn current(&self) -> Arc<WaitGroup> {
        Arc::clone(&self.group)
    }

    /// Takes the group for a commit; threads that append from now on wait for the next one.
    #[inline]
    pub(crate) fn take(&mut self) -> Arc<WaitGroup> {
        self.joined = 0;
        self.has_timer = false;
        std::mem::take(&mut self.group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_millis(4);

    #[test]
    fn one_thread_of_a_group_has_the_timer() {
        let mut group = CommitGroup::default();
        let (first, place) = group.join();
        assert_eq!((place, group.join().1), (0, 1));
        assert!(group.take_timer(&first).is_some());
        assert!(group.take_timer(&first).is_none(), "one is enough");

        group.leave(&first);
        assert_eq!(group.len(), 1);
        drop(group.take());

        assert!(group.take_timer(&first).is_none(), "it is being written");
        let (second, _) = group.join();
        assert!(group.take_timer(&second).is_some(), "the next group has a timer of its own");
        group.leave(&first);
        assert_eq!(group.len(), 1, "the leader was of another group");
    }

    #[test]
    fn only_entries_to_be_synced_wait_for_others() {
        let mut group = CommitGroup::default();
        group.note_sync(SYNC, 2);

        assert!(group.expects_others(WaitFor::Synced));
        assert!(!group.expects_others(WaitFor::Written));
        group.arrive();
        group.arrive();
        assert!(!group.expects_others(WaitFor::Synced), "all have come back");
    }

    #[test]
    fn the_delay_is_halved_when_threads_stay_away() {
        let mut group = CommitGroup::default();
        let (current, _) = group.join();
        group.note_sync(SYNC, 1);
        assert_eq!(group.take_timer(&current), Some(SYNC));
        group.return_timer();

        group.note_sync(SYNC, 1);
        assert_eq!(group.take_timer(&current), Some(SYNC / 2));
        group.return_timer();

        group.arrive();
        group.note_sync(Duration::from_secs(1), 1);
        assert_eq!(group.take_timer(&current), Some(MAX_GROUP_DELAY));
    }
}
