//! One line of a trail as it is read: recognised strictly, hashed as it stands, never re-serialised.
//!
//! A line borrows the bytes it was found in. It knows its own rule and nothing of its neighbours.

use sha2::{Digest as _, Sha256};

use crate::codec::{
    digest::{Digest, HashLength, Link},
    json::{
        self,
        shape_cache::{NOTED, Notes, Shapes},
        string_bitmap::StringBitmap,
        validate::{Malformed, Validator},
        value::Value,
        wtf8::Text,
    },
    sha256::Message,
    simd::differences,
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
    /// Canonical text between the quotes; [`json::decode`] reads it.
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
    /// The SHA-256 that the line has, in full: the content of the entry's leaf in a checkpoint's tree.
    pub(crate) sha256: [u8; 32],
}

/// A [`Line`] without the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    actor: Part,
    context: Part,
    details: Part,
    event_type: Part,
    seq: u64,
    time: Timestamp,
    stated: Digest,
    /// What is hashed first: from where the line begins.
    hashed: Part,
    /// What is hashed at last.
    previous_text: Part,
    stated_text: Part,
    /// The values of some members of `details`, where they were noted.
    notes: Option<[Part; NOTED]>,
    /// It follows the line before it in the same bytes, as far as both say.
    follows: bool,
    /// That of the message, once it is reckoned; zeros until then.
    sha256: [u8; 32],
}

/// Where something stands in the bytes.
#[derive(Clone, Copy, Debug)]
struct Part {
    from: u32,
    to: u32,
}

impl Part {
    const NONE: Self = Self { from: 0, to: 0 };

    fn new(from: usize, to: usize) -> Self {
        // Nobody reads 4 GiB at once; if somebody does, there is nothing in this part.
        let at = |at: usize| u32::try_from(at).unwrap_or_default();
        Self { from: at(from), to: at(to) }
    }

    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.from as usize..self.to as usize).unwrap_or_default()
    }
}

impl Parts {
    /// Those of no line, to be filled in.
    pub(crate) const BLANK: Self = Self {
        actor: Part::NONE,
        context: Part::NONE,
        details: Part::NONE,
        event_type: Part::NONE,
        seq: 0,
        time: Timestamp::EPOCH,
        stated: Digest::ZERO,
        hashed: Part::NONE,
        previous_text: Part::NONE,
        stated_text: Part::NONE,
        notes: None,
        follows: false,
        sha256: [0; 32],
    };

