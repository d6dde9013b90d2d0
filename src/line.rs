//! One line of a trail as it is read: recognised strictly, hashed as it stands, never re-serialised.
//!
//! A line borrows the bytes it was found in. It knows its own rule and nothing of its neighbours.

use sha2::{Digest as _, Sha256};

use crate::{
    canonical::{self, Malformed, Recogniser, Text, Value},
    digest::{Digest, HashLength, Link},
    timestamp::Timestamp,
};

/// The most bytes a line has, its newline included.
pub(crate) const MAX_LINE: usize = 65_536;

/// How every entry begins.
pub(crate) const START: &[u8] = b"{\"actor\": ";

/// What stands before the hash.
const HASH: &[u8] = b", \"hash\": \"";

/// An entry as it stands on its line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// Canonical text between the quotes; [`canonical::decode`] reads it.
    pub(crate) actor: &'a [u8],
    /// Canonical text of the object; empty where there is none.
    pub(crate) context: &'a [u8],
    /// Canonical text of the object.
    pub(crate) details: &'a [u8],
    /// Canonical text between the quotes.
    pub(crate) event_type: &'a [u8],
    pub(crate) previous: Link,
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    /// The hash that the line states.
    pub(crate) stated: Digest,
    /// The hash that the line has, in the stated length.
    pub(crate) computed: Digest,
    /// The same in full: the content of the entry's leaf in a checkpoint's tree.
    pub(crate) sha256: [u8; 32],
}

impl<'a> Line<'a> {
    /// Recognises `bytes`, a line without its newline, as an entry in canonical text, and hashes it.
    ///
    /// Whether the stated hash is the computed one is for the caller to compare.
    pub(crate) fn recognise(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut text = Recogniser::new(bytes);
        text.expect("{\"actor\": ")?;
        let actor = text.string()?;
        let mut context: &[u8] = b"";
        if text.accept(b", \"context\": ") {
            context = object(bytes, &mut text, "`context` as an object")?;
            if context == b"{}" {
                return Err(Malformed { at: text.position(), what: "a `context` with something in it" });
            }
        }
        text.expect(", \"details\": ")?;
        let details = object(bytes, &mut text, "`details` as an object")?;
        text.expect(", \"event_type\": ")?;
        let event_type = text.string()?;
        if event_type.is_empty() {
            return Err(Malformed { at: text.position(), what: "an `event_type` that is not empty" });
        }
        text.expect(", \"prev_hash\": ")?;
        let at = text.position();
        let stated_previous = text.string()?;
        let previous = Link::parse(stated_previous)
            .ok_or(Malformed { at, what: "`prev_hash` as 64 or 16 hex digits, or `genesis`" })?;
        text.expect(", \"seq\": ")?;
        let at = text.position();
        text.value(2)?;
        let seq =
            std::str::from_utf8(&bytes[at..text.position()]).ok().and_then(|digits| digits.parse().ok());
        let seq = seq.ok_or(Malformed { at, what: "`seq` as a number from 0 to 18446744073709551615" })?;
        text.expect(", \"timestamp\": ")?;
        let at = text.position();
        let time = Timestamp::parse(text.string()?).ok_or(Malformed {
            at,
            what: "`timestamp` as RFC 3339 in UTC with six fractional digits and `Z`",
        })?;
        let hashed = text.position();
        text.expect(", \"hash\": ")?;
        let at = text.position();
        let stated =
            Digest::parse(text.string()?).ok_or(Malformed { at, what: "`hash` as 64 or 16 hex digits" })?;
        text.expect("}")?;
        if !text.rest().is_empty() {
            return Err(Malformed { at: text.position(), what: "the end of the line" });
        }
        let sha256 = hash(&bytes[..hashed], stated_previous);
        let computed = Digest::new(sha256, stated.length());
        Ok(Self { actor, context, details, event_type, previous, seq, time, stated, computed, sha256 })
    }

    /// Whether the line's bytes are those that were hashed.
    pub(crate) fn holds(&self) -> bool {
        self.stated == self.computed
    }

    /// A member of `details`, decoded.
    pub(crate) fn detail(&self, name: &str) -> Option<Value> {
        member(self.details, name)
    }

    pub(crate) fn is(&self, event_type: &str) -> bool {
        self.event_type == event_type.as_bytes()
    }
}

