//! The code that the macros expand to: the state of a callsite, and the functions that record and dispatch its events.
//!
//! An event is recorded first and dispatched afterwards. So no filter and no other layer can keep it from the log.
//! Each value is rendered once, before a log or the subscriber is called.

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
        audit_layer::AuditLayer,
        dispatch_frame::{DispatchFrame, address},
        fields::{self, RenderedEvent},
        record::{record_event, record_event_async},
        span_state::EnclosingSpans,
        template::Message,
    },
    log::{AuditLog, not_recorded::NotRecorded, pending_receipt::PendingReceipt},
    write::reentrancy::ReentrancyGuard,
};

/// Static state of one use of a macro.
#[derive(Debug)]
pub struct CallsiteState {
    callsite: &'static DefaultCallsite,
    metadata: &'static Metadata<'static>,
    message: Message,
}

/// Value of a macro's option `parent:`.
#[derive(Debug)]
pub enum SpanParent {
    /// The option is absent: the current span is the parent.
    Current,
    /// The option is `None`: there is no parent.
    Root,
    /// The option names a span.
    Of(Id),
}

impl CallsiteState {
    /// Returns the state of a callsite. With `has_placeholder`, its first field is a `message` that the macro added.
    pub const fn new(
        callsite: &'static DefaultCallsite,
        metadata: &'static Metadata<'static>,
        has_placeholder: bool,
    ) -> Self {
        Self { callsite, metadata, message: if has_placeholder { Message::Drop } else { Message::Keep } }
    }

    /// Returns `true` if the subscriber enables this callsite, by the same questions that the macros of `tracing` ask.
    ///
    /// The caller reads `interest` before it borrows the dispatcher. A callsite that is reached for the first time
    /// asks all subscribers for their interest. A scoped subscriber is not found while it is borrowed, so the callsite
    /// would be disabled for the rest of the process.
    fn is_enabled(&self, interest: &Interest, dispatch: &Dispatch) -> bool {
        let level = self.metadata.level();
        if *level > STATIC_MAX_LEVEL || *level > LevelFilter::current() {
            return false;
        }
        !interest.is_never() && (interest.is_always() || dispatch.enabled(self.metadata))
    }

    /// Returns `true` if the current subscriber enables this callsite.
    pub(crate) fn is_enabled_here(&self) -> bool {
        let interest = self.callsite.interest();
        dispatcher::get_default(|dispatch| self.is_enabled(&interest, dispatch))
    }

    /// Returns the values of the callsite's fields. The first of `values` is for the placeholder message, which not
    /// every callsite has.
    fn values<'a, 'b>(&self, values: &'a [Option<&'b dyn Value>]) -> &'a [Option<&'b dyn Value>] {
        match self.message {
            Message::Drop => values,
            Message::Keep => values.get(1..).unwrap_or_default(),
        }
    }
}

/// Converts the value of `parent:`.
pub fn parent(given: impl Into<Option<Id>>) -> SpanParent {
    given.into().map_or(SpanParent::Root, SpanParent::Of)
}

/// Converts the value of `log:`. A smart pointer to a log is coerced.
pub fn log(given: &AuditLog) -> Option<&AuditLog> {
    Some(given)
}

/// Records an event, then passes it to the subscriber.
///
/// # Errors
///
/// The reason why the event was not recorded. The subscriber receives the event in any case.
pub fn record(
    site: &'static CallsiteState,
    parent: SpanParent,
    log: Option<&AuditLog>,
    values: &[Option<&dyn Value>],
) -> Result<Receipt, NotRecorded> {
    emit(site, parent, log, values, record_event)
}

/// Does the same as [`record`] without waiting for the disk. The event has its place in the trail when this returns.
pub fn record_async(
    site: &'static CallsiteState,
    parent: SpanParent,
    log: Option<&AuditLog>,
    values: &[Option<&dyn Value>],
) -> PendingReceipt<NotRecorded> {
    emit(site, parent, log, values, record_event_async)
}

fn emit<T: From<Result<Receipt, NotRecorded>>>(
    site: &'static CallsiteState,
    parent: SpanParent,
    log: Option<&AuditLog>,
    values: &[Option<&dyn Value>],
    record: fn(&AuditLog, RenderedEvent, EnclosingSpans) -> T,
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
    // Before the dispatcher is borrowed: a field's `Debug` may emit events, which need the dispatcher.
    let mut rendered = Some(fields::render_event(&event, Origin::Macro, site.message));
    let interest = site.callsite.interest();
    dispatcher::get_default(|dispatch| match rendered.take() {
        Some(rendered) => emit_to(site, &interest, dispatch, &event, log, rendered, record),
        // `get_default` calls the closure once; its type allows more calls.
        None => Err(NotRecorded::NoLog).into(),
    })
}

