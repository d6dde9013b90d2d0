//! `Error`: the reason why an operation on a trail failed.
//!
//! Promise: the text of every error names the operation, the path and the cause, in this order, and escapes text that
//! is not trusted. A fault in a trail is not an error but a finding of its verification.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{
    codec::{digest::HashLength, terminal::Escaped},
    findings::verification::Verification,
};

/// The reason why an operation on a trail failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation of the OS failed.
    #[error("{action} {}: {source}", Escaped(path.as_path()))]
    Io {
        /// The operation that failed.
        action: Operation,
        /// The file or directory that it was applied to.
        path: PathBuf,
        /// The error of the OS.
        source: io::Error,
    },

    /// Another process, or another log of this process, has the trail open for writing.
    #[error(
        "open {}: another writer holds the lock {}; a trail has one writer at a time: stop the other one, or use \
         another directory", Escaped(path.as_path()), Escaped(lock.as_path())
    )]
    Locked {
        /// The trail.
        path: PathBuf,
        /// The lock file that the other writer holds.
        lock: PathBuf,
    },

    /// The existing trail cannot be continued. Verify the trail. To begin a new one, adopt it.
    #[error("open {}: {reason}; `kling-audit verify DIR` shows the trail's state, and `kling-audit adopt DIR --actor A \
             --reason R` (or `AuditLogBuilder::adopt`) seals it and begins a new one", Escaped(path.as_path()))]
    CannotResume {
        /// The file or directory that prevents it.
        path: PathBuf,
        /// The fault of that file or directory.
        reason: String,
    },

    /// A precondition does not hold: for example, another program wrote into the trail's newest file.
    #[error("{action} {}: {}", Escaped(path.as_path()), Escaped(reason.as_str()))]
    Conflict {
        /// The operation that was refused.
        action: Operation,
        /// The file or directory.
        path: PathBuf,
        /// The precondition that does not hold.
        reason: String,
    },

    /// The trail has hashes of another length than the log was configured with. A trail never mixes both.
    #[error("open {}: the trail has {}-digit hashes, but the log is configured for {} digits", Escaped(path.as_path()),
            found.digits(), asked.digits())]
    HashLength {
        /// The trail.
        path: PathBuf,
        /// The length that the trail has.
        found: HashLength,
        /// The length that the log was configured with.
        asked: HashLength,
    },

    /// The draft cannot become an entry. Nothing was recorded, and the trail is unchanged.
    #[error("append to {}: {source}", Escaped(path.as_path()))]
    Draft {
        /// The trail.
        path: PathBuf,
        /// The fault of the draft.
        source: DraftError,
    },

    /// An earlier failure poisoned the log (`cause`): a failed sync, or an error while the log checked its files.
    /// Reopen the trail: that reads the files again.
    #[error("append to {}: the log is poisoned, because after an earlier failure ({cause}) the contents of the disk \
             are unknown; reopen the trail", Escaped(path.as_path()))]
    Poisoned {
        /// The trail.
        path: PathBuf,
        /// Text of the earlier failure.
        cause: String,
    },

    /// The process is a fork of the process that opened the trail. Only the parent can write to it.
    #[error("append to {}: this process is a fork of the trail's writer, and only the parent can write to the trail; \
             open another trail in this process", Escaped(path.as_path()))]
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

    /// The path cannot be read as a trail.
    #[error("{action} {}: {reason}", Escaped(path.as_path()))]
    Unreadable {
        /// The operation that was refused.
        action: Operation,
        /// The path.
        path: PathBuf,
        /// The reason.
        reason: &'static str,
    },

    /// The trail was read and is not intact. Contains the whole verification.
    #[error("verify {}: {}", Escaped(.0.path()), .0.summary())]
    NotIntact(Box<Verification>),
}

/// An operation on a trail or on one of its files, as [`Error`] names it. `Display` writes the verb of the error's
/// text.
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
    /// Reading written entries again before a checkpoint of them is signed.
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
    /// Starting the checkpointer thread, which signs checkpoints.
    StartCheckpointer,
    /// Starting the flusher thread, which writes entries that no caller waits for.
    StartFlusher,
    /// Syncing a file or a directory. After a failed sync the contents of the disk are unknown.
    Sync,
    /// Truncating a file.
    Truncate,
    /// Writing a file.
    Write,
    /// Writing private values.
    WriteValues,
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
            Self::WriteValues => "write values in",
        })
    }
}

/// The reason why a draft cannot become an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The event type is `audit_*`, `*.opened` or `*.closed`, which the log reserves for its own entries.
    #[error("the event type `{}` is reserved for the log's own entries", Escaped(event_type.as_str()))]
    Reserved {
        /// The reserved type.
        event_type: String,
    },

    /// The event type is empty.
    #[error("the event type is empty")]
    NoEventType,

    /// A detail cannot be serialized.
    #[error("detail `{}`: {cause}", Escaped(name.as_str()))]
    Value {
        /// Name of the detail.
        name: String,
        /// The error of the serializer.
        cause: String,
    },

    /// The text is not the JSON of a draft.
    #[error("not the JSON of an entry: {cause}")]
    Json {
        /// The fault and its place.
        cause: String,
    },
}

impl Error {
    /// Returns a function for `map_err` that makes an [`Error::Io`].
    pub(crate) fn io(action: Operation, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_owned(), source }
    }
}

/// Prints an error that no caller receives, such as a failure of a thread of the log, to standard error.
pub(crate) fn print_to_stderr(error: &dyn std::error::Error) {
    use std::io::Write as _;

    // Standard error may be closed. A failure to report a failure has no further receiver.
    drop(writeln!(io::stderr(), "kling-audit: {error}"));
}