/// The SHA-256 an entry has whose text without its `hash` member is `unhashed` and a closing brace.
pub(crate) fn hash(unhashed: &[u8], previous: &[u8]) -> [u8; 32] {
    let mut sha256 = Sha256::new_with_prefix(unhashed);
    sha256.update(b"}");
    sha256.update(previous);
    sha256.finalize().into()
}

/// Whether `bytes` begin as an entry does, and not as an object within one that happens to name an actor.
pub(crate) fn begins_like_an_entry(bytes: &[u8]) -> bool {
    let Some(actor) = bytes.strip_prefix(START) else { return false };
    let mut text = Recogniser::new(actor);
    match text.string() {
        Ok(_) => {
            let goes_on = [&b", \"context\": {"[..], b", \"details\": {"];
            text.rest().is_empty() || goes_on.iter().any(|next| text.rest().starts_with(next))
        }
        Err(_) => actor.starts_with(b"\""),
    }
}

/// Whether `bytes` end as an entry does.
pub(crate) fn ends_like_an_entry(bytes: &[u8]) -> bool {
    frame(bytes).is_some()
}

/// Whether `bytes` end as a line of the Python tool does, where `hash` follows `prev_hash`.
pub(crate) fn ends_like_one_of_the_tool(bytes: &[u8]) -> bool {
    let Some((unhashed, stated)) = frame(bytes) else { return false };
    let previous = unhashed.strip_suffix(b"\"").and_then(|text| {
        let at = memchr::memrchr(b'"', text)? + 1;
        text[..at].ends_with(b", \"prev_hash\": \"").then(|| Link::parse(&text[at..])).flatten()
    });
    stated.length() == HashLength::Short && previous.is_some()
}

/// An `audit_started` of another version: a line that is no entry of this version, but whose hash holds and which names
/// its format.
#[derive(Debug)]
pub(crate) struct ForeignStart {
    pub(crate) format: String,
    pub(crate) seq: Option<u64>,
    pub(crate) previous: Link,
}

/// Reads a line as the beginning of a part in another format.
pub(crate) fn foreign_start(bytes: &[u8]) -> Option<ForeignStart> {
    let (unhashed, stated) = frame(bytes)?;
    let Ok(Value::Object(members)) = canonical::parse(bytes, 128) else { return None };
    let get =
        |name: &str| members.iter().find(|(known, _)| known.to_str() == Some(name)).map(|(_, value)| value);
    let (Some(Value::String(event_type)), Some(Value::String(previous)), Some(Value::Object(details))) =
        (get("event_type"), get("prev_hash"), get("details"))
    else {
        return None;
    };
    let computed = Digest::new(hash(unhashed, previous.as_bytes()), stated.length());
    if event_type.to_str() != Some("audit_started") || computed != stated {
        return None;
    }
    let format = details.iter().find(|(name, _)| name.to_str() == Some("format")).map(|(_, value)| value)?;
    let mut text = Vec::new();
    format.write(&mut text);
    if text == b"1" {
        return None;
    }
    let seq = match get("seq") {
        Some(Value::Number(digits)) => digits.parse().ok(),
        _ => None,
    };
    let format = String::from_utf8_lossy(&text).chars().take(40).collect();
    Some(ForeignStart { format, seq, previous: Link::parse(previous.as_bytes())? })
}

/// Parts a line into what stands before `, "hash": "…"}`, and that hash.
fn frame(bytes: &[u8]) -> Option<(&[u8], Digest)> {
    [64, 16].into_iter().find_map(|digits| {
        let at = bytes.len().checked_sub(HASH.len() + digits + 2)?;
        let (unhashed, end) = bytes.split_at(at);
        let digest = Digest::parse(end.strip_prefix(HASH)?.strip_suffix(b"\"}")?)?;
        Some((unhashed, digest))
    })
}

/// A member of a canonical object.
pub(crate) fn member(object: &[u8], name: &str) -> Option<Value> {
    let Ok(Value::Object(members)) = canonical::parse(object, 127) else { return None };
    let name = Text::from(name);
    members.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// One canonical object at level 2.
fn object<'a>(bytes: &'a [u8], text: &mut Recogniser<'a>, what: &'static str) -> Result<&'a [u8], Malformed> {
    let at = text.position();
    if text.rest().first() != Some(&b'{') {
        return Err(Malformed { at, what });
    }
    text.value(2)?;
    Ok(&bytes[at..text.position()])
}
