//! The text of an entry up to its previous hash, and the limits of its length.

use crate::{
    codec::{
        buffer_pool,
        json::{self, object_builder::ObjectBuilder},
        timestamp::Timestamp,
    },
    format::{
        draft::{Cut, Draft, Origin, Source},
        line::MAX_LINE,
    },
};

/// What linking adds to a prefix, but for the previous hash, the digits of seq and those of the hash.
pub(crate) const FRAME: usize = 10 + 16 + Timestamp::LENGTH + 1 + 11 + 3;

/// The most that linking adds to a prefix.
pub(crate) const MAX_SUFFIX: usize = 64 + 20 + 64 + FRAME;

/// The most bytes a prefix has.
pub(crate) const MAX_PREFIX: usize = MAX_LINE - MAX_SUFFIX;

/// How the paths of inherited fields begin, in what `context` says was redacted or cut.
pub(crate) const FIELDS: &str = "context.fields.";

/// Writes everything that comes before the previous hash.
pub(crate) fn write(draft: &mut Draft) -> Vec<u8> {
    let mut out = buffer_pool::buffer();
    out.extend_from_slice(b"{\"actor\": ");
    json::string(&mut out, draft.actor.as_deref().unwrap_or_default());
    write_context(draft, &mut out);
    out.extend_from_slice(b", \"details\": ");
    draft.details.write(&mut out);
    out.extend_from_slice(b", \"event_type\": ");
    json::string(&mut out, &draft.event_type);
    out.extend_from_slice(b", \"prev_hash\": \"");
    out
}

/// Writes `context`, whose members stand in order of their names, unless it is empty.
fn write_context(draft: &mut Draft, out: &mut Vec<u8>) {
    let context = &mut draft.context;
    let mut opened = false;
    let mut member = |out: &mut Vec<u8>, name: &str| {
        out.extend_from_slice(if opened { b", \"" } else { b", \"context\": {\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\": ");
        opened = true;
    };
    if !context.cut.is_empty() {
        member(out, "cut");
        write_cuts(&context.cut, out);
    }
    if !context.duplicate_fields.is_empty() {
        member(out, "duplicate_fields");
        write_names(&context.duplicate_fields, out);
    }
    if !context.erasable.is_empty() {
        member(out, "erasable");
        write_names(&context.erasable, out);
    }
    if !context.fields.is_empty() {
        member(out, "fields");
        context.fields.write(out);
    }
    if !context.redacted.is_empty() {
        member(out, "redacted");
        write_names(&context.redacted, out);
    }
    if draft.origin == Origin::Log {
        member(out, "source");
        Source::default().write(draft.origin, out);
    } else if let Some(source) = &context.source {
        member(out, "source");
        source.write(draft.origin, out);
    }
    if let Some((name, seq)) = &context.span {
        member(out, "span");
        json::string(out, name);
        if let Some(seq) = seq {
            member(out, "span_seq");
            json::integer(out, *seq);
        }
    }
    if let Some(wanted) = &context.wanted_type {
        member(out, "wanted_type");
        json::string(out, wanted);
    }
    if opened {
        out.push(b'}');
    }
}

fn write_names(names: &[String], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        json::string(out, name);
    }
    out.push(b']');
}

/// Writes `context.cut`: `{name: {"length": .., "sha256": ..}}`.
pub(crate) fn write_cuts(cuts: &[Cut], out: &mut Vec<u8>) {
    let mut members = ObjectBuilder::default();
    for cut in cuts {
        members.put(&cut.name, |out| write_cut(cut.length, &cut.sha256, out));
    }
    members.write(out);
}

pub(crate) fn write_cut(length: usize, sha256: &[u8; 32], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"length\": ");
    json::integer(out, length as u64);
    out.extend_from_slice(b", \"sha256\": ");
    json::hex(out, sha256);
    out.push(b'}');
}
