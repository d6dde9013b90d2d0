//! Counts of recorded and lost entries, and the failure policy that applies to each loss.
//!
//! The outcome of each entry is counted exactly once: by the thread or future that receives it, or by the commit
//! queue if that future was dropped.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    error::{Error, print_to_stderr},
    format::receipt::Receipt,
    write::{
        commit::abandoned::OutcomeObserver,
        reentrancy::ReentrancyGuard,
        settings::{Hook, OnFailure, Settings},
    },
};

/// Counts since a log was opened; returned by [`AuditLog::counters`](crate::AuditLog::counters).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Entries that callers asked for and that were recorded. The log's own entries (`audit_*`) are not among them.
    pub recorded: u64,
    /// Entries that should have been recorded and were not.
    pub not_recorded: u64,
    /// The part of `not_recorded` that the OS refused to write or to sync.
    pub io_errors: u64,
    /// Threads and futures that are waiting for the disk now.
    pub waiting: u64,
    /// Bytes handed to the OS.
    pub bytes: u64,
}

/// Outcome counts and failure policy of one log.
///
/// Futures of pending entries share it. It may outlive the last [`AuditLog`](crate::AuditLog) of its trail.
pub(super) struct OutcomeCounter {
    hook: Option<Hook>,
    on_failure: OnFailure,
    recorded: AtomicU64,
    not_recorded: AtomicU64,
    io_errors: AtomicU64,
}

impl OutcomeCounter {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            hook: settings.hook.clone(),
            on_failure: settings.on_failure,
            recorded: AtomicU64::new(0),
            not_recorded: AtomicU64::new(0),
            io_errors: AtomicU64::new(0),
        }
    }

    /// Counts an entry that was lost before it reached the log.
    pub(super) fn count_not_recorded(&self) {
        self.not_recorded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn not_recorded(&self) -> u64 {
        self.not_recorded.load(Ordering::Relaxed)
    }

    /// Returns the counts with `waiting` and `bytes` zero: those two are the queue's.
    pub(super) fn outcomes(&self) -> Counters {
        Counters {
            recorded: self.recorded.load(Ordering::Relaxed),
            not_recorded: self.not_recorded(),
            io_errors: self.io_errors.load(Ordering::Relaxed),
            waiting: 0,
            bytes: 0,
        }
    }
}

impl OutcomeObserver for OutcomeCounter {
    #[inline]
    fn count(&self, result: &Result<Receipt, Error>, is_own: bool) {
        let Err(error) = result else {
            self.recorded.fetch_add(u64::from(!is_own), Ordering::Relaxed);
            return;
        };
        self.count_not_recorded();
        if matches!(error, Error::Io { .. }) {
            self.io_errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Calls the hook, then ends the process if the policy is [`OnFailure::Abort`].
    #[cold]
    fn report(&self, error: &Error) {
        if let Some(hook) = &self.hook {
            // An event that the hook emits would have to enter the log that this thread is inside.
            let _guard = ReentrancyGuard::enter();
            hook(error);
        }
        // An invalid draft and a closed log are mistakes of the caller, which has the error. The log did not fail.
        let is_callers = matches!(error, Error::Draft { .. } | Error::Closed { .. });
        if self.on_failure == OnFailure::Abort && !is_callers {
            print_to_stderr(error);
            std::process::abort();
        }
    }
}
