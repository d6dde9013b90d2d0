//! Erasable values of a draft: commitments replace them, and private records take them.
//!
//! After `commit_values`, neither the draft nor its buffers hold the value in clear. Pure except for the random salts; the
//! records are written elsewhere.

use crate::{
    codec::json::{object_builder::ObjectBuilder, write},
    error::DraftError,
    format::{
        commitment::{self, Salt},
        draft::{Draft, Truncation},
        render::{self, INHERITED_PATH, MAX_PREPARED_BYTES},
        truncate,
    },
};

/// Bytes of a value that always fits into a private record, however long its name is.
const ALWAYS_FITTING_VALUE_BYTES: usize = MAX_PREPARED_BYTES / 4;

/// Most digits of an entry's number.
const MAX_SEQ_DIGITS: usize = 20;

/// The private record of an erasable value: one line, complete except for the number of its entry.
#[derive(Clone)]
pub(crate) struct ErasableRecord {
    /// Path of the value in its entry.
    path: String,
    /// Text of the line before the number.
    before_seq: Vec<u8>,
    /// Text of the line after the number, newline included.
    after_seq: Vec<u8>,
}

impl ErasableRecord {
    /// Returns the most bytes that the record can have.
    pub(crate) fn max_length(&self) -> usize {
        self.before_seq.len() + self.after_seq.len() + MAX_SEQ_DIGITS
    }

    /// Appends the record of a value of entry `seq`.
    pub(crate) fn write(&self, seq: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before_seq);
        write::integer(out, seq);
        out.extend_from_slice(&self.after_seq);
    }

    fn new(path: String, salt: &Salt, value: &[u8], truncations: &[Truncation]) -> Self {
        let mut before_seq = b"{".to_vec();
        if !truncations.is_empty() {
            before_seq.extend_from_slice(b"\"cut\": ");
            render::write_truncations(truncations, &mut before_seq);
            before_seq.extend_from_slice(b", ");
        }
        before_seq.extend_from_slice(b"\"field\": ");
        write::string(&mut before_seq, &path);
        before_seq.extend_from_slice(b", \"salt\": ");
        salt.write(&mut before_seq);
        before_seq.extend_from_slice(b", \"seq\": ");
        let mut after_seq = b", \"value\": ".to_vec();
        after_seq.extend_from_slice(value);
        after_seq.extend_from_slice(b"}\n");
        Self { path, before_seq, after_seq }
    }
}

/// Replaces the erasable values of `draft` by commitments, and lists their paths in `context.erasable`.
pub(crate) fn commit_values(draft: &mut Draft) -> Result<Vec<ErasableRecord>, DraftError> {
    let mut records = Vec::new();
    commit_members(&mut draft.details, "", &mut records)?;
    commit_members(&mut draft.context.fields, INHERITED_PATH, &mut records)?;
    let mut paths: Vec<String> = records.iter().map(|record| record.path.clone()).collect();
    paths.sort_unstable();
    paths.dedup();
    draft.context.erasable = paths;
    Ok(records)
}

/// Drops the records whose commitments the entry lost when it was truncated.
pub(crate) fn retain(records: &mut Vec<ErasableRecord>, draft: &Draft) {
    records.retain(|record| draft.context.erasable.contains(&record.path));
}

/// Replaces the erasable values of `members`, whose paths begin with `parent`.
fn commit_members(
    members: &mut ObjectBuilder,
    parent: &str,
    records: &mut Vec<ErasableRecord>,
) -> Result<(), DraftError> {
    let mut found = Vec::new();
    for (name, value, is_erasable) in members.iter_with_flags() {
        if is_erasable {
            found.push((String::from_utf8_lossy(name).into_owned(), value.to_vec()));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    // The object is built anew: replacing a value in place would leave its bytes in the builder's buffer.
    let mut public = ObjectBuilder::default();
    for (name, value, is_erasable) in members.iter_with_flags() {
        if !is_erasable {
            public.put_bytes(name, |out| out.extend_from_slice(value));
        }
    }
    for (name, value) in found {
        let salt = Salt::random()
            .map_err(|error| DraftError::Value { name: name.clone(), cause: format!("no salt: {error}") })?;
        let (value, truncations) = truncate_value(&name, value);
        let commitment = salt.commit(&value);
        public.put(&name, |out| commitment::write(&commitment, out));
        records.push(ErasableRecord::new(format!("{parent}{name}"), &salt, &value, &truncations));
    }
    *members = public;
    Ok(())
}

/// Truncates a value that is too long for a private record, by the same rules as an entry: as the only detail of a
/// draft.
fn truncate_value(name: &str, value: Vec<u8>) -> (Vec<u8>, Vec<Truncation>) {
    if value.len() <= ALWAYS_FITTING_VALUE_BYTES {
        return (value, Vec::new());
    }
    let mut alone = Draft::new("");
    alone.details.put(name, |out| out.extend_from_slice(&value));
    if render::write(&mut alone).len() <= MAX_PREPARED_BYTES {
        return (value, Vec::new());
    }
    truncate::shorten(&mut alone);
    let shorter = match alone.details.get(name.as_bytes()) {
        Some(value) => value.to_vec(),
        // The details were replaced as a whole, by an object `oversized`.
        None => {
            let mut out = Vec::new();
            alone.details.write(&mut out);
            out
        }
    };
    (shorter, alone.context.truncated)
}
