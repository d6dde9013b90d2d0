//! Templates: the parts of an entry that are the same for all events of one callsite.
//!
//! A template holds the event type and the field names, quoted and sorted as an entry has them. An event adds its
//! values as canonical JSON. An event that does not fit becomes a draft. This file uses neither layer nor log.
//!
//! # Buffers
//!
//! `audit!("login", actor = user, rows = 12, host = "db1")` gives a template and, for each event, a filled template:
//!
//! ```text
//! Template           0         10         20
//!   names            , "host": , "rows": ················   "·": 32 bytes of padding
//!   details          [host: names[..10], rows: names[10..20]]   sorted by name
//!   end              }, "event_type": "login", "prev_hash": "
//!
//! FilledTemplate     0      7 9     14
//!   text             "alice"12"db1"                          values in the order of the callsite
//!   ranges           [actor: 0..7, rows: 7..9, host: 9..14]
//!
//! PreparedEntry      {"actor": "alice", "details": {"host": "db1", "rows": 12}, "event_type": "login", "prev_hash": "
//!                              |           |       |      |  |       | |
//!                              text[0..7]  names[2..10]   |  names   text[7..9], then `end`
//!                                                         text[9..14]
//! ```
//!
//! So an entry is a sequence of copies: nothing is sorted, quoted or looked up for it. The bench rows "event through
//! the layer" and "heap allocations of an event" in `benches/RESULTS.md` show the effect.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use tracing::{
    Metadata,
    field::{Field, FieldSet},
};

use crate::{
    codec::{
        buffer_pool,
        json::{validate::decode, write},
    },
    format::{
        draft::{self, Draft, Origin, Source},
        prepared_entry::{EntryDefaults, PreparedEntry},
    },
};

/// Number of templates that a thread caches.
const CACHED_TEMPLATES: usize = 256;

/// Number of cache slots in which a callsite's template may be. More than one slot lets callsites with the same first
/// slot stay cached side by side.
const CACHE_WAYS: usize = 4;

/// Number of bytes that [`copy`] copies for a shorter piece. It is also the padding behind a buffer it copies from.
const SHORT_COPY_BYTES: usize = 32;

thread_local! {
    static TEMPLATES: RefCell<[Option<Rc<Template>>; CACHED_TEMPLATES]> =
        const { RefCell::new([const { None }; CACHED_TEMPLATES]) };
}

/// Treatment of a field `message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Keep,
    /// The macro has added the event type as a message, for layers that do not show event names. The entry has the
    /// type already.
    Drop,
}

/// The parts of an entry that are the same for all events of one callsite. The module documentation has a drawing.
pub(crate) struct Template {
    metadata: &'static Metadata<'static>,
    origin: Origin,
    message: Message,
    /// Role of each field, by its index. `None` if all events of the callsite must be drafts.
    roles: Option<Vec<FieldRole>>,
    /// Details, sorted by name.
    details: Vec<Detail>,
    /// `, "name": ` of each detail, then padding.
    names: Vec<u8>,
    /// The member `source` of `context`.
    source: Vec<u8>,
    /// Bytes between the last detail and the previous hash.
    end: Vec<u8>,
    /// Memory of the last filled template of this callsite, for the next one.
    spare_ranges: Cell<Vec<ValueRange>>,
}

/// Role of a field in the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldRole {
    Actor,
    Detail,
    Ignored,
}

/// A detail of a template.
#[derive(Clone, Copy, Debug)]
struct Detail {
    /// Index of the field in the callsite.
    field: usize,
    /// End of the detail's name in `names`. It begins at the end of the detail before.
    name_end: usize,
}

/// Place of a value in the text of a filled template. A field without a value has the end 0; a value is never empty.
#[derive(Clone, Copy, Debug, Default)]
struct ValueRange {
    start: usize,
    end: usize,
}

/// The innermost audit span around an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InnermostSpan {
    pub(crate) name: &'static str,
    /// Sequence number of the span's `.opened` entry, if that was recorded.
    pub(crate) opened_seq: Option<u64>,
}

/// A template with the values of one event. The values are not redacted yet, so it has no `Debug`.
pub(crate) struct FilledTemplate {
    template: Rc<Template>,
    text: Vec<u8>,
    /// Place of each field's value in `text`, by the field's index.
    ranges: Vec<ValueRange>,
}

