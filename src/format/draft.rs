//! Drafts: events before they have a number, a time and a link.
//!
//! Each value becomes canonical text when it is added. The first value without canonical text is kept as the draft's
//! error, and `append` returns it. A draft refers to no log and no file.

use std::borrow::Cow;

use serde::Serialize;
use tracing::field::FieldSet;

use crate::{
    codec::{
        json::{
            object_builder::ObjectBuilder, parse::parse, serialize::to_value, value::Value, write, wtf8::Text,
        },
        terminal::Escaped,
    },
    error::DraftError,
};

/// Levels of containers that a value of `details` may have. An entry nests at most 128 levels deep: the entry is level 1,
/// its `details` level 2.
pub(crate) const MAX_VALUE_LEVELS: usize = 126;

/// An event to record: its type, its actor and its details.
///
/// [`AuditLog::append`](crate::AuditLog::append) records it. The entry lists details by name. A name that is given twice
/// keeps its last value, and `context.duplicate_fields` of the entry lists the name.
///
/// ```
/// use kling_audit::Draft;
///
/// let draft = Draft::new("export_requested").actor("alice").detail("rows", 1200).detail("tables", ["tasks"]);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a draft is recorded only when it is appended"]
pub struct Draft {
    pub(crate) event_type: Cow<'static, str>,
    pub(crate) actor: Option<Cow<'static, str>>,
    pub(crate) details: ObjectBuilder,
    /// Fields of the callsite, as long as `details` has no other names. The answer of the redaction is cached for them.
    pub(crate) fields: Option<&'static FieldSet>,
    pub(crate) context: Context,
    pub(crate) origin: Origin,
    /// `true` if the receipt requires that the entry is synced.
    pub(crate) critical: bool,
    /// First error of the builder methods. Recording the draft returns it.
    pub(crate) fault: Option<DraftError>,
}

/// Source of a draft. It decides which event types are reserved, and is recorded as `context.source.via`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The log itself, for its own entries.
    Log,
    /// `audit!` and `try_audit!`.
    Macro,
    /// Any other `tracing` event, or a record of the `log` crate.
    Event,
    /// The opening or closing of a `tracing` span.
    Span,
    /// `AuditLog::append`.
    Append,
}

/// Members of an entry's `context`. Only the log sets them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// Name of the enclosing audit span, and the `seq` of its `.opened` entry if that was recorded.
    pub(crate) span: Option<(Cow<'static, str>, Option<u64>)>,
    /// Fields inherited from enclosing spans.
    pub(crate) fields: ObjectBuilder,
    /// Names that were given more than once, in the order of their repetition.
    pub(crate) duplicate_fields: Vec<String>,
    /// Paths of the erasable values, ascending.
    pub(crate) erasable: Vec<String>,
    /// Paths of the redacted values, ascending.
    pub(crate) redacted: Vec<String>,
    /// Truncated strings: the member `cut`.
    pub(crate) truncated: Vec<Truncation>,
    pub(crate) source: Option<Source>,
    /// Reserved event type that a `tracing` event asked for. Its entry has the type `event` instead.
    pub(crate) wanted_type: Option<String>,
}

/// Place in the program that a draft comes from, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) module: Option<Cow<'static, str>>,
    pub(crate) line: Option<u32>,
}

/// A string that was truncated to keep its entry within the limit.
#[derive(Clone, Debug)]
pub(crate) struct Truncation {
    /// Path of the string in the entry.
    pub(crate) name: String,
    /// Length of the complete string in bytes of UTF-8.
    pub(crate) length: usize,
    /// SHA-256 of the complete string.
    pub(crate) sha256: [u8; 32],
}

impl Origin {
    /// Returns the value of `context.source.via`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Macro => "macro",
            Self::Event => "event",
            Self::Span => "span",
            Self::Append => "append",
        }
    }
}

