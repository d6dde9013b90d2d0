//! A draft: what happened, not yet numbered, timed or linked.
//!
//! Values are turned into canonical text as they come in; one that can't be is remembered and refuses the draft at
//! `append`. A draft knows no log and no file.

use std::borrow::Cow;

use serde::Serialize;
use tracing::field::FieldSet;

use crate::{
    codec::{
        json::{self, object_builder::ObjectBuilder, value::Value},
        terminal::Escaped,
    },
    error::DraftError,
};

/// Containers nest at most 128 deep in an entry; the entry is level 1 and its `details` level 2.
pub(crate) const MAX_VALUE_LEVELS: usize = 126;

/// Something to be recorded: an event type, an actor, and details.
///
/// Hand it to [`AuditLog::append`](crate::AuditLog::append). Details are sorted by name in the entry; one given
/// twice keeps the last value, and the entry's `context.duplicate_fields` says so.
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
    /// The callsite's fields, where the details have no others.
    pub(crate) fields: Option<&'static FieldSet>,
    pub(crate) context: Context,
    pub(crate) origin: Origin,
    pub(crate) critical: bool,
    pub(crate) fault: Option<DraftError>,
}

/// Who made a draft; it decides about reserved event types, and is `context.source.via` where that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The log itself.
    Log,
    /// `audit!` and `try_audit!`.
    Macro,
    /// Any other `tracing` event, and a record of the `log` crate.
    Event,
    /// A `tracing` span's opening or closing.
    Span,
    /// `AuditLog::append`.
    Append,
}

/// What the log remarks about an entry; no caller can set it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// Name of the enclosing audit span, and the `seq` of its `.opened` where that was recorded.
    pub(crate) span: Option<(Cow<'static, str>, Option<u64>)>,
    /// Taken over from enclosing spans.
    pub(crate) fields: ObjectBuilder,
    pub(crate) duplicate_fields: Vec<String>,
    /// Paths of the values that are withheld, ascending.
    pub(crate) erasable: Vec<String>,
    pub(crate) redacted: Vec<String>,
    pub(crate) cut: Vec<Cut>,
    pub(crate) source: Option<Source>,
    pub(crate) wanted_type: Option<String>,
}

/// Where in the program a draft comes from, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) module: Option<Cow<'static, str>>,
    pub(crate) line: Option<u32>,
}

/// A string that was cut to keep its entry within the limit.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) name: String,
    /// Bytes of UTF-8 before the cut.
    pub(crate) length: usize,
    pub(crate) sha256: [u8; 32],
}

impl Origin {
    /// Its name in `context.source.via`.
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
    /// Appends the object that says it.
    pub(crate) fn write(&self, origin: Origin, out: &mut Vec<u8>) {
        let mut members = ObjectBuilder::default();
        if let Some(line) = self.line {
            members.put("line", |out| json::integer(out, line));
        }
        if let Some(module) = &self.module {
            members.put_str("module", module);
        }
        members.put_str("via", origin.name());
        members.write(out);
    }
}

impl Draft {
    /// A draft of type `event_type`, without actor (the log's own will stand) and details.
    ///
    /// An empty type and the reserved ones (`audit_*`, `*.opened`, `*.closed`) are refused at `append`.
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

    pub(crate) fn from_origin(event_type: impl Into<Cow<'static, str>>, origin: Origin) -> Self {
        Self { origin, ..Self::new(event_type) }
    }

