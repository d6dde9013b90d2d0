//! Reading single members of an entry's details, as they stand in its text.

use crate::canonical::{self, MemberTexts, string_text};

/// The text of a member.
pub(super) fn text<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    MemberTexts::of(object).find(|(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
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
    canonical::decode(text).to_string_lossy()
}