impl Template {
    /// Returns the template of a callsite, from the thread's cache if it is there. Returns `None` if the callsite's
    /// events must be drafts.
    pub(crate) fn of(
        metadata: &'static Metadata<'static>,
        origin: Origin,
        message: Message,
    ) -> Option<Rc<Self>> {
        let address = std::ptr::from_ref(metadata).addr();
        let first = (address / size_of::<Metadata<'_>>()) % CACHED_TEMPLATES;
        let slots = (0..CACHE_WAYS).map(|way| (first + way) % CACHED_TEMPLATES);
        let is_it = |cached: &&Rc<Self>| {
            std::ptr::eq(cached.metadata, metadata) && cached.origin == origin && cached.message == message
        };
        let find = |templates: &RefCell<[Option<Rc<Self>>; CACHED_TEMPLATES]>| {
            let mut templates = templates.borrow_mut();
            if let Some(cached) = slots.clone().find_map(|slot| templates[slot].as_ref().filter(is_it)) {
                return Rc::clone(cached);
            }
            let slot = slots.clone().find(|slot| templates[*slot].is_none()).unwrap_or(first);
            Rc::clone(templates[slot].insert(Rc::new(Self::new(metadata, origin, message))))
        };
        // While the thread ends, its cache is gone. Its last events become drafts.
        TEMPLATES.try_with(find).ok().filter(|template| template.roles.is_some())
    }

    fn new(metadata: &'static Metadata<'static>, origin: Origin, message: Message) -> Self {
        let mut template = Self {
            metadata,
            origin,
            message,
            roles: None,
            details: Vec::new(),
            names: Vec::new(),
            source: Vec::new(),
            end: Vec::new(),
            spare_ranges: Cell::default(),
        };
        let event_type = own_name(metadata).unwrap_or("event");
        if event_type.is_empty() || draft::is_reserved(event_type) {
            return template;
        }
        let mut roles = Vec::new();
        let mut details = Vec::new();
        for field in metadata.fields() {
            let name = field.name();
            roles.push(match name {
                "actor" => FieldRole::Actor,
                // The value sets the event's type, so the type differs from event to event.
                "event_type" => return template,
                "message" if message == Message::Drop => FieldRole::Ignored,
                _ => FieldRole::Detail,
            });
            if roles.last() == Some(&FieldRole::Detail) {
                details.push((name, field.index()));
            }
        }
        details.sort_unstable();
        let has_duplicate = details.windows(2).any(|pair| pair[0].0 == pair[1].0);
        let actors = roles.iter().filter(|role| **role == FieldRole::Actor).count();
        if has_duplicate || actors > 1 {
            return template;
        }
        for (name, field) in details {
            template.names.extend_from_slice(b", ");
            write::string(&mut template.names, name);
            template.names.extend_from_slice(b": ");
            template.details.push(Detail { field, name_end: template.names.len() });
        }
        template.names.extend([0; SHORT_COPY_BYTES]);
        template.source.extend_from_slice(b"\"source\": ");
        source_of(metadata).write(origin, &mut template.source);
        template.end.extend_from_slice(b"}, \"event_type\": ");
        write::string(&mut template.end, event_type);
        template.end.extend_from_slice(b", \"prev_hash\": \"");
        template.roles = Some(roles);
        template
    }
}

impl FilledTemplate {
    /// Returns a template without values.
    pub(crate) fn new(template: Rc<Template>) -> Self {
        let mut ranges = template.spare_ranges.take();
        ranges.resize(template.roles.as_deref().unwrap_or_default().len(), ValueRange::default());
        Self { template, text: buffer_pool::buffer(), ranges }
    }

    pub(crate) fn message(&self) -> Message {
        self.template.message
    }

    /// Returns the callsite's fields.
    fn fields(&self) -> &'static FieldSet {
        self.template.metadata.fields()
    }

    /// Returns `true` if the entry has no place for the field.
    pub(crate) fn ignores(&self, field: &Field) -> bool {
        self.role(field) == Some(FieldRole::Ignored)
    }

    /// Puts a string under a field. Returns `false` if it does not fit.
    #[inline]
    pub(crate) fn put_text(&mut self, field: &Field, text: &str) -> bool {
        match self.role(field) {
            Some(FieldRole::Ignored) => true,
            Some(_) => self.put(field, |out| write::string(out, text)),
            None => false,
        }
    }

    /// Puts a value that is no string under a field; `write` appends it as canonical JSON. Returns `false` if it does
    /// not fit: an actor must be a string.
    #[inline]
    pub(crate) fn put_value(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        match self.role(field) {
            Some(FieldRole::Ignored) => true,
            Some(FieldRole::Detail) => self.put(field, write),
            Some(FieldRole::Actor) | None => false,
        }
    }

    fn role(&self, field: &Field) -> Option<FieldRole> {
        self.template.roles.as_deref().and_then(|roles| roles.get(field.index())).copied()
    }

    #[inline]
    fn put(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        // A field that is set twice is a duplicate, which only a draft records.
        let Some(range) = self.ranges.get_mut(field.index()).filter(|range| range.end == 0) else {
            return false;
        };
        range.start = self.text.len();
        write(&mut self.text);
        range.end = self.text.len();
        true
    }

    /// Fast path: prepares the entry straight from the template. Returns `None` if a field must be redacted or the
    /// entry is too long; the caller then builds a draft.
    ///
    /// `actor` is the actor of the spans around the event. It applies if the event has none.
    pub(crate) fn prepare(
        &mut self,
        actor: Option<&str>,
        span: Option<InnermostSpan>,
        defaults: &EntryDefaults,
    ) -> Option<PreparedEntry> {
        if defaults.redaction.covers_any_of(self.fields()) {
            return None;
        }
        let mut bytes = buffer_pool::buffer();
        self.write(actor.unwrap_or(&defaults.actor), defaults.source_location, span, &mut bytes);
        PreparedEntry::from_rendered(bytes)
    }

