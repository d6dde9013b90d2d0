//! Keeping an entry within its size: the longest strings are cut first, and the entry says of each what it was.
//!
//! Pure. Nothing is dropped in silence: what is cut leaves its length and SHA-256.

use sha2::{Digest as _, Sha256};

use crate::{
    canonical::{self, Text, Value},
    draft::{Cut, Draft, MAX_VALUE_LEVELS},
    entry::{self, MAX_PREFIX},
    members::Members,
};

/// A string is never cut below this many bytes of canonical text: a shorter one isn't worth its note.
const KEPT: usize = 256;

/// Bytes a note of a cut takes, its name aside.
const NOTE: usize = 128;

/// Most names that a list in `context` keeps when everything else was tried.
const LISTED: usize = 64;

/// Renders `draft` within the limit.
pub(crate) fn shorten(draft: &mut Draft) -> Vec<u8> {
    let mut whole = Vec::new();
    draft.details.write(&mut whole);
    cut_strings(draft);
    let bytes = entry::write(draft);
    if bytes.len() <= MAX_PREFIX {
        return bytes;
    }
    give_up_details(draft, &whole);
    let bytes = entry::write(draft);
    if bytes.len() <= MAX_PREFIX {
        return bytes;
    }
    give_up_lists(draft);
    entry::write(draft)
}

/// Writes `context.cut`: `{name: {"length": .., "sha256": ..}}`.
pub(crate) fn write(cuts: &[Cut], out: &mut Vec<u8>) {
    let mut members = Members::default();
    for cut in cuts {
        members.put(&cut.name, |out| describe(cut.length, &cut.sha256, out));
    }
    members.write(out);
}

fn describe(length: usize, sha256: &[u8; 32], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"length\": ");
    canonical::integer(out, length as u64);
    out.extend_from_slice(b", \"sha256\": ");
    canonical::hex(out, sha256);
    out.push(b'}');
}

/// A string that could be cut: its size as canonical text, and the size it is to be cut to.
struct Candidate {
    size: usize,
    name: usize,
    target: Option<usize>,
}

fn cut_strings(draft: &mut Draft) {
    let mut details: Vec<(Text, Value)> = Vec::new();
    for (name, value) in draft.details.iter() {
        // What a draft holds is canonical text, so it parses.
        if let Ok(value) = canonical::parse(value, MAX_VALUE_LEVELS) {
            details.push((Text::from(String::from_utf8_lossy(name).as_ref()), value));
        }
    }
    let mut actor = Value::String(draft.actor.as_deref().unwrap_or_default().into());
    let mut event_type = Value::String(draft.event_type.as_ref().into());

    let mut candidates = Vec::new();
    let mut measure = |name: &str, text: &Text| {
        let mut canonical = Vec::new();
        canonical::text(&mut canonical, text);
        let mut written = Vec::new();
        canonical::string(&mut written, name);
        candidates.push(Candidate { size: canonical.len(), name: written.len(), target: None });
        None
    };
    walk_all(&mut actor, &mut event_type, &mut details, &mut measure);

    let mut over = entry::write(draft).len() - MAX_PREFIX + NOTE;
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
        let original = text.to_string_lossy();
        cuts.push(Cut {
            name: name.to_owned(),
            length: original.len(),
            sha256: Sha256::digest(original.as_bytes()).into(),
        });
        Some(Text::from(fitting(&original, target)))
    };
    walk_all(&mut actor, &mut event_type, &mut details, &mut apply);

    if let Value::String(text) = actor {
        draft.actor = Some(text.to_string_lossy().into());
    }
    if let Value::String(text) = event_type {
        draft.event_type = text.to_string_lossy().into();
    }
    draft.details.clear();
    for (name, value) in details {
        draft.details.put_bytes(name.as_bytes(), |out| value.write(out));
    }
    draft.context.cut = cuts;
}

/// Gives every string to `visit`, always in the same order, and puts what it answers in the string's place.
fn walk_all(
    actor: &mut Value,
    event_type: &mut Value,
    details: &mut [(Text, Value)],
    visit: &mut dyn FnMut(&str, &Text) -> Option<Text>,
) {
    walk(actor, "actor", visit);
    walk(event_type, "event_type", visit);
    for (name, value) in details {
        walk(value, &name.to_string_lossy(), visit);
    }
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

/// The longest start of `text` whose canonical text, quotes included, has at most `target` bytes.
fn fitting(text: &str, target: usize) -> &str {
    let mut size = 2;
    for (at, c) in text.char_indices() {
        let mut one = Vec::with_capacity(14);
        canonical::string(&mut one, c.encode_utf8(&mut [0; 4]));
        size += one.len() - 2;
        if size > target {
            return &text[..at];
        }
    }
    text
}

fn give_up_details(draft: &mut Draft, whole: &[u8]) {
    let sha256: [u8; 32] = Sha256::digest(whole).into();
    draft.details.clear();
    draft.details.put("oversized", |out| describe(whole.len(), &sha256, out));
    // The notes about strings inside the details go with them.
    draft.context.cut.retain(|cut| cut.name == "actor" || cut.name == "event_type");
}

fn give_up_lists(draft: &mut Draft) {
    for list in [&mut draft.context.duplicate_fields, &mut draft.context.redacted] {
        list.retain(|name| name.len() <= KEPT);
        list.truncate(LISTED);
    }
    if let Some(wanted) = &mut draft.context.wanted_type {
        *wanted = fitting(wanted, KEPT).to_owned();
    }
}
