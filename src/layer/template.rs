//! What a callsite says of all its events: the type, and the names of the fields, quoted and in the order in which an
//! entry has them.
//!
//! An event fills it with values, each as canonical text, and nothing more is to be decided when the entry is written.
//! What is out of the ordinary becomes a draft instead. It knows neither layer nor log.

use std::{cell::RefCell, rc::Rc};

use tracing::{
    Metadata,
    field::{Field, FieldSet},
};

use crate::{
    codec::{buffer_pool, json},
    format::{
        draft::{self, Draft, Origin, Source},
        prepared_entry::{EntryDefaults, PreparedEntry},
    },
};

/// The templates of how many callsites a thread keeps.
const KEPT: usize = 256;

/// In how many places one may stand: callsites whose first is the same don't drive each other out.
const WAYS: usize = 4;

/// Copies of up to so many bytes are made by copying just as many.
const SHORT: usize = 32;

thread_local! {
    static TEMPLATES: RefCell<[Option<Rc<Template>>; KEPT]> = const { RefCell::new([const { None }; KEPT]) };
    static PLACES: RefCell<Vec<Vec<Value>>> = const { RefCell::new(Vec::new()) };
}

/// What to do with a field `message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Keep,
    /// It was put there by a macro, for the layers that show no event names.
    Drop,
}

/// A callsite's entries, but for their values.
#[derive(Debug)]
pub(crate) struct Template {
    metadata: &'static Metadata<'static>,
    origin: Origin,
    message: Message,
    /// What each field is, by its number; `None` where the callsite's events are drafts, all of them.
    uses: Option<Vec<Use>>,
    /// The details, sorted by name: the number of the field, and where its name ends in `names`.
    details: Vec<(usize, usize)>,
    /// `, "name": ` of each detail, and bytes to copy beyond the last.
    names: Vec<u8>,
    /// The member `source` of `context`.
    source: Vec<u8>,
    /// What follows the details.
    end: Vec<u8>,
}

/// What a field of an event is in its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Actor,
    Detail,
    Nothing,
}

/// Where in the text a value stands; empty where the field has none.
#[derive(Clone, Copy, Debug, Default)]
struct Value {
    from: usize,
    to: usize,
}

/// A template with the values of one event, which may be secrets yet: it has no `Debug`.
pub(crate) struct Filled {
    template: Rc<Template>,
    text: Vec<u8>,
    values: Vec<Value>,
}