    /// Says who did it. An empty actor is a value like any other.
    pub fn actor(mut self, actor: impl Into<Cow<'static, str>>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Adds a detail: anything that serialises. Bytes become lower-case hex; map keys become strings as in JSON; a
    /// float that is not finite becomes the string `NaN`, `Infinity` or `-Infinity`.
    ///
    /// A value that can't be serialised, or nests more than 126 deep, refuses the draft at `append`.
    pub fn detail(mut self, name: impl AsRef<str>, value: impl Serialize) -> Self {
        match json::to_value(&value, MAX_VALUE_LEVELS) {
            Ok(value) => self.put(name.as_ref(), &value),
            Err(error) => {
                self.refuse(DraftError::Value { name: name.as_ref().to_owned(), cause: error.to_string() })
            }
        }
        self
    }

    /// Adds a detail that can be erased later: the entry holds a salted commitment to the value, and the value itself is
    /// kept beside the trail until [`AuditLog::erase`](crate::AuditLog::erase) removes it.
    ///
    /// For what the law may ask to be forgotten, such as names and addresses. Values are taken as in
    /// [`detail`](Self::detail).
    ///
    /// ```
    /// use kling_audit::Draft;
    ///
    /// let draft = Draft::new("account_opened").detail("account", 42).erasable("email", "alice@example.com");
    /// ```
    pub fn erasable(mut self, name: impl AsRef<str>, value: impl Serialize) -> Self {
        match json::to_value(&value, MAX_VALUE_LEVELS) {
            Ok(value) => self.put_erasable(name.as_ref(), &value),
            Err(error) => {
                self.refuse(DraftError::Value { name: name.as_ref().to_owned(), cause: error.to_string() })
            }
        }
        self
    }

    /// Asks for more than the log's durability: the receipt is given when the entry is on the device, as
    /// [`Durability::Synced`](crate::Durability::Synced) has it.
    pub fn critical(mut self) -> Self {
        self.critical = true;
        self
    }

    /// Reads a draft from JSON text: an object with `event_type` (required), `actor`, `details`, and `erasable`, an
    /// object of details that can be erased later.
    ///
    /// Integers keep every digit (up to 39), decimals become the nearest double.
    ///
    /// # Errors
    ///
    /// What is no such object: no JSON, a name twice, another member, a wrong type, a number out of range, nesting
    /// deeper than an entry may have.
    pub fn from_json(json: &str) -> Result<Self, DraftError> {
        let wrong = |cause: &str| DraftError::Json { cause: cause.to_owned() };
        // One level fewer than an entry has: `details` is at level 2 here too.
        let value = json::parse(json.as_bytes(), MAX_VALUE_LEVELS + 2)
            .map_err(|error| DraftError::Json { cause: error.to_string() })?;
        let Value::Object(members) = value else { return Err(wrong("not an object")) };
        let mut draft = Self::new("");
        let mut typed = false;
        for (name, value) in &members {
            match (name.to_str(), value) {
                (Some("event_type"), Value::String(text)) => {
                    typed = true;
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
                    return Err(wrong(&format!("`{}` is not a string", shown(name))));
                }
                (Some("details" | "erasable"), _) => {
                    return Err(wrong(&format!("`{}` is not an object", shown(name))));
                }
                _ => return Err(wrong(&format!("unknown member `{}`", shown(name)))),
            }
        }
        if !typed {
            return Err(wrong("`event_type` is missing"));
        }
        Ok(draft)
    }

    /// Adds the members of a JSON object as details.
    ///
    /// # Errors
    ///
    /// What is no JSON object, or has a name twice, a number out of range, or nests too deep.
    pub fn details_json(mut self, json: &str) -> Result<Self, DraftError> {
        let value = json::parse(json.as_bytes(), MAX_VALUE_LEVELS + 1)
            .map_err(|error| DraftError::Json { cause: error.to_string() })?;
        let Value::Object(members) = value else {
            return Err(DraftError::Json { cause: "the details are not an object".to_owned() });
        };
        for (name, value) in &members {
            self.put(&name.to_string_lossy(), value);
        }
        Ok(self)
    }

    pub(crate) fn put(&mut self, name: &str, value: &Value) {
        self.fields = None;
        let again = self.details.put(name, |out| value.write(out));
        self.note_duplicate(again, name);
    }

    pub(crate) fn put_erasable(&mut self, name: &str, value: &Value) {
        let again = self.details.put_marked(name.as_bytes(), true, |out| value.write(out));
        self.note_duplicate(again, name);
    }

    /// Remarks that `name` was given more than once.
    #[inline]
    pub(crate) fn note_duplicate(&mut self, again: bool, name: &str) {
        if again {
            self.remark_duplicate(name);
        }
    }

    #[cold]
    fn remark_duplicate(&mut self, name: &str) {
        if !self.context.duplicate_fields.iter().any(|known| known == name) {
            self.context.duplicate_fields.push(name.to_owned());
        }
    }

    /// Remembers why this draft can't be recorded; the first reason stands.
    fn refuse(&mut self, fault: DraftError) {
        self.fault.get_or_insert(fault);
    }
}

/// A caller's name as a message may show it.
fn shown(name: &json::Text) -> String {
    let text: String = name.to_string_lossy().chars().take(64).collect();
    Escaped(text.as_str()).to_string()
}

/// Whether only the log itself may record `event_type`. The macros ask while their caller compiles.
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

pub(crate) const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}
