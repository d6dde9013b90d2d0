//! `ObjectBuilder`: the members of one JSON object on its way into an entry.
//!
//! Promise: each name is there once, and the object is written in the order of its names. Values are canonical text
//! from the start. Does not know which members an entry has.

use std::{cell::RefCell, cmp::Ordering, fmt, ops::Range};

use crate::codec::{
    buffer_pool,
    json::write::{quoted, string},
};

/// Named values, each already canonical text.
///
/// All names and values lie back to back in one buffer; sorting moves the spans alone.
///
/// ```text
/// text    "user": 5"na\u00e9": "x"...
///         |<------>||<---------->|        members, as they are written
///          |<>|  | |                      name, where no byte is escaped
///                ^ value
/// ```
///
/// A name with an escape is stored a second time, decoded, before its member.
#[derive(Default)]
pub(crate) struct ObjectBuilder {
    text: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Clone)]
struct Span {
    /// Sort key of the name: most comparisons need nothing else.
    key: u64,
    /// The decoded name.
    name: Range<usize>,
    /// Name and value as they are written.
    member: Range<usize>,
    /// Start of the value, which ends with the member.
    value: usize,
    /// `true` if the entry holds only a commitment to the value.
    erasable: bool,
}

thread_local! {
    /// Empty buffers of dropped builders. A draft of plain values needs no allocation: the row `heap allocations of an
    /// event` of `benches/RESULTS.md`.
    static BUILDER_POOL: RefCell<Vec<(Vec<u8>, Vec<Span>)>> = const { RefCell::new(Vec::new()) };
}

impl ObjectBuilder {
    /// Puts a value under `name`; `write` appends its canonical text. Returns `true` if the value replaced an earlier
    /// one.
    pub(crate) fn put(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.put_bytes(name.as_bytes(), write)
    }

    /// Puts a value under a name in generalised UTF-8; returns as [`put`](Self::put) does.
    pub(crate) fn put_bytes(&mut self, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.put_with_flag(name, false, write)
    }

    /// Puts a value that may be erasable; returns as [`put`](Self::put) does.
    pub(crate) fn put_with_flag(
        &mut self,
        name: &[u8],
        erasable: bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        if self.text.capacity() == 0 {
            *self = Self::from_pool();
        }
        let replaced = self.remove(name);
        let mut start = self.text.len();
        quoted(&mut self.text, name);
        let mut name_from = start + 1;
        // The quoted name is longer than the name and its quotes if a byte was escaped. The decoded name then comes
        // first.
        if self.text.len() != start + name.len() + 2 {
            self.text.truncate(start);
            self.text.extend_from_slice(name);
            name_from = start;
            start = self.text.len();
            quoted(&mut self.text, name);
        }
        self.text.extend_from_slice(b": ");
        let value = self.text.len();
        write(&mut self.text);
        self.spans.push(Span {
            key: name_key(name),
            name: name_from..name_from + name.len(),
            member: start..self.text.len(),
            value,
            erasable,
        });
        replaced
    }

    pub(crate) fn put_str(&mut self, name: &str, value: &str) -> bool {
        self.put(name, |out| string(out, value))
    }

