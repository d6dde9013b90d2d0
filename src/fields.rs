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
    Event, Metadata,
    field::{Field, Visit},
    span::{Attributes, Record},
};

use crate::{
    canonical::{self, Value},
    draft::{Draft, Origin, Source},
    erasable::{ERASABLE, Erasable},
    json::Json,
    spare,
};

/// How many sources of an error are followed, lest a cycle has no end.
const MAX_SOURCES: usize = 32;

/// What to do with a field `message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Keep,
    /// It was put there by a macro, for the layers that show no event names.
    Drop,
}

/// The draft of an event: its type is the field `event_type`, else the event's own name, else `event`.
pub(crate) fn of_event(event: &Event<'_>, origin: Origin, message: Message) -> Draft {
    let name = own_name(event.metadata()).unwrap_or("event");
    let mut visitor = Visitor::new(Draft::from_origin(name, origin));
    visitor.draft.context.source = Some(source(event.metadata()));
    visitor.draft.fields = Some(event.metadata().fields());
    visitor.names_type = true;
    visitor.drops_message = message == Message::Drop;
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

/// Where `metadata` says that a callsite is.
pub(crate) fn source(metadata: &Metadata<'static>) -> Source {
    Source { module: metadata.module_path().map(Cow::Borrowed), line: metadata.line() }
}

/// The event's name, unless it is the `event FILE:LINE` that `tracing` gives to an event without one.
fn own_name(metadata: &'static Metadata<'static>) -> Option<&'static str> {
    let name = metadata.name();
    let place = || Some((metadata.file()?, metadata.line()?));
    let is_default =
        name.strip_prefix("event ").and_then(|rest| rest.rsplit_once(':')).is_some_and(|(file, line)| {
            place().is_some_and(|place| place.0 == file && line.parse() == Ok(place.1))
        });
    (!is_default).then_some(name)
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

impl Visitor {
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
        if write(&mut text).is_err() {
            text.push_str("[could not be formatted]");
        }
        self.put(field, &Leaf::Text(&text));
        self.text = text;
    }
}

impl Leaf<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => canonical::string(out, text),
            Self::Plain(text) => out.extend_from_slice(text.as_bytes()),
            Self::Float(value) => canonical::float(out, *value),
            Self::Bytes(bytes) => canonical::hex(out, bytes),
            Self::Value(value) => value.write(out),
        }
    }

    /// The value where only text can stand: a string as it is, anything else as its canonical text.
    fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Text(text) | Self::Plain(text) => Cow::Owned(spare::string(text)),
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
