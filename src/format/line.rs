//! A line of a trail, parsed: the parts of its entry, its printed hash, and the hash of its bytes.
//!
//! Only canonical text of format 1 is accepted. The hash is computed from the bytes of the line, never from text that
//! was rendered again. A `Line` borrows the bytes; `Parts` holds ranges, for readers that parse many lines of one
//! block.

use sha2::{Digest as _, Sha256};

use crate::{
    codec::{
        digest::{Digest, HashLength, Link},
        json::{
            parse::parse,
            shape_cache::{CAPTURED_FIELDS, CapturedFields, ShapeCache},
            string_bitmap::StringBitmap,
            validate::{Malformed, Validator, unsigned},
            value::Value,
        },
        sha256::Message,
        simd::mismatch_mask,
        timestamp::Timestamp,
    },
    format::details::Details,
};

/// Most bytes of a line, newline included.
pub(crate) const MAX_LINE_BYTES: usize = 65_536;

/// Start of every entry.
pub(crate) const START: &[u8] = b"{\"actor\": ";

/// Text before the printed hash.
const BEFORE_HASH: &[u8] = b", \"hash\": \"";

/// Levels that a line of any format version may nest.
const MAX_LINE_LEVELS: usize = 128;

/// Most characters of a foreign format's version that are reported.
const MAX_VERSION_CHARS: usize = 40;

/// An entry as its line states it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// Content of the canonical JSON string, without quotes. `validate::decode` decodes it.
    pub(crate) actor: &'a [u8],
    /// Canonical text of the object. Empty if the entry has no `context`.
    pub(crate) context: &'a [u8],
    /// Canonical text of the object.
    pub(crate) details: &'a [u8],
    /// Content of the canonical JSON string, without quotes.
    pub(crate) event_type: &'a [u8],
    /// Value of `prev_hash`.
    pub(crate) previous: Link,
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    /// Printed hash: the value of `hash`, which may be wrong.
    pub(crate) stated: Digest,
    /// Full SHA-256 of the line's bytes: the entry's leaf in the Merkle tree of checkpoints.
    pub(crate) sha256: [u8; 32],
}

/// A [`Line`] as ranges of the bytes that it was parsed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    actor: Part,
    context: Part,
    details: Part,
    event_type: Part,
    seq: u64,
    time: Timestamp,
    /// Printed hash.
    stated: Digest,
    /// First part of the hashed message: the line up to the member `hash`.
    hashed: Part,
    /// Last part of the hashed message: the content of `prev_hash`.
    previous_text: Part,
    /// Content of `hash`.
    stated_text: Part,
    /// Values of those members of `details` that the shape cache captures.
    notes: Option<[Part; CAPTURED_FIELDS]>,
    /// Result of [`Parts::follows`], final after [`Parts::set_sha256`].
    follows: bool,
    /// Full SHA-256 of the line. Zeros until [`Parts::set_sha256`] is called.
    sha256: [u8; 32],
}

/// A range of the bytes that a line was parsed from. Offsets have 32 bits, which keeps [`Parts`] small: parallel
/// readers hold one for each line of a block.
#[derive(Clone, Copy, Debug)]
struct Part {
    from: u32,
    to: u32,
}

impl Part {
    const NONE: Self = Self { from: 0, to: 0 };

    fn new(from: usize, to: usize) -> Self {
        // Blocks are far shorter than 4 GiB. Beyond that, the range would be empty and the line would not verify.
        let at = |at: usize| u32::try_from(at).unwrap_or_default();
        Self { from: at(from), to: at(to) }
    }

    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.from as usize..self.to as usize).unwrap_or_default()
    }
}

impl Parts {
    /// Parts of no line, for [`recognise`](Self::recognise) to fill.
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

