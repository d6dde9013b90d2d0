//! Prepared entries: the text of a line up to its previous hash, with the SHA-256 of the blocks that it fills.
//!
//! Actor, context and details come first on a line. They are rendered and hashed without a lock; linking, under the
//! log's lock, appends a suffix of nearly constant length. So the time under the lock does not grow with the entry:
//! the bench row "serial section with 10 KB of details" against 200 B.
//!
//! ```text
//! {"actor": .. "details": .. "prev_hash": "   PREV", "seq": N, "timestamp": "T", "hash": "HASH"}\n
//! |------- prepared without a lock ------||--------------- suffix: linked under the lock ------|
//! ```

use std::borrow::Cow;

use crate::{
    codec::{
        buffer_pool,
        digest::{Digest, HashLength, Link},
        sha256::HashedPrefix,
        timestamp::{Day, Timestamp},
    },
    error::DraftError,
    format::{
        commit_values::{self, ErasableRecord},
        draft::{self, Draft, Origin},
        redaction::Redaction,
        render::{self, MAX_PREPARED_BYTES, MAX_SUFFIX_BYTES, SUFFIX_FRAME_BYTES},
        truncate,
    },
};

/// The part of an entry that does not depend on its position in the trail.
#[derive(Clone)]
pub(crate) struct PreparedEntry {
    /// Text from the start of the line to the opening quote of `prev_hash`.
    bytes: Vec<u8>,
    /// SHA-256 state after the blocks that `bytes` fills.
    begun: HashedPrefix,
    /// Erasable values, which the entry holds commitments to.
    erasable: Vec<ErasableRecord>,
}

/// Settings of a log that complete the drafts it records.
#[derive(Clone, Debug)]
pub(crate) struct EntryDefaults {
    /// Actor of drafts without one.
    pub(crate) actor: String,
    /// Names of fields that an entry inherits from the spans around it.
    pub(crate) inherit_fields: Vec<String>,
    pub(crate) redaction: Redaction,
    /// `true` if entries have a `context.source`.
    pub(crate) source_location: bool,
}

/// Position at which an entry is linked.
pub(crate) struct ChainPosition<'a> {
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    /// Day of `time`.
    pub(crate) day: &'a mut Day,
    /// Link to the entry before.
    pub(crate) previous: &'a Link,
    /// Length of the printed hash.
    pub(crate) length: HashLength,
}

/// Number, time and hash of an entry that was linked.
#[derive(Clone, Copy)]
pub(crate) struct LinkedEntry {
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    /// Hash as the line prints it, with 64 or 16 digits.
    pub(crate) hash: Digest,
    /// Full SHA-256, also in a trail with short hashes. It is the entry's leaf in the Merkle tree of checkpoints.
    pub(crate) leaf: [u8; 32],
}

impl PreparedEntry {
    /// Prepares the entry of `draft`: checks its type, redacts, commits to and truncates values, and renders the rest.
    pub(crate) fn render(mut draft: Draft, defaults: &EntryDefaults) -> Result<Self, DraftError> {
        if let Some(fault) = draft.fault.take() {
            return Err(fault);
        }
        check_type(&mut draft)?;
        draft.context.source =
            defaults.source_location.then(|| draft.context.source.take().unwrap_or_default());
        // Redaction comes first: a redacted value must reach neither the entry nor the private records.
        defaults.redaction.apply(&mut draft);
        let mut erasable = commit_values::commit_values(&mut draft)?;
        if draft.actor.is_none() {
            draft.actor = Some(Cow::Owned(buffer_pool::string(&defaults.actor)));
        }
        let mut bytes = render::write(&mut draft);
        if bytes.len() > MAX_PREPARED_BYTES {
            bytes = truncate::shorten(&mut draft);
            commit_values::retain(&mut erasable, &draft);
        }
        for text in [draft.actor.take(), Some(draft.event_type)].into_iter().flatten() {
            if let Cow::Owned(text) = text {
                buffer_pool::recycle_string(text);
            }
        }
        Ok(Self::new(bytes, erasable))
    }

