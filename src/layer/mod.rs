//! The layer: events and spans with target `audit` or `audit::*`, from a subscriber stack into a log.
//!
//! It never disables anything for anybody, and its filter remembers nothing from one event to the next, so no other
//! layer can make it lose one. Fields are rendered before any lock is taken. It does not know how a log records.

pub(crate) mod callsite;
pub(crate) mod dispatch_frame;
pub(crate) mod field_names;
pub(crate) mod fields;
pub(crate) mod filter_state;
pub(crate) mod macros;
pub mod self_test;
pub(crate) mod span_state;
pub(crate) mod template;
pub(crate) mod values;

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
    filter::Filtered,
    layer::{self, Context},
    registry::LookupSpan,
};

use crate::{
    format::{
        draft::{Draft, Origin},
        receipt::{Receipt, TrailId},
    },
    layer::{fields::Rendered, template::Message},
    log::{AuditLog, not_recorded::NotRecorded, pending_receipt::PendingReceipt},
    write::reentrancy::ReentrancyGuard,
};

pub(crate) mod probe;

#[cfg(feature = "kling")]
pub(crate) use crate::layer::dispatch_frame::no_wait;
pub(crate) use crate::layer::dispatch_frame::{DispatchFrame, address};
pub(crate) use crate::layer::span_state::Enclosing;
use crate::layer::span_state::SpanState;
use probe::Probe;

/// How many layers there are. With more than one, an event may have several logs.
static LAYERS: AtomicUsize = AtomicUsize::new(0);

/// One of them.
#[derive(Debug)]
struct Counted(());

impl Counted {
    fn new() -> Self {
        LAYERS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LAYERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Records the audit events and spans of a subscriber stack in a log; made by [`AuditLog::layer`].
///
/// An event is recorded if its target is `audit` or starts with `audit::`; a span with such a target gives two
/// entries, `NAME.opened` and `NAME.closed`. Nothing else is touched.
#[derive(Debug)]
pub struct AuditLayer {
    log: AuditLog,
    /// The logs of audit layers that stand before this one in the same stack.
    before: Vec<TrailId>,
    /// Whether no other layer stands before it.
    is_first: bool,
    log_records: bool,
    _counted: Counted,
}

/// The filter of an [`AuditLayer`], which keeps other layers' events from costing more with it than without.
///
/// It decides by callsite alone. A filter that also answered for each event anew would lose some: its answer stays
/// behind when somebody asks `tracing::enabled!`, or when a field's `Debug` emits an event of its own.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AuditFilter;

impl AuditLog {
    /// A layer that records in this log what a subscriber stack emits with target `audit`.
    ///
    /// Add it first. Layers that come later can't keep an event from it unless they filter for the whole stack: give
    /// an `EnvFilter` to the layer that it is meant for, with `with_filter`. Events of
    /// [`audit!`](crate::audit) are recorded even then.
    ///
    /// Events below INFO are recorded only where other layers make `tracing` emit them.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use kling_audit::{AuditLog, audit};
    /// use tracing_subscriber::prelude::*;
    ///
    /// let log = AuditLog::open(directory)?;
    /// tracing_subscriber::registry().with(log.layer()).with(tracing_subscriber::fmt::layer()).init();
    ///
    /// audit!("config_changed", actor = "alice", key = "quota", value = 5);
    /// tracing::warn!(name: "login_refused", target: "audit", actor = "bob", reason = "expired");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "a layer does nothing until it is added to a subscriber"]
    pub fn layer<S>(&self) -> Filtered<AuditLayer, AuditFilter, S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        AuditLayer::new(self).with_filter(AuditFilter::new())
    }
}

impl AuditLayer {
    /// The layer without its filter, for stacks that exchange it while they run; else use [`AuditLog::layer`].
    ///
    /// The filter then stands outside:
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
        log.note_layer();
        Self {
            log: log.clone(),
            before: Vec::new(),
            is_first: false,
            log_records: false,
            _counted: Counted::new(),
        }
    }

    /// Also records what the `log` crate emits with such a target, by way of `tracing-log`.
    ///
    /// Without this it is not recorded: libraries that know nothing of an audit trail may use that target too.
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
        Self { log_records: true, ..self }
    }

    pub(crate) fn log(&self) -> &AuditLog {
        &self.log
    }

    /// Whether it has to do with this event or span. The filter doesn't answer for each event, so others come too.
    fn captures(&self, metadata: &Metadata<'_>) -> bool {
        is_audit(metadata.target()) && self.is_listening()
    }

    fn is_listening(&self) -> bool {
        !ReentrancyGuard::is_active() && !self.before.contains(&self.log.trail_id())
    }

    /// Notes that a probe of a self-test came as far as this.
    fn note(&self, probe: Probe, trail: TrailId) {
        if self.is_listening() {
            probe.arrive(trail);
        }
    }

    /// An event as it is recorded, if it is this layer's.
    fn render(&self, event: &Event<'_>, frame: Option<&DispatchFrame>) -> Option<Rendered> {
        if !self.captures(event.metadata()) {
            let is_record = self.log_records && event.metadata().target() == "log" && self.is_listening();
            return if is_record { fields::of_log_record(event, is_audit).map(Rendered::from) } else { None };
        }
        Some(match frame {
            Some(frame) => match frame.rendered() {
                Some(draft) => Rendered::Draft(draft),
                None => fields::of_event(event, Origin::Macro, frame.message),
            },
            None => fields::of_event(event, Origin::Event, Message::Keep),
        })
    }
}