#[inline]
fn emit_to<T: From<Result<Receipt, NotRecorded>>>(
    site: &CallsiteState,
    interest: &Interest,
    dispatch: &Dispatch,
    event: &Event<'_>,
    log: Option<&AuditLog>,
    rendered: RenderedEvent,
    record: fn(&AuditLog, RenderedEvent, EnclosingSpans) -> T,
) -> T {
    let layer = dispatch.downcast_ref::<AuditLayer>();
    let global;
    let log = match (log, layer) {
        (Some(log), _) => Some(log),
        (None, Some(layer)) => Some(layer.log()),
        (None, None) => {
            global = AuditLog::global();
            global.as_ref()
        }
    };
    let mut for_others = None;
    let recorded = match log {
        Some(log) => {
            if AuditLayer::are_others(log, layer) {
                for_others = Some(rendered.to_draft());
            }
            Some(record(log, rendered, enclosing_spans(dispatch, event, log)))
        }
        None => {
            for_others = Some(rendered.into_draft());
            None
        }
    };
    // The frame tells the layers which log has the event already.
    let settled_by = recorded.as_ref().and(log).map(AuditLog::trail_id);
    let guard = DispatchFrame::new(address(event), site.message).enter(settled_by, for_others);
    if site.is_enabled(interest, dispatch) {
        dispatch.event(event);
    }
    match recorded {
        Some(recorded) => recorded,
        // A layer inside a wrapper that hides it, such as `reload`, may have recorded the event.
        None => guard.result().unwrap_or(Err(NotRecorded::NoLog)).into(),
    }
}

/// Returns the log that records an event of a macro without `log:`.
pub(crate) fn default_log(dispatch: &Dispatch) -> Option<AuditLog> {
    dispatch.downcast_ref::<AuditLayer>().map(|layer| layer.log().clone()).or_else(AuditLog::global)
}

/// Collects the audit spans around `event`. A layer has a `Context` for this; a macro finds them in the registry.
#[inline]
fn enclosing_spans(dispatch: &Dispatch, event: &Event<'_>, log: &AuditLog) -> EnclosingSpans {
    let current = if event.is_contextual() { dispatch.current_span().id().cloned() } else { None };
    let Some(id) = current.as_ref().or_else(|| event.parent()) else { return EnclosingSpans::default() };
    let span = dispatch.downcast_ref::<Registry>().and_then(|registry| registry.span(id));
    EnclosingSpans::collect(span.map(|span| span.scope()).into_iter().flatten(), log)
}

/// Opens a span. A layer of the current subscriber records its opening.
pub fn span(
    site: &'static CallsiteState,
    parent: SpanParent,
    log: Option<&AuditLog>,
    values: &[Option<&dyn Value>],
) -> Span {
    let values = site.metadata.fields().value_set_all(site.values(values));
    let guard = DispatchFrame::new(address(&values), Message::Keep).enter(None, None);
    let span = if site.is_enabled_here() {
        match parent {
            SpanParent::Current => Span::new(site.metadata, &values),
            SpanParent::Root => Span::new_root(site.metadata, &values),
            SpanParent::Of(id) => Span::child_of(id, site.metadata, &values),
        }
    } else {
        Span::new_disabled(site.metadata)
    };
    match guard.result() {
        Some(Ok(_)) => {}
        Some(Err(failure)) => failure.print_once(),
        // A library may open its spans with `log:`, for a log that the program uses without a layer.
        None if log.is_some_and(|log| !log.has_layer()) => {}
        None => span_loss(log).print_once(),
    }
    span
}

/// Returns the reason why no layer received a span, and counts the loss in the log that should have recorded it.
fn span_loss(log: Option<&AuditLog>) -> NotRecorded {
    if ReentrancyGuard::is_active() {
        return NotRecorded::Reentered;
    }
    if let Some(log) = log {
        log.count_not_recorded();
        return NotRecorded::Filtered;
    }
    match dispatcher::get_default(default_log) {
        Some(log) => {
            log.count_not_recorded();
            NotRecorded::Filtered
        }
        None => NotRecorded::NoLog,
    }
}

/// Checks a level that `level:` gives as an expression. In a `static`, a lower level is a compile error.
pub const fn level(given: Level) -> Level {
    assert!(
        matches!(given, Level::ERROR | Level::WARN | Level::INFO),
        "an audit event has level INFO, WARN or ERROR: filters of other layers would drop a lower level"
    );
    given
}
