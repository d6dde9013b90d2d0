//! What the macros expand to: a callsite, and the functions that record and dispatch what happens there.
//!
//! An event is recorded first and dispatched afterwards, so that no filter and no other layer can keep it from the
//! log. Each value is rendered once, before a log or the subscriber is asked for anything.

use tracing::{
    Dispatch, Event, Level, Metadata, Span,
    callsite::DefaultCallsite,
    dispatcher,
    field::Value,
    level_filters::{LevelFilter, STATIC_MAX_LEVEL},
    span::Id,
    subscriber::Interest,
};
use tracing_subscriber::{Registry, registry::LookupSpan as _};

use crate::{
    format::{draft::Origin, receipt::Receipt},
    layer::{
        self, AuditLayer,
        dispatch_frame::{DispatchFrame, address},
        fields::{self, Rendered},
        span_state::Enclosing,
        template::Message,
    },
    log::{AuditLog, global, not_recorded::NotRecorded, pending_receipt::PendingReceipt},
    write::reentrancy::ReentrancyGuard,
};

/// One use of a macro.
#[derive(Debug)]
pub struct CallsiteState {
    callsite: &'static DefaultCallsite,
    metadata: &'static Metadata<'static>,
    message: Message,
}

/// What a macro's `parent:` says.
#[derive(Debug)]
pub enum SpanParent {
    /// Nothing: whatever span is current.
    Current,
    /// `None`.
    Root,
    /// That span.
    Of(Id),
}

impl CallsiteState {
    /// `stands_in` says that the first field is a `message` which the caller didn't write.
    pub const fn new(
        callsite: &'static DefaultCallsite,
        metadata: &'static Metadata<'static>,
        stands_in: bool,
    ) -> Self {
        Self { callsite, metadata, message: if stands_in { Message::Drop } else { Message::Keep } }
    }

    /// Whether the subscriber wants what happens here, asked as `tracing`'s own macros ask.
    ///
    /// `interest` is the callsite's, asked for before the dispatcher was: a callsite that is reached for the first time
    /// asks all subscribers, and finds no scoped one while that is lent out. It would be off for good.
    fn is_wanted(&self, interest: &Interest, dispatch: &Dispatch) -> bool {
        let level = self.metadata.level();
        if *level > STATIC_MAX_LEVEL || *level > LevelFilter::current() {
            return false;
        }
        !interest.is_never() && (interest.is_always() || dispatch.enabled(self.metadata))
    }

    /// Whether the current subscriber wants what happens here.
    pub(crate) fn is_wanted_here(&self) -> bool {
        let interest = self.callsite.interest();
        dispatcher::get_default(|dispatch| self.is_wanted(&interest, dispatch))
    }

    /// The values that belong to the callsite's fields: the first of `values` is for the `message` that stands in.
    fn values<'a, 'b>(&self, values: &'a [Option<&'b dyn Value>]) -> &'a [Option<&'b dyn Value>] {
        match self.message {
            Message::Drop => values,
            Message::Keep => values.get(1..).unwrap_or_default(),
        }
    }
}

/// Reads `parent:`.
pub fn parent(given: impl Into<Option<Id>>) -> SpanParent {
    given.into().map_or(SpanParent::Root, SpanParent::Of)
}

/// Reads `log:`; whatever refers to a log is coerced to it.
pub fn log(given: &AuditLog) -> Option<&AuditLog> {
    Some(given)
}

/// Records an event, then hands it to the subscriber.
///
/// # Errors
///
/// Why it was not recorded. The subscriber was given it all the same.
pub fn record(
    site: &'static CallsiteState,
    parent: SpanParent,
    log: Option<&AuditLog>,
    values: &[Option<&dyn Value>],
) -> Result<Receipt, NotRecorded> {
    hand_over(site, parent, log, values, layer::record)
}

/// As [`record`], without waiting for the disk: the event has its place in the trail when this returns.
pub fn record_async(
    site: &'static CallsiteState,
    parent: SpanParent,
    log: Option<&AuditLog>,
    values: &[Option<&dyn Value>],
) -> PendingReceipt<NotRecorded> {
    hand_over(site, parent, log, values, layer::record_async)
}

