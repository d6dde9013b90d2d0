//! Epochs: entries that were linked onto each other fail together.
//!
//! An entry names the hash of the one before it. So where one entry cannot be written, every entry linked after it
//! cannot either. Each caller needs an error of its own, and an error cannot be cloned: [`Failure`] makes one for each.

use std::{io, path::PathBuf, sync::OnceLock};

use crate::error::{Error, Operation};

/// Failure state shared by all entries linked since the last failed write.
///
/// The state is set once, when a commit fails; entries linked afterwards belong to another epoch.
#[derive(Debug, Default)]
pub(crate) struct Epoch(OnceLock<Failure>);

/// A failed commit.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The first entry that failed. The entries of the epoch before it are written.
    pub(crate) first_failed: u64,
    cause: Cause,
}

/// The parts of an error that can be copied.
#[derive(Debug)]
enum Cause {
    Io { action: Operation, path: PathBuf, code: Option<i32>, kind: io::ErrorKind, text: String },
    Conflict { action: Operation, path: PathBuf, reason: String },
    Poisoned { path: PathBuf, cause: String },
}

impl Epoch {
    /// Returns the failure that ended the epoch, or `None` while its entries may still be written.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.0.get()
    }

    /// Ends the epoch: its entries from `first_failed` on failed with `error`.
    pub(crate) fn fail(&self, first_failed: u64, error: &Error) {
        self.0.get_or_init(|| Failure::new(first_failed, error));
    }
}

impl Failure {
    pub(crate) fn new(first_failed: u64, error: &Error) -> Self {
        let cause = match error {
            Error::Io { action, path, source } => Cause::Io {
                action: *action,
                path: path.clone(),
                code: source.raw_os_error(),
                kind: source.kind(),
                text: source.to_string(),
            },
            Error::Conflict { action, path, reason } => {
                Cause::Conflict { action: *action, path: path.clone(), reason: reason.clone() }
            }
            Error::Poisoned { path, cause } => Cause::Poisoned { path: path.clone(), cause: cause.clone() },
            // Such as `Error::Locked`, if another process took the lock: its text names the path.
            other => {
                Cause::Conflict { action: Operation::Write, path: PathBuf::new(), reason: other.to_string() }
            }
        };
        Self { first_failed, cause }
    }

    /// Returns `true` if the failure poisoned the log: nothing can be synced any more.
    pub(crate) fn is_poison(&self) -> bool {
        matches!(self.cause, Cause::Poisoned { .. })
    }

    /// Returns a new error for one caller.
    pub(crate) fn error(&self) -> Error {
        match &self.cause {
            Cause::Io { action, path, code, kind, text } => {
                let source =
                    code.map_or_else(|| io::Error::new(*kind, text.clone()), io::Error::from_raw_os_error);
                Error::Io { action: *action, path: path.clone(), source }
            }
            Cause::Conflict { action, path, reason } => {
                Error::Conflict { action: *action, path: path.clone(), reason: reason.clone() }
            }
            Cause::Poisoned { path, cause } => Error::Poisoned { path: path.clone(), cause: cause.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_fails_once() {
        let epoch = Epoch::default();
        assert!(epoch.failure().is_none());

        epoch.fail(3, &Error::Poisoned { path: "audit".into(), cause: "sync".to_owned() });
        epoch.fail(1, &Error::Closed { path: "audit".into() });

        let failure = epoch.failure().expect("failed");
        assert_eq!(failure.first_failed, 3);
        assert!(failure.is_poison());
    }

    #[test]
    fn each_caller_gets_the_error_that_ended_the_epoch() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = Error::io(Operation::Append, "audit/a.jsonl")(full);

        let failure = Failure::new(0, &error);

        assert_eq!(failure.error().to_string(), error.to_string());
        assert!(!failure.is_poison());
    }
}