impl Source {
    /// Appends the object `context.source`.
    pub(crate) fn write(&self, origin: Origin, out: &mut Vec<u8>) {
        let mut members = ObjectBuilder::default();
        if let Some(line) = self.line {
            members.put("line", |out| write::integer(out, line));
        }
        if let Some(module) = &self.module {
            members.put_str("module", module);
        }
        members.put_str("via", origin.name());
        members.write(out);
    }
}

impl Draft {
    /// Creates a draft of type `event_type` without actor and details. The entry of a draft without actor has the actor
    /// that the log was opened with.
    ///
    /// `append` refuses an empty type and the reserved types `audit_*`, `*.opened` and `*.closed`.
    pub fn new(event_type: impl Into<Cow<'static, str>>) -> Self {
        Self {
            event_type: event_type.into(),
            actor: None,
            details: ObjectBuilder::default(),
            fields: None,
            context: Context::default(),
            origin: Origin::Append,
            critical: false,
            fault: None,
        }
    }

    /// Creates a draft of the given origin, which may allow a reserved type.
    pub(crate) fn from_origin(event_type: impl Into<Cow<'static, str>>, origin: Origin) -> Self {
        Self { origin, ..Self::new(event_type) }
    }

    /// Sets the actor: the person or program that caused the event. The empty string is a valid actor.
    pub fn actor(mut self, actor: impl Into<Cow<'static, str>>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Adds a detail, which may be any serialisable value.
    ///
    /// Bytes become lower-case hex. Map keys become strings as in JSON. A float that is not finite becomes the string
    /// `NaN`, `Infinity` or `-Infinity`.
    ///
    /// `append` refuses a draft with a value that does not serialise or that nests more than 126 levels deep.
    pub fn detail(mut self, name: impl AsRef<str>, value: impl Serialize) -> Self {
        let name = name.as_ref();
        if let Some(value) = self.serialize(name, &value) {
            self.put(name, &value);
        }
        self
    }

    /// Adds a detail that can be erased later: the entry holds a salted commitment to the value, and a file beside the
    /// trail holds the value until [`AuditLog::erase`](crate::AuditLog::erase) erases it.
    ///
    /// Use it for personal data that may have to be erased, such as names and addresses. The value is serialised as in
    /// [`detail`](Self::detail).
    ///
    /// ```
    /// use kling_audit::Draft;
    ///
    /// let draft = Draft::new("account_opened").detail("account", 42).erasable("email", "alice@example.com");
    /// ```
    pub fn erasable(mut self, name: impl AsRef<str>, value: impl Serialize) -> Self {
        let name = name.as_ref();
        if let Some(value) = self.serialize(name, &value) {
            self.put_erasable(name, &value);
        }
        self
    }

    /// Requires [`Durability::Synced`](crate::Durability::Synced) for this entry, whatever durability the log has:
    /// `append` returns the receipt after the entry is on the device.
    pub fn critical(mut self) -> Self {
        self.critical = true;
        self
    }

    /// Parses a draft from a JSON object with the members `event_type` (required), `actor`, `details` and `erasable`.
    /// `erasable` is an object of details that can be erased later.
    ///
    /// Integers keep all digits, up to 39. Decimals become the nearest double.
    ///
    /// # Errors
    ///
    /// [`DraftError::Json`] if the text is not JSON, has a name twice, an unknown member, a member of another type or a
    /// number out of range, or nests deeper than an entry may.
    pub fn from_json(json: &str) -> Result<Self, DraftError> {
        let wrong = |cause: &str| DraftError::Json { cause: cause.to_owned() };
        // `details` is at level 2 here too, as it is in an entry.
        let value = parse(json.as_bytes(), MAX_VALUE_LEVELS + 2)
            .map_err(|error| DraftError::Json { cause: error.to_string() })?;
        let Value::Object(members) = value else { return Err(wrong("not an object")) };
        let mut draft = Self::new("");
        let mut has_type = false;
        for (name, value) in &members {
            match (name.to_str(), value) {
                (Some("event_type"), Value::String(text)) => {
                    has_type = true;
                    draft.event_type = Cow::Owned(text.to_string_lossy());
                }
                (Some("actor"), Value::String(text)) => {
                    draft.actor = Some(Cow::Owned(text.to_string_lossy()))
                }
                (Some("details"), Value::Object(details)) => {
                    for (name, value) in details {
                        draft.put(&name.to_string_lossy(), value);
                    }
                }
                (Some("erasable"), Value::Object(details)) => {
                    for (name, value) in details {
                        draft.put_erasable(&name.to_string_lossy(), value);
                    }
                }
                (Some("event_type" | "actor"), _) => {
                    return Err(wrong(&format!("`{}` is not a string", printable(name))));
                }
                (Some("details" | "erasable"), _) => {
                    return Err(wrong(&format!("`{}` is not an object", printable(name))));
                }
                _ => return Err(wrong(&format!("unknown member `{}`", printable(name)))),
            }
        }
        if !has_type {
            return Err(wrong("`event_type` is missing"));
        }
        Ok(draft)
    }

    /// Adds the members of a JSON object as details.
    ///
    /// # Errors
    ///
    /// [`DraftError::Json`] if the text is not a JSON object, has a name twice or a number out of range, or nests too deep.
    pub fn details_json(mut self, json: &str) -> Result<Self, DraftError> {
        let value = parse(json.as_bytes(), MAX_VALUE_LEVELS + 1)
            .map_err(|error| DraftError::Json { cause: error.to_string() })?;
        let Value::Object(members) = value else {
            return Err(DraftError::Json { cause: "the details are not an object".to_owned() });
        };
        for (name, value) in &members {
            self.put(&name.to_string_lossy(), value);
        }
        Ok(self)
    }

    /// Adds a detail and records whether its name is a duplicate.
    pub(crate) fn put(&mut self, name: &str, value: &Value) {
        // `name` may be no field of the callsite, so the cached answer for the callsite no longer applies.
        self.fields = None;
        let again = self.details.put(name, |out| value.write(out));
        self.note_duplicate(again, name);
    }

    /// Adds an erasable detail and records whether its name is a duplicate.
    pub(crate) fn put_erasable(&mut self, name: &str, value: &Value) {
        let again = self.details.put_with_flag(name.as_bytes(), true, |out| value.write(out));
        self.note_duplicate(again, name);
    }

    /// Lists `name` in `context.duplicate_fields` if `again` is `true`.
    #[inline]
    pub(crate) fn note_duplicate(&mut self, again: bool, name: &str) {
        if again {
            self.add_duplicate(name);
        }
    }

    #[cold]
    fn add_duplicate(&mut self, name: &str) {
        if !self.context.duplicate_fields.iter().any(|known| known == name) {
            self.context.duplicate_fields.push(name.to_owned());
        }
    }

    /// Serialises a value. Returns `None` after an error, which is kept if it is the draft's first one.
    fn serialize(&mut self, name: &str, value: &impl Serialize) -> Option<Value> {
        let error = match to_value(value, MAX_VALUE_LEVELS) {
            Ok(value) => return Some(value),
            Err(error) => DraftError::Value { name: name.to_owned(), cause: error.to_string() },
        };
        self.fault.get_or_insert(error);
        None
    }
}

/// Returns at most 64 characters of a member's name, with control characters escaped.
fn printable(name: &Text) -> String {
    let text: String = name.to_string_lossy().chars().take(64).collect();
    Escaped(text.as_str()).to_string()
}

/// Returns `true` if only the log itself may record `event_type`. The macros call it at compile time, hence `const`.
pub const fn is_reserved(event_type: &str) -> bool {
    let text = event_type.as_bytes();
    starts_with(text, b"audit_") || ends_with(text, b".opened") || ends_with(text, b".closed")
}

const fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.len() >= start.len() && same(text.split_at(start.len()).0, start)
}

const fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len() >= end.len() && same(text.split_at(text.len() - end.len()).1, end)
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}
