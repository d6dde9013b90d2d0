//! Single members of a JSON object, read from its canonical text without parsing the rest.

use crate::codec::json::{
    object_reader::{MemberTexts, string_text},
    validate::decode,
};

/// Returns the canonical text of a member.
pub(super) fn text<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    MemberTexts::of(object).find(|(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
}

/// Returns the canonical texts of several members in one pass. `names` are sorted, and ASCII without quotes and
/// backslashes.
pub(super) fn texts<'a, const N: usize>(object: &'a [u8], names: [&str; N]) -> [Option<&'a [u8]>; N] {
    let mut found = [None; N];
    let Some(last) = names.last() else { return found };
    for (known, value) in MemberTexts::of(object) {
        // The first byte alone rejects most members.
        let first = known.first();
        let is_known = |name: &&str| name.as_bytes().first() == first && name.as_bytes() == known;
        if let Some(at) = names.iter().position(is_known) {
            found[at] = Some(value);
        }
        // Members are sorted by their decoded names, so no wanted one follows. An escaped name says nothing about that:
        // its text sorts elsewhere than its decoded form.
        if first >= last.as_bytes().first() && known >= last.as_bytes() && !known.contains(&b'\\') {
            break;
        }
    }
    found
}

/// Returns the canonical text between the quotes of a member that is a string.
pub(super) fn string<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    text(object, name).and_then(string_text)
}

/// Returns a member that is an unsigned integer.
pub(super) fn number(object: &[u8], name: &str) -> Option<u64> {
    text(object, name).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
}

/// Decodes canonical text from between quotes.
pub(super) fn decoded(text: &[u8]) -> String {
    decode(text).to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_finds_the_members_that_single_searches_find() {
        let object = br#"{"Z": 0, "\u00e9": "x", "a": 1, "ab": [2], "b": "three", "c\n": {}, "d": null}"#;
        let objects =
            [&object[..], br#"{"A": 1, "\b": 2, "b": 3}"#, br#"{"\u007f": 1}"#, b"{}", b"", br#"{"d": 4}"#];
        for object in objects {
            for names in [["a", "ab", "b"], ["Z", "b", "d"], ["", "b", "c"], ["d", "e", "f"]] {
                assert_eq!(texts(object, names), names.map(|name| text(object, name)), "{names:?}");
            }
        }
    }
}