    /// Takes the rendered bytes of an entry without erasable values. Returns `None` if they are too long for an entry.
    #[inline]
    pub(crate) fn from_rendered(bytes: Vec<u8>) -> Option<Self> {
        if bytes.len() > MAX_PREPARED_BYTES {
            buffer_pool::recycle_buffer(bytes);
            return None;
        }
        Some(Self::new(bytes, Vec::new()))
    }

    fn new(bytes: Vec<u8>, erasable: Vec<ErasableRecord>) -> Self {
        let begun = HashedPrefix::new(&bytes);
        Self { bytes, begun, erasable }
    }

    /// Returns an upper bound of the bytes that the line and its private records will have.
    #[inline]
    pub(crate) fn weight(&self) -> usize {
        let records: usize = self.erasable.iter().map(ErasableRecord::max_length).sum();
        self.bytes.len() + MAX_SUFFIX_BYTES + records
    }

    /// Returns the length in bytes of the line that this entry becomes as number `seq` after `previous`.
    #[inline]
    pub(crate) fn line_length(&self, seq: u64, previous: &Link, length: HashLength) -> usize {
        let seq_digits = seq.checked_ilog10().map_or(1, |power| power as usize + 1);
        self.bytes.len() + previous.digits() + length.digits() + seq_digits + SUFFIX_FRAME_BYTES
    }

    /// Returns the text up to the previous hash. A caller that takes it out must not link the entry afterwards.
    #[inline]
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Links the entry at `position`: appends the suffix of its line, newline included, to `line`.
    #[inline]
    pub(crate) fn link(&self, line: &mut Vec<u8>, position: ChainPosition<'_>) -> LinkedEntry {
        let ChainPosition { seq, time, day, previous, length } = position;
        line.reserve(MAX_SUFFIX_BYTES);
        let from = line.len();
        previous.write(line);
        let to = line.len();
        line.extend_from_slice(b"\", \"seq\": ");
        line.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        line.extend_from_slice(b", \"timestamp\": \"");
        day.write(time, line);
        line.push(b'"');
        // The hash covers the line without its `hash` member, then the previous hash once more.
        let leaf = self.begun.finish(&self.bytes, &line[from..], &line[from..to]);
        let hash = Digest::new(leaf, length);
        line.extend_from_slice(b", \"hash\": \"");
        hash.write(line);
        line.extend_from_slice(b"\"}\n");
        LinkedEntry { seq, time, hash, leaf }
    }

    /// Returns the private records of the entry's erasable values, one line each, for the entry's number `seq`.
    #[inline]
    pub(crate) fn private(&self, seq: u64) -> Vec<u8> {
        if self.erasable.is_empty() {
            return Vec::new();
        }
        let mut records = Vec::new();
        self.erasable.iter().for_each(|record| record.write(seq, &mut records));
        records
    }
}

impl Drop for PreparedEntry {
    fn drop(&mut self) {
        buffer_pool::recycle_buffer(std::mem::take(&mut self.bytes));
    }
}

/// Checks the event type. An empty or reserved type is an error for callers of `append` and of the macros, which
/// receive it. A `tracing` event has no caller that would receive an error: its entry gets the type `event`.
fn check_type(draft: &mut Draft) -> Result<(), DraftError> {
    let receives_errors = match draft.origin {
        Origin::Log | Origin::Span => return Ok(()),
        Origin::Append | Origin::Macro => true,
        Origin::Event => false,
    };
    if draft.event_type.is_empty() {
        if receives_errors {
            return Err(DraftError::NoEventType);
        }
        draft.event_type = "event".into();
    }
    if draft::is_reserved(&draft.event_type) {
        if receives_errors {
            return Err(DraftError::Reserved { event_type: draft.event_type.clone().into_owned() });
        }
        draft.context.wanted_type =
            Some(std::mem::replace(&mut draft.event_type, "event".into()).into_owned());
    }
    Ok(())
}
