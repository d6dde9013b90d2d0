//! Why an audit event was not recorded: what `try_audit!` returns, and what is told where nobody could be asked.

use std::{
    error::Error as StdError,
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};

use crate::error::print_to_stderr;
use crate::error::{DraftError, Error};

/// Why an audit event is in no trail.
///
/// [`try_audit!`](crate::try_audit) returns it, so that a service can refuse to do what it can't record.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotRecorded {
    /// No log was reached: the current subscriber has no [`AuditLayer`](crate::AuditLayer), and
    /// [`AuditLog::set_global`](crate::AuditLog::set_global) was not called.
    ///
    /// Nor does `tracing` show a scoped subscriber to an event that comes up while it handles another one, as from a
    /// `Debug` implementation.
    NoLog,

    /// A filter for the whole subscriber stack dropped an audit span. Events of this crate's macros are recorded even
    /// then; spans and other events are not.
    Filtered,

    /// The event comes from inside a log that is recording on this thread, as from a hook that it calls.
    Reentered,

    /// The event type belongs to the log's own entries: `audit_*`, `*.opened`, `*.closed`.
    Reserved(Error),

    /// The event can't be an entry for another reason, such as an empty event type.
    Invalid(Error),

    /// An earlier failure left it unknown what the disk holds. The trail must be reopened.
    Poisoned(Error),

    /// The log was closed.
    Closed(Error),

    /// The entry could not be written. The trail is as it was, and the next attempt may succeed.
    WriteFailed(Error),
}

/// The kinds of loss that were told already, a bit each.
static TOLD: AtomicU8 = AtomicU8::new(0);

impl NotRecorded {
    /// Says on standard error that something was lost where no caller could be told; once for each kind of loss.
    ///
    /// Not by `tracing`: the loss of an event would be told with an event. The log counts each loss.
    #[cold]
    pub(crate) fn tell(&self) {
        let kind = 1 << self.kind();
        if TOLD.fetch_or(kind, Ordering::Relaxed) & kind == 0 {
            print_to_stderr(&Loss(self));
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::NoLog => 0,
            Self::Filtered => 1,
            Self::Reentered => 2,
            Self::Reserved(_) => 3,
            Self::Invalid(_) => 4,
            Self::Poisoned(_) => 5,
            Self::Closed(_) => 6,
            Self::WriteFailed(_) => 7,
        }
    }
}

impl fmt::Display for NotRecorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an audit event was not recorded: ")?;
        match self {
            Self::NoLog => f.write_str(
                "no audit log was reached: add `AuditLog::layer` to the subscriber, or call `AuditLog::set_global`",
            ),
            Self::Filtered => f.write_str(
                "a filter of the whole subscriber dropped an audit span: filter per layer, or let `audit=info` through",
            ),
            Self::Reentered => f.write_str("it comes from inside a log that is recording on this thread"),
            Self::Reserved(error)
            | Self::Invalid(error)
            | Self::Poisoned(error)
            | Self::Closed(error)
            | Self::WriteFailed(error) => error.fmt(f),
        }
    }
}

impl StdError for NotRecorded {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NoLog | Self::Filtered | Self::Reentered => None,
            Self::Reserved(error)
            | Self::Invalid(error)
            | Self::Poisoned(error)
            | Self::Closed(error)
            | Self::WriteFailed(error) => Some(error),
        }
    }
}

impl From<Error> for NotRecorded {
    fn from(error: Error) -> Self {
        match &error {
            Error::Draft { source: DraftError::Reserved { .. }, .. } => Self::Reserved(error),
            Error::Draft { .. } => Self::Invalid(error),
            Error::Poisoned { .. } => Self::Poisoned(error),
            Error::Closed { .. } => Self::Closed(error),
            _ => Self::WriteFailed(error),
        }
    }
}

/// A loss as it is told.
#[derive(Debug)]
struct Loss<'a>(&'a NotRecorded);

impl fmt::Display for Loss<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; further losses of this kind are counted only", self.0)
    }
}

impl StdError for Loss<'_> {}