fn hand_over<T: From<Result<Receipt, NotRecorded>>>(
    site: &'static CallsiteState,
    parent: SpanParent,
    log: Option<&AuditLog>,
    values: &[Option<&dyn Value>],
    record: fn(&AuditLog, Rendered, Enclosing) -> T,
) -> T {
    if ReentrancyGuard::is_active() {
        return Err(NotRecorded::Reentered).into();
    }
    let values = site.metadata.fields().value_set_all(site.values(values));
    let event = match parent {
        SpanParent::Current => Event::new(site.metadata, &values),
        SpanParent::Root => Event::new_child_of(None, site.metadata, &values),
        SpanParent::Of(id) => Event::new_child_of(id, site.metadata, &values),
    };
    let mut rendered = Some(fields::of_event(&event, Origin::Macro, site.message));
    let interest = site.callsite.interest();
    dispatcher::get_default(|dispatch| match rendered.take() {
        Some(rendered) => deliver(site, &interest, dispatch, &event, log, rendered, record),
        None => Err(NotRecorded::NoLog).into(),
    })
}

#[inline]
fn deliver<T: From<Result<Receipt, NotRecorded>>>(
    site: &CallsiteState,
    interest: &Interest,
    dispatch: &Dispatch,
    event: &Event<'_>,
    log: Option<&AuditLog>,
    rendered: Rendered,
    record: fn(&AuditLog, Rendered, Enclosing) -> T,
) -> T {
    let reached = dispatch.downcast_ref::<AuditLayer>();
    let global;
    let log = match (log, reached) {
        (Some(log), _) => Some(log),
        (None, Some(layer)) => Some(layer.log()),
        (None, None) => {
            global = global::get();
            global.as_ref()
        }
    };
    let mut for_others = None;
    let recorded = match log {
        Some(log) => {
            if layer::are_others(log, reached) {
                for_others = Some(rendered.to_draft());
            }
            Some(record(log, rendered, enclosing(dispatch, event, log)))
        }
        None => {
            for_others = Some(rendered.into_draft());
            None
        }
    };
    let known = recorded.as_ref().and(log).map(AuditLog::trail_id);
    let guard = DispatchFrame::new(address(event), site.message).enter(known, for_others);
    if site.is_wanted(interest, dispatch) {
        dispatch.event(event);
    }
    match recorded {
        Some(recorded) => recorded,
        // One may have been reached behind a wrapper that hides its layer.
        None => guard.answer().unwrap_or(Err(NotRecorded::NoLog)).into(),
    }
}

/// The log that an event of a macro goes to first, where none is named.
pub(crate) fn reached(dispatch: &Dispatch) -> Option<AuditLog> {
    dispatch.downcast_ref::<AuditLayer>().map(|layer| layer.log().clone()).or_else(global::get)
}

/// What the audit spans around `event` say, without the context that a layer is given.
#[inline]
fn enclosing(dispatch: &Dispatch, event: &Event<'_>, log: &AuditLog) -> Enclosing {
    let current = if event.is_contextual() { dispatch.current_span().id().cloned() } else { None };
    let Some(id) = current.as_ref().or_else(|| event.parent()) else { return Enclosing::default() };
    let span = dispatch.downcast_ref::<Registry>().and_then(|registry| registry.span(id));
    Enclosing::of(span.map(|span| span.scope()).into_iter().flatten(), log)
}

/// Opens a span.
pub fn span(
    site: &'static CallsiteState,
    parent: SpanParent,
    log: Option<&AuditLog>,
    values: &[Option<&dyn Value>],
) -> Span {
    let values = site.metadata.fields().value_set_all(site.values(values));
    let guard = DispatchFrame::new(address(&values), Message::Keep).enter(None, None);
    let span = if site.is_wanted_here() {
        match parent {
            SpanParent::Current => Span::new(site.metadata, &values),
            SpanParent::Root => Span::new_root(site.metadata, &values),
            SpanParent::Of(id) => Span::child_of(id, site.metadata, &values),
        }
    } else {
        Span::new_disabled(site.metadata)
    };
    match guard.answer() {
        Some(Ok(_)) => {}
        Some(Err(failure)) => failure.tell(),
        None if log.is_some_and(|log| !log.has_layer()) => {}
        None => unseen(log).tell(),
    }
    span
}

/// Why no layer saw a span. If there is a log to be reached, it counts the loss.
fn unseen(log: Option<&AuditLog>) -> NotRecorded {
    if ReentrancyGuard::is_active() {
        return NotRecorded::Reentered;
    }
    if let Some(log) = log {
        log.count_not_recorded();
        return NotRecorded::Filtered;
    }
    match dispatcher::get_default(reached) {
        Some(log) => {
            log.count_not_recorded();
            NotRecorded::Filtered
        }
        None => NotRecorded::NoLog,
    }
}

/// The level that a macro's `level:` gives.
pub const fn level(given: Level) -> Level {
    assert!(
        matches!(given, Level::ERROR | Level::WARN | Level::INFO),
        "an audit event has level INFO, WARN or ERROR: below, other layers' filters would drop it"
    );
    given
}