impl Template {
    /// That of a callsite, whose events come from `origin`. `None` where its events must be drafts.
    pub(crate) fn of(
        metadata: &'static Metadata<'static>,
        origin: Origin,
        message: Message,
    ) -> Option<Rc<Self>> {
        let address = std::ptr::from_ref(metadata).addr();
        let first = (address / size_of::<Metadata<'_>>()) % KEPT;
        let places = (0..WAYS).map(|way| (first + way) % KEPT);
        let is_it = |kept: &&Rc<Self>| {
            std::ptr::eq(kept.metadata, metadata) && kept.origin == origin && kept.message == message
        };
        let find = |templates: &RefCell<[Option<Rc<Self>>; KEPT]>| {
            let mut templates = templates.borrow_mut();
            if let Some(kept) = places.clone().find_map(|place| templates[place].as_ref().filter(is_it)) {
                return Rc::clone(kept);
            }
            let free = places.clone().find(|place| templates[*place].is_none()).unwrap_or(first);
            Rc::clone(templates[free].insert(Rc::new(Self::new(metadata, origin, message))))
        };
        // While the thread ends, there are no templates.
        TEMPLATES.try_with(find).ok().filter(|template| template.uses.is_some())
    }

    fn new(metadata: &'static Metadata<'static>, origin: Origin, message: Message) -> Self {
        let mut template = Self {
            metadata,
            origin,
            message,
            uses: None,
            details: Vec::new(),
            names: Vec::new(),
            source: Vec::new(),
            end: Vec::new(),
        };
        let event_type = own_name(metadata).unwrap_or("event");
        if event_type.is_empty() || draft::is_reserved(event_type) {
            return template;
        }
        let mut uses = Vec::new();
        let mut details = Vec::new();
        for field in metadata.fields() {
            let name = field.name();
            uses.push(match name {
                "actor" => Use::Actor,
                // It names the event, whatever its callsite is called.
                "event_type" => return template,
                "message" if message == Message::Drop => Use::Nothing,
                _ => Use::Detail,
            });
            if uses.last() == Some(&Use::Detail) {
                details.push((name, field.index()));
            }
        }
        details.sort_unstable();
        let twice = details.windows(2).any(|pair| pair[0].0 == pair[1].0);
        if twice || uses.iter().filter(|used| **used == Use::Actor).count() > 1 {
            return template;
        }
        for (name, number) in details {
            template.names.extend_from_slice(b", ");
            json::string(&mut template.names, name);
            template.names.extend_from_slice(b": ");
            template.details.push((number, template.names.len()));
        }
        template.names.extend([0; SHORT]);
        template.source.extend_from_slice(b"\"source\": ");
        source(metadata).write(origin, &mut template.source);
        template.end.extend_from_slice(b"}, \"event_type\": ");
        json::string(&mut template.end, event_type);
        template.end.extend_from_slice(b", \"prev_hash\": \"");
        template.uses = Some(uses);
        template
    }
}

impl Filled {
    /// Fast path: prepares the entry of an event straight from its callsite's template. Returns `None` if a field must
    /// be redacted or the entry is too long; the caller then builds a draft.
    pub(crate) fn prepare(
        &mut self,
        actor: Option<&str>,
        span: Option<(&str, Option<u64>)>,
        rules: &EntryDefaults,
    ) -> Option<PreparedEntry> {
        if rules.redaction.covers_any_of(self.fields()) {
            return None;
        }
        let mut bytes = buffer_pool::buffer();
        self.write(actor.unwrap_or(&rules.actor), rules.source_location, span, &mut bytes);
        PreparedEntry::from_rendered(bytes)
    }

    /// A template without values.
    pub(crate) fn new(template: Rc<Template>) -> Self {
        let mut values =
            PLACES.try_with(|places| places.borrow_mut().pop()).ok().flatten().unwrap_or_default();
        values.resize(template.uses.as_deref().unwrap_or_default().len(), Value::default());
        Self { template, text: buffer_pool::buffer(), values }
    }

    /// The callsite's fields.
    pub(crate) fn fields(&self) -> &'static FieldSet {
        self.template.metadata.fields()
    }

    /// Whether it has no use for the field.
    pub(crate) fn ignores(&self, field: &Field) -> bool {
        self.what_is(field) == Some(Use::Nothing)
    }

    /// Puts a text under a field. `false` if it can't.
    #[inline]
    pub(crate) fn put_text(&mut self, field: &Field, text: &str) -> bool {
        match self.what_is(field) {
            Some(Use::Nothing) => true,
            Some(_) => self.put(field, |out| json::string(out, text)),
            None => false,
        }
    }

    /// Puts a value under a field that `write` appends as canonical text, and that is no text. `false` if it can't.
    #[inline]
    pub(crate) fn put_value(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        match self.what_is(field) {
            Some(Use::Nothing) => true,
            Some(Use::Detail) => self.put(field, write),
            Some(Use::Actor) | None => false,
        }
    }

    fn what_is(&self, field: &Field) -> Option<Use> {
        self.template.uses.as_deref().and_then(|uses| uses.get(field.index())).copied()
    }

    #[inline]
    fn put(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(value) = self.values.get_mut(field.index()).filter(|value| value.to == 0) else {
            return false;
        };
        value.from = self.text.len();
        write(&mut self.text);
        value.to = self.text.len();
        true
    }

