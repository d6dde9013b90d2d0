//! Withholding: a draft's erasable values are replaced by commitments, and kept apart with their salts.
//!
//! Pure but for the salts. It knows the form of a private record and no file.

use crate::{
    codec::json::{self, object_builder::ObjectBuilder},
    error::DraftError,
    format::{
        commitment::{self, Salt},
        draft::{Cut, Draft},
        render::{self, FIELDS, MAX_PREFIX},
        truncate,
    },
};

/// A shorter value fits into a private record as it is, whatever its name.
const SHORT: usize = MAX_PREFIX / 4;

/// A value that an entry commits to, as its private record but for the entry's number.
#[derive(Clone)]
pub(crate) struct Withheld {
    /// Its name, with what stands before it in the entry.
    path: String,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Withheld {
    /// The most bytes that its record will have.
    pub(crate) fn weight(&self) -> usize {
        self.before.len() + self.after.len() + 20
    }

    /// Appends the record of the value in entry `seq`: one line.
    pub(crate) fn write(&self, seq: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before);
        json::integer(out, seq);
        out.extend_from_slice(&self.after);
    }
}

/// Replaces the erasable values of `draft` by commitments, and names them in its context.
pub(crate) fn withhold(draft: &mut Draft) -> Result<Vec<Withheld>, DraftError> {
    let mut withheld = Vec::new();
    withhold_from(&mut draft.details, "", &mut withheld)?;
    withhold_from(&mut draft.context.fields, FIELDS, &mut withheld)?;
    let mut paths: Vec<String> = withheld.iter().map(|withheld| withheld.path.clone()).collect();
    paths.sort_unstable();
    paths.dedup();
    draft.context.erasable = paths;
    Ok(withheld)
}

/// Drops the values whose commitments are not in the entry after all, since it was too large.
pub(crate) fn retain(withheld: &mut Vec<Withheld>, draft: &Draft) {
    withheld.retain(|withheld| draft.context.erasable.contains(&withheld.path));
}

fn withhold_from(
    members: &mut ObjectBuilder,
    at: &str,
    withheld: &mut Vec<Withheld>,
) -> Result<(), DraftError> {
    let mut found = Vec::new();
    for (name, value, erasable) in members.marked() {
        if erasable {
            found.push((String::from_utf8_lossy(name).into_owned(), value.to_vec()));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    // Built anew, since a value that is replaced in place leaves its bytes behind.
    let mut clear = ObjectBuilder::default();
    for (name, value, erasable) in members.marked() {
        if !erasable {
            clear.put_bytes(name, |out| out.extend_from_slice(value));
        }
    }
    for (name, value) in found {
        let salt = Salt::random()
            .map_err(|error| DraftError::Value { name: name.clone(), cause: format!("no salt: {error}") })?;
        let (value, cuts) = fit(&name, value);
        let commitment = salt.commit(&value);
        clear.put(&name, |out| commitment::write(&commitment, out));
        withheld.push(record(format!("{at}{name}"), &salt, &value, &cuts));
    }
    *members = clear;
    Ok(())
}

/// Cuts a value that is too large for a private record, by the rule of entries.
fn fit(name: &str, value: Vec<u8>) -> (Vec<u8>, Vec<Cut>) {
    if value.len() <= SHORT {
        return (value, Vec::new());
    }
    let mut alone = Draft::new("");
    alone.details.put(name, |out| out.extend_from_slice(&value));
    if render::write(&mut alone).len() <= MAX_PREFIX {
        return (value, Vec::new());
    }
    truncate::shorten(&mut alone);
    let shorter = match alone.details.get(name.as_bytes()) {
        Some(value) => value.to_vec(),
        None => {
            let mut out = Vec::new();
            alone.details.write(&mut out);
            out
        }
    };
    (shorter, alone.context.cut)
}

fn record(path: String, salt: &Salt, value: &[u8], cuts: &[Cut]) -> Withheld {
    let mut before = b"{".to_vec();
    if !cuts.is_empty() {
        before.extend_from_slice(b"\"cut\": ");
        render::write_cuts(cuts, &mut before);
        before.extend_from_slice(b", ");
    }
    before.extend_from_slice(b"\"field\": ");
    json::string(&mut before, &path);
    before.extend_from_slice(b", \"salt\": ");
    salt.write(&mut before);
    before.extend_from_slice(b", \"seq\": ");
    let mut after = b", \"value\": ".to_vec();
    after.extend_from_slice(value);
    after.extend_from_slice(b"}\n");
    Withheld { path, before, after }
}
