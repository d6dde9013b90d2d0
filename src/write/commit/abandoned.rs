//! Entries whose future was dropped before its result was known. The log counts them, and reports their failures.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    error::{Error, print_to_stderr},
    format::receipt::Receipt,
    write::commit::awaited_entry::AwaitedEntry,
};

/// A receiver of results: the log's counters and its failure policy.
pub(crate) trait OutcomeObserver: Send + Sync {
    /// Counts the result of an entry; `is_own` for entries of the log's own. Called under the queue's lock too.
    fn count(&self, result: &Result<Receipt, Error>, is_own: bool);

    /// Applies the failure policy to an error: the hook, or the end of the process. Never called under the lock.
    fn report(&self, error: &Error);

    /// Counts a result that the caller receives, and reports it if it is an error.
    fn settle(&self, result: &Result<Receipt, Error>, is_own: bool) {
        self.count(result, is_own);
        if let Err(error) = result {
            self.report(error);
        }
    }
}

/// The observer of one entry's result.
pub(crate) struct Account {
    observer: Arc<dyn OutcomeObserver>,
    /// `true` for an entry of the log's own.
    is_own: bool,
}

impl Account {
    pub(crate) fn new(observer: Arc<dyn OutcomeObserver>, is_own: bool) -> Self {
        Self { observer, is_own }
    }

    /// Counts a result that the caller receives, and reports it if it is an error.
    pub(crate) fn settle(&self, result: &Result<Receipt, Error>) {
        self.observer.settle(result, self.is_own);
    }

    /// Counts a result that no caller receives. A returned failure has to be reported outside the lock.
    pub(crate) fn count(&self, result: Result<Receipt, Error>) -> Option<UnreportedFailure> {
        self.observer.count(&result, self.is_own);
        result.err().map(|error| UnreportedFailure { observer: Arc::clone(&self.observer), error })
    }
}

/// An entry whose future was dropped before its result was known.
pub(crate) struct AbandonedEntry {
    awaited: AwaitedEntry,
    account: Account,
}

impl AbandonedEntry {
    pub(crate) fn new(awaited: AwaitedEntry, account: Account) -> Self {
        Self { awaited, account }
    }

    pub(crate) fn awaited(&self) -> &AwaitedEntry {
        &self.awaited
    }

    /// Counts the entry's result. A returned failure has to be reported outside the lock.
    pub(crate) fn settle(&self, result: Result<Receipt, Error>) -> Option<UnreportedFailure> {
        self.account.count(result)
    }
}

/// A failure that is counted and has to be reported outside the lock.
pub(crate) struct UnreportedFailure {
    observer: Arc<dyn OutcomeObserver>,
    error: Error,
}

impl UnreportedFailure {
    /// Reports the failure. A panic of the hook is caught, because the thread belongs to the log or has dropped a
    /// future.
    pub(crate) fn report(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.observer.report(&self.error))).is_err() {
            print_to_stderr(&self.error);
        }
    }
}
