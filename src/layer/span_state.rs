//! What the layer remembers of an open audit span, in the span's own extensions.
//!
//! Several logs may watch one span: each has a state of its own, by the name of its trail. Nothing here renders a
//! field or calls a log, so the locks of the extensions are held for moments only.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use tracing_subscriber::registry::{ExtensionsMut, LookupSpan, SpanRef};

use crate::layer::dispatch_frame;
use crate::{
    codec::{
        buffer_pool,
        json::{self, object_builder::ObjectBuilder},
    },
    error::DraftError,
    format::{
        draft::{Draft, MAX_VALUE_LEVELS, Origin},
        prepared_entry::{EntryDefaults, PreparedEntry},
        receipt::TrailId,
    },
    layer::fields::Rendered,
    log::AuditLog,
};

/// In `context.fields` a value stands one level below where it stands in `details`.
const MAX_INHERITED_LEVELS: usize = MAX_VALUE_LEVELS - 1;

/// One open span, as one log knows it.
pub(crate) struct SpanState {
    trail: TrailId,
    name: &'static str,
    /// Whether nobody waits until its entries are durable.
    pub(crate) no_wait: bool,
    /// The `seq` of its `.opened`, if that was recorded.
    opened: Option<u64>,
    actor: Option<Cow<'static, str>>,
    fields: ObjectBuilder,
    duplicates: Vec<String>,
    clock: Clock,
}

/// Each log's state. The type is private to this crate, so no other layer can take or replace it.
struct States(Vec<SpanState>);

/// What the audit spans around an event say of it; mostly there are none.
#[derive(Default)]
pub(crate) struct Enclosing(Option<Box<Spans>>);

#[derive(Default)]
struct Spans {
    span: Option<(&'static str, Option<u64>)>,
    actor: Option<Cow<'static, str>>,
    /// The log's inherited fields.
    fields: ObjectBuilder,
}

impl SpanState {
    /// The state of a span that is opened with `draft`.
    pub(crate) fn new(trail: TrailId, name: &'static str, draft: &Draft) -> Self {
        Self {
            trail,
            name,
            no_wait: dispatch_frame::is_unhurried(),
            opened: None,
            actor: draft.actor.clone(),
            fields: draft.details.clone(),
            duplicates: draft.context.duplicate_fields.clone(),
            clock: Clock::new(),
        }
    }

    /// Says where its `.opened` was recorded.
    pub(crate) fn opened(mut self, seq: Option<u64>) -> Self {
        self.opened = seq;
        self
    }

    pub(crate) fn put_into(self, extensions: &mut ExtensionsMut<'_>) {
        match extensions.get_mut::<States>() {
            Some(states) => states.0.push(self),
            // Not `insert`, which panics if the type is there.
            None => drop(extensions.replace(States(vec![self]))),
        }
    }

    pub(crate) fn take_from(extensions: &mut ExtensionsMut<'_>, trail: TrailId) -> Option<Self> {
        let states = extensions.get_mut::<States>()?;
        let at = states.0.iter().position(|state| state.trail == trail)?;
        Some(states.0.swap_remove(at))
    }

    pub(crate) fn of<'a>(extensions: &'a mut ExtensionsMut<'_>, trail: TrailId) -> Option<&'a mut Self> {
        extensions.get_mut::<States>()?.0.iter_mut().find(|state| state.trail == trail)
    }

    /// Adds what `Span::record` gave.
    pub(crate) fn record(&mut self, given: &Draft) {
        if given.actor.is_some() {
            self.actor.clone_from(&given.actor);
        }
        // Built anew, since a value that is replaced in place leaves its bytes behind.
        let mut fields = ObjectBuilder::default();
        for (name, value, erasable) in self.fields.iter_with_flags().chain(given.details.iter_with_flags()) {
            fields.put_with_flag(name, erasable, |out| out.extend_from_slice(value));
        }
        self.fields = fields;
    }

    pub(crate) fn enter(&mut self) {
        self.clock.enter();
    }

    pub(crate) fn exit(&mut self) {
        self.clock.exit();
    }

