//! The fields of `tracing` events and spans, as the details of a draft.
//!
//! It runs the caller's `Debug` and `Display` code, so it has to be done before any lock is taken. A panic there goes
//! on to the caller and leaves nothing behind. It knows neither layer nor log.

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
        json::{self, value::Value},
    },
    format::draft::{Draft, Origin, Source},
    layer::{
        template::{Filled, Message, Template, own_name, source},
        values::{ERASABLE, Erasable, Json},
    },
};

/// How many sources of an error are followed, lest a cycle has no end.
const MAX_SOURCES: usize = 32;

/// An event as it was rendered.
pub(crate) enum Rendered {
    /// Most are.
    Filled(Filled),
    Draft(Box<Draft>),
}

impl Rendered {
    /// It as a draft, which it stays beside.
    pub(crate) fn to_draft(&self) -> Box<Draft> {
        match self {
            Self::Filled(filled) => Box::new(filled.to_draft()),
            Self::Draft(draft) => draft.clone(),
        }
    }

    pub(crate) fn into_draft(self) -> Box<Draft> {
        match self {
            Self::Filled(filled) => Box::new(filled.to_draft()),
            Self::Draft(draft) => draft,
        }
    }
}

impl From<Draft> for Rendered {
    fn from(draft: Draft) -> Self {
        Self::Draft(Box::new(draft))
    }
}

/// Renders an event: its type is the field `event_type`, else the event's own name, else `event`.
pub(crate) fn of_event(event: &Event<'_>, origin: Origin, message: Message) -> Rendered {
    let Some(template) = Template::of(event.metadata(), origin, message) else {
        return of_event_as_draft(event, origin, message).into();
    };
    let filled = Some(Filled::new(template));
    let mut filler = Filler { filled, visitor: None, origin, message };
    event.record(&mut filler);
    match filler {
        Filler { visitor: Some(visitor), .. } => visitor.draft.into(),
        Filler { filled: Some(filled), .. } => Rendered::Filled(filled),
        // One or the other is always there.
        _ => Draft::from_origin("event", origin).into(),
    }
}

fn of_event_as_draft(event: &Event<'_>, origin: Origin, message: Message) -> Draft {
    let mut draft = Draft::from_origin(own_name(event.metadata()).unwrap_or("event"), origin);
    draft.context.source = Some(source(event.metadata()));
    draft.fields = Some(event.metadata().fields());
    let mut visitor = Visitor::of_event(draft, message);
    event.record(&mut visitor);
    visitor.draft
}

/// The draft of a record of the `log` crate, if `is_wanted` says so of the target that it has there.
pub(crate) fn of_log_record(event: &Event<'_>, is_wanted: fn(&str) -> bool) -> Option<Draft> {
    let mut target = Target { is_wanted, found: false };
    event.record(&mut target);
    target.found.then(|| {
        let mut visitor = Visitor::new(Draft::from_origin("event", Origin::Event));
        visitor.draft.context.source = Some(Source::default());
        visitor.names_type = true;
        visitor.is_log_record = true;
        event.record(&mut visitor);
        visitor.draft
    })
}

/// The draft of a span's opening.
pub(crate) fn of_span(attributes: &Attributes<'_>) -> Draft {
    let name = format!("{}.opened", attributes.metadata().name());
    let mut visitor = Visitor::new(Draft::from_origin(name, Origin::Span));
    visitor.draft.context.source = Some(source(attributes.metadata()));
    visitor.draft.fields = Some(attributes.metadata().fields());
    attributes.record(&mut visitor);
    visitor.draft
}

/// What `Span::record` adds to a span, as the actor and the details of a draft.
pub(crate) fn of_record(values: &Record<'_>) -> Draft {
    let mut visitor = Visitor::new(Draft::from_origin("", Origin::Span));
    values.record(&mut visitor);
    visitor.draft
}

/// Fills a template with what it visits, or makes a draft from the first thing on that doesn't fit into one.
struct Filler {
    /// Until then.
    filled: Option<Filled>,
    visitor: Option<Box<Visitor>>,
    origin: Origin,
    message: Message,
}

struct Visitor {
    draft: Draft,
    /// Whether a field `event_type` names the draft's type, or is a detail like any other.
    names_type: bool,
    typed: bool,
    drops_message: bool,
    /// Whether fields `log.*` say where a record came from.
    is_log_record: bool,
    /// Where values are formatted.
    text: String,
}

/// Looks at the target of a `log` record, and formats nothing.
struct Target {
    is_wanted: fn(&str) -> bool,
    found: bool,
}

