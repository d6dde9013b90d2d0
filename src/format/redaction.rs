//! Which fields never reach an entry in clear: decided by name, before anything is hashed.
//!
//! It sees names only; the values it replaces are gone for good.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU32, Ordering},
};

use tracing::field::FieldSet;

/// What stands in a redacted field's place.
pub(crate) const REDACTED: &str = "[redacted]";

const DEFAULT: [&str; 8] =
    ["password", "secret", "token", "authorization", "api_key", "private_key", "cookie", "prompt"];

/// Words that say a field is about a secret and not the secret itself.
const EXEMPT: [&[u8]; 4] = [b"hash", b"length", b"kind", b"prefix"];

/// The names whose values are replaced by `[redacted]`.
///
/// A name matches where it holds one of the configured names as whole words, in any case; words are split at
/// `_`, `-`, `.` and space. A name that also holds the word `hash`, `length`, `kind` or `prefix` is kept: it tells
/// about the secret without being it.
#[derive(Clone, Debug)]
pub(crate) struct Redaction {
    /// Each name as its lower-case words.
    names: Vec<Vec<Vec<u8>>>,
    /// How names begin: this is asked of every word of every field.
    begins: Begins,
    /// Which names these are, among all that were ever configured.
    id: u32,
}

/// Of how many callsites a thread remembers whether their fields are covered.
const REMEMBERED: usize = 64;

thread_local! {
    /// The address of a callsite's fields, a redaction, and its answer.
    static ANSWERS: [Cell<(usize, u32, bool)>; REMEMBERED] =
        const { [const { Cell::new((0, 0, false)) }; REMEMBERED] };
}

/// The first two letters of words, whatever their case; more than were put in may seem to be there.
#[derive(Clone, Copy, Debug, Default)]
struct Begins([u32; 32]);

impl Default for Redaction {
    fn default() -> Self {
        Self::of(DEFAULT)
    }
}

impl Redaction {
    pub(crate) fn of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut redaction = Self { names: Vec::new(), begins: Begins::default(), id };
        for name in names {
            let lower = name.as_ref().to_lowercase();
            let words: Vec<Vec<u8>> = words(lower.as_bytes()).map(<[u8]>::to_vec).collect();
            if let Some(first) = words.first() {
                redaction.begins.put(first);
                redaction.names.push(words);
            }
        }
        redaction
    }

    /// Whether the value under `name`, in UTF-8, is to be replaced.
    pub(crate) fn covers(&self, name: &[u8]) -> bool {
        if name.is_ascii() {
            return self.begins.may_hold_word_of(name) && self.covers_lower(name);
        }
        self.covers_lower(String::from_utf8_lossy(name).to_lowercase().as_bytes())
    }

    /// Whether it covers any of a callsite's fields; asked again, it remembers.
    pub(crate) fn covers_any_of(&self, fields: &'static FieldSet) -> bool {
        let address = std::ptr::from_ref(fields).addr();
        let place = (address / size_of::<FieldSet>()) % REMEMBERED;
        let ask = || fields.iter().any(|field| self.covers(field.name().as_bytes()));
        // What needs no destructor is there as long as its thread.
        ANSWERS.with(|answers| {
            let (known, id, answer) = answers[place].get();
            if (known, id) == (address, self.id) {
                return answer;
            }
            let answer = ask();
            answers[place].set((address, self.id, answer));
            answer
        })
    }

    /// For names whose letters beyond ASCII are lower-case.
    fn covers_lower(&self, name: &[u8]) -> bool {
        let mut from = words(name);
        loop {
            let here = from.clone();
            if from.next().is_none() {
                return false;
            }
            if self.names.iter().any(|secret| begins_with(here.clone(), secret)) {
                return !words(name)
                    .any(|word| EXEMPT.iter().any(|exempt| word.eq_ignore_ascii_case(exempt)));
            }
        }
    }
}

impl Begins {
    fn put(&mut self, word: &[u8]) {
        let Some(first) = word.first() else { return };
        let second = word.get(1).map_or(0, |second| 1 << (second & 31));
        self.0[usize::from(first & 31)] |= second;
        if word.len() == 1 {
            // Whatever comes after it ends the word.
            self.0[usize::from(first & 31)] = u32::MAX;
        }
    }

    fn may_hold_word_of(&self, name: &[u8]) -> bool {
        let mut begins = true;
        name.iter().zip(name.iter().skip(1).chain(&[0])).any(|(byte, next)| {
            let word_begins = std::mem::replace(&mut begins, is_separator(*byte));
            word_begins && self.0[usize::from(byte & 31)] & 1 << (next & 31) != 0
        })
    }
}

/// Whether `words` begin with those of `secret`.
fn begins_with<'a>(mut words: impl Iterator<Item = &'a [u8]>, secret: &[Vec<u8>]) -> bool {
    secret.iter().all(|word| words.next().is_some_and(|found| found.eq_ignore_ascii_case(word)))
}

fn words(name: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    name.split(|byte| is_separator(*byte)).filter(|word| !word.is_empty())
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_covered_in_any_case() {
        let redaction = Redaction::default();

        for name in
            ["password", "user.Password", "API-KEY", "my_api_key_2", "Set-Cookie", "prompt", "PRIVATE KEY"]
        {
            assert!(redaction.covers(name.as_bytes()), "{name}");
        }
        for name in ["passwords", "api", "key", "api_x_key", "prompter", "", "keyboard", "access_key"] {
            assert!(!redaction.covers(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_name_of_one_letter_is_covered() {
        let redaction = Redaction::of(["x"]);

        for name in ["x", "X", "a_x", "x-1", "a.x.b"] {
            assert!(redaction.covers(name.as_bytes()), "{name}");
        }
        assert!(!redaction.covers(b"xy") && !redaction.covers(b"a"));
    }

    #[test]
    fn letters_beyond_ascii_have_cases_too() {
        let redaction = Redaction::of(["Schlüssel", "ключ"]);

        assert!(redaction.covers("mein_SCHLÜSSEL".as_bytes()));
        assert!(redaction.covers("КЛЮЧ".as_bytes()));
        assert!(!redaction.covers("Schlüsselbund".as_bytes()));
    }

    #[test]
    fn what_tells_about_a_secret_is_kept() {
        let redaction = Redaction::default();

        for name in ["prompt_hash", "prompt_length", "prompt_hash_kind", "token-prefix"] {
            assert!(!redaction.covers(name.as_bytes()), "{name}");
        }
    }
}
