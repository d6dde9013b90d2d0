//! What this process sent, and what other layers saw of it.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use kling_audit::{NotRecorded, Receipt};
use parking_lot::Mutex;
use tracing::{Event, Metadata, Span, Subscriber, span::Attributes, span::Id};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// The way on which something is sent: what a stack promises depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `audit!`.
    Macro,
    /// `tracing::info!`.
    Event,
    /// As `Event`, with level ERROR.
    Error,
    /// `audit_span!`: its opening, or its closing.
    Span,
    /// `tracing::info_span!` or `#[instrument]`, the same.
    ForeignSpan,
    /// `log::info!`.
    Record,
}

/// One entry that is to be, if its way is open: type, and number where it has one.
pub(crate) type Key = (String, Option<u64>);

static SENT: Mutex<Vec<(Way, Key)>> = Mutex::new(Vec::new());
static SEEN: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);
static PANICS_EXPECTED: AtomicBool = AtomicBool::new(false);

/// A number that nothing else has.
pub(crate) fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn sent(way: Way, event_type: &str, n: Option<u64>) {
    SENT.lock().push((way, (event_type.to_owned(), n)));
}

/// Takes down what a macro answered.
pub(crate) fn answer(answer: &Result<Receipt, NotRecorded>) {
    REFUSED.fetch_add(u64::from(answer.is_err()), Ordering::Relaxed);
}

/// How many events of macros were not recorded, as they said themselves.
pub(crate) fn refused() -> u64 {
    REFUSED.load(Ordering::Relaxed)
}

pub(crate) fn all_sent() -> Vec<(Way, Key)> {
    SENT.lock().clone()
}

pub(crate) fn all_seen() -> BTreeMap<String, u64> {
    SEEN.lock().clone()
}

/// From here on a panic of another layer is no surprise.
pub(crate) fn expect_panics() {
    PANICS_EXPECTED.store(true, Ordering::Relaxed);
}

/// Does `work`, and stops a panic of another layer where one is expected.
pub(crate) fn calm<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(_) if PANICS_EXPECTED.load(Ordering::Relaxed) => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// An open span. Its closing is sent when it is dropped.
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

/// Another layer, which counts all that reaches it.
pub(crate) struct Witness(pub(crate) &'static str);

impl Witness {
    fn note(&self, what: &str, metadata: &Metadata<'_>) {
        let name = metadata.name();
        // Sent by one of the two runs alone, or broken off before any layer can be sure to have seen it.
        if !name.starts_with("audit_self_test") && name != "doomed" {
            *SEEN.lock().entry(format!("{}: {what} {name}", self.0)).or_default() += 1;
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Witness {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.note("event", event.metadata());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.note("new", attributes.metadata());
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(span) = context.span(&id) {
            self.note("close", span.metadata());
        }
    }
}

/// A name that a witness of another kind saw.
pub(crate) fn see(what: String) {
    *SEEN.lock().entry(what).or_default() += 1;
}
