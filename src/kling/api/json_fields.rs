//! Members of JSON objects from Kling, read leniently: an unusable member counts as absent.

use serde_json::Value;

/// Longest text that counts as a word.
const MAX_WORD_BYTES: usize = 64;

/// Returns `true` for a single plain word, such as a request id, an amount or a status.
///
/// Such a text cannot repeat a sentence of a prompt, so it needs no scrubbing.
pub(crate) fn is_word(text: &str) -> bool {
    text.len() <= MAX_WORD_BYTES
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Returns a string or number member as text, or `None` if it is absent, empty or of another type.
pub(crate) fn text(object: &Value, member: &str) -> Option<String> {
    match object.get(member)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns the first of these members that is a string or a number, as text.
pub(crate) fn either(object: &Value, members: &[&str]) -> Option<String> {
    members.iter().find_map(|member| text(object, member))
}

/// Returns the elements of an array member that `decode` accepts.
pub(crate) fn items<T>(object: &Value, member: &str, decode: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    object.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(decode).collect()
}
