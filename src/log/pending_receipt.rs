//! The receipt of an entry that is on its way into the trail, as a future.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{error::Error, format::receipt::Receipt, write::commit::pending::PendingEntry};

/// The receipt of an entry on its way into the trail, as a future.
///
/// [`AuditLog::append_async`](crate::AuditLog::append_async) returns one whose error is [`Error`], and
/// [`try_audit_async!`](crate::try_audit_async) returns one whose error is [`NotRecorded`](crate::NotRecorded).
///
/// The entry has its place in the trail from the start. The future is ready once the entry is as durable as the log's
/// [`Durability`](crate::Durability) promises. No runtime is needed, and no thread blocks: a thread of the log writes the
/// entry. Dropping the future takes nothing back: the log counts the entry, and reports a failure to its hook.
#[must_use = "the entry's result is known only when the future was awaited"]
pub struct PendingReceipt<E = Error>(Step<E>);

enum Step<E> {
    Pending(PendingEntry),
    /// A result that was known at once; `None` after it was returned.
    Known(Option<Result<Receipt, E>>),
}

impl<E> PendingReceipt<E> {
    pub(crate) fn new(entry: PendingEntry) -> Self {
        Self(Step::Pending(entry))
    }
}

impl<E> From<Result<Receipt, E>> for PendingReceipt<E> {
    fn from(result: Result<Receipt, E>) -> Self {
        Self(Step::Known(Some(result)))
    }
}

impl<E: From<Error> + Unpin> Future for PendingReceipt<E> {
    type Output = Result<Receipt, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Step::Pending(entry) => Pin::new(entry).poll(context).map_err(E::from),
            Step::Known(result) => result.take().map_or(Poll::Pending, Poll::Ready),
        }
    }
}

impl<E> fmt::Debug for PendingReceipt<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingReceipt").finish_non_exhaustive()
    }
}
