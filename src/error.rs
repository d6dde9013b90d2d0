//! Errors: we could not do the job. Action, path, cause, in that order. What verification finds wrong in a trail is
//! a finding and not an error.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::codec::{digest::HashLength, terminal::Escaped};

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{action} {}: {source}", Escaped(path.as_path()))]
    Io {
        /// What was being done, as a verb: `open`, `append to`, `sync`.
        action: &'static str,
        /// The file or directory it was done to.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// Another process, or another log in this one, writes this trail.
    #[error(
        "open {}: another writer holds the lock {}; one trail has one writer: stop that process, or give this one a \
         directory of its own", Escaped(path.as_path()), Escaped(lock.as_path())
    )]
    Locked {
        /// The trail.
        path: PathBuf,
        /// The lock file that is held.
        lock: PathBuf,
    },

    /// The trail can't be continued as it stands. The reason says what is wrong; run `kling-audit verify` on it.
    #[error("open {}: {reason}; `kling-audit verify DIR` shows the trail's state, and `kling-audit adopt DIR --actor A \
             --reason R` (or `AuditLogBuilder::adopt`) seals it and begins a new one", Escaped(path.as_path()))]
    Refused {
        /// The file or directory that is the reason.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// Something is not as it must be, such as a live file that somebody else wrote into.
    #[error("{action} {}: {}", Escaped(path.as_path()), Escaped(reason.as_str()))]
    State {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What is not as it must be.
        reason: String,
    },

    /// The trail has hashes of the other length, and a trail never mixes the two.
    #[error("open {}: the trail has {}-digit hashes and {}-digit ones were asked for", Escaped(path.as_path()),
            found.digits(), asked.digits())]
    HashLength {
        /// The trail.
        path: PathBuf,
        /// What the trail has.
        found: HashLength,
        /// What was asked for.
        asked: HashLength,
    },

    /// The draft can't be an entry. Nothing was recorded, and the trail is as it was.
    #[error("append to {}: {source}", Escaped(path.as_path()))]
    Draft {
        /// The trail.
        path: PathBuf,
        /// What is wrong with the draft.
        source: DraftError,
    },

    /// An earlier failure left it unknown what the disk holds: reopen the trail.
    #[error("append to {}: the log is poisoned, since an earlier failure ({cause}) left unknown what the disk holds; \
             reopen the trail", Escaped(path.as_path()))]
    Poisoned {
        /// The trail.
        path: PathBuf,
        /// What failed.
        cause: String,
    },

    /// The process was forked, and this is the child: the trail's one writer is its parent.
    #[error("append to {}: this process is a fork of the trail's writer, which alone can write it; open a trail of its \
             own", Escaped(path.as_path()))]
    Forked {
        /// The trail.
        path: PathBuf,
    },

    /// The log was closed.
    #[error("append to {}: the log was closed", Escaped(path.as_path()))]
    Closed {
        /// The trail.
        path: PathBuf,
    },

    /// The path holds nothing that can be read as a trail.
    #[error("{action} {}: {reason}", Escaped(path.as_path()))]
    Unreadable {
        /// What was being done.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },

    /// The trail was read, and is not intact. `{0}` is the verification in full.
    #[error("verify {}: {}", Escaped(.0.path()), .0.summary())]
    NotIntact(Box<crate::findings::verification::Verification>),
}

/// Why a draft can't be an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// `audit_*`, `*.opened` and `*.closed` are recorded by the log alone.
    #[error("the event type `{}` is reserved for the log's own entries", Escaped(event_type.as_str()))]
    Reserved {
        /// The type that was asked for.
        event_type: String,
    },

    /// The event type is empty.
    #[error("the event type is empty")]
    NoEventType,

    /// A detail can't be serialised.
    #[error("detail `{}`: {cause}", Escaped(name.as_str()))]
    Value {
        /// The detail.
        name: String,
        /// The serialiser's reason.
        cause: String,
    },

    /// The text is not the JSON of a draft.
    #[error("not the JSON of an entry: {cause}")]
    Json {
        /// What is wrong, and where.
        cause: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_owned(), source }
    }
}
