//! [`NotRecorded`]: the reason why an event of a macro is in no trail, and the message for losses that no caller
//! receives.

use std::{
    error::Error as StdError,
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};

use crate::error::{DraftError, Error, print_to_stderr};

/// The reason why an audit event is in no trail.
///
/// [`try_audit!`](crate::try_audit) returns it, so that a service can refuse work that it cannot record.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotRecorded {
    /// No log was found: the current subscriber has no [`AuditLayer`](crate::AuditLayer), and
    /// [`AuditLog::set_global`](crate::AuditLog::set_global) was not called.
    ///
    /// `tracing` hides a scoped subscriber from an event that is emitted while that subscriber handles another event,
    /// for instance by a `Debug` implementation. Such an event also ends here.
    NoLog,

    /// A filter of the whole subscriber stack dropped an audit span. Events of this crate's macros are recorded
    /// despite such a filter; spans and other events are not.
    Filtered,

    /// A log that is recording on this thread emitted the event, for instance through a hook that it calls.
    Reentered,

    /// The event type belongs to the log's own entries: `audit_*`, `*.opened`, `*.closed`.
    Reserved(Error),

    /// The event cannot become an entry for another reason, such as an empty event type.
    Invalid(Error),

    /// A sync failed earlier, so the contents of the disk are unknown. The trail must be reopened.
    Poisoned(Error),

    /// The log was closed.
    Closed(Error),

    /// The entry could not be written. The trail did not change, and the next attempt may succeed.
    WriteFailed(Error),
}

/// Bit set of the kinds of loss that were printed already; bit `n` is the kind with [`NotRecorded::kind`] `n`.
static PRINTED_KINDS: AtomicU8 = AtomicU8::new(0);

impl NotRecorded {
    /// Prints a loss that no caller receives to standard error, once for each kind of loss in a process.
    ///
    /// The message does not go through `tracing`: the next event could be lost for the same reason. The log counts
    /// each loss.
    #[cold]
    pub(crate) fn print_once(&self) {
        let kind = 1 << self.kind();
        if PRINTED_KINDS.fetch_or(kind, Ordering::Relaxed) & kind == 0 {
            print_to_stderr(&FirstLoss(self));
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
                "no audit log was found: add `AuditLog::layer` to the subscriber, or call `AuditLog::set_global`",
            ),
            Self::Filtered => f.write_str(
                "a filter of the whole subscriber dropped an audit span: filter single layers, or add `audit=info` to \
                 the filter",
            ),
            Self::Reentered => f.write_str("a log that is recording on this thread emitted it"),
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

/// First loss of its kind in this process, as it is printed.
#[derive(Debug)]
struct FirstLoss<'a>(&'a NotRecorded);

impl fmt::Display for FirstLoss<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; further losses of this kind are counted and not printed", self.0)
    }
}

impl StdError for FirstLoss<'_> {}
