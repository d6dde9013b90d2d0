//! Truncation of entries that are too long for a line.
//!
//! The longest strings are truncated first. If that is not enough, `details` and then inherited fields are replaced by
//! their length and hash. Each truncated text leaves its length and SHA-256 in the entry, so that the original can be
//! matched later. Pure.

use sha2::{Digest as _, Sha256};

use crate::{
    codec::json::{object_builder::ObjectBuilder, parse::parse, value::Value, write, wtf8::Text},
    format::{
        draft::{Context, Draft, MAX_VALUE_LEVELS, Truncation},
        render::{self, INHERITED_PATH, MAX_PREPARED_BYTES},
    },
};

/// Bytes of canonical text that a truncated string keeps at least. Truncating a shorter one would save less than the
/// record of the truncation takes.
const MIN_TRUNCATED_BYTES: usize = 256;

/// Bytes that the record of a truncation takes in `context.cut`, without its name.
const TRUNCATION_RECORD_BYTES: usize = 128;

/// Most names that a list in `context` keeps after everything else was truncated.
const MAX_CONTEXT_NAMES: usize = 64;

/// Truncates `draft` until its text is within the limit, and returns the text.
pub(crate) fn shorten(draft: &mut Draft) -> Vec<u8> {
    let (mut details, mut inherited) = (Vec::new(), Vec::new());
    draft.details.write(&mut details);
    draft.context.fields.write(&mut inherited);
    truncate_strings(draft);
    let bytes = render::write(draft);
    if bytes.len() <= MAX_PREPARED_BYTES {
        return bytes;
    }
    replace_details(draft, &details);
    let bytes = render::write(draft);
    if bytes.len() <= MAX_PREPARED_BYTES {
        return bytes;
    }
    shorten_context(draft, &inherited);
    render::write(draft)
}

/// A string that may be truncated.
struct Candidate {
    /// Bytes of its canonical text.
    size: usize,
    /// Bytes of the canonical text of its path.
    path_size: usize,
    /// Bytes of canonical text to truncate it to. `None` if it stays as it is.
    target: Option<usize>,
}

/// Truncates the longest strings of the draft, until the sum of their excess is at least the draft's.
fn truncate_strings(draft: &mut Draft) {
    let mut parts = Parts {
        actor: Value::String(draft.actor.as_deref().unwrap_or_default().into()),
        event_type: Value::String(draft.event_type.as_ref().into()),
        details: values(&draft.details),
        inherited: values(&draft.context.fields),
    };

    let mut candidates = Vec::new();
    let mut measure = |path: &str, text: &Text| {
        let mut canonical = Vec::new();
        write::text(&mut canonical, text);
        let mut written = Vec::new();
        write::string(&mut written, path);
        candidates.push(Candidate { size: canonical.len(), path_size: written.len(), target: None });
        None
    };
    parts.visit_strings(&mut measure);

    let mut excess = render::write(draft).len() - MAX_PREPARED_BYTES + TRUNCATION_RECORD_BYTES;
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(candidates[at].size));
    for at in order {
        let candidate = &mut candidates[at];
        let record = candidate.path_size + TRUNCATION_RECORD_BYTES;
        if excess == 0 || candidate.size <= MIN_TRUNCATED_BYTES + record {
            break;
        }
        let target = candidate.size.saturating_sub(excess + record).max(MIN_TRUNCATED_BYTES);
        excess = excess.saturating_sub(candidate.size - target - record);
        candidate.target = Some(target);
    }

    let mut truncations = Vec::new();
    // Strings are visited in the same order as above, so each one meets its own candidate.
    let mut next = candidates.iter();
    let mut apply = |path: &str, text: &Text| {
        let target = next.next()?.target?;
        let (shorter, truncation) = truncate_text(path, &text.to_string_lossy(), target)?;
        truncations.push(truncation);
        Some(Text::from(shorter.as_str()))
    };
    parts.visit_strings(&mut apply);
    parts.put_into(draft);
    draft.context.truncated = truncations;
}

/// The parts of a draft with strings that may be truncated.
struct Parts {
    actor: Value,
    event_type: Value,
    details: Vec<(Text, Value)>,
    inherited: Vec<(Text, Value)>,
}

