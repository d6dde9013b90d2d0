//! The fate of lines that were linked onto each other: where one of them fails, so do all that follow.
//!
//! Several callers have to be told: an error can't be cloned, so each gets one made like it.

use std::{io, path::PathBuf, sync::OnceLock};

use crate::error::{Error, Operation};

/// Shared by all entries that are linked between one failure and the next.
#[derive(Debug, Default)]
pub(super) struct Epoch(OnceLock<Failure>);

/// How lines failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// Entries from this number on are given up; those before it are written.
    pub(super) through: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Io { action: Operation, path: PathBuf, code: Option<i32>, kind: io::ErrorKind, text: String },
    State { action: Operation, path: PathBuf, reason: String },
    Poisoned { path: PathBuf, cause: String },
}

impl Epoch {
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.0.get()
    }

    /// It is over for entries from `through` on. A fate is fulfilled once: the next entries have another.
    pub(super) fn fulfil(&self, through: u64, error: &Error) {
        self.0.get_or_init(|| Failure::new(through, error));
    }
}

impl Failure {
    pub(super) fn new(through: u64, error: &Error) -> Self {
        let kind = match error {
            Error::Io { action, path, source } => Kind::Io {
                action: *action,
                path: path.clone(),
                code: source.raw_os_error(),
                kind: source.kind(),
                text: source.to_string(),
            },
            Error::Conflict { action, path, reason } => {
                Kind::State { action: *action, path: path.clone(), reason: reason.clone() }
            }
            Error::Poisoned { path, cause } => Kind::Poisoned { path: path.clone(), cause: cause.clone() },
            // Such as a lock that another writer took.
            other => {
                Kind::State { action: Operation::Write, path: PathBuf::new(), reason: other.to_string() }
            }
        };
        Self { through, kind }
    }

    /// Whether nothing can be put on the device any more.
    pub(super) fn is_poison(&self) -> bool {
        matches!(self.kind, Kind::Poisoned { .. })
    }

    pub(super) fn error(&self) -> Error {
        match &self.kind {
            Kind::Io { action, path, code, kind, text } => {
                let source =
                    code.map_or_else(|| io::Error::new(*kind, text.clone()), io::Error::from_raw_os_error);
                Error::Io { action: *action, path: path.clone(), source }
            }
            Kind::State { action, path, reason } => {
                Error::Conflict { action: *action, path: path.clone(), reason: reason.clone() }
            }
            Kind::Poisoned { path, cause } => Error::Poisoned { path: path.clone(), cause: cause.clone() },
        }
    }
}