    /// Returns the canonical value under `name`.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.position(name).map(|at| self.value(&self.spans[at]))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Removes the member under `name`; returns `true` if there was one. Its text stays in the buffer, unused.
    pub(crate) fn remove(&mut self, name: &[u8]) -> bool {
        match self.position(name) {
            Some(at) => {
                self.spans.remove(at);
                true
            }
            None => false,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// Returns names (generalised UTF-8) and canonical values, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter_with_flags().map(|(name, value, _)| (name, value))
    }

    /// Returns names, canonical values, and `true` for each value that is erasable, in no order.
    pub(crate) fn iter_with_flags(&self) -> impl Iterator<Item = (&[u8], &[u8], bool)> {
        self.spans.iter().map(|span| (&self.text[span.name.clone()], self.value(span), span.erasable))
    }

    /// Appends the object's canonical text.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        // The order of UTF-8 bytes is the order of code points, which the format asks for.
        let text = &self.text;
        self.spans.sort_unstable_by(|a, b| match a.key.cmp(&b.key) {
            Ordering::Equal => text[a.name.clone()].cmp(&text[b.name.clone()]),
            order => order,
        });
        out.push(b'{');
        for (at, span) in self.spans.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(&text[span.member.clone()]);
        }
        out.push(b'}');
    }

    /// Returns `true` if a value is an object or an array.
    pub(crate) fn has_nested_value(&self) -> bool {
        self.spans.iter().any(|span| matches!(self.text.get(span.value), Some(b'{' | b'[')))
    }

    fn value(&self, span: &Span) -> &[u8] {
        &self.text[span.value..span.member.end]
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        let key = name_key(name);
        self.spans.iter().position(|span| span.key == key && &self.text[span.name.clone()] == name)
    }

    fn from_pool() -> Self {
        let pooled = buffer_pool::take(&BUILDER_POOL);
        let (text, spans) = pooled.unwrap_or_else(|| (Vec::with_capacity(256), Vec::with_capacity(8)));
        Self { text, spans }
    }
}

/// Returns the first eight bytes of a name as a number that sorts as they do. Zeros fill up a shorter name.
///
/// `a` and `a\0` have the same key: where keys are equal, the names themselves must be compared.
fn name_key(name: &[u8]) -> u64 {
    match name.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => name.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) << (8 * (8 - name.len()).min(7)),
    }
}

impl Clone for ObjectBuilder {
    fn clone(&self) -> Self {
        let mut clone = if self.is_empty() { Self::default() } else { Self::from_pool() };
        clone.text.extend_from_slice(&self.text);
        clone.spans.extend_from_slice(&self.spans);
        clone
    }
}

impl Drop for ObjectBuilder {
    fn drop(&mut self) {
        if buffer_pool::is_poolable(self.text.capacity()) {
            self.clear();
            buffer_pool::recycle(
                &BUILDER_POOL,
                (std::mem::take(&mut self.text), std::mem::take(&mut self.spans)),
            );
        }
    }
}

impl fmt::Debug for ObjectBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter_with_flags().map(|(name, value, erasable)| {
            // Debug output ends up in logs, which an erasure does not reach.
            let value = if erasable { "[erasable]".into() } else { String::from_utf8_lossy(value) };
            (String::from_utf8_lossy(name), value)
        });
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_by_all_their_bytes() {
        let names = ["", "a", "a\0", "ab", "abcdefgh", "abcdefgha", "abcdefgi", "é", "😀", "z", "\u{ffff}"];
        let mut members = ObjectBuilder::default();
        for name in names.iter().rev().chain(&names) {
            members.put(name, |out| out.push(b'1'));
        }

        let mut written = Vec::new();
        members.write(&mut written);
        let text = String::from_utf8(written).expect("ASCII");
        assert!(
            text.starts_with(r#"{"": 1, "a": 1, "a\u0000": 1, "ab": 1, "#)
                && text.ends_with(r#""\ud83d\ude00": 1}"#)
        );

        let mut sorted = names;
        sorted.sort_unstable();
        let found: Vec<_> = members.iter().map(|(name, _)| name.to_vec()).collect();
        assert_eq!(found, sorted.map(|name| name.as_bytes().to_vec()));
        assert_eq!(members.get(b"a\0"), Some(&b"1"[..]));
        assert_eq!(members.get(b"abcdefg"), None);
    }

    #[test]
    fn pooled_memory_holds_nothing_of_its_earlier_use() {
        let mut first = ObjectBuilder::default();
        first.put_str("secret", "x");
        drop(first);

        let mut second = ObjectBuilder::default();
        second.put_str("a", "b");

        let mut written = Vec::new();
        second.write(&mut written);
        assert_eq!(written, br#"{"a": "b"}"#);
    }
}
