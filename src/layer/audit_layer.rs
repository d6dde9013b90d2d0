//! [`AuditLayer`] and its filter: audit events and spans on their way from a subscriber stack into a log.
//!
//! The layer never disables anything for other layers. Its filter keeps no state from one event to the next, so no
//! other layer can make it lose an event.

use std::{
    any::TypeId,
    sync::atomic::{AtomicUsize, Ordering},
};

use tracing::{
    Event, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{self, Context},
    registry::LookupSpan,
};

use crate::{
    format::{draft::Origin, receipt::TrailId},
    layer::{
        dispatch_frame::{DispatchFrame, address},
        fields::{self, RenderedEvent},
        filter_state,
        probe::Probe,
        record::{record_draft, record_event, settle},
        span_state::{EnclosingSpans, SpanState},
        template::{Message, source_of},
    },
    log::AuditLog,
    write::reentrancy::ReentrancyGuard,
};

/// Number of layers in the process. With more than one, an event may belong into several logs.
static LIVE_LAYERS: AtomicUsize = AtomicUsize::new(0);

/// Counts its layer in `LIVE_LAYERS` until it is dropped.
#[derive(Debug)]
struct LayerCount(());

impl LayerCount {
    fn add() -> Self {
        LIVE_LAYERS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for LayerCount {
    fn drop(&mut self) {
        LIVE_LAYERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Layer that records the audit events and audit spans of a subscriber stack in a log; made by
/// [`AuditLog::layer`].
///
/// An event or span is an audit event or audit span if its target is `audit` or begins with `audit::`. An event gives
/// one entry. A span gives two, `NAME.opened` and `NAME.closed`. The layer ignores everything else.
#[derive(Debug)]
pub struct AuditLayer {
    log: AuditLog,
    /// Logs of audit layers that come before this one in the same stack.
    earlier_logs: Vec<TrailId>,
    /// `true` if no other layer comes before this one.
    is_first: bool,
    records_log_crate: bool,
    _count: LayerCount,
}

/// Filter of an [`AuditLayer`]. It keeps events that are not audit events from costing more with the layer than
/// without it.
///
/// The filter decides by callsite alone. A per-layer filter that decides event by event would lose some: its last
/// answer stays on the thread, and an event that a field's `Debug` emits, or a call of `tracing::enabled!`, replaces
/// it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AuditFilter;

impl AuditLayer {
    /// Returns the layer without its filter, for stacks that exchange their layers at run time. Other stacks use
    /// [`AuditLog::layer`].
    ///
    /// The filter is then added outside:
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let (today, tomorrow) = (directory.path().join("a"), directory.path().join("b"));
    /// use kling_audit::{AuditFilter, AuditLayer, AuditLog, try_audit};
    /// use tracing_subscriber::{prelude::*, reload};
    ///
    /// let (layer, handle) = reload::Layer::new(AuditLayer::new(&AuditLog::open(today)?));
    /// tracing_subscriber::registry().with(layer.with_filter(AuditFilter::new())).init();
    ///
    /// let next = AuditLog::open(tomorrow)?;
    /// handle.reload(AuditLayer::new(&next))?;
    ///
    /// let receipt = try_audit!("config_changed", actor = "alice")?;
    /// assert_eq!(receipt.trail_id, next.trail_id());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(log: &AuditLog) -> Self {
        log.set_has_layer();
        Self {
            log: log.clone(),
            earlier_logs: Vec::new(),
            is_first: false,
            records_log_crate: false,
            _count: LayerCount::add(),
        }
    }

    /// Makes the layer also record audit events of the `log` crate, which arrive through `tracing-log`.
    ///
    /// They are not recorded by default: a library that was written without an audit trail in mind may use the target
    /// `audit` for its log records.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use kling_audit::{AuditFilter, AuditLayer, AuditLog};
    /// use tracing_subscriber::prelude::*;
    ///
    /// let log = AuditLog::open(directory)?;
    /// let layer = AuditLayer::new(&log).with_log_records();
    /// tracing_subscriber::registry().with(layer.with_filter(AuditFilter::new())).init();
    ///
    /// log::info!(target: "audit", "quota changed");
    /// assert_eq!(log.counters().recorded, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_log_records(self) -> Self {
        Self { records_log_crate: true, ..self }
    }

    #[inline]
    pub(crate) fn log(&self) -> &AuditLog {
        &self.log
    }

    /// Returns `true` if an event that a macro recorded in `log` may have to be recorded in other logs as well.
    /// `found` is the layer that the macro found in the subscriber.
    #[inline]
    pub(crate) fn are_others(log: &AuditLog, found: Option<&Self>) -> bool {
        let own = usize::from(found.is_some_and(|layer| layer.log.same(log)));
        LIVE_LAYERS.load(Ordering::Relaxed) > own
    }

    /// Returns `true` if this layer records the event or span. The test is needed in each callback: the filter lets
    /// everything of an enabled callsite pass, and a stack may use the layer without its filter.
    #[inline]
    fn captures(&self, metadata: &Metadata<'_>) -> bool {
        is_audit_target(metadata.target()) && self.is_listening()
    }

    /// Returns `false` while a log is recording on this thread, and if an earlier layer of the stack records in the
    /// same log.
    #[inline]
    fn is_listening(&self) -> bool {
        !ReentrancyGuard::is_active() && !self.earlier_logs.contains(&self.log.trail_id())
    }

    fn note_probe(&self, probe: Probe, trail: TrailId) {
        if self.is_listening() {
            probe.note_arrival(trail);
        }
    }

    /// Renders an event, or returns `None` if this layer does not record it.
    #[inline]
    fn render(&self, event: &Event<'_>, frame: Option<&DispatchFrame>) -> Option<RenderedEvent> {
        if !self.captures(event.metadata()) {
            let may_be_wanted =
                self.records_log_crate && event.metadata().target() == "log" && self.is_listening();
            return if may_be_wanted { fields::render_log_record(event, is_audit_target) } else { None };
        }
        Some(match frame {
            Some(frame) => match frame.deferred_draft() {
                Some(draft) => RenderedEvent::Draft(draft),
                None => fields::render_event(event, Origin::Macro, frame.message),
            },
            None => fields::render_event(event, Origin::Event, Message::Keep),
        })
    }
}

impl AuditFilter {
    /// Returns the filter that [`AuditLog::layer`] uses.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

#[inline]
fn is_audit_target(target: &str) -> bool {
    target.strip_prefix("audit").is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl<S> Layer<S> for AuditLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_layer(&mut self, subscriber: &mut S) {
        self.is_first = TypeId::of::<S>() == TypeId::of::<Registry>();
        let subscriber: &dyn Subscriber = subscriber;
        if let Some(layer) = subscriber.downcast_ref::<Self>() {
            self.earlier_logs.clone_from(&layer.earlier_logs);
            self.earlier_logs.push(layer.log.trail_id());
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        filter_state::count_query();
        let trail = self.log.trail_id();
        let mut frame = DispatchFrame::of(address(event));
        // An event of a macro that this log has recorded already.
        if let Some(frame) = &mut frame
            && !frame.mark(trail)
        {
            return;
        }
        if let Some(probe) = Probe::of(event.metadata()) {
            return self.note_probe(probe, trail);
        }
        let rendered = filter_state::render_and_ask_again(event.metadata(), self.is_first, || {
            self.render(event, frame.as_ref())
        });
        let Some(rendered) = rendered else { return };
        let spans = EnclosingSpans::collect(context.event_scope(event).into_iter().flatten(), &self.log);
        settle(frame, record_event(&self.log, rendered, spans));
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        filter_state::count_query();
        if !self.captures(attributes.metadata()) {
            return;
        }
        let trail = self.log.trail_id();
        if let Some(probe) = Probe::of(attributes.metadata()) {
            return self.note_probe(probe, trail);
        }
        let mut draft = filter_state::render_and_ask_again(attributes.metadata(), self.is_first, || {
            fields::span_opening(attributes)
        });
        let Some(span) = context.span(id) else { return };
        // The state copies the draft before the outer spans complete it: inherited values are no fields of this span.
        let state = SpanState::new(trail, attributes.metadata().name(), &draft);
        EnclosingSpans::collect(span.scope().skip(1), &self.log).complete(&mut draft);
        let frame = DispatchFrame::of(address(attributes.values()));
        let receipt = settle(frame, record_draft(&self.log, *draft, state.no_wait));
        // The lock of the extensions is taken after the entry is recorded. Otherwise threads that look at the span
        // would wait for the disk.
        state.with_opened_seq(receipt.map(|receipt| receipt.seq)).put_into(&mut span.extensions_mut());
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id).filter(|span| self.captures(span.metadata())) else { return };
        let update = fields::span_update(values);
        if let Some(state) = SpanState::of(&mut span.extensions_mut(), self.log.trail_id()) {
            state.record(&update);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id).filter(|span| self.captures(span.metadata())) else { return };
        if let Some(state) = SpanState::of(&mut span.extensions_mut(), self.log.trail_id()) {
            state.enter();
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id).filter(|span| self.captures(span.metadata())) else { return };
        if let Some(state) = SpanState::of(&mut span.extensions_mut(), self.log.trail_id()) {
            state.exit();
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id).filter(|span| self.captures(span.metadata())) else { return };
        let trail = self.log.trail_id();
        if Probe::of(span.metadata()).is_some() {
            return Probe::note_close(trail);
        }
        let Some(state) = SpanState::take_from(&mut span.extensions_mut(), trail) else { return };
        let no_wait = state.no_wait;
        let mut draft = state.close();
        draft.context.source = Some(source_of(span.metadata()));
        EnclosingSpans::collect(span.scope().skip(1), &self.log).complete(&mut draft);
        settle(None, record_draft(&self.log, draft, no_wait));
    }
}

impl<S> layer::Filter<S> for AuditFilter {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        filter_state::count_query();
        true
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_audit_target(metadata.target()) { Interest::always() } else { Interest::never() }
    }

    // With this hint, `tracing` drops a disabled `trace!` of other code at its first test, as it does without the
    // layer. The bench row "a disabled `trace!` with the layer" shows it.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}
