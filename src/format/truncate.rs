//! Keeping an entry within its size: the longest strings are cut first, and the entry says of each what it was.
//!
//! Pure. Nothing is dropped in silence: what is cut leaves its length and SHA-256.

use sha2::{Digest as _, Sha256};

use crate::{
    codec::json::{self, object_builder::ObjectBuilder, value::Value, wtf8::Text},
    format::{
        draft::{Context, Cut, Draft, MAX_VALUE_LEVELS},
        render::{self, FIELDS, MAX_PREFIX},
    },
};

/// A string is never cut below this many bytes of canonical text: a shorter one isn't worth its note.
const KEPT: usize = 256;

/// Bytes a note of a cut takes, its name aside.
const NOTE: usize = 128;

/// Most names that a list in `context` keeps when everything else was tried.
const LISTED: usize = 64;

/// Renders `draft` within the limit.
pub(crate) fn shorten(draft: &mut Draft) -> Vec<u8> {
    let (mut whole, mut inherited) = (Vec::new(), Vec::new());
    draft.details.write(&mut whole);
    draft.context.fields.write(&mut inherited);
    cut_strings(draft);
    let bytes = render::write(draft);
    if bytes.len() <= MAX_PREFIX {
        return bytes;
    }
    give_up_details(draft, &whole);
    let bytes = render::write(draft);
    if bytes.len() <= MAX_PREFIX {
        return bytes;
    }
    give_up_context(draft, &inherited);
    render::write(draft)
}

/// A string that could be cut: its size as canonical text, and the size it is to be cut to.
struct Candidate {
    size: usize,
    name: usize,
    target: Option<usize>,
}

fn cut_strings(draft: &mut Draft) {
    let mut parts = Parts {
        actor: Value::String(draft.actor.as_deref().unwrap_or_default().into()),
        event_type: Value::String(draft.event_type.as_ref().into()),
        details: values(&draft.details),
        inherited: values(&draft.context.fields),
    };

    let mut candidates = Vec::new();
    let mut measure = |name: &str, text: &Text| {
        let mut canonical = Vec::new();
        json::text(&mut canonical, text);
        let mut written = Vec::new();
        json::string(&mut written, name);
        candidates.push(Candidate { size: canonical.len(), name: written.len(), target: None });
        None
    };
    parts.walk(&mut measure);

    let mut over = render::write(draft).len() - MAX_PREFIX + NOTE;
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(candidates[at].size));
    for at in order {
        let candidate = &mut candidates[at];
        let note = candidate.name + NOTE;
        if over == 0 || candidate.size <= KEPT + note {
            break;
        }
        let target = candidate.size.saturating_sub(over + note).max(KEPT);
        over = over.saturating_sub(candidate.size - target - note);
        candidate.target = Some(target);
    }

    let mut cuts = Vec::new();
    let mut next = candidates.iter();
    let mut apply = |name: &str, text: &Text| {
        let target = next.next()?.target?;
        let (shorter, note) = cut_text(name, &text.to_string_lossy(), target)?;
        cuts.push(note);
        Some(Text::from(shorter.as_str()))
    };
    parts.walk(&mut apply);
    parts.put_into(draft);
    draft.context.cut = cuts;
}

/// What of a draft has strings that can be cut.
struct Parts {
    actor: Value,
    event_type: Value,
    details: Vec<(Text, Value)>,
    inherited: Vec<(Text, Value)>,
}

impl Parts {
    /// Gives every string to `visit`, always in the same order, and puts what it answers in the string's place.
    fn walk(&mut self, visit: &mut dyn FnMut(&str, &Text) -> Option<Text>) {
        walk(&mut self.actor, "actor", visit);
        walk(&mut self.event_type, "event_type", visit);
        for (name, value) in &mut self.details {
            walk(value, &name.to_string_lossy(), visit);
        }
        for (name, value) in &mut self.inherited {
            walk(value, &format!("{FIELDS}{}", name.to_string_lossy()), visit);
        }
    }

