//! A failure that several callers have to be told: an error can't be cloned, so each gets one made like it.

use std::{io, path::PathBuf};

use crate::error::Error;

/// How an epoch ended.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) epoch: u64,
    /// Entries from this number on are given up.
    pub(super) through: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Io { action: &'static str, path: PathBuf, code: Option<i32>, kind: io::ErrorKind, text: String },
    Poisoned { path: PathBuf, cause: String },
}

impl Failure {
    pub(super) fn new(epoch: u64, through: u64, error: &Error) -> Self {
        let kind = match error {
            Error::Io { action, path, source } => Kind::Io {
                action,
                path: path.clone(),
                code: source.raw_os_error(),
                kind: source.kind(),
                text: source.to_string(),
            },
            Error::Poisoned { path, cause } => Kind::Poisoned { path: path.clone(), cause: cause.clone() },
            other => Kind::Poisoned { path: PathBuf::new(), cause: other.to_string() },
        };
        Self { epoch, through, kind }
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
                Error::Io { action, path: path.clone(), source }
            }
            Kind::Poisoned { path, cause } => Error::Poisoned { path: path.clone(), cause: cause.clone() },
        }
    }
}