impl Visit for Target {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.found |= field.name() == "log.target" && (self.is_wanted)(value);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// A value as it is visited.
enum Leaf<'a> {
    Text(&'a str),
    /// Canonical as it stands, and its own text: numbers and booleans.
    Plain(&'a str),
    Float(f64),
    Bytes(&'a [u8]),
    Value(&'a Value),
}

impl Filler {
    /// Goes on with a draft.
    #[cold]
    fn draft(&mut self) -> &mut Visitor {
        let Self { filled, visitor, origin, message, .. } = self;
        visitor.get_or_insert_with(|| {
            let filled = filled.take();
            let draft =
                filled.map_or_else(|| Draft::from_origin("event", *origin), |filled| filled.to_draft());
            Box::new(Visitor::of_event(draft, *message))
        })
    }

    /// Puts a value that is no text; `write` appends it as canonical text.
    #[inline]
    fn put(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.filled.as_mut().is_some_and(|filled| filled.put_value(field, write))
    }

    /// Puts the canonical text of a number or a boolean.
    #[inline]
    fn put_plain(&mut self, field: &Field, text: &str) {
        if !self.put(field, |out| out.extend_from_slice(text.as_bytes())) {
            self.draft().put(field, &Leaf::Plain(text));
        }
    }

    /// Formats with `write`, and puts what comes of it.
    fn put_formatted(&mut self, field: &Field, write: impl FnOnce(&mut String) -> fmt::Result) {
        let Some(filled) = &mut self.filled else { return self.draft().put_formatted(field, write) };
        if filled.ignores(field) {
            return;
        }
        let mut text = buffer_pool::string("");
        format(&mut text, write);
        if !filled.put_text(field, &text) {
            self.draft().put(field, &Leaf::Text(&text));
        }
        buffer_pool::recycle_string(text);
    }
}

impl Visit for Filler {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if !self.put(field, |out| json::float(out, value)) {
            self.draft().record_f64(field, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put_plain(field, itoa::Buffer::new().format(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put_plain(field, itoa::Buffer::new().format(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put_plain(field, itoa::Buffer::new().format(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put_plain(field, itoa::Buffer::new().format(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put_plain(field, if value { "true" } else { "false" });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !self.filled.as_mut().is_some_and(|filled| filled.put_text(field, value)) {
            self.draft().record_str(field, value);
        }
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        if !self.put(field, |out| json::hex(out, value)) {
            self.draft().record_bytes(field, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        // What may be redacted within, or is withheld, is no affair of a template.
        if value.is::<Json>() || value.is::<Erasable>() {
            self.draft().record_error(field, value);
        } else {
            self.put_formatted(field, |text| write_error(text, value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_formatted(field, |text| write!(text, "{value:?}"));
    }
}

impl Visitor {
    /// One that visits an event.
    fn of_event(draft: Draft, message: Message) -> Self {
        Self { names_type: true, drops_message: message == Message::Drop, ..Self::new(draft) }
    }

    fn new(draft: Draft) -> Self {
        Self {
            draft,
            names_type: false,
            typed: false,
            drops_message: false,
            is_log_record: false,
            text: String::new(),
        }
    }

    fn put(&mut self, field: &Field, leaf: &Leaf<'_>) {
        let name = field.name();
        let again = match name {
            "actor" => self.draft.actor.replace(leaf.text()).is_some(),
            "event_type" if self.names_type => {
                self.draft.event_type = leaf.text();
                std::mem::replace(&mut self.typed, true)
            }
            "message" if self.drops_message => false,
            _ if self.is_log_record && name.starts_with("log.") => {
                self.note_source(name, leaf);
                false
            }
            _ => self.draft.details.put(name, |out| leaf.write(out)),
        };
        self.draft.note_duplicate(again, name);
    }

    /// Takes down what a field `log.*` says of where a record comes from.
    fn note_source(&mut self, name: &str, leaf: &Leaf<'_>) {
        let Some(source) = &mut self.draft.context.source else { return };
        match name {
            "log.module_path" => source.module = Some(leaf.text()),
            "log.line" => source.line = leaf.text().parse().ok(),
            _ => {}
        }
    }

    /// Puts a value that can be erased. Where text must stand that can't, it is kept under that name beside.
    fn put_erasable(&mut self, field: &Field, value: &Value) {
        let name = field.name();
        if name == "actor" || name == "event_type" && self.names_type {
            self.put(field, &Leaf::Text(ERASABLE));
        }
        self.draft.put_erasable(name, value);
    }

    /// Formats with `write`, and puts what comes of it.
    fn put_formatted(&mut self, field: &Field, write: impl FnOnce(&mut String) -> fmt::Result) {
        if self.drops_message && field.name() == "message" {
            return;
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        format(&mut text, write);
        self.put(field, &Leaf::Text(&text));
        self.text = text;
    }
}

impl Leaf<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => json::string(out, text),
            Self::Plain(text) => out.extend_from_slice(text.as_bytes()),
            Self::Float(value) => json::float(out, *value),
            Self::Bytes(bytes) => json::hex(out, bytes),
            Self::Value(value) => value.write(out),
        }
    }

    /// The value where only text can stand: a string as it is, anything else as its canonical text.
    fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Text(text) | Self::Plain(text) => Cow::Owned(buffer_pool::string(text)),
            Self::Value(Value::String(text)) => Cow::Owned(text.to_string_lossy()),
            Self::Float(_) | Self::Bytes(_) | Self::Value(_) => {
                let mut out = Vec::new();
                self.write(&mut out);
                let text = String::from_utf8_lossy(&out);
                let bare = if matches!(self, Self::Value(_)) { &text } else { text.trim_matches('"') };
                Cow::Owned(bare.to_owned())
            }
        }
    }
}

impl Visit for Visitor {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, &Leaf::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &Leaf::Plain(itoa::Buffer::new().format(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &Leaf::Plain(itoa::Buffer::new().format(value)));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put(field, &Leaf::Plain(itoa::Buffer::new().format(value)));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, &Leaf::Plain(itoa::Buffer::new().format(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, &Leaf::Plain(if value { "true" } else { "false" }));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, &Leaf::Text(value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.put(field, &Leaf::Bytes(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if let Some(json) = value.downcast_ref::<Json>() {
            self.put(field, &Leaf::Value(&json.0));
        } else if let Some(erasable) = value.downcast_ref::<Erasable>() {
            self.put_erasable(field, &erasable.0);
        } else {
            self.put_formatted(field, |text| write_error(text, value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_formatted(field, |text| write!(text, "{value:?}"));
    }
}

fn format(text: &mut String, write: impl FnOnce(&mut String) -> fmt::Result) {
    if write(text).is_err() {
        text.push_str("[could not be formatted]");
    }
}

/// Writes an error and its sources, `: ` between them; a source that the text before already ends with is not
/// repeated.
fn write_error(text: &mut String, error: &(dyn Error + 'static)) -> fmt::Result {
    write!(text, "{error}")?;
    let mut source = error.source();
    for _ in 0..MAX_SOURCES {
        let Some(error) = source else { break };
        let end = text.len();
        write!(text, ": {error}")?;
        if text[..end].ends_with(&text[end + 2..]) {
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

    /// Renders each event both ways; says of each whether a template was filled, and how the entry begins.
    struct Both(EntryDefaults, Arc<Mutex<Seen>>);

    type Seen = Vec<(bool, String)>;

    impl<S: Subscriber> Layer<S> for Both {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let Self(rules, seen) = self;
            for message in [Message::Keep, Message::Drop] {
                let mut rendered = of_event(event, Origin::Macro, message);
                let mut drafts = vec![*rendered.to_draft()];
                let filled = match &mut rendered {
                    Rendered::Filled(filled) => filled.prepare(None, None, rules),
                    Rendered::Draft(_) => None,
                };
                drafts.extend([*rendered.into_draft(), of_event_as_draft(event, Origin::Macro, message)]);
                let drafted = drafts.into_iter().map(|draft| PreparedEntry::render(draft, rules));
                let texts = drafted.map(|drafted| drafted.map(|mut prefix| prefix.bytes().clone()));
                let texts: Vec<_> =
                    texts.chain(filled.map(|mut prefix| Ok(prefix.bytes().clone()))).collect();

                for text in &texts {
                    assert_eq!(*text, texts[0]);
                }
                let text = texts[0].as_ref().map_or_else(ToString::to_string, |text| {
                    String::from_utf8(text.clone()).expect("canonical")
                });
                seen.lock().expect("whole").push((texts.len() > 3, text));
            }
        }
    }

    struct Endless;

    impl fmt::Debug for Endless {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }

    fn events(source_location: bool) -> Seen {
        let rules = EntryDefaults {
            actor: "sys\"tem".to_owned(),
            inherit_fields: Vec::new(),
            redaction: Default::default(),
            source_location,
        };
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let both = Both(rules, Arc::clone(&seen));
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
    fn an_event_gives_the_same_entry_by_a_template_and_as_a_draft() {
        for source_location in [false, true] {
            let seen = events(source_location);

            let filled = seen.iter().filter(|(filled, _)| *filled).count();
            assert_eq!((filled, seen.len()), (12, 26), "{seen:#?}");
            let (_, all) = &seen[0];
            assert!(all.starts_with("{\"actor\": \"a\\u00e9\\n\", "), "{all}");
            assert!(all.contains("\"a\": -1, \"b\": 1, \"c\": 1.5, \"d\": \"NaN\", \"y\": 340282"), "{all}");
            assert_eq!(all.contains("\"source\": {\"line\": "), source_location);
        }
    }

    #[test]
    fn each_value_is_rendered_once() {
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
                let draft = of_event(event, Origin::Event, Message::Keep).into_draft();
                assert_eq!(draft.details.get(b"counted"), Some(&b"\"0\""[..]));
            }
        }

        tracing::subscriber::with_default(tracing_subscriber::registry().with(Once), || {
            // A template is begun, and given up for the last field.
            info!(counted = ?Counted, other = erasable(&1));
        });

        assert_eq!(RENDERED.load(Ordering::Relaxed), 1);
    }
}