    /// Parses the remainder of `text`, which is a line of `bytes` without its newline, and fills these parts in place.
    /// Returns `None` if it is not an entry in canonical text. The parts are then meaningless; `text` has the reason.
    ///
    /// `before` is the entry before it in the same bytes, if there is one. An equal hash or second is not parsed again.
    /// `shapes` caches the layouts of entries, which may come from other bytes.
    pub(crate) fn recognise(
        &mut self,
        bytes: &[u8],
        text: &mut Validator<'_>,
        shapes: &mut ShapeCache,
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
        self.notes = notes.map(|CapturedFields(notes)| notes.map(|(from, to)| Part::new(from, to)));
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
        // The text equals a hash that was parsed before, so it needs no parsing of its own.
        let is_linked = before.is_some_and(|before| is_same(before.stated_text.of(bytes), stated_previous));
        if !is_linked && Link::parse(stated_previous).is_none() {
            return text.fail(at, "`prev_hash` as 64 or 16 hex digits, or `genesis`");
        }
        let at = text.literal(end + 1, ", \"seq\": ")?;
        let (end, seq) = match text.short_unsigned(at) {
            Some(found) => found,
            None => {
                let end = text.value_from(at, 2)?;
                match bytes.get(at..end).and_then(unsigned) {
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

    /// Returns `true` if `next`, which begins at `start`, is on the next line and has the next number, a time of the
    /// same day that is not earlier, and a hash of the same length.
    fn is_followed_by(&self, next: &Self, start: usize) -> bool {
        self.end() + 1 == start
            && self.seq.checked_add(1) == Some(next.seq)
            && self.time <= next.time
            && self.time.day() == next.time.day()
            && self.stated.length() == next.stated.length()
    }

    /// Returns the text of the time, which is the last string of the hashed part.
    fn time_text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let hashed = self.hashed.of(bytes);
        let from = hashed.len().saturating_sub(Timestamp::LENGTH + 1);
        hashed.get(from..).and_then(|text| text.strip_suffix(b"\"")).unwrap_or_default()
    }

    /// Returns the offset of the line's newline.
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

    /// Returns the texts of actor, context, details and type, as in [`Line`].
    pub(crate) fn texts<'a>(&self, bytes: &'a [u8]) -> [&'a [u8]; 4] {
        [self.actor, self.context, self.details, self.event_type].map(|part| part.of(bytes))
    }

    /// Returns the captured values of `details`, or `None` if the shape cache captured nothing of this line.
    pub(crate) fn notes<'a>(&self, bytes: &'a [u8]) -> Option<[Option<&'a [u8]>; CAPTURED_FIELDS]> {
        self.notes.map(|notes| notes.map(|part| Some(part.of(bytes)).filter(|value| !value.is_empty())))
    }

    /// Sets the SHA-256 of [`message`](Self::message), which is computed later, for two lines at a time.
    pub(crate) fn set_sha256(&mut self, sha256: [u8; 32]) {
        self.follows &= self.stated.matches_sha256(&sha256);
        self.sha256 = sha256;
    }

    /// Returns `true` if this entry follows the entry on the line before it in the same bytes, and its hash is right.
    ///
    /// An entry follows if its `prev_hash` is the printed hash of the entry before, its number is the next one, its
    /// time is on the same day and not earlier, and its hash has the same length. Entries `audit_*` never count,
    /// because they may change what the verifier expects. The hash of the entry before may be wrong.
    pub(crate) fn follows(&self) -> bool {
        self.follows
    }

    /// Returns the hashed message, as [`Message::new`] takes it.
    pub(crate) fn message<'a>(&self, bytes: &'a [u8]) -> [&'a [u8]; 2] {
        [self.hashed.of(bytes), self.previous_text.of(bytes)]
    }

    /// Returns the line. `bytes` must be those that these parts were parsed from.
    pub(crate) fn line<'a>(&self, bytes: &'a [u8]) -> Line<'a> {
        Line {
            actor: self.actor.of(bytes),
            context: self.context.of(bytes),
            details: self.details.of(bytes),
            event_type: self.event_type.of(bytes),
            // The validator has accepted the text as a digest or as `genesis`, so the default is never used.
            previous: Link::parse(self.previous_text.of(bytes)).unwrap_or(Link::Genesis),
            seq: self.seq,
            time: self.time,
            stated: self.stated,
            sha256: self.sha256,
        }
    }
}

impl<'a> Line<'a> {
    /// Parses `bytes`, a line without its newline, as an entry in canonical text, and computes its hash.
    ///
    /// The printed hash may be another one: see [`holds`](Self::holds).
    pub(crate) fn recognise(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let marks = StringBitmap::of(bytes);
        let mut text = Validator::new(bytes, &marks);
        let mut parts = Parts::BLANK;
        parts.recognise(bytes, &mut text, &mut ShapeCache::default(), None).ok_or_else(|| text.failed())?;
        let [unhashed, previous] = parts.message(bytes);
        Ok(Self { sha256: Message::new(unhashed, previous).sha256(), ..parts.line(bytes) })
    }

