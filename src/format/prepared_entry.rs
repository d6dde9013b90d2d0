//! The exact bytes of an entry as they are made.
//!
//! What is large (actor, context, details) comes first on the line, so it is rendered and hashed before anything is
//! decided under a lock; linking then adds a constant number of bytes. Pure.

use std::borrow::Cow;

use crate::{
    codec::{
        buffer_pool,
        digest::{Digest, HashLength, Link},
        json::{self, object_builder::ObjectBuilder, value::Value},
        sha256::Begun,
        timestamp::{Day, Timestamp},
    },
    error::DraftError,
    format::{
        draft::{self, Context, Draft, Origin},
        redaction::{REDACTED, Redaction},
        render::{self, FIELDS, FRAME, MAX_PREFIX, MAX_SUFFIX},
        truncate,
        withhold::{self, Withheld},
    },
};

/// The part of an entry that doesn't depend on its place in the trail, with its hash so far.
#[derive(Clone)]
pub(crate) struct PreparedEntry {
    bytes: Vec<u8>,
    begun: Begun,
    withheld: Vec<Withheld>,
}

/// What a log adds to the drafts it is given.
#[derive(Clone, Debug)]
pub(crate) struct EntryDefaults {
    /// Stands where a draft names no actor.
    pub(crate) actor: String,
    /// Names of fields that a draft takes over from the spans around it.
    pub(crate) inherit_fields: Vec<String>,
    pub(crate) redaction: Redaction,
    /// Whether each entry says where it comes from.
    pub(crate) source_location: bool,
}

/// The place of a line in the trail, and what the next entry needs of it.
#[derive(Clone, Copy)]
pub(crate) struct LinkedEntry {
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    pub(crate) hash: Digest,
    /// The hash in full, also where it is stated short: what a checkpoint's tree holds of it.
    pub(crate) leaf: [u8; 32],
}

impl PreparedEntry {
    /// Renders `draft`: reserved types, redaction and the size limit are dealt with here.
    pub(crate) fn render(mut draft: Draft, rules: &EntryDefaults) -> Result<Self, DraftError> {
        if let Some(fault) = draft.fault.take() {
            return Err(fault);
        }
        name_type(&mut draft)?;
        draft.context.source = rules.source_location.then(|| draft.context.source.take().unwrap_or_default());
        redact(&mut draft, &rules.redaction);
        let mut withheld = withhold::withhold(&mut draft)?;
        if draft.actor.is_none() {
            draft.actor = Some(Cow::Owned(buffer_pool::string(&rules.actor)));
        }
        let mut bytes = render::write(&mut draft);
        if bytes.len() > MAX_PREFIX {
            bytes = truncate::shorten(&mut draft);
            withhold::retain(&mut withheld, &draft);
        }
        for text in [draft.actor.take(), Some(draft.event_type)].into_iter().flatten() {
            if let Cow::Owned(text) = text {
                buffer_pool::keep_string(text);
            }
        }
        Ok(Self::begin(bytes, withheld))
    }

    /// Takes the rendered bytes of an entry that withholds nothing; `None` if they are too long for an entry.
    pub(crate) fn from_rendered(bytes: Vec<u8>) -> Option<Self> {
        if bytes.len() > MAX_PREFIX {
            buffer_pool::keep_buffer(bytes);
            return None;
        }
        Some(Self::begin(bytes, Vec::new()))
    }

    fn begin(bytes: Vec<u8>, withheld: Vec<Withheld>) -> Self {
        let begun = Begun::new(&bytes);
        Self { bytes, begun, withheld }
    }

