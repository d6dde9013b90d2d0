//! Commitments of an entry that was read: the paths in `context.erasable` and the digests found there.
//!
//! They are read from canonical text. A path without a commitment at its place is left out.

use crate::{
    codec::{
        digest::Digest,
        json::{
            object_reader::{MemberTexts, string_text},
            validate::decode,
        },
    },
    format::{commitment, render::INHERITED_PATH},
};

/// The commitment to one erasable value of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commitment {
    /// Path of the value in its entry: the content of a canonical JSON string, without the quotes.
    pub(crate) field: Vec<u8>,
    pub(crate) digest: Digest,
}

impl Commitment {
    /// Returns the decoded path.
    pub(crate) fn path(&self) -> String {
        decode(&self.field).to_string_lossy()
    }
}

/// Returns the commitments of the entry with this `context` and these `details`, both canonical text.
pub(crate) fn commitments(context: &[u8], details: &[u8]) -> Vec<Commitment> {
    let Some(paths) = member(context, b"erasable") else { return Vec::new() };
    let fields = member(context, b"fields").unwrap_or_default();
    let mut found = Vec::new();
    for path in strings(paths) {
        // A detail may itself be named `context.fields.x`: then both values of that path are read.
        let here = member(details, path).map(|value| (path, value));
        let inherited = path
            .strip_prefix(INHERITED_PATH.as_bytes())
            .and_then(|name| member(fields, name))
            .map(|value| (path, value));
        let values = [here, inherited].into_iter().flatten();
        found.extend(values.filter_map(|(path, value)| {
            Some(Commitment { field: path.to_vec(), digest: commitment::read(value)? })
        }));
    }
    found
}

/// Returns the text of a member's value. `name` is the content of a canonical JSON string.
fn member<'a>(object: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    MemberTexts::of(object).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Iterates over the contents of the strings in a canonical array of strings.
fn strings(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = array.strip_prefix(b"[").unwrap_or_default();
    std::iter::from_fn(move || {
        let text = rest.strip_prefix(b", ").unwrap_or(rest);
        // The closing quote is the first one that no backslash escapes. An escape is a backslash and at least one byte.
        let mut from = 1;
        let end = loop {
            let at = from + memchr::memchr2(b'"', b'\\', text.get(from..)?)?;
            if text.get(at) == Some(&b'"') {
                break at;
            }
            from = at + 2;
        };
        rest = text.get(end + 1..)?;
        string_text(text.get(..=end)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commitments_are_found_at_the_paths_in_context() {
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let commitment = format!("{{\"erasable\": \"{hash}\"}}");
        let context = format!(
            r#"{{"erasable": ["a\"b", "c", "context.fields.d", "gone"], "fields": {{"d": {commitment}}}}}"#
        );
        let details = format!(r#"{{"a\"b": {commitment}, "c": {commitment}, "e": {commitment}}}"#);

        let found = commitments(context.as_bytes(), details.as_bytes());

        let paths: Vec<_> = found.iter().map(Commitment::path).collect();
        assert_eq!(paths, ["a\"b", "c", "context.fields.d"]);
        assert!(found.iter().all(|found| found.digest.to_string() == hash));
        assert_eq!(commitments(b"", details.as_bytes()), []);
        for odd in ["{\"erasable\": 1}", "{\"erasable\": [1]}", "{\"erasable\": [", "{\"erasable\": [\"a"] {
            assert_eq!(commitments(odd.as_bytes(), b"{}"), [], "{odd}");
        }
    }
}
