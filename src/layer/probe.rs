//! What a self-test sends through a subscriber, and how far it came.
//!
//! A layer knows a probe by its callsite, notes on this thread that it arrived, and records nothing. Layers of others
//! see events and a span like any other.

use std::cell::Cell;

use tracing::{Metadata, callsite::DefaultCallsite, metadata::Kind};
use tracing_core::metadata;

use crate::format::receipt::TrailId;

/// One thing that is sent, on the way of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    Macro,
    Event,
    Span,
}

/// How far the probes of this thread came; while it lives, arrivals are noted.
pub(crate) struct Watch(());

#[derive(Clone, Copy)]
struct Arrivals {
    /// The log that they are to arrive at.
    trail: TrailId,
    event: bool,
    by_macro: bool,
    opened: bool,
    closed: bool,
}

thread_local! {
    static ARRIVALS: Cell<Option<Arrivals>> = const { Cell::new(None) };
}

/// Declares a callsite with target `audit` and one field, `message`.
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
// Never sent: it only shows what a filter thinks of its level.
callsite!(ERROR_CALLSITE, ERROR, "audit_self_test of a level", ERROR, EVENT);

impl Probe {
    pub(crate) const ALL: [Self; 3] = [Self::Macro, Self::Event, Self::Span];

    /// The probe that has this callsite.
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

    /// Notes that it reached the log of `trail`; a span has to be closed there too.
    pub(crate) fn arrive(self, trail: TrailId) {
        let Some(mut arrivals) = ARRIVALS.get().filter(|arrivals| arrivals.trail == trail) else { return };
        match self {
            Self::Macro => arrivals.by_macro = true,
            Self::Event => arrivals.event = true,
            Self::Span => arrivals.opened = true,
        }
        ARRIVALS.set(Some(arrivals));
    }

    /// Notes that its span was closed.
    pub(crate) fn close(trail: TrailId) {
        let Some(arrivals) = ARRIVALS.get().filter(|arrivals| arrivals.trail == trail) else { return };
        ARRIVALS.set(Some(Arrivals { closed: true, ..arrivals }));
    }
}

impl Watch {
    pub(crate) fn start(trail: TrailId) -> Self {
        let none = Arrivals { trail, event: false, by_macro: false, opened: false, closed: false };
        ARRIVALS.set(Some(none));
        Self(())
    }

    /// Whether `probe` arrived.
    pub(crate) fn saw(&self, probe: Probe) -> bool {
        ARRIVALS.get().is_some_and(|arrivals| match probe {
            Probe::Macro => arrivals.by_macro,
            Probe::Event => arrivals.event,
            Probe::Span => arrivals.opened && arrivals.closed,
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        ARRIVALS.set(None);
    }
}