    /// Writes everything that comes before the previous hash. `actor` stands where the event names none; `span` is the
    /// span around it with the number of its entry.
    pub(crate) fn write(
        &mut self,
        actor: &str,
        says_source: bool,
        span: Option<(&str, Option<u64>)>,
        out: &mut Vec<u8>,
    ) {
        // For short copies from its end.
        self.text.extend_from_slice(&[0; SHORT]);
        let Template { uses, details, names, source, end, .. } = &*self.template;
        out.reserve(self.text.len() + names.len() + 2 * details.len() + end.len() + 128);
        out.extend_from_slice(b"{\"actor\": ");
        let named = uses.iter().flatten().position(|used| *used == Use::Actor).map(|at| self.values[at]);
        match named.filter(|value| value.to > 0) {
            Some(value) => copy(out, &self.text, value.from, value.to),
            None => json::string(out, actor),
        }
        if says_source || span.is_some() {
            write_context(says_source.then_some(source), span, out);
        }
        out.extend_from_slice(b", \"details\": {");
        let mut from = 0;
        // No comma stands before the first.
        let mut skipped = 2;
        for (number, to) in details {
            let value = self.values[*number];
            if value.to > 0 {
                copy(out, names, from + skipped, *to);
                copy(out, &self.text, value.from, value.to);
                skipped = 0;
            }
            from = *to;
        }
        out.extend_from_slice(end);
    }

    /// The same as a draft.
    pub(crate) fn to_draft(&self) -> Draft {
        let Template { metadata, origin, uses, .. } = &*self.template;
        let mut draft = Draft::from_origin(own_name(metadata).unwrap_or("event"), *origin);
        draft.context.source = Some(crate::layer::template::source(metadata));
        draft.fields = Some(metadata.fields());
        for field in metadata.fields() {
            let Some(value) = self.values.get(field.index()).filter(|value| value.to > 0) else { continue };
            let text = &self.text[value.from..value.to];
            if uses.as_ref().is_some_and(|uses| uses[field.index()] == Use::Actor) {
                let bare = &text[1..text.len() - 1];
                draft.actor = Some(json::decode(bare).to_string_lossy().into());
            } else {
                draft.details.put(field.name(), |out| out.extend_from_slice(text));
            }
        }
        draft
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        buffer_pool::recycle_buffer(std::mem::take(&mut self.text));
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        buffer_pool::recycle(&PLACES, values);
    }
}

/// Appends `bytes[from..to]`. Where it is short and there is more behind, as many are copied as need no count.
#[inline]
fn copy(out: &mut Vec<u8>, bytes: &[u8], from: usize, to: usize) {
    match bytes.get(from..).and_then(|rest| rest.first_chunk::<SHORT>()) {
        Some(chunk) if to - from <= SHORT => {
            let end = out.len() + (to - from);
            out.extend_from_slice(chunk);
            out.truncate(end);
        }
        _ => out.extend_from_slice(&bytes[from..to]),
    }
}

fn write_context(source: Option<&Vec<u8>>, span: Option<(&str, Option<u64>)>, out: &mut Vec<u8>) {
    out.extend_from_slice(b", \"context\": {");
    if let Some(source) = source {
        out.extend_from_slice(source);
    }
    if let Some((name, seq)) = span {
        if source.is_some() {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(b"\"span\": ");
        json::string(out, name);
        if let Some(seq) = seq {
            out.extend_from_slice(b", \"span_seq\": ");
            json::integer(out, seq);
        }
    }
    out.push(b'}');
}

/// Where `metadata` says that a callsite is.
pub(crate) fn source(metadata: &Metadata<'static>) -> Source {
    Source { module: metadata.module_path().map(Into::into), line: metadata.line() }
}

/// The event's name, unless it is the `event FILE:LINE` that `tracing` gives to an event without one.
pub(crate) fn own_name(metadata: &'static Metadata<'static>) -> Option<&'static str> {
    let name = metadata.name();
    let place = || Some((metadata.file()?, metadata.line()?));
    let is_default =
        name.strip_prefix("event ").and_then(|rest| rest.rsplit_once(':')).is_some_and(|(file, line)| {
            place().is_some_and(|place| place.0 == file && line.parse() == Ok(place.1))
        });
    (!is_default).then_some(name)
}