    /// Returns the hash of the line's bytes, in the length of the printed one.
    pub(crate) fn computed(&self) -> Digest {
        Digest::new(self.sha256, self.stated.length())
    }

    /// Returns `true` if the printed hash is the hash of the line's bytes.
    pub(crate) fn holds(&self) -> bool {
        self.stated.matches_sha256(&self.sha256)
    }

    /// Decodes `details`. A caller that needs several members decodes them once.
    pub(crate) fn decoded_details(&self) -> Details {
        Details::parse(self.details)
    }

    /// Decodes one member of `details`.
    pub(crate) fn detail(&self, name: &str) -> Option<Value> {
        self.decoded_details().get(name).cloned()
    }

    /// Returns `true` if the entry has this type.
    pub(crate) fn is(&self, event_type: &str) -> bool {
        self.event_type == event_type.as_bytes()
    }
}

/// Returns `true` if `bytes` may be the start of an entry: `{"actor": `, a string, and `context` or `details`. An
/// object inside an entry that has a member `actor` does not count. `bytes` may end anywhere.
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

/// Returns `true` if `bytes` end with a printed hash, as every entry does.
pub(crate) fn ends_like_an_entry(bytes: &[u8]) -> bool {
    frame(bytes).is_some()
}

/// Returns `true` if `bytes` end as a line of the Python tool: with `prev_hash` and a `hash` of 16 digits.
pub(crate) fn ends_like_one_of_the_tool(bytes: &[u8]) -> bool {
    let Some((unhashed, stated)) = frame(bytes) else { return false };
    let previous = unhashed.strip_suffix(b"\"").and_then(|text| {
        let at = memchr::memrchr(b'"', text)? + 1;
        text[..at].ends_with(b", \"prev_hash\": \"").then(|| Link::parse(&text[at..])).flatten()
    });
    stated.length() == HashLength::Short && previous.is_some()
}

/// An `audit_started` of another format version, from which on a trail is not format 1.
#[derive(Debug)]
pub(crate) struct ForeignStart {
    /// The version, as JSON text of at most [`MAX_VERSION_CHARS`] characters.
    pub(crate) format: String,
    pub(crate) seq: Option<u64>,
    pub(crate) previous: Link,
}

/// Reads a line as an `audit_started` of another format version. Its hash must be right, so that a damaged entry of
/// format 1 is never taken for one.
pub(crate) fn foreign_start(bytes: &[u8]) -> Option<ForeignStart> {
    let (unhashed, stated) = frame(bytes)?;
    let Ok(Value::Object(members)) = parse(bytes, MAX_LINE_LEVELS) else { return None };
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
    if event_type.to_str() != Some("audit_started") || !stated.matches_sha256(&sha256.finalize().into()) {
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
    let format = String::from_utf8_lossy(&text).chars().take(MAX_VERSION_CHARS).collect();
    Some(ForeignStart { format, seq, previous: Link::parse(previous.as_bytes())? })
}

/// Splits a line into the text before `, "hash": "…"}` and the printed hash.
fn frame(bytes: &[u8]) -> Option<(&[u8], Digest)> {
    [64, 16].into_iter().find_map(|digits| {
        let at = bytes.len().checked_sub(BEFORE_HASH.len() + digits + 2)?;
        let (unhashed, end) = bytes.split_at(at);
        let digest = Digest::parse(end.strip_prefix(BEFORE_HASH)?.strip_suffix(b"\"}")?)?;
        Some((unhashed, digest))
    })
}

/// Compares two texts. Texts of 64 bytes, as most hashes have, are compared without a call of `memcmp`: this is done
/// for every line that is verified (bench row "verify, everything checked, 1 thread").
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    match (one.as_chunks(), other.as_chunks()) {
        (([first, second], []), ([other_first, other_second], [])) => {
            mismatch_mask(first, other_first) | mismatch_mask(second, other_second) == 0
        }
        _ => one == other,
    }
}

/// Parses the canonical object that begins at `at`, on level 2 of an entry. Returns its end and its captured values.
fn object(
    bytes: &[u8],
    text: &mut Validator<'_>,
    shapes: &mut ShapeCache,
    at: usize,
    what: &'static str,
) -> Option<(usize, Option<CapturedFields>)> {
    if bytes.get(at) != Some(&b'{') {
        return text.fail(at, what);
    }
    shapes.object(text, at)
}
