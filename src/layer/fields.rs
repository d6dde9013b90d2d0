//! Renders the fields of `tracing` events and spans as canonical JSON.
//!
//! Each value is rendered once. This runs `Debug` and `Display` code of the caller, so it runs before any lock is
//! taken: a panic there reaches the caller and leaves nothing behind. This file uses neither layer nor log.

use std::{
    borrow::Cow,
    error::Error,
    fmt::{self, Write as _},
};

use tracing::{
    Event,
    field::{Field, Visit},
    span::{Attributes, Record},
};

use crate::{
    codec::{
        buffer_pool,
        json::{value::Value, write},
    },
    format::draft::{Draft, Origin, Source},
    layer::{
        template::{FilledTemplate, Message, Template, own_name, source_of},
        values::{ERASABLE_PLACEHOLDER, Erasable, Json},
    },
};

/// Largest number of sources of an error that are rendered. It ends the loop over sources that form a cycle.
const MAX_ERROR_SOURCES: usize = 32;

/// A rendered event. It borrows nothing from the event.
pub(crate) enum RenderedEvent {
    /// The common case: all fields fit into the template of the callsite.
    Template(FilledTemplate),
    Draft(Box<Draft>),
}

impl RenderedEvent {
    /// Returns a draft with the same content.
    pub(crate) fn to_draft(&self) -> Box<Draft> {
        match self {
            Self::Template(filled) => Box::new(filled.to_draft()),
            Self::Draft(draft) => draft.clone(),
        }
    }

    pub(crate) fn into_draft(self) -> Box<Draft> {
        match self {
            Self::Template(filled) => Box::new(filled.to_draft()),
            Self::Draft(draft) => draft,
        }
    }
}

/// Renders an event. Its type is the field `event_type`, otherwise the event's own name, otherwise `event`.
pub(crate) fn render_event(event: &Event<'_>, origin: Origin, message: Message) -> RenderedEvent {
    let mut visitor = match Template::of(event.metadata(), origin, message) {
        Some(template) => FieldVisitor::fill(FilledTemplate::new(template)),
        None => event_as_draft(event, origin, message),
    };
    event.record(&mut visitor);
    visitor.finish()
}

fn event_as_draft(event: &Event<'_>, origin: Origin, message: Message) -> FieldVisitor {
    let mut draft = Draft::from_origin(own_name(event.metadata()).unwrap_or("event"), origin);
    draft.context.source = Some(source_of(event.metadata()));
    draft.fields = Some(event.metadata().fields());
    FieldVisitor::build(DraftFields::of_event(draft, message))
}

/// Renders a record of the `log` crate. Returns `None` if `is_wanted` rejects the record's own target.
pub(crate) fn render_log_record(event: &Event<'_>, is_wanted: fn(&str) -> bool) -> Option<RenderedEvent> {
    let mut target = LogTarget { is_wanted, is_found: false };
    event.record(&mut target);
    target.is_found.then(|| {
        let mut draft = Draft::from_origin("event", Origin::Event);
        draft.context.source = Some(Source::default());
        let fields = DraftFields::of_event(draft, Message::Keep);
        let mut visitor = FieldVisitor::build(DraftFields { is_log_record: true, ..fields });
        event.record(&mut visitor);
        visitor.finish()
    })
}

/// Returns the draft of a span's `NAME.opened` entry.
pub(crate) fn span_opening(attributes: &Attributes<'_>) -> Box<Draft> {
    let name = format!("{}.opened", attributes.metadata().name());
    let mut draft = Draft::from_origin(name, Origin::Span);
    draft.context.source = Some(source_of(attributes.metadata()));
    draft.fields = Some(attributes.metadata().fields());
    let mut visitor = FieldVisitor::build(DraftFields::new(draft));
    attributes.record(&mut visitor);
    visitor.finish().into_draft()
}

/// Returns the fields that a `Span::record` call sets, as actor and details of a draft without a type.
pub(crate) fn span_update(values: &Record<'_>) -> Box<Draft> {
    let mut visitor = FieldVisitor::build(DraftFields::new(Draft::from_origin("", Origin::Span)));
    values.record(&mut visitor);
    visitor.finish().into_draft()
}

/// Visitor of all field values.
///
/// The visitor fills the template of the callsite as long as each value fits. At the first value that does not fit, it
/// makes a draft from the filled part and continues with that: no value is rendered twice.
struct FieldVisitor {
    filled: Option<FilledTemplate>,
    /// `Some` from the first value on that did not fit.
    draft: Option<DraftFields>,
}