    fn put_into(self, draft: &mut Draft) {
        if let Value::String(text) = self.actor {
            draft.actor = Some(text.to_string_lossy().into());
        }
        if let Value::String(text) = self.event_type {
            draft.event_type = text.to_string_lossy().into();
        }
        for (members, values) in
            [(&mut draft.details, self.details), (&mut draft.context.fields, self.inherited)]
        {
            members.clear();
            for (name, value) in values {
                members.put_bytes(name.as_bytes(), |out| value.write(out));
            }
        }
    }
}

fn values(members: &ObjectBuilder) -> Vec<(Text, Value)> {
    // What a draft holds is canonical text, so it parses.
    let parsed = members.iter().filter_map(|(name, value)| {
        Some((String::from_utf8_lossy(name), json::parse(value, MAX_VALUE_LEVELS).ok()?))
    });
    parsed.map(|(name, value)| (Text::from(name.as_ref()), value)).collect()
}

fn walk(value: &mut Value, path: &str, visit: &mut dyn FnMut(&str, &Text) -> Option<Text>) {
    match value {
        Value::String(text) => {
            if let Some(shorter) = visit(path, text) {
                *text = shorter;
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter_mut().enumerate() {
                walk(value, &format!("{path}.{at}"), visit);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                walk(value, &format!("{path}.{}", name.to_string_lossy()), visit);
            }
        }
        _ => {}
    }
}

/// The start of `text` that fits into `target`, with the note about it; `None` if that is all of it.
fn cut_text(name: &str, text: &str, target: usize) -> Option<(String, Cut)> {
    let shorter = fitting(text, target);
    let note =
        || Cut { name: name.to_owned(), length: text.len(), sha256: Sha256::digest(text.as_bytes()).into() };
    (shorter.len() < text.len()).then(|| (shorter.to_owned(), note()))
}

/// The longest start of `text` whose canonical text, quotes included, has at most `target` bytes.
fn fitting(text: &str, target: usize) -> &str {
    let mut size = 2;
    for (at, c) in text.char_indices() {
        let mut one = Vec::with_capacity(14);
        json::string(&mut one, c.encode_utf8(&mut [0; 4]));
        size += one.len() - 2;
        if size > target {
            return &text[..at];
        }
    }
    text
}

fn give_up_details(draft: &mut Draft, whole: &[u8]) {
    draft.details = oversized(whole);
    draft.context.erasable.retain(|path| path.starts_with(FIELDS));
    // The notes about strings inside the details go with them.
    draft
        .context
        .cut
        .retain(|cut| cut.name == "actor" || cut.name == "event_type" || cut.name.starts_with(FIELDS));
}

/// What stands where `whole` was too large.
fn oversized(whole: &[u8]) -> ObjectBuilder {
    let sha256: [u8; 32] = Sha256::digest(whole).into();
    let mut members = ObjectBuilder::default();
    members.put("oversized", |out| render::write_cut(whole.len(), &sha256, out));
    members
}

fn give_up_context(draft: &mut Draft, inherited: &[u8]) {
    if !draft.context.fields.is_empty() {
        draft.context.fields = oversized(inherited);
        draft.context.erasable.retain(|path| !path.starts_with(FIELDS));
        draft.context.cut.retain(|cut| !cut.name.starts_with(FIELDS));
    }
    let Context { span, source, wanted_type, cut, .. } = &mut draft.context;
    let span = span.as_mut().map(|(name, _)| name);
    let module = source.as_mut().and_then(|source| source.module.as_mut());
    for (name, text) in [("context.span", span), ("context.source.module", module)] {
        let Some(text) = text else { continue };
        if let Some((shorter, note)) = cut_text(name, text, KEPT) {
            *text = shorter.into();
            cut.push(note);
        }
    }
    if let Some((shorter, note)) =
        wanted_type.as_ref().and_then(|text| cut_text("context.wanted_type", text, KEPT))
    {
        *wanted_type = Some(shorter);
        cut.push(note);
    }
    for list in [&mut draft.context.duplicate_fields, &mut draft.context.redacted] {
        list.retain(|name| name.len() <= KEPT);
        list.truncate(LISTED);
    }
}
