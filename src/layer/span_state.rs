//! State of open audit spans, kept in the extensions of each span.
//!
//! Several logs may record one span. Each of them has a state of its own, found by the id of its trail. No function
//! here renders a field or calls a log while it holds the lock of the extensions.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use tracing_subscriber::registry::{ExtensionsMut, LookupSpan, SpanRef};

use crate::{
    codec::{
        buffer_pool,
        json::{object_builder::ObjectBuilder, parse::parse, write},
    },
    error::DraftError,
    format::{
        draft::{Draft, MAX_VALUE_LEVELS, Origin},
        prepared_entry::{EntryDefaults, PreparedEntry},
        receipt::TrailId,
    },
    layer::{dispatch_frame, fields::RenderedEvent, template::InnermostSpan},
    log::AuditLog,
};

/// Deepest nesting of an inherited value. In `context.fields` a value is one level deeper than in `details`.
const MAX_INHERITED_LEVELS: usize = MAX_VALUE_LEVELS - 1;

/// State of one open span for one log.
pub(crate) struct SpanState {
    trail: TrailId,
    name: &'static str,
    /// `true` if no caller waits for the span's entries to be durable.
    pub(crate) no_wait: bool,
    /// Sequence number of the `.opened` entry, if that was recorded.
    opened_seq: Option<u64>,
    actor: Option<Cow<'static, str>>,
    fields: ObjectBuilder,
    duplicates: Vec<String>,
    timer: SpanTimer,
}

/// States of one span, one for each log.
///
/// Extensions are found by type. This type is private to the crate, so no other layer can take or replace it.
struct SpanStates(Vec<SpanState>);

/// Values that an entry takes from the audit spans around it. Empty and without allocation if there are none.
#[derive(Default)]
pub(crate) struct EnclosingSpans(Option<Box<SpanContext>>);

#[derive(Default)]
struct SpanContext {
    innermost: Option<InnermostSpan>,
    actor: Option<Cow<'static, str>>,
    /// Fields that the log inherits.
    fields: ObjectBuilder,
}

impl SpanState {
    /// Returns the state of a span that opens with `draft`.
    pub(crate) fn new(trail: TrailId, name: &'static str, draft: &Draft) -> Self {
        Self {
            trail,
            name,
            no_wait: dispatch_frame::is_no_wait(),
            opened_seq: None,
            actor: draft.actor.clone(),
            fields: draft.details.clone(),
            duplicates: draft.context.duplicate_fields.clone(),
            timer: SpanTimer::start(),
        }
    }

    /// Sets the sequence number of the `.opened` entry.
    pub(crate) fn with_opened_seq(mut self, seq: Option<u64>) -> Self {
        self.opened_seq = seq;
        self
    }

    pub(crate) fn put_into(self, extensions: &mut ExtensionsMut<'_>) {
        match extensions.get_mut::<SpanStates>() {
            Some(states) => states.0.push(self),
            // `insert` would panic if the type is there already.
            None => drop(extensions.replace(SpanStates(vec![self]))),
        }
    }

    pub(crate) fn take_from(extensions: &mut ExtensionsMut<'_>, trail: TrailId) -> Option<Self> {
        let states = extensions.get_mut::<SpanStates>()?;
        let index = states.0.iter().position(|state| state.trail == trail)?;
        Some(states.0.swap_remove(index))
    }

    pub(crate) fn of<'a>(extensions: &'a mut ExtensionsMut<'_>, trail: TrailId) -> Option<&'a mut Self> {
        extensions.get_mut::<SpanStates>()?.0.iter_mut().find(|state| state.trail == trail)
    }

    /// Applies a `Span::record` call. A field that is set again replaces its value and is no duplicate.
    pub(crate) fn record(&mut self, update: &Draft) {
        if update.actor.is_some() {
            self.actor.clone_from(&update.actor);
        }
        // Built anew: a builder keeps the bytes of a replaced value, so updates in a loop would make it grow.
        let mut fields = ObjectBuilder::default();
        for (name, value, erasable) in self.fields.iter_with_flags().chain(update.details.iter_with_flags()) {
            fields.put_with_flag(name, erasable, |out| out.extend_from_slice(value));
        }
        self.fields = fields;
    }

    pub(crate) fn enter(&mut self) {
        self.timer.enter();
    }

    pub(crate) fn exit(&mut self) {
        self.timer.exit();
    }

    /// Returns the draft of the `.closed` entry. Its `context.span` is the span itself, so that the entry names its
    /// own `.opened` entry.
    pub(crate) fn close(mut self) -> Draft {
        let (busy, idle) = self.timer.stop();
        let mut draft = Draft::from_origin(format!("{}.closed", self.name), Origin::Span);
        draft.actor = self.actor.take();
        draft.details = std::mem::take(&mut self.fields);
        draft.context.duplicate_fields = std::mem::take(&mut self.duplicates);
        draft.context.span = Some((Cow::Borrowed(self.name), self.opened_seq));
        for (name, time) in [("busy_us", busy), ("idle_us", idle)] {
            let is_duplicate = draft.details.put(name, |out| write::integer(out, time.as_micros()));
            draft.note_duplicate(is_duplicate, name);
        }
        draft
    }
}