impl AuditFilter {
    /// The filter of every [`AuditLog::layer`].
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

/// Whether an event that a macro recorded in `log` may have to be recorded in others.
pub(crate) fn are_others(log: &AuditLog, reached: Option<&AuditLayer>) -> bool {
    let mine = usize::from(reached.is_some_and(|layer| layer.log.same(log)));
    LAYERS.load(Ordering::Relaxed) > mine
}

/// Records an event in `log`, where everything that this thread emits meanwhile is the log's own.
pub(crate) fn record(log: &AuditLog, event: Rendered, enclosing: Enclosing) -> Result<Receipt, NotRecorded> {
    let Some(_guard) = ReentrancyGuard::enter() else { return Err(NotRecorded::Reentered) };
    log.record_event(|rules| enclosing.render(event, rules)).map_err(NotRecorded::from)
}

/// As [`record`], without waiting for the disk.
pub(crate) fn record_async(
    log: &AuditLog,
    event: Rendered,
    enclosing: Enclosing,
) -> PendingReceipt<NotRecorded> {
    match ReentrancyGuard::enter() {
        Some(_guard) => log.append_event_async(|rules| enclosing.render(event, rules)).into(),
        None => Err(NotRecorded::Reentered).into(),
    }
}

/// Records a draft; one that is unhurried is left to the log as soon as it has its place.
pub(crate) fn record_draft(log: &AuditLog, draft: Draft, no_wait: bool) -> Result<Receipt, NotRecorded> {
    let Some(_guard) = ReentrancyGuard::enter() else { return Err(NotRecorded::Reentered) };
    let recorded = if no_wait { log.append_in_background(draft) } else { log.record(draft) };
    recorded.map_err(NotRecorded::from)
}

/// Gives the answer to the macro that is waiting for it, else tells the loss.
fn settle(frame: Option<DispatchFrame>, answer: Result<Receipt, NotRecorded>) -> Option<Receipt> {
    let receipt = answer.as_ref().ok().copied();
    match (frame, answer) {
        (Some(frame), answer) if !frame.is_settled() => frame.settle(answer),
        (_, Err(failure)) => failure.tell(),
        (_, Ok(_)) => {}
    }
    receipt
}

fn is_audit(target: &str) -> bool {
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
            self.before.clone_from(&layer.before);
            self.before.push(layer.log.trail_id());
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        filter_state::note();
        let trail = self.log.trail_id();
        let mut frame = DispatchFrame::of(address(event));
        if let Some(frame) = &mut frame
            && !frame.begin(trail)
        {
            return;
        }
        if let Some(probe) = Probe::of(event.metadata()) {
            return self.note(probe, trail);
        }
        let rendered =
            filter_state::rendering(event.metadata(), self.is_first, || self.render(event, frame.as_ref()));
        let Some(rendered) = rendered else { return };
        let enclosing = Enclosing::of(context.event_scope(event).into_iter().flatten(), &self.log);
        settle(frame, record(&self.log, rendered, enclosing));
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        filter_state::note();
        if !self.captures(attributes.metadata()) {
            return;
        }
        let trail = self.log.trail_id();
        if let Some(probe) = Probe::of(attributes.metadata()) {
            return self.note(probe, trail);
        }
        let mut draft =
            filter_state::rendering(attributes.metadata(), self.is_first, || fields::of_span(attributes));
        let Some(span) = context.span(id) else { return };
        let state = SpanState::new(trail, attributes.metadata().name(), &draft);
        Enclosing::of(span.scope().skip(1), &self.log).complete(&mut draft);
        let frame = DispatchFrame::of(address(attributes.values()));
        let receipt = settle(frame, record_draft(&self.log, draft, state.no_wait));
        state.opened(receipt.map(|receipt| receipt.seq)).put_into(&mut span.extensions_mut());
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id).filter(|span| self.captures(span.metadata())) else { return };
        let given = fields::of_record(values);
        if let Some(state) = SpanState::of(&mut span.extensions_mut(), self.log.trail_id()) {
            state.record(&given);
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
            return Probe::close(trail);
        }
        let Some(state) = SpanState::take_from(&mut span.extensions_mut(), trail) else { return };
        let no_wait = state.no_wait;
        let mut draft = state.close();
        draft.context.source = Some(template::source(span.metadata()));
        Enclosing::of(span.scope().skip(1), &self.log).complete(&mut draft);
        settle(None, record_draft(&self.log, draft, no_wait));
    }
}

impl<S> layer::Filter<S> for AuditFilter {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        filter_state::note();
        true
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_audit(metadata.target()) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}