    /// The most bytes that the line and what it withholds will have.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len() + MAX_SUFFIX + self.withheld.iter().map(Withheld::weight).sum::<usize>()
    }

    /// The bytes that the line will have.
    pub(crate) fn line_length(&self, seq: u64, previous: &Link, length: HashLength) -> usize {
        let digits = seq.checked_ilog10().map_or(1, |power| power as usize + 1);
        self.bytes.len() + previous.digits() + length.digits() + digits + FRAME
    }

    /// The bytes before the previous hash. Once they are taken it can't be linked.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Gives the entry its place after `previous`: appends what follows these bytes to `line`.
    #[inline]
    pub(crate) fn link(
        &self,
        line: &mut Vec<u8>,
        (seq, time, day): (u64, Timestamp, &mut Day),
        previous: &Link,
        length: HashLength,
    ) -> LinkedEntry {
        line.reserve(MAX_SUFFIX);
        let from = line.len();
        previous.write(line);
        let to = line.len();
        line.extend_from_slice(b"\", \"seq\": ");
        line.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        line.extend_from_slice(b", \"timestamp\": \"");
        day.write(time, line);
        line.push(b'"');
        // The preimage is the line without its `hash` member, then the previous hash once more.
        let leaf = self.begun.finish(&self.bytes, &line[from..], &line[from..to]);
        let hash = Digest::new(leaf, length);
        line.extend_from_slice(b", \"hash\": \"");
        hash.write(line);
        line.extend_from_slice(b"\"}\n");
        LinkedEntry { seq, time, hash, leaf }
    }

    /// The private records of what entry `seq` withholds, each a line.
    #[inline]
    pub(crate) fn private(&self, seq: u64) -> Vec<u8> {
        if self.withheld.is_empty() {
            return Vec::new();
        }
        let mut private = Vec::new();
        self.withheld.iter().for_each(|withheld| withheld.write(seq, &mut private));
        private
    }
}

impl Drop for PreparedEntry {
    fn drop(&mut self) {
        buffer_pool::keep_buffer(std::mem::take(&mut self.bytes));
    }
}

/// Decides the event type: what is reserved is refused from callers who can be told, and renamed for those who
/// can't.
fn name_type(draft: &mut Draft) -> Result<(), DraftError> {
    let told = matches!(draft.origin, Origin::Append | Origin::Macro);
    if matches!(draft.origin, Origin::Log | Origin::Span) {
        return Ok(());
    }
    if draft.event_type.is_empty() {
        if told {
            return Err(DraftError::NoEventType);
        }
        draft.event_type = "event".into();
    }
    if draft::is_reserved(&draft.event_type) {
        if told {
            return Err(DraftError::Reserved { event_type: draft.event_type.clone().into_owned() });
        }
        draft.context.wanted_type =
            Some(std::mem::replace(&mut draft.event_type, "event".into()).into_owned());
    }
    Ok(())
}

/// Replaces what `redaction` covers, at any depth.
fn redact(draft: &mut Draft, redaction: &Redaction) {
    if draft.origin == Origin::Log {
        return;
    }
    let clear = draft.fields.is_some_and(|fields| !redaction.covers_any_of(fields));
    let Context { fields, redacted, .. } = &mut draft.context;
    if !clear || draft.details.nests() {
        redact_members(&mut draft.details, "", redaction, redacted);
    }
    redact_members(fields, FIELDS, redaction, redacted);
    redacted.sort_unstable();
    redacted.dedup();
}

/// Puts the paths of what it replaces, each beginning with `at`, into `redacted`.
fn redact_members(members: &mut ObjectBuilder, at: &str, redaction: &Redaction, redacted: &mut Vec<String>) {
    let mut covered = Vec::new();
    let mut nested = Vec::new();
    for (name, value, erasable) in members.marked() {
        let text = || String::from_utf8_lossy(name).into_owned();
        if redaction.covers(name) {
            covered.push(text());
        } else if memchr::memchr(b'{', value).is_some() {
            nested.push((text(), value.to_vec(), erasable));
        }
    }
    for name in covered {
        members.put_str(&name, REDACTED);
        redacted.push(format!("{at}{name}"));
    }
    for (name, text, erasable) in nested {
        // What a draft holds is canonical text, so it parses; a brace inside a string alone changes nothing.
        let Ok(mut value) = json::parse(&text, draft::MAX_VALUE_LEVELS) else { continue };
        let before = redacted.len();
        redact_value(&mut value, &format!("{at}{name}"), redaction, redacted);
        if redacted.len() > before {
            members.put_marked(name.as_bytes(), erasable, |out| value.write(out));
        }
    }
}

fn redact_value(value: &mut Value, path: &str, redaction: &Redaction, redacted: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = format!("{path}.{}", name.to_string_lossy());
                if redaction.covers(name.as_bytes()) {
                    *value = Value::String(REDACTED.into());
                    redacted.push(path);
                } else {
                    redact_value(value, &path, redaction, redacted);
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                redact_value(value, path, redaction, redacted);
            }
        }
        _ => {}
    }
}