    /// The draft of its closing, which stands inside the span itself: so each one names its own opening.
    pub(crate) fn close(mut self) -> Draft {
        let (busy, idle) = self.clock.stop();
        let mut draft = Draft::from_origin(format!("{}.closed", self.name), Origin::Span);
        draft.actor = self.actor.take();
        draft.details = std::mem::take(&mut self.fields);
        draft.context.duplicate_fields = std::mem::take(&mut self.duplicates);
        draft.context.span = Some((Cow::Borrowed(self.name), self.opened));
        for (name, time) in [("busy_us", busy), ("idle_us", idle)] {
            let again = draft.details.put(name, |out| json::integer(out, time.as_micros()));
            draft.note_duplicate(again, name);
        }
        draft
    }
}

impl Enclosing {
    /// Looks from the innermost span outwards, for what `log` knows of the spans.
    pub(crate) fn of<'a, R>(scope: impl IntoIterator<Item = SpanRef<'a, R>>, log: &AuditLog) -> Self
    where
        R: LookupSpan<'a> + 'a,
    {
        let (trail, inherited) = (log.trail_id(), log.inherited());
        let mut enclosing = Self::default();
        let mut missing = inherited.len();
        for span in scope {
            let extensions = span.extensions();
            let states = extensions.get::<States>().map_or(&[][..], |states| &states.0);
            let Some(state) = states.iter().find(|state| state.trail == trail) else { continue };
            let found = enclosing.0.get_or_insert_default();
            found.span.get_or_insert((state.name, state.opened));
            if found.actor.is_none() {
                found.actor = state.actor.as_deref().map(|actor| Cow::Owned(buffer_pool::string(actor)));
            }
            for name in inherited {
                let given = state.fields.iter_with_flags().find(|(known, ..)| *known == name.as_bytes());
                if let Some((name, value, erasable)) = given
                    && found.fields.get(name).is_none()
                {
                    found.fields.put_with_flag(name, erasable, |out| inherit_fields(value, out));
                    missing -= 1;
                }
            }
            if found.actor.is_some() && missing == 0 {
                break;
            }
        }
        enclosing
    }

    /// Renders an event that it stands around.
    pub(crate) fn render(self, event: Rendered, rules: &EntryDefaults) -> Result<PreparedEntry, DraftError> {
        let event = match event {
            Rendered::Filled(mut filled) if self.fills() => {
                let spans = self.0.as_deref();
                let actor = spans.and_then(|spans| spans.actor.as_deref());
                match filled.prepare(actor, spans.and_then(|spans| spans.span), rules) {
                    Some(prefix) => return Ok(prefix),
                    None => Rendered::Filled(filled),
                }
            }
            event => event,
        };
        let mut draft = event.into_draft();
        self.complete(&mut draft);
        PreparedEntry::render(*draft, rules)
    }

    /// Whether a template can say it: nothing is inherited.
    fn fills(&self) -> bool {
        self.0.as_ref().is_none_or(|spans| spans.fields.is_empty())
    }

    /// Adds to `draft` what it doesn't say itself.
    pub(crate) fn complete(self, draft: &mut Draft) {
        let Some(spans) = self.0 else { return };
        if draft.actor.is_none() {
            draft.actor = spans.actor;
        }
        if draft.context.span.is_none() {
            draft.context.span = spans.span.map(|(name, seq)| (Cow::Borrowed(name), seq));
        }
        draft.context.fields = spans.fields;
    }
}

/// Writes a span's value where an entry inherits it: one level deeper than its own, so the deepest become their text.
fn inherit_fields(value: &[u8], out: &mut Vec<u8>) {
    let nests = matches!(value.first(), Some(b'[' | b'{'));
    if !nests || json::parse(value, MAX_INHERITED_LEVELS).is_ok() {
        out.extend_from_slice(value);
    } else {
        json::string(out, &String::from_utf8_lossy(value));
    }
}

/// Splits a span's life into busy (some thread is inside) and idle time.
struct Clock {
    busy: Duration,
    idle: Duration,
    since: Instant,
    inside: usize,
}

impl Clock {
    fn new() -> Self {
        Self { busy: Duration::ZERO, idle: Duration::ZERO, since: Instant::now(), inside: 0 }
    }

    fn enter(&mut self) {
        self.turn();
        self.inside += 1;
    }

    fn exit(&mut self) {
        self.turn();
        self.inside = self.inside.saturating_sub(1);
    }

    fn stop(mut self) -> (Duration, Duration) {
        self.turn();
        (self.busy, self.idle)
    }

    fn turn(&mut self) {
        let now = Instant::now();
        let passed = now.saturating_duration_since(self.since);
        *if self.inside == 0 { &mut self.idle } else { &mut self.busy } += passed;
        self.since = now;
    }
}