impl Parts {
    /// Calls `visit` with the path and the text of each string, always in the same order. A text that `visit` returns
    /// replaces the string.
    fn visit_strings(&mut self, visit: &mut dyn FnMut(&str, &Text) -> Option<Text>) {
        visit_strings(&mut self.actor, "actor", visit);
        visit_strings(&mut self.event_type, "event_type", visit);
        for (name, value) in &mut self.details {
            visit_strings(value, &name.to_string_lossy(), visit);
        }
        for (name, value) in &mut self.inherited {
            visit_strings(value, &format!("{INHERITED_PATH}{}", name.to_string_lossy()), visit);
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

/// Parses the members of a draft.
fn values(members: &ObjectBuilder) -> Vec<(Text, Value)> {
    // The values of a draft are canonical text, so each of them parses.
    let parsed = members.iter().filter_map(|(name, value)| {
        Some((String::from_utf8_lossy(name), parse(value, MAX_VALUE_LEVELS).ok()?))
    });
    parsed.map(|(name, value)| (Text::from(name.as_ref()), value)).collect()
}

/// Calls `visit` with each string in `value`, which has the given path.
fn visit_strings(value: &mut Value, path: &str, visit: &mut dyn FnMut(&str, &Text) -> Option<Text>) {
    match value {
        Value::String(text) => {
            if let Some(shorter) = visit(path, text) {
                *text = shorter;
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter_mut().enumerate() {
                visit_strings(value, &format!("{path}.{at}"), visit);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                visit_strings(value, &format!("{path}.{}", name.to_string_lossy()), visit);
            }
        }
        _ => {}
    }
}

/// Truncates `text` to `target` bytes of canonical text. Returns `None` if all of it fits.
fn truncate_text(path: &str, text: &str, target: usize) -> Option<(String, Truncation)> {
    let shorter = longest_prefix(text, target);
    let truncation = || Truncation {
        name: path.to_owned(),
        length: text.len(),
        sha256: Sha256::digest(text.as_bytes()).into(),
    };
    (shorter.len() < text.len()).then(|| (shorter.to_owned(), truncation()))
}

/// Returns the longest prefix of `text` whose canonical text, quotes included, has at most `target` bytes.
fn longest_prefix(text: &str, target: usize) -> &str {
    let mut size = 2;
    for (at, c) in text.char_indices() {
        let mut one = Vec::with_capacity(14);
        write::string(&mut one, c.encode_utf8(&mut [0; 4]));
        size += one.len() - 2;
        if size > target {
            return &text[..at];
        }
    }
    text
}

/// Replaces all details, whose complete text is `whole`, by their length and hash.
fn replace_details(draft: &mut Draft, whole: &[u8]) {
    draft.details = oversized(whole);
    draft.context.erasable.retain(|path| path.starts_with(INHERITED_PATH));
    // Truncations of strings inside the details are gone with the details.
    draft.context.truncated.retain(|truncation| {
        let name = &truncation.name;
        name == "actor" || name == "event_type" || name.starts_with(INHERITED_PATH)
    });
}

/// Returns the object that replaces an object whose complete text is `whole`.
fn oversized(whole: &[u8]) -> ObjectBuilder {
    let sha256: [u8; 32] = Sha256::digest(whole).into();
    let mut members = ObjectBuilder::default();
    members.put("oversized", |out| render::write_length_and_hash(whole.len(), &sha256, out));
    members
}

/// Replaces inherited fields, whose complete text is `inherited`, by their length and hash, and shortens the rest of
/// `context`.
fn shorten_context(draft: &mut Draft, inherited: &[u8]) {
    if !draft.context.fields.is_empty() {
        draft.context.fields = oversized(inherited);
        draft.context.erasable.retain(|path| !path.starts_with(INHERITED_PATH));
        draft.context.truncated.retain(|truncation| !truncation.name.starts_with(INHERITED_PATH));
    }
    let Context { span, source, wanted_type, truncated, .. } = &mut draft.context;
    let span = span.as_mut().map(|(name, _)| name);
    let module = source.as_mut().and_then(|source| source.module.as_mut());
    for (name, text) in [("context.span", span), ("context.source.module", module)] {
        let Some(text) = text else { continue };
        if let Some((shorter, truncation)) = truncate_text(name, text, MIN_TRUNCATED_BYTES) {
            *text = shorter.into();
            truncated.push(truncation);
        }
    }
    if let Some((shorter, truncation)) =
        wanted_type.as_ref().and_then(|text| truncate_text("context.wanted_type", text, MIN_TRUNCATED_BYTES))
    {
        *wanted_type = Some(shorter);
        truncated.push(truncation);
    }
    for list in [&mut draft.context.duplicate_fields, &mut draft.context.redacted] {
        list.retain(|name| name.len() <= MIN_TRUNCATED_BYTES);
        list.truncate(MAX_CONTEXT_NAMES);
    }
}
