//! Errors: we could not do the job. Action, path, cause, in that order. What verification finds wrong in a trail is
//! a finding and not an error.

use std::{
    fmt, io,
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
        /// The operation that failed.
        action: Operation,
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
    CannotResume {
        /// The file or directory that is the reason.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// Something is not as it must be, such as a live file that somebody else wrote into.
    #[error("{action} {}: {}", Escaped(path.as_path()), Escaped(reason.as_str()))]
    Conflict {
        /// The operation that was refused.
        action: Operation,
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
        /// The operation that was refused.
        action: Operation,
        /// The path.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },

    /// The trail was read, and is not intact. `{0}` is the verification in full.
    #[error("verify {}: {}", Escaped(.0.path()), .0.summary())]
    NotIntact(Box<crate::findings::verification::Verification>),
}

/// An operation on a trail or on one of its files, as [`Error`] names it. Its `Display` is the verb of the error's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Sealing a trail and beginning a new one.
    Adopt,
    /// Appending to a trail or to one of its files.
    Append,
    /// Appending a checkpoint to the file of a trail's checkpoints.
    AppendCheckpoint,
    /// Copying a file of a trail into an archive.
    Archive,
    /// Copying a file.
    Copy,
    /// Creating a file or a directory.
    Create,
    /// Creating a signing key.
    CreateKey,
    /// Erasing private values of an entry.
    Erase,
    /// Overwriting one private value.
    EraseValue,
    /// Generating the random id of a trail.
    GenerateId,
    /// Generating a random key.
    GenerateKey,
    /// Reading the metadata of a file or a directory.
    Inspect,
    /// Writing private values.
    KeepValues,
    /// Listing a directory.
    List,
    /// Locking a file.
    Lock,
    /// Moving a file into another directory.
    Move,
    /// Opening a file, a directory or a trail.
    Open,
    /// Making a proof from a trail.
    Prove,
    /// Removing old files of a trail.
    Prune,
    /// Handing a checkpoint to a sink.
    PublishCheckpoint,
    /// Reading a file.
    Read,
    /// Reading entries again before they are signed.
    ReadBack,
    /// Reading a signing key.
    ReadKey,
    /// Recording an entry.
    Record,
    /// Removing a file.
    Remove,
    /// Renaming a file.
    Rename,
    /// Setting the mode of a file or a directory.
    SetMode,
    /// Signing with a key.
    Sign,
    /// Signing a checkpoint of a trail.
    SignCheckpoint,
    /// Starting the thread that signs checkpoints.
    StartCheckpointer,
    /// Starting the thread that writes what no caller waits for.
    StartFlusher,
    /// Syncing a file or a directory. Afterwards it is unknown what the disk holds.
    Sync,
    /// Truncating a file.
    Truncate,
    /// Writing a file.
    Write,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adopt => "adopt",
            Self::Append => "append to",
            Self::AppendCheckpoint => "append a checkpoint to",
            Self::Archive => "archive",
            Self::Copy => "copy",
            Self::Create => "create",
            Self::CreateKey => "create a key in",
            Self::Erase => "erase from",
            Self::EraseValue => "overwrite a value in",
            Self::GenerateId => "generate the id of",
            Self::GenerateKey => "generate a key for",
            Self::Inspect => "inspect",
            Self::KeepValues => "keep values in",
            Self::List => "list",
            Self::Lock => "lock",
            Self::Move => "move",
            Self::Open => "open",
            Self::Prove => "prove from",
            Self::Prune => "prune",
            Self::PublishCheckpoint => "publish a checkpoint of",
            Self::Read => "read",
            Self::ReadBack => "read back",
            Self::ReadKey => "read a key from",
            Self::Record => "record in",
            Self::Remove => "remove",
            Self::Rename => "rename",
            Self::SetMode => "set the mode of",
            Self::Sign => "sign with",
            Self::SignCheckpoint => "sign a checkpoint of",
            Self::StartCheckpointer => "start the checkpointer thread of",
            Self::StartFlusher => "start the flusher thread of",
            Self::Sync => "sync",
            Self::Truncate => "truncate",
            Self::Write => "write",
        })
    }
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
    pub(crate) fn io(action: Operation, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_owned(), source }
    }
}

/// Prints an error that no caller receives, such as a failure of a thread of the log, to standard error.
pub(crate) fn print_to_stderr(error: &dyn std::error::Error) {
    use std::io::Write as _;

    // Standard error may be closed; there is nothing left to report that to.
    drop(writeln!(io::stderr(), "kling-audit: {error}"));
}
