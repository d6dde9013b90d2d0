//! The members of one JSON object on its way into an entry: decoded names and canonical values in one buffer.
//!
//! Pure. A name stands once; the object is sorted when it is written.

use std::{cell::RefCell, cmp::Ordering, fmt, ops::Range};

use crate::codec::{buffer_pool, json};

/// Named values, each already canonical text.
#[derive(Default)]
pub(crate) struct ObjectBuilder {
    /// Names and values, back to back: one allocation for all.
    text: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Clone)]
struct Span {
    /// The first bytes of the name, which decide about most comparisons.
    begin: u64,
    name: Range<usize>,
    /// Name and value as they are written.
    member: Range<usize>,
    /// Where in it the value begins.
    value: usize,
    /// The value is to be withheld from the entry.
    erasable: bool,
}

thread_local! {
    /// Memory of members that are gone.
    static SPARE: RefCell<Vec<(Vec<u8>, Vec<Span>)>> = const { RefCell::new(Vec::new()) };
}

impl ObjectBuilder {
    /// Puts a value under `name`; `write` appends its canonical text. `true` if the name was there already, whose
    /// value is then replaced.
    pub(crate) fn put(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.put_bytes(name.as_bytes(), write)
    }

    /// As [`put`](Self::put), for a name in generalised UTF-8.
    pub(crate) fn put_bytes(&mut self, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.put_marked(name, false, write)
    }

    /// As [`put_bytes`](Self::put_bytes), and says whether the value is erasable.
    pub(crate) fn put_marked(
        &mut self,
        name: &[u8],
        erasable: bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        if self.text.capacity() == 0 {
            *self = Self::from_spare();
        }
        let there = self.remove(name);
        let mut start = self.text.len();
        json::quoted(&mut self.text, name);
        // A plain name stands between its quotes as it is.
        let mut name_from = start + 1;
        if self.text.len() != start + name.len() + 2 {
            self.text.truncate(start);
            self.text.extend_from_slice(name);
            name_from = start;
            start = self.text.len();
            json::quoted(&mut self.text, name);
        }
        self.text.extend_from_slice(b": ");
        let value = self.text.len();
        write(&mut self.text);
        self.spans.push(Span {
            begin: begin(name),
            name: name_from..name_from + name.len(),
            member: start..self.text.len(),
            value,
            erasable,
        });
        there
    }

    pub(crate) fn put_str(&mut self, name: &str, value: &str) -> bool {
        self.put(name, |out| json::string(out, value))
    }

    /// The canonical value under `name`.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.position(name).map(|at| self.value(&self.spans[at]))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Takes `name` out; `true` if it was there.
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

    /// Names (generalised UTF-8) and canonical values, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.marked().map(|(name, value, _)| (name, value))
    }

    /// As [`iter`](Self::iter), with whether the value is erasable.
    pub(crate) fn marked(&self) -> impl Iterator<Item = (&[u8], &[u8], bool)> {
        self.spans.iter().map(|span| (&self.text[span.name.clone()], self.value(span), span.erasable))
    }

    /// Appends the object's canonical text.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        // Order of UTF-8 bytes is order of code points.
        let text = &self.text;
        self.spans.sort_unstable_by(|a, b| match a.begin.cmp(&b.begin) {
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

    /// Whether a value has members or elements.
    pub(crate) fn nests(&self) -> bool {
        self.spans.iter().any(|span| matches!(self.text.get(span.value), Some(b'{' | b'[')))
    }

    fn value(&self, span: &Span) -> &[u8] {
        &self.text[span.value..span.member.end]
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        let begin = begin(name);
        self.spans.iter().position(|span| span.begin == begin && &self.text[span.name.clone()] == name)
    }

    fn from_spare() -> Self {
        let spare = SPARE.try_with(|kept| kept.borrow_mut().pop()).ok().flatten();
        let (text, spans) = spare.unwrap_or_else(|| (Vec::with_capacity(256), Vec::with_capacity(8)));
        Self { text, spans }
    }
}

/// The first eight bytes as a number that is ordered as they are; a shorter name is filled up with zeros.
fn begin(name: &[u8]) -> u64 {
    match name.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => name.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) << (8 * (8 - name.len()).min(7)),
    }
}

impl Clone for ObjectBuilder {
    fn clone(&self) -> Self {
        let mut clone = if self.is_empty() { Self::default() } else { Self::from_spare() };
        clone.text.extend_from_slice(&self.text);
        clone.spans.extend_from_slice(&self.spans);
        clone
    }
}

impl Drop for ObjectBuilder {
    fn drop(&mut self) {
        if buffer_pool::is_worth_keeping(self.text.capacity()) {
            self.clear();
            buffer_pool::keep(&SPARE, (std::mem::take(&mut self.text), std::mem::take(&mut self.spans)));
        }
    }
}

impl fmt::Debug for ObjectBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.marked().map(|(name, value, erasable)| {
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
    fn memory_is_used_again_and_nothing_is_left_in_it() {
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