    /// Writes the entry up to the previous hash.
    fn write(&mut self, actor: &str, with_source: bool, span: Option<InnermostSpan>, out: &mut Vec<u8>) {
        // `copy` reads up to so many bytes beyond the end of a short piece.
        self.text.extend_from_slice(&[0; SHORT_COPY_BYTES]);
        let Template { roles, details, names, source, end, .. } = &*self.template;
        out.reserve(self.text.len() + names.len() + 2 * details.len() + end.len() + 128);
        out.extend_from_slice(b"{\"actor\": ");
        let own_actor =
            roles.iter().flatten().position(|role| *role == FieldRole::Actor).map(|field| self.ranges[field]);
        match own_actor.filter(|range| range.end > 0) {
            Some(range) => copy(out, &self.text, range.start, range.end),
            None => write::string(out, actor),
        }
        if with_source || span.is_some() {
            write_context(with_source.then_some(source), span, out);
        }
        out.extend_from_slice(b", \"details\": {");
        let mut name_start = 0;
        // The `, ` before the first name is left out.
        let mut skipped = ", ".len();
        for Detail { field, name_end } in details {
            let range = self.ranges[*field];
            if range.end > 0 {
                copy(out, names, name_start + skipped, *name_end);
                copy(out, &self.text, range.start, range.end);
                skipped = 0;
            }
            name_start = *name_end;
        }
        out.extend_from_slice(end);
    }

    /// Returns a draft with the same content.
    pub(crate) fn to_draft(&self) -> Draft {
        let Template { metadata, origin, roles, .. } = &*self.template;
        let mut draft = Draft::from_origin(own_name(metadata).unwrap_or("event"), *origin);
        draft.context.source = Some(source_of(metadata));
        draft.fields = Some(metadata.fields());
        for field in metadata.fields() {
            let Some(range) = self.ranges.get(field.index()).filter(|range| range.end > 0) else { continue };
            let text = &self.text[range.start..range.end];
            if roles.as_ref().is_some_and(|roles| roles[field.index()] == FieldRole::Actor) {
                // `put_value` refuses other actors than strings, so there are quotes to remove.
                let unquoted = &text[1..text.len() - 1];
                draft.actor = Some(decode(unquoted).to_string_lossy().into());
            } else {
                draft.details.put(field.name(), |out| out.extend_from_slice(text));
            }
        }
        draft
    }
}

impl Drop for FilledTemplate {
    fn drop(&mut self) {
        buffer_pool::recycle_buffer(std::mem::take(&mut self.text));
        let mut ranges = std::mem::take(&mut self.ranges);
        ranges.clear();
        self.template.spare_ranges.set(ranges);
    }
}

/// Appends `bytes[from..to]`.
///
/// Names and values are mostly short. If 32 bytes are readable at `from`, all 32 are copied, which compiles to two
/// vector moves, and the surplus is cut off again. A copy of variable length would call `memcpy`. An entry makes two
/// such copies for each detail; the bench row "event through the layer, buffered" shows the sum.
#[inline]
fn copy(out: &mut Vec<u8>, bytes: &[u8], from: usize, to: usize) {
    match bytes.get(from..).and_then(|rest| rest.first_chunk::<SHORT_COPY_BYTES>()) {
        Some(chunk) if to - from <= SHORT_COPY_BYTES => {
            let end = out.len() + (to - from);
            out.extend_from_slice(chunk);
            out.truncate(end);
        }
        _ => out.extend_from_slice(&bytes[from..to]),
    }
}

fn write_context(source: Option<&Vec<u8>>, span: Option<InnermostSpan>, out: &mut Vec<u8>) {
    out.extend_from_slice(b", \"context\": {");
    if let Some(source) = source {
        out.extend_from_slice(source);
    }
    if let Some(span) = span {
        if source.is_some() {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(b"\"span\": ");
        write::string(out, span.name);
        if let Some(seq) = span.opened_seq {
            out.extend_from_slice(b", \"span_seq\": ");
            write::integer(out, seq);
        }
    }
    out.push(b'}');
}

/// Returns module and line of a callsite.
pub(crate) fn source_of(metadata: &Metadata<'static>) -> Source {
    Source { module: metadata.module_path().map(Into::into), line: metadata.line() }
}

/// Returns the event's name, or `None` if it is the `event FILE:LINE` that `tracing` gives to an event without a name.
pub(crate) fn own_name(metadata: &'static Metadata<'static>) -> Option<&'static str> {
    let name = metadata.name();
    let location = || Some((metadata.file()?, metadata.line()?));
    let is_default =
        name.strip_prefix("event ").and_then(|rest| rest.rsplit_once(':')).is_some_and(|(file, line)| {
            location().is_some_and(|location| location.0 == file && line.parse() == Ok(location.1))
        });
    (!is_default).then_some(name)
}
