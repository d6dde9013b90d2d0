//! Repair of the state that other layers' filters keep about an event, after its fields were rendered.
//!
//! A filter of a single layer keeps its answer about an event on the thread until the event reaches that layer. A
//! `Debug` implementation may emit events of its own or call `tracing::enabled!`, and each of them replaces those
//! answers. Layers behind this one would then miss the event, or receive one that is not for them. The remedy is to
//! ask the filters about the event again.

use std::cell::Cell;

use tracing::{Metadata, dispatcher};

thread_local! {
    /// Number of times that a subscriber of this thread was asked about an event or was given one.
    static QUERIES: Cell<u32> = const { Cell::new(0) };
}

/// Counts a question to the filters, or an event. Either may replace their answers.
pub(crate) fn count_query() {
    QUERIES.set(QUERIES.get().wrapping_add(1));
}

/// Renders an event or span. If the filters were asked about anything meanwhile, asks them about `metadata` again.
///
/// That is correct only if all other layers come after this one (`is_first`). A filter whose layer has received the
/// event already would keep the repeated answer and apply it to the next event.
pub(crate) fn render_and_ask_again<T>(
    metadata: &Metadata<'_>,
    is_first: bool,
    render: impl FnOnce() -> T,
) -> T {
    let before = QUERIES.get();
    let rendered = render();
    if is_first && QUERIES.get() != before {
        // The return value is of no use: the call is made for the answers that it leaves in the filters.
        dispatcher::get_default(|dispatch| dispatch.enabled(metadata));
    }
    rendered
}
