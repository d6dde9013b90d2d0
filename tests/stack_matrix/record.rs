//! Events and spans that this process sent, and those that other layers received.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use kling_audit::{NotRecorded, Receipt};
use parking_lot::Mutex;
use tracing::{Event, Metadata, Span, Subscriber, span::Attributes, span::Id};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// The means by which an event or a span is sent. A stack promises to record some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `audit!`.
    Macro,
    /// `tracing::info!`.
    Event,
    /// An event of level ERROR, as `#[instrument(err)]` emits it.
    Error,
    /// Opening or closing of an `audit_span!`.
    Span,
    /// Opening or closing of a `tracing::info_span!` or an `#[instrument]`.
    ForeignSpan,
    /// `log::info!`.
    Record,
}

/// Type and number of an expected entry. Some have no number.
pub(crate) type Key = (String, Option<u64>);

static SENT: Mutex<Vec<(Way, Key)>> = Mutex::new(Vec::new());
static SEEN: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);
static PANICS_EXPECTED: AtomicBool = AtomicBool::new(false);

/// Returns a number that is unique in this process.
pub(crate) fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn sent(way: Way, event_type: &str, n: Option<u64>) {
    SENT.lock().push((way, (event_type.to_owned(), n)));
}

/// Counts the result of a macro, if it is an error.
pub(crate) fn answer(answer: &Result<Receipt, NotRecorded>) {
    REFUSED.fetch_add(u64::from(answer.is_err()), Ordering::Relaxed);
}

/// Number of macros that returned an error.
pub(crate) fn refused() -> u64 {
    REFUSED.load(Ordering::Relaxed)
}

pub(crate) fn all_sent() -> Vec<(Way, Key)> {
    SENT.lock().clone()
}

pub(crate) fn all_seen() -> BTreeMap<String, u64> {
    SEEN.lock().clone()
}

/// Allows panics of other layers from now on.
pub(crate) fn expect_panics() {
    PANICS_EXPECTED.store(true, Ordering::Relaxed);
}

/// Runs `work`. Returns `None` after a panic, if panics are allowed.
pub(crate) fn calm<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(_) if PANICS_EXPECTED.load(Ordering::Relaxed) => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// An open span. Dropping it sends its closing.
pub(crate) struct Opened {
    pub(crate) span: Span,
    way: Way,
    name: &'static str,
    n: u64,
}

impl Opened {
    pub(crate) fn new(way: Way, name: &'static str, n: u64, span: Span) -> Self {
        sent(way, &format!("{name}.opened"), Some(n));
        Self { span, way, name, n }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        sent(self.way, &format!("{}.closed", self.name), Some(self.n));
    }
}

/// A layer that counts all events and spans that it receives.
pub(crate) struct Witness(pub(crate) &'static str);

impl Witness {
    fn count(&self, kind: &str, metadata: &Metadata<'_>) {
        let name = metadata.name();
        // Only the run with the layer has a self-test. A `doomed` event panics, so a layer may or may not receive it.
        if !name.starts_with("audit_self_test") && name != "doomed" {
            *SEEN.lock().entry(format!("{}: {kind} {name}", self.0)).or_default() += 1;
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Witness {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.count("event", event.metadata());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.count("new", attributes.metadata());
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(span) = context.span(&id) {
            self.count("close", span.metadata());
        }
    }
}

/// Counts a name for a layer of another kind.
pub(crate) fn see(name: String) {
    *SEEN.lock().entry(name).or_default() += 1;
}