    /// Recognises what `text` has left of `bytes`, a line without its newline, as an entry in canonical text. `before` is
    /// the entry before it in the same bytes, if there is one: mostly that is what this one names as its predecessor.
    /// `shapes` are those of entries before it, which need not be of the same bytes.
    ///
    /// `None` if it is none, and what is in these parts then means nothing: it is filled in place, being large.
    pub(crate) fn recognise(
        &mut self,
        bytes: &[u8],
        text: &mut Validator<'_>,
        shapes: &mut Shapes,
        before: Option<&Self>,
    ) -> Option<()> {
        let start = text.start();
        let at = text.literal(start, "{\"actor\": ")?;
        let end = text.quoted(at)?.at;
        self.actor = Part::new(at + 1, end);
        let mut at = end + 1;
        self.context = Part::NONE;
        const CONTEXT: &[u8] = b", \"context\": ";
        if bytes.get(at..).is_some_and(|rest| rest.starts_with(CONTEXT)) {
            at += CONTEXT.len();
            let (end, _) = object(bytes, text, shapes, at, "`context` as an object")?;
            self.context = Part::new(at, end);
            at = end;
            if self.context.of(bytes) == b"{}" {
                return text.fail(at, "a `context` with something in it");
            }
        }
        let at = text.literal(at, ", \"details\": ")?;
        let (end, notes) = object(bytes, text, shapes, at, "`details` as an object")?;
        self.details = Part::new(at, end);
        self.notes = notes.map(|Notes(notes)| notes.map(|(from, to)| Part::new(from, to)));
        let at = text.literal(end, ", \"event_type\": ")?;
        let end = text.quoted(at)?.at;
        if end == at + 1 {
            return text.fail(end + 1, "an `event_type` that is not empty");
        }
        self.event_type = Part::new(at + 1, end);
        let at = text.literal(end + 1, ", \"prev_hash\": ")?;
        let end = text.quoted(at)?.at;
        self.previous_text = Part::new(at + 1, end);
        let stated_previous = self.previous_text.of(bytes);
        let is_linked = before.is_some_and(|before| is_same(before.stated_text.of(bytes), stated_previous));
        if !is_linked && Link::parse(stated_previous).is_none() {
            return text.fail(at, "`prev_hash` as 64 or 16 hex digits, or `genesis`");
        }
        let at = text.literal(end + 1, ", \"seq\": ")?;
        let (end, seq) = match text.short_unsigned(at) {
            Some(found) => found,
            None => {
                let end = text.value_from(at, 2)?;
                match bytes.get(at..end).and_then(json::unsigned) {
                    Some(seq) => (end, seq),
                    None => return text.fail(at, "`seq` as a number from 0 to 18446744073709551615"),
                }
            }
        };
        self.seq = seq;
        let at = text.literal(end, ", \"timestamp\": ")?;
        let end = text.quoted(at)?.at;
        let known = before.map(|before| (before.time_text(bytes), before.time));
        self.time = match bytes.get(at + 1..end).and_then(|time| Timestamp::parse_after(time, known)) {
            Some(time) => time,
            None => {
                return text.fail(at, "`timestamp` as RFC 3339 in UTC with six fractional digits and `Z`");
            }
        };
        self.hashed = Part::new(start, end + 1);
        let at = text.literal(end + 1, ", \"hash\": ")?;
        let end = text.quoted(at)?.at;
        self.stated_text = Part::new(at + 1, end);
        self.stated = match Digest::parse(self.stated_text.of(bytes)) {
            Some(stated) => stated,
            None => return text.fail(at, "`hash` as 64 or 16 hex digits"),
        };
        let at = text.literal(end + 1, "}")?;
        if !text.ends(at) {
            return text.fail(at, "the end of the line");
        }
        self.follows = is_linked
            && before.is_some_and(|before| before.is_followed_by(self, start))
            && !self.event_type.of(bytes).starts_with(b"audit_");
        Some(())
    }

    /// Whether `next`, which begins at `start`, is on the next line, has the next number, and a time of the same day and not
    /// before this one's.
    fn is_followed_by(&self, next: &Self, start: usize) -> bool {
        self.end() + 1 == start
            && self.seq.checked_add(1) == Some(next.seq)
            && self.time <= next.time
            && self.time.day() == next.time.day()
            && self.stated.length() == next.stated.length()
    }

    /// Its time, which is the last string that is hashed.
    fn time_text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let hashed = self.hashed.of(bytes);
        let from = hashed.len().saturating_sub(Timestamp::LENGTH + 1);
        hashed.get(from..).and_then(|text| text.strip_suffix(b"\"")).unwrap_or_default()
    }

    /// Where the newline stands.
    fn end(&self) -> usize {
        self.stated_text.to as usize + "\"}".len()
    }

    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.time
    }

    pub(crate) fn stated(&self) -> &Digest {
        &self.stated
    }

    pub(crate) fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// Actor, context, details and type, as [`Line`] has them.
    pub(crate) fn texts<'a>(&self, bytes: &'a [u8]) -> [&'a [u8]; 4] {
        [self.actor, self.context, self.details, self.event_type].map(|part| part.of(bytes))
    }

    /// The values of those members of `details` that the shapes note, where they were noted.
    pub(crate) fn notes<'a>(&self, bytes: &'a [u8]) -> Option<[Option<&'a [u8]>; NOTED]> {
        self.notes.map(|notes| notes.map(|part| Some(part.of(bytes)).filter(|value| !value.is_empty())))
    }

    /// Takes the hash of the message.
    pub(crate) fn set_sha256(&mut self, sha256: [u8; 32]) {
        self.follows &= self.stated.is_of(&sha256);
        self.sha256 = sha256;
    }

    /// Whether it is an entry whose hash holds, on the line behind another entry in the same bytes, which it names as its
    /// predecessor, with the next number, a time of the same day and not before that one's, and a hash of the same length; and
    /// whether it says nothing about the trail. Whether the other one's hash holds is not asked.
    pub(crate) fn follows(&self) -> bool {
        self.follows
    }

    /// What the hash is of, as [`Message::new`] takes it.
    pub(crate) fn message<'a>(&self, bytes: &'a [u8]) -> [&'a [u8]; 2] {
        [self.hashed.of(bytes), self.previous_text.of(bytes)]
    }

    /// The line, whose bytes are those that were recognised.
    pub(crate) fn line<'a>(&self, bytes: &'a [u8]) -> Line<'a> {
        Line {
            actor: self.actor.of(bytes),
            context: self.context.of(bytes),
            details: self.details.of(bytes),
            event_type: self.event_type.of(bytes),
            // It was recognised as one of both.
            previous: Link::parse(self.previous_text.of(bytes)).unwrap_or(Link::Genesis),
            seq: self.seq,
            time: self.time,
            stated: self.stated,
            sha256: self.sha256,
        }
    }
}

