//! What an entry commits to.

use crate::{
    codec::{
        digest::Digest,
        json::{
            object_reader::{MemberTexts, string_text},
            validate::decode,
        },
    },
    format::commitment,
};

/// How the paths of inherited fields begin.
const FIELDS: &[u8] = b"context.fields.";

/// A value that an entry commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commitment {
    /// Its path in the entry, as canonical text between its quotes.
    pub(crate) field: Vec<u8>,
    pub(crate) digest: Digest,
}

impl Commitment {
    /// The path, decoded.
    pub(crate) fn path(&self) -> String {
        decode(&self.field).to_string_lossy()
    }
}

/// The commitments of an entry with these members, as canonical text.
pub(crate) fn commitments(context: &[u8], details: &[u8]) -> Vec<Commitment> {
    let Some(paths) = member(context, b"erasable") else { return Vec::new() };
    let fields = member(context, b"fields").unwrap_or_default();
    let mut found = Vec::new();
    for path in strings(paths) {
        let here = member(details, path).map(|value| (path, value));
        let inherited =
            path.strip_prefix(FIELDS).and_then(|name| member(fields, name)).map(|value| (path, value));
        let values = [here, inherited].into_iter().flatten();
        found.extend(values.filter_map(|(path, value)| {
            Some(Commitment { field: path.to_vec(), digest: commitment::read(value)? })
        }));
    }
    found
}

/// The value of a member whose name is given as it stands between its quotes.
fn member<'a>(object: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    MemberTexts::of(object).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The strings of a canonical array of strings, as they stand between their quotes.
fn strings(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = array.strip_prefix(b"[").unwrap_or_default();
    std::iter::from_fn(move || {
        let text = rest.strip_prefix(b", ").unwrap_or(rest);
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
    fn an_entry_commits_to_what_its_context_names() {
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
