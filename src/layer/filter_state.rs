//! What the filters of other layers remember of an event on its way through the stack, kept while its fields are
//! rendered.
//!
//! Each filter of a single layer keeps its answer about an event on the thread until the event has come to that layer.
//! A `Debug` implementation that emits events of its own, or asks `tracing::enabled!`, leaves other answers behind:
//! layers further on would miss the event, or be given one that is not for them. So they are asked again.

use std::cell::Cell;

use tracing::{Metadata, dispatcher};

thread_local! {
    static QUESTIONS: Cell<u32> = const { Cell::new(0) };
}

/// Takes down that a subscriber was asked about an event, or was given one.
pub(crate) fn note() {
    QUESTIONS.set(QUESTIONS.get().wrapping_add(1));
}

/// Renders what is on its way, then has the filters asked about it again if they were asked about anything meanwhile.
///
/// Only where all other layers are still to come: a filter whose layer has had its turn would keep the answer for the
/// next event.
pub(crate) fn rendering<T>(metadata: &Metadata<'_>, is_first: bool, render: impl FnOnce() -> T) -> T {
    let before = QUESTIONS.get();
    let rendered = render();
    if is_first && QUESTIONS.get() != before {
        // Whatever the answer, what matters is what it leaves behind.
        dispatcher::get_default(|dispatch| dispatch.enabled(metadata));
    }
    rendered
}
