//! Probes: the events and the span that a self-test sends through a subscriber, and how far each of them came.
//!
//! A layer recognises a probe by its callsite. It notes on the thread that the probe arrived, and records nothing.
//! Other layers see ordinary events and an ordinary span.

use std::cell::Cell;

use tracing::{Metadata, callsite::DefaultCallsite, metadata::Kind};
use tracing_core::metadata;

use crate::format::receipt::TrailId;

/// A probe, named by the way on which it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    Macro,
    Event,
    Span,
}

/// A self-test on this thread. Arrivals are noted until it is dropped.
pub(crate) struct ProbeRun(());

#[derive(Clone, Copy)]
struct Arrivals {
    /// Log that the probes should reach.
    trail: TrailId,
    event: bool,
    by_macro: bool,
    opened: bool,
    closed: bool,
}

thread_local! {
    static ARRIVALS: Cell<Option<Arrivals>> = const { Cell::new(None) };
}

/// Defines a callsite with target `audit` and one field, `message`.
macro_rules! callsite {
    ($callsite:ident, $metadata:ident, $name:literal, $level:ident, $kind:ident) => {
        pub(crate) static $callsite: DefaultCallsite = DefaultCallsite::new(&$metadata);
        pub(crate) static $metadata: Metadata<'static> = metadata! {
            name: $name,
            target: "audit",
            level: tracing::Level::$level,
            fields: &["message"],
            callsite: &$callsite,
            kind: Kind::$kind,
        };
    };
}

callsite!(MACRO_CALLSITE, MACRO, "audit_self_test by macro", INFO, EVENT);
callsite!(EVENT_CALLSITE, EVENT, "audit_self_test by event", INFO, EVENT);
callsite!(SPAN_CALLSITE, SPAN, "audit_self_test by span", INFO, SPAN);
// Never sent. Its interest shows if the subscriber's filter lets ERROR pass.
callsite!(ERROR_CALLSITE, ERROR, "audit_self_test of a level", ERROR, EVENT);

impl Probe {
    pub(crate) const ALL: [Self; 3] = [Self::Macro, Self::Event, Self::Span];

    /// Returns the probe of this callsite.
    pub(crate) fn of(metadata: &Metadata<'_>) -> Option<Self> {
        let address = std::ptr::from_ref(metadata).addr();
        Self::ALL.into_iter().find(|probe| std::ptr::from_ref(probe.metadata()).addr() == address)
    }

    pub(crate) fn metadata(self) -> &'static Metadata<'static> {
        match self {
            Self::Macro => &MACRO,
            Self::Event => &EVENT,
            Self::Span => &SPAN,
        }
    }

    /// Notes that the probe reached the log of `trail`.
    pub(crate) fn note_arrival(self, trail: TrailId) {
        let Some(mut arrivals) = ARRIVALS.get().filter(|arrivals| arrivals.trail == trail) else { return };
        match self {
            Self::Macro => arrivals.by_macro = true,
            Self::Event => arrivals.event = true,
            Self::Span => arrivals.opened = true,
        }
        ARRIVALS.set(Some(arrivals));
    }

    /// Notes that the span of [`Probe::Span`] was closed.
    pub(crate) fn note_close(trail: TrailId) {
        let Some(arrivals) = ARRIVALS.get().filter(|arrivals| arrivals.trail == trail) else { return };
        ARRIVALS.set(Some(Arrivals { closed: true, ..arrivals }));
    }
}

impl ProbeRun {
    pub(crate) fn start(trail: TrailId) -> Self {
        let none = Arrivals { trail, event: false, by_macro: false, opened: false, closed: false };
        ARRIVALS.set(Some(none));
        Self(())
    }

    /// Returns `true` if `probe` arrived. A span must have been opened and closed.
    pub(crate) fn has_arrived(&self, probe: Probe) -> bool {
        ARRIVALS.get().is_some_and(|arrivals| match probe {
            Probe::Macro => arrivals.by_macro,
            Probe::Event => arrivals.event,
            Probe::Span => arrivals.opened && arrivals.closed,
        })
    }
}

impl Drop for ProbeRun {
    fn drop(&mut self) {
        ARRIVALS.set(None);
    }
}
