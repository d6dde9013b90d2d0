//! The text of an entry up to its previous hash, and the limits of its length.
//!
//! `write` renders members in the order of their names, as canonical JSON requires: `actor`, `context`, `details`,
//! `event_type`, `prev_hash`.

use crate::{
    codec::{
        buffer_pool,
        json::{object_builder::ObjectBuilder, write},
        timestamp::Timestamp,
    },
    format::{
        draft::{Draft, Origin, Source, Truncation},
        line::MAX_LINE_BYTES,
    },
};

/// Bytes that linking appends to a prepared entry, without the previous hash, the digits of `seq` and those of the hash:
/// `", "seq": ` and `, "timestamp": "`, a time, `"`, `, "hash": "` and `"}\n`.
pub(crate) const SUFFIX_FRAME_BYTES: usize = 10 + 16 + Timestamp::LENGTH + 1 + 11 + 3;

/// Most bytes that linking appends to a prepared entry: two hashes of 64 digits, 20 digits of `seq`, and the frame.
pub(crate) const MAX_SUFFIX_BYTES: usize = 64 + 20 + 64 + SUFFIX_FRAME_BYTES;

/// Most bytes of a prepared entry: with any suffix, its line keeps within [`MAX_LINE_BYTES`].
pub(crate) const MAX_PREPARED_BYTES: usize = MAX_LINE_BYTES - MAX_SUFFIX_BYTES;

/// Start of the paths of inherited fields in `context.redacted`, `context.cut` and `context.erasable`.
pub(crate) const INHERITED_PATH: &str = "context.fields.";

/// Renders `draft` up to the opening quote of its previous hash.
pub(crate) fn write(draft: &mut Draft) -> Vec<u8> {
    let mut out = buffer_pool::buffer();
    out.extend_from_slice(b"{\"actor\": ");
    write::string(&mut out, draft.actor.as_deref().unwrap_or_default());
    write_context(draft, &mut out);
    out.extend_from_slice(b", \"details\": ");
    draft.details.write(&mut out);
    out.extend_from_slice(b", \"event_type\": ");
    write::string(&mut out, &draft.event_type);
    out.extend_from_slice(b", \"prev_hash\": \"");
    out
}

/// Writes `context` with its members in the order of their names. An empty `context` is left out.
fn write_context(draft: &mut Draft, out: &mut Vec<u8>) {
    let context = &mut draft.context;
    let mut has_members = false;
    let mut member = |out: &mut Vec<u8>, name: &str| {
        out.extend_from_slice(if has_members { b", \"" } else { b", \"context\": {\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\": ");
        has_members = true;
    };
    if !context.truncated.is_empty() {
        member(out, "cut");
        write_truncations(&context.truncated, out);
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
    // Entries of the log itself always have a source, whatever the settings: it distinguishes them from others.
    if draft.origin == Origin::Log {
        member(out, "source");
        Source::default().write(draft.origin, out);
    } else if let Some(source) = &context.source {
        member(out, "source");
        source.write(draft.origin, out);
    }
    if let Some((name, seq)) = &context.span {
        member(out, "span");
        write::string(out, name);
        if let Some(seq) = seq {
            member(out, "span_seq");
            write::integer(out, *seq);
        }
    }
    if let Some(wanted) = &context.wanted_type {
        member(out, "wanted_type");
        write::string(out, wanted);
    }
    if has_members {
        out.push(b'}');
    }
}

/// Writes an array of strings.
fn write_names(names: &[String], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        write::string(out, name);
    }
    out.push(b']');
}

/// Writes an object that maps the path of each truncated string to its complete length and hash.
pub(crate) fn write_truncations(truncations: &[Truncation], out: &mut Vec<u8>) {
    let mut members = ObjectBuilder::default();
    for Truncation { name, length, sha256 } in truncations {
        members.put(name, |out| write_length_and_hash(*length, sha256, out));
    }
    members.write(out);
}

/// Writes `{"length": .., "sha256": ..}`: the original of a text that was shortened or replaced.
pub(crate) fn write_length_and_hash(length: usize, sha256: &[u8; 32], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"length\": ");
    write::integer(out, length as u64);
    out.extend_from_slice(b", \"sha256\": ");
    write::hex(out, sha256);
    out.push(b'}');
}
