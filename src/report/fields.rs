//! Reading single members of an entry's details, as they stand in its text.

use crate::codec::json::{
    self,
    object_reader::{MemberTexts, string_text},
};

/// The text of a member.
pub(super) fn text<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    MemberTexts::of(object).find(|(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
}

/// The texts of several members, in one pass. The names are ASCII without quotes and backslashes, and sorted.
pub(super) fn texts<'a, const N: usize>(object: &'a [u8], names: [&str; N]) -> [Option<&'a [u8]>; N] {
    let mut found = [None; N];
    let Some(last) = names.last() else { return found };
    for (known, value) in MemberTexts::of(object) {
        // Most are told apart by their first byte.
        let first = known.first();
        let is_known = |name: &&str| name.as_bytes().first() == first && name.as_bytes() == known;
        if let Some(at) = names.iter().position(is_known) {
            found[at] = Some(value);
        }
        // Members stand in the order of their names. Escaped ones sort elsewhere than they look.
        if first >= last.as_bytes().first() && known >= last.as_bytes() && !known.contains(&b'\\') {
            break;
        }
    }
    found
}

/// The inside of a member that is a string, still as canonical text.
pub(super) fn string<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    text(object, name).and_then(string_text)
}

/// A member that is a number from 0 on.
pub(super) fn number(object: &[u8], name: &str) -> Option<u64> {
    text(object, name).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
}

/// Canonical text between quotes, decoded.
pub(super) fn decoded(text: &[u8]) -> String {
    json::decode(text).to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_members_are_those_that_are_found_one_by_one() {
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
