//! What `try_audit_async!` gives: an event on its way into the trail.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{format::receipt::Receipt, log::not_recorded::NotRecorded, write::commit::pending::Recording};

/// An event on its way into the trail; made by [`try_audit_async!`](crate::try_audit_async).
///
/// The event has its place in the trail from the start; awaiting the future is how its caller hears that it is as
/// durable as the log promises. Dropping the future takes nothing back: the log counts the event, and tells its hook
/// if it is lost. No runtime is needed, and no thread of one is blocked.
#[must_use = "whether the event was recorded is known only when this was awaited"]
pub struct EventRecording {
    step: Step,
}

enum Step {
    Underway(Recording),
    /// `None` once it was given away.
    Known(Option<Result<Receipt, NotRecorded>>),
}

impl Future for EventRecording {
    type Output = Result<Receipt, NotRecorded>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.step {
            Step::Underway(recording) => Pin::new(recording).poll(context).map_err(NotRecorded::from),
            Step::Known(result) => result.take().map_or(Poll::Pending, Poll::Ready),
        }
    }
}

impl From<Recording> for EventRecording {
    fn from(recording: Recording) -> Self {
        Self { step: Step::Underway(recording) }
    }
}

impl From<Result<Receipt, NotRecorded>> for EventRecording {
    fn from(result: Result<Receipt, NotRecorded>) -> Self {
        Self { step: Step::Known(Some(result)) }
    }
}

impl fmt::Debug for EventRecording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRecording").finish_non_exhaustive()
    }
}
