//! The members of one JSON object on its way into an entry: decoded names and canonical values in one buffer.
//!
//! Pure. A name stands once; the object is sorted when it is written.

use std::{fmt, ops::Range};

use crate::canonical;

/// Named values, each already canonical text.
#[derive(Clone, Default)]
pub(crate) struct Members {
    /// Names and values, back to back: one allocation for all.
    text: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Clone)]
struct Span {
    name: Range<usize>,
    value: Range<usize>,
    /// The value is to be withheld from the entry.
    erasable: bool,
}

impl Members {
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
        let there = self.remove(name);
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let middle = self.text.len();
        write(&mut self.text);
        self.spans.push(Span { name: start..middle, value: middle..self.text.len(), erasable });
        there
    }

    pub(crate) fn put_str(&mut self, name: &str, value: &str) -> bool {
        self.put(name, |out| canonical::string(out, value))
    }

    /// The canonical value under `name`.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Takes `name` out; `true` if it was there.
    pub(crate) fn remove(&mut self, name: &[u8]) -> bool {
        match self.spans.iter().position(|span| &self.text[span.name.clone()] == name) {
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
        self.spans
            .iter()
            .map(|span| (&self.text[span.name.clone()], &self.text[span.value.clone()], span.erasable))
    }

    /// Appends the object's canonical text.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        // Order of UTF-8 bytes is order of code points.
        let text = &self.text;
        self.spans.sort_unstable_by(|a, b| text[a.name.clone()].cmp(&text[b.name.clone()]));
        out.push(b'{');
        for (at, span) in self.spans.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            canonical::quoted(out, &text[span.name.clone()]);
            out.extend_from_slice(b": ");
            out.extend_from_slice(&text[span.value.clone()]);
        }
        out.push(b'}');
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.marked().map(|(name, value, erasable)| {
            let value = if erasable { "[erasable]".into() } else { String::from_utf8_lossy(value) };
            (String::from_utf8_lossy(name), value)
        });
        f.debug_map().entries(shown).finish()
    }
}