impl<'a> Line<'a> {
    /// Recognises `bytes`, a line without its newline, as an entry in canonical text, and hashes it.
    ///
    /// Whether the stated hash is the line's own is for the caller to ask.
    pub(crate) fn recognise(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let marks = StringBitmap::of(bytes);
        let mut text = Validator::new(bytes, &marks);
        let mut parts = Parts::BLANK;
        parts.recognise(bytes, &mut text, &mut Shapes::default(), None).ok_or_else(|| text.failed())?;
        let [unhashed, previous] = parts.message(bytes);
        Ok(Self { sha256: Message::new(unhashed, previous).sha256(), ..parts.line(bytes) })
    }

    /// The hash that the line has, in the stated length.
    pub(crate) fn computed(&self) -> Digest {
        Digest::new(self.sha256, self.stated.length())
    }

    /// Whether the line's bytes are those that were hashed.
    pub(crate) fn holds(&self) -> bool {
        self.stated.is_of(&self.sha256)
    }

    /// A member of `details`, decoded.
    pub(crate) fn detail(&self, name: &str) -> Option<Value> {
        member(self.details, name)
    }

    pub(crate) fn is(&self, event_type: &str) -> bool {
        self.event_type == event_type.as_bytes()
    }
}

/// Whether `bytes` begin as an entry does, and not as an object within one that happens to name an actor.
pub(crate) fn begins_like_an_entry(bytes: &[u8]) -> bool {
    let Some(actor) = bytes.strip_prefix(START) else { return false };
    let marks = StringBitmap::of(actor);
    match Validator::new(actor, &marks).quoted(0) {
        Some(end) => {
            let rest = actor.get(end.at + 1..).unwrap_or_default();
            let goes_on = [&b", \"context\": {"[..], b", \"details\": {"];
            rest.is_empty() || goes_on.iter().any(|next| rest.starts_with(next))
        }
        None => actor.starts_with(b"\""),
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
    let Ok(Value::Object(members)) = json::parse(bytes, 128) else { return None };
    let get =
        |name: &str| members.iter().find(|(known, _)| known.to_str() == Some(name)).map(|(_, value)| value);
    let (Some(Value::String(event_type)), Some(Value::String(previous)), Some(Value::Object(details))) =
        (get("event_type"), get("prev_hash"), get("details"))
    else {
        return None;
    };
    let mut sha256 = Sha256::new_with_prefix(unhashed);
    sha256.update(b"}");
    sha256.update(previous.as_bytes());
    if event_type.to_str() != Some("audit_started") || !stated.is_of(&sha256.finalize().into()) {
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
    let Ok(Value::Object(members)) = json::parse(object, 127) else { return None };
    let name = Text::from(name);
    members.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Whether both are the same: faster where they have the 64 digits that most have.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    match (one.as_chunks(), other.as_chunks()) {
        (([first, second], []), ([other_first, other_second], [])) => {
            differences(first, other_first) | differences(second, other_second) == 0
        }
        _ => one == other,
    }
}

/// The end of the canonical object at level 2 that begins at `at`, and its notes.
fn object(
    bytes: &[u8],
    text: &mut Validator<'_>,
    shapes: &mut Shapes,
    at: usize,
    what: &'static str,
) -> Option<(usize, Option<Notes>)> {
    if bytes.get(at) != Some(&b'{') {
        return text.fail(at, what);
    }
    shapes.object(text, at)
}