impl EnclosingSpans {
    /// Collects values of the spans in `scope`, which `log` has recorded. Of several spans with one field, the
    /// innermost counts; `scope` begins with it.
    pub(crate) fn collect<'a, R>(scope: impl IntoIterator<Item = SpanRef<'a, R>>, log: &AuditLog) -> Self
    where
        R: LookupSpan<'a> + 'a,
    {
        let (trail, inherited) = (log.trail_id(), log.inherited());
        let mut enclosing = Self::default();
        let mut missing_fields = inherited.len();
        for span in scope {
            let extensions = span.extensions();
            let states = extensions.get::<SpanStates>().map_or(&[][..], |states| &states.0);
            let Some(state) = states.iter().find(|state| state.trail == trail) else { continue };
            let context = enclosing.0.get_or_insert_default();
            context.innermost.get_or_insert(InnermostSpan { name: state.name, opened_seq: state.opened_seq });
            if context.actor.is_none() {
                context.actor = state.actor.as_deref().map(|actor| Cow::Owned(buffer_pool::string(actor)));
            }
            for name in inherited {
                let field = state.fields.iter_with_flags().find(|(known, ..)| *known == name.as_bytes());
                if let Some((name, value, erasable)) = field
                    && context.fields.get(name).is_none()
                {
                    context.fields.put_with_flag(name, erasable, |out| write_inherited(value, out));
                    missing_fields -= 1;
                }
            }
            if context.actor.is_some() && missing_fields == 0 {
                break;
            }
        }
        enclosing
    }

    /// Prepares the entry of an event inside these spans.
    pub(crate) fn prepare(
        self,
        event: RenderedEvent,
        defaults: &EntryDefaults,
    ) -> Result<PreparedEntry, DraftError> {
        let event = match event {
            RenderedEvent::Template(mut filled) if self.fits_template() => {
                let context = self.0.as_deref();
                let actor = context.and_then(|context| context.actor.as_deref());
                match filled.prepare(actor, context.and_then(|context| context.innermost), defaults) {
                    Some(entry) => return Ok(entry),
                    None => RenderedEvent::Template(filled),
                }
            }
            event => event,
        };
        let mut draft = event.into_draft();
        self.complete(&mut draft);
        PreparedEntry::render(*draft, defaults)
    }

    /// Returns `true` if a template has a place for these values: it has none for inherited fields.
    fn fits_template(&self) -> bool {
        self.0.as_ref().is_none_or(|context| context.fields.is_empty())
    }

    /// Adds these values to `draft`. Its own actor and span have priority.
    pub(crate) fn complete(self, draft: &mut Draft) {
        let Some(context) = self.0 else { return };
        if draft.actor.is_none() {
            draft.actor = context.actor;
        }
        if draft.context.span.is_none() {
            draft.context.span = context.innermost.map(|span| (Cow::Borrowed(span.name), span.opened_seq));
        }
        draft.context.fields = context.fields;
    }
}

/// Writes a span's value for an entry that inherits it. A value that would nest too deeply there becomes its JSON
/// text, as a string.
fn write_inherited(value: &[u8], out: &mut Vec<u8>) {
    let nests = matches!(value.first(), Some(b'[' | b'{'));
    if !nests || parse(value, MAX_INHERITED_LEVELS).is_ok() {
        out.extend_from_slice(value);
    } else {
        write::string(out, &String::from_utf8_lossy(value));
    }
}

/// Divides the life of a span into busy time, while at least one thread is inside, and idle time.
struct SpanTimer {
    busy: Duration,
    idle: Duration,
    last_change: Instant,
    threads_inside: usize,
}

impl SpanTimer {
    fn start() -> Self {
        Self { busy: Duration::ZERO, idle: Duration::ZERO, last_change: Instant::now(), threads_inside: 0 }
    }

    fn enter(&mut self) {
        self.add_elapsed();
        self.threads_inside += 1;
    }

    fn exit(&mut self) {
        self.add_elapsed();
        self.threads_inside = self.threads_inside.saturating_sub(1);
    }

    /// Returns busy and idle time.
    fn stop(mut self) -> (Duration, Duration) {
        self.add_elapsed();
        (self.busy, self.idle)
    }

    fn add_elapsed(&mut self) {
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(self.last_change);
        *if self.threads_inside == 0 { &mut self.idle } else { &mut self.busy } += elapsed;
        self.last_change = now;
    }
}
