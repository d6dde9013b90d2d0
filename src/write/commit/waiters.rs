//! Callers without a waiting thread: futures, dropped futures, and errors that no caller receives.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
};

use crate::{
    error::Error,
    format::receipt::Receipt,
    write::commit::{
        abandoned::{AbandonedEntry, UnreportedFailure},
        awaited_entry::AwaitedEntry,
    },
};

/// Futures to wake, entries to count and errors to report after a commit.
///
/// Invariant: an entry leaves `abandoned` when its result is counted, so it is counted once. Wakers and hooks are
/// called outside the queue's lock, because they may call the log.
#[derive(Default)]
pub(crate) struct Waiters {
    wakers: Vec<Waker>,
    /// Entries whose future was dropped before their result was known.
    abandoned: Vec<AbandonedEntry>,
    /// Failures of abandoned entries, to be reported outside the lock.
    unreported: Vec<UnreportedFailure>,
    /// Errors that no caller receives.
    errors: Vec<Error>,
}

impl Waiters {
    /// Wakes `waker` after the next commit. A waker is not added if it wakes the same task as the last one. So a future
    /// that is polled often adds one waker.
    pub(crate) fn add_waker(&mut self, waker: &Waker) {
        if !self.wakers.last().is_some_and(|last| last.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }

    /// Counts `entry` once its result is known.
    pub(crate) fn abandon(&mut self, entry: AbandonedEntry) {
        self.abandoned.push(entry);
    }

    /// Reports `error` to the log's hook after the next commit.
    pub(crate) fn report(&mut self, error: Error) {
        self.errors.push(error);
    }

    pub(crate) fn has_abandoned(&self) -> bool {
        !self.abandoned.is_empty()
    }

    /// Counts the abandoned entries for which `outcome` returns a result.
    ///
    /// A commit calls this under the lock and before it acknowledges an entry: after a flush returned, the counters
    /// include every entry that the flush covered.
    pub(crate) fn count_abandoned(&mut self, outcome: impl Fn(&AwaitedEntry) -> Option<Result<(), Error>>) {
        let unreported = &mut self.unreported;
        self.abandoned.retain(|entry| match outcome(entry.awaited()) {
            None => true,
            Some(result) => {
                let receipt: Receipt = entry.awaited().receipt;
                unreported.extend(entry.settle(result.map(|()| receipt)));
                false
            }
        });
    }

    /// Takes the work that has to be done outside the lock, or returns `None` if there is none.
    pub(crate) fn take_notifications(&mut self) -> Option<Notifications> {
        if self.wakers.is_empty() && self.errors.is_empty() && self.unreported.is_empty() {
            return None;
        }
        Some(Notifications {
            wakers: std::mem::take(&mut self.wakers),
            unreported: std::mem::take(&mut self.unreported),
            errors: std::mem::take(&mut self.errors),
        })
    }
}

/// Wakers to wake and failures to report, taken out of the lock.
pub(crate) struct Notifications {
    wakers: Vec<Waker>,
    unreported: Vec<UnreportedFailure>,
    errors: Vec<Error>,
}

impl Notifications {
    /// Wakes the futures and reports the failures. `report` receives the errors that have no caller.
    pub(crate) fn send(self, report: impl Fn(&Error)) {
        for waker in self.wakers {
            // A panic of a waker is a fault of its runtime. The other futures must be woken nevertheless.
            drop(catch_unwind(AssertUnwindSafe(|| waker.wake())));
        }
        self.errors.iter().for_each(report);
        self.unreported.iter().for_each(UnreportedFailure::report);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct CountingWaker(AtomicUsize);

    impl Wake for CountingWaker {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_future_that_is_polled_often_is_woken_once() {
        let count = Arc::new(CountingWaker::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut waiters = Waiters::default();

        waiters.add_waker(&waker);
        waiters.add_waker(&waker);
        let notifications = waiters.take_notifications().expect("one waker");
        notifications.send(|_| {});

        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(waiters.take_notifications().is_none());
    }

    #[test]
    fn errors_without_a_caller_are_reported_once() {
        let mut waiters = Waiters::default();
        waiters.report(Error::Closed { path: "audit".into() });

        let reported = AtomicUsize::new(0);
        waiters.take_notifications().expect("an error").send(|_| {
            reported.fetch_add(1, Ordering::Relaxed);
        });

        assert_eq!(reported.into_inner(), 1);
        assert!(waiters.take_notifications().is_none());
    }
}