/// A draft and the rules by which it takes fields.
struct DraftFields {
    draft: Box<Draft>,
    message: Message,
    /// `true` if a field `event_type` sets the draft's type; otherwise it is a detail like any other.
    sets_type: bool,
    has_type: bool,
    /// `true` if the fields `log.*` describe the origin of the event.
    is_log_record: bool,
}

/// Visitor that reads the target of a `log` record and formats nothing.
struct LogTarget {
    is_wanted: fn(&str) -> bool,
    is_found: bool,
}

impl Visit for LogTarget {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.is_found |= field.name() == "log.target" && (self.is_wanted)(value);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// A value as the visitor receives it.
enum FieldValue<'a> {
    Text(&'a str),
    /// An integer or a boolean, as its canonical JSON text.
    Literal(&'a str),
    Float(f64),
    Bytes(&'a [u8]),
    Json(&'a Value),
}

impl FieldVisitor {
    fn fill(filled: FilledTemplate) -> Self {
        Self { filled: Some(filled), draft: None }
    }

    fn build(draft: DraftFields) -> Self {
        Self { filled: None, draft: Some(draft) }
    }

    fn finish(self) -> RenderedEvent {
        match (self.draft, self.filled) {
            (Some(fields), _) => RenderedEvent::Draft(fields.draft),
            (None, Some(filled)) => RenderedEvent::Template(filled),
            // Both constructors set one of the two.
            (None, None) => RenderedEvent::Draft(Box::new(Draft::from_origin("event", Origin::Event))),
        }
    }

    /// Returns the draft; made from the filled part of the template if there is none yet.
    #[cold]
    fn draft(&mut self) -> &mut DraftFields {
        let Self { filled, draft } = self;
        draft.get_or_insert_with(|| match filled.take() {
            Some(filled) => DraftFields::of_event(filled.to_draft(), filled.message()),
            None => DraftFields::of_event(Draft::from_origin("event", Origin::Event), Message::Keep),
        })
    }

    /// Puts a value under a field. In each `record_*` method the kind of value is a constant, so the match below is
    /// decided at compile time.
    #[inline]
    fn put(&mut self, field: &Field, value: FieldValue<'_>) {
        let fits = self.filled.as_mut().is_some_and(|filled| match &value {
            FieldValue::Text(text) => filled.put_text(field, text),
            // Nested members may need redaction, which only a draft gets.
            FieldValue::Json(_) => false,
            _ => filled.put_value(field, |out| value.write(out)),
        });
        if !fits {
            self.draft().put(field, &value);
        }
    }

    /// Formats a value with `write` and puts the text under a field. Ignored fields are not formatted.
    fn put_formatted(&mut self, field: &Field, write: impl FnOnce(&mut String) -> fmt::Result) {
        let is_ignored = match (&self.filled, &self.draft) {
            (Some(filled), _) => filled.ignores(field),
            (None, Some(draft)) => draft.ignores(field),
            (None, None) => false,
        };
        if is_ignored {
            return;
        }
        let mut text = buffer_pool::string("");
        if write(&mut text).is_err() {
            text.push_str("[could not be formatted]");
        }
        self.put(field, FieldValue::Text(&text));
        buffer_pool::recycle_string(text);
    }
}

impl Visit for FieldVisitor {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, FieldValue::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, FieldValue::Literal(itoa::Buffer::new().format(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, FieldValue::Literal(itoa::Buffer::new().format(value)));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put(field, FieldValue::Literal(itoa::Buffer::new().format(value)));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, FieldValue::Literal(itoa::Buffer::new().format(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, FieldValue::Literal(if value { "true" } else { "false" }));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, FieldValue::Text(value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.put(field, FieldValue::Bytes(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if let Some(json) = value.downcast_ref::<Json>() {
            self.put(field, FieldValue::Json(&json.0));
        } else if let Some(erasable) = value.downcast_ref::<Erasable>() {
            self.draft().put_erasable(field, &erasable.0);
        } else {
            self.put_formatted(field, |text| write_error(text, value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_formatted(field, |text| write!(text, "{value:?}"));
    }
}

impl DraftFields {
    fn new(draft: Draft) -> Self {
        Self {
            draft: Box::new(draft),
            message: Message::Keep,
            sets_type: false,
            has_type: false,
            is_log_record: false,
        }
    }

    fn of_event(draft: Draft, message: Message) -> Self {
        Self { sets_type: true, message, ..Self::new(draft) }
    }

    fn ignores(&self, field: &Field) -> bool {
        self.message == Message::Drop && field.name() == "message"
    }

    fn put(&mut self, field: &Field, value: &FieldValue<'_>) {
        let name = field.name();
        let is_duplicate = match name {
            "actor" => self.draft.actor.replace(value.text()).is_some(),
            "event_type" if self.sets_type => {
                self.draft.event_type = value.text();
                std::mem::replace(&mut self.has_type, true)
            }
            "message" if self.message == Message::Drop => false,
            _ if self.is_log_record && name.starts_with("log.") => {
                self.set_source(name, value);
                false
            }
            _ => self.draft.details.put(name, |out| value.write(out)),
        };
        self.draft.note_duplicate(is_duplicate, name);
    }

    /// Takes module and line from the fields that `tracing-log` adds to a record.
    fn set_source(&mut self, name: &str, value: &FieldValue<'_>) {
        let Some(source) = &mut self.draft.context.source else { return };
        match name {
            "log.module_path" => source.module = Some(value.text()),
            "log.line" => source.line = value.text().parse().ok(),
            _ => {}
        }
    }

    /// Puts a value that can be erased later. An actor or a type must stay readable in the entry: the entry gets a
    /// placeholder for it, and the value becomes an erasable detail of that name.
    fn put_erasable(&mut self, field: &Field, value: &Value) {
        let name = field.name();
        if name == "actor" || name == "event_type" && self.sets_type {
            self.put(field, &FieldValue::Text(ERASABLE_PLACEHOLDER));
        }
        self.draft.put_erasable(name, value);
    }
}

impl FieldValue<'_> {
    /// Appends the value as canonical JSON.
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => write::string(out, text),
            Self::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Self::Float(value) => write::float(out, *value),
            Self::Bytes(bytes) => write::hex(out, bytes),
            Self::Json(value) => value.write(out),
        }
    }

    /// Returns the value for a member that must be text: a string as it is, any other value as its canonical JSON.
    fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Text(text) | Self::Literal(text) => Cow::Owned(buffer_pool::string(text)),
            Self::Json(Value::String(text)) => Cow::Owned(text.to_string_lossy()),
            Self::Float(_) | Self::Bytes(_) | Self::Json(_) => {
                let mut out = Vec::new();
                self.write(&mut out);
                let text = String::from_utf8_lossy(&out);
                // Bytes, and floats that JSON has no number for, are written as strings: without their quotes.
                let bare = if matches!(self, Self::Json(_)) { &text } else { text.trim_matches('"') };
                Cow::Owned(bare.to_owned())
            }
        }
    }
}

/// Writes an error and its sources, separated by `: `.
///
/// Many errors repeat their source at the end of their own text. Such a source is written once.
fn write_error(text: &mut String, error: &(dyn Error + 'static)) -> fmt::Result {
    write!(text, "{error}")?;
    let mut source = error.source();
    for _ in 0..MAX_ERROR_SOURCES {
        let Some(error) = source else { break };
        let end = text.len();
        write!(text, ": {error}")?;
        if text[..end].ends_with(&text[end + ": ".len()..]) {
            text.truncate(end);
        }
        source = error.source();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    };

    use tracing::{Subscriber, info};
    use tracing_subscriber::{
        Layer,
        layer::{Context, SubscriberExt as _},
    };

    use super::*;
    use crate::{
        format::prepared_entry::{EntryDefaults, PreparedEntry},
        layer::values::{erasable, json},
    };

    /// Layer that renders each event by a template and as a draft, and asserts that both give the same bytes.
    struct BothWays(EntryDefaults, Arc<Mutex<Vec<Rendering>>>);

    /// Start of one entry. `by_template` is `true` if a template was filled for it.
    #[derive(Debug)]
    struct Rendering {
        by_template: bool,
        text: String,
    }

    impl<S: Subscriber> Layer<S> for BothWays {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let Self(defaults, seen) = self;
            for message in [Message::Keep, Message::Drop] {
                let mut rendered = render_event(event, Origin::Macro, message);
                let mut drafts = vec![*rendered.to_draft()];
                let filled = match &mut rendered {
                    RenderedEvent::Template(filled) => filled.prepare(None, None, defaults),
                    RenderedEvent::Draft(_) => None,
                };
                let mut visitor = event_as_draft(event, Origin::Macro, message);
                event.record(&mut visitor);
                drafts.extend([*rendered.into_draft(), *visitor.finish().into_draft()]);
                let drafted = drafts.into_iter().map(|draft| PreparedEntry::render(draft, defaults));
                let texts = drafted.map(|drafted| drafted.map(|mut entry| entry.bytes().clone()));
                let texts: Vec<_> = texts.chain(filled.map(|mut entry| Ok(entry.bytes().clone()))).collect();

                for text in &texts {
                    assert_eq!(*text, texts[0]);
                }
                let text = texts[0].as_ref().map_or_else(ToString::to_string, |text| {
                    String::from_utf8(text.clone()).expect("canonical")
                });
                seen.lock().expect("whole").push(Rendering { by_template: texts.len() > 3, text });
            }
        }
    }

    struct Endless;

    impl fmt::Debug for Endless {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }

    fn render_samples(source_location: bool) -> Vec<Rendering> {
        let defaults = EntryDefaults {
            actor: "sys\"tem".to_owned(),
            inherit_fields: Vec::new(),
            redaction: Default::default(),
            source_location,
        };
        let seen: Arc<Mutex<Vec<Rendering>>> = Arc::default();
        let both = BothWays(defaults, Arc::clone(&seen));
        let error = std::io::Error::other("of \u{1f600}");
        let long = "long ".repeat(20_000);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(both), || {
            info!(name: "all", actor = "a\u{e9}\n", b = 1_u64, a = -1_i64, d = f64::NAN, c = 1.5, z = i128::MIN, y = u128::MAX);
            info!(name: "texts", s = "", t = "\"", u = "sixteen bytes !!", v = "more than sixteen bytes", w = "1234567\u{7f}");
            info!(name: "formatted", debug = ?"x", display = %"y", error = &error as &dyn Error, endless = ?Endless);
            info!(name: "absent", some = Some(1), none = None::<u64>, empty = tracing::field::Empty, actor = None::<&str>);
            info!(name: "bytes", b = &[1_u8, 0xff][..], t = true, f = false, message = "said");
            info!(actor = "alice", "a message alone {}", 5);
            info!(name: "typed", event_type = "another", a = 1);
            info!(name: "actor_of_another_kind", a = 1, actor = 5, b = 2);
            info!(name: "json", a = 1, b = json(&[1, 2]), c = ?3, actor = "late");
            info!(name: "redacted", a = 1, password = "x", b = 2);
            info!(name: "nested", a = json(&std::collections::BTreeMap::from([("password", 1)])));
            info!(name: "too_long", a = "first", text = long.as_str(), z = "last");
            info!(name: "x.opened", a = 1);
        });
        std::mem::take(&mut *seen.lock().expect("whole"))
    }

    #[test]
    fn template_and_draft_give_the_same_entry() {
        for source_location in [false, true] {
            let seen = render_samples(source_location);

            let filled = seen.iter().filter(|rendering| rendering.by_template).count();
            assert_eq!((filled, seen.len()), (12, 26), "{seen:#?}");
            let all = &seen[0].text;
            assert!(all.starts_with("{\"actor\": \"a\\u00e9\\n\", "), "{all}");
            assert!(all.contains("\"a\": -1, \"b\": 1, \"c\": 1.5, \"d\": \"NaN\", \"y\": 340282"), "{all}");
            assert_eq!(all.contains("\"source\": {\"line\": "), source_location);
        }
    }

    #[test]
    fn value_is_rendered_once_even_if_a_later_one_needs_a_draft() {
        static RENDERED: AtomicU64 = AtomicU64::new(0);
        struct Counted;
        impl fmt::Debug for Counted {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", RENDERED.fetch_add(1, Ordering::Relaxed))
            }
        }
        struct Once;
        impl<S: Subscriber> Layer<S> for Once {
            fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
                let draft = render_event(event, Origin::Event, Message::Keep).into_draft();
                assert_eq!(draft.details.get(b"counted"), Some(&b"\"0\""[..]));
            }
        }

        tracing::subscriber::with_default(tracing_subscriber::registry().with(Once), || {
            // The first field fits into the template, and the second one does not.
            info!(counted = ?Counted, other = erasable(&1));
        });

        assert_eq!(RENDERED.load(Ordering::Relaxed), 1);
    }
}
