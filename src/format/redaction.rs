//! Redaction: fields with secret names are replaced by `[redacted]` before an entry is rendered and hashed.
//!
//! The decision depends on names alone, never on values. A redacted value is not kept anywhere.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU32, Ordering},
};

use tracing::field::FieldSet;

use crate::{
    codec::json::{object_builder::ObjectBuilder, parse::parse, value::Value},
    format::{
        draft::{Context, Draft, MAX_VALUE_LEVELS, Origin},
        render::INHERITED_PATH,
    },
};

/// Value of a redacted field.
const REDACTED: &str = "[redacted]";

/// Names that are redacted unless the log is opened with others.
const DEFAULT_SECRET_NAMES: [&str; 8] =
    ["password", "secret", "token", "authorization", "api_key", "private_key", "cookie", "prompt"];

/// Words of a name that describes a secret without being it, such as `token_length`.
const EXEMPT_WORDS: [&[u8]; 4] = [b"hash", b"length", b"kind", b"prefix"];

/// The names whose values are redacted.
///
/// A field is covered if its name contains a configured name as whole words, in any case. Words are separated by `_`, `-`,
/// `.` and space. A name that also contains the word `hash`, `length`, `kind` or `prefix` is not covered.
#[derive(Clone, Debug)]
pub(crate) struct Redaction {
    /// Each name as its lower-case words.
    names: Vec<Vec<Vec<u8>>>,
    /// Starts of the names' first words. Most field names are ruled out by it, without comparing words.
    starts: WordStarts,
    /// Number of this set of names in the process: the key of cached answers.
    id: u32,
}

/// Number of callsites for which a thread caches whether a redaction covers any of their fields.
const CACHED_CALLSITES: usize = 64;

thread_local! {
    /// Cached answers: address of a callsite's fields, `Redaction::id`, and `true` if a field is covered. An address has
    /// one slot; another callsite with the same slot overwrites it.
    static ANSWERS: [Cell<(usize, u32, bool)>; CACHED_CALLSITES] =
        const { [const { Cell::new((0, 0, false)) }; CACHED_CALLSITES] };
}

/// A set of the first two letters of words, without regard to case. It may report words that were not added.
///
/// Row `first letter & 31` has bit `second letter & 31`; the low five bits of a letter are the same in both cases:
///
/// ```text
/// "token":  t = 0x74, o = 0x6f   ->  row 20, bit 15
/// "Touch":  T = 0x54, o = 0x6f   ->  row 20, bit 15: reported, then compared word by word
/// ```
#[derive(Clone, Copy, Debug, Default)]
struct WordStarts([u32; 32]);

impl Default for Redaction {
    fn default() -> Self {
        Self::of(DEFAULT_SECRET_NAMES)
    }
}

impl Redaction {
    /// Creates the redaction of these names.
    pub(crate) fn of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut redaction = Self { names: Vec::new(), starts: WordStarts::default(), id };
        for name in names {
            let lower = name.as_ref().to_lowercase();
            let words: Vec<Vec<u8>> = words(lower.as_bytes()).map(<[u8]>::to_vec).collect();
            if let Some(first) = words.first() {
                redaction.starts.add(first);
                redaction.names.push(words);
            }
        }
        redaction
    }

    /// Replaces the covered values of `draft` at any depth, and lists their paths in `context.redacted`. Entries of the
    /// log itself are not redacted.
    pub(crate) fn apply(&self, draft: &mut Draft) {
        if draft.origin == Origin::Log {
            return;
        }
        // Fast path: no name of the callsite is covered, and no value has names inside.
        let is_clear = draft.fields.is_some_and(|fields| !self.covers_any_of(fields));
        let Context { fields, redacted, .. } = &mut draft.context;
        if !is_clear || draft.details.has_nested_value() {
            self.redact_members(&mut draft.details, "", redacted);
        }
        self.redact_members(fields, INHERITED_PATH, redacted);
        redacted.sort_unstable();
        redacted.dedup();
    }

    /// Replaces covered values of `members`, and adds their paths, each with the prefix `parent`, to `redacted`.
    fn redact_members(&self, members: &mut ObjectBuilder, parent: &str, redacted: &mut Vec<String>) {
        let mut covered = Vec::new();
        let mut nested = Vec::new();
        for (name, value, is_erasable) in members.iter_with_flags() {
            let text = || String::from_utf8_lossy(name).into_owned();
            if self.covers(name) {
                covered.push(text());
            } else if memchr::memchr(b'{', value).is_some() {
                nested.push((text(), value.to_vec(), is_erasable));
            }
        }
        for name in covered {
            members.put_str(&name, REDACTED);
            redacted.push(format!("{parent}{name}"));
        }
        for (name, text, is_erasable) in nested {
            // The values of a draft are canonical text, so each of them parses. A `{` may also be inside a string; then
            // nothing is redacted.
            let Ok(mut value) = parse(&text, MAX_VALUE_LEVELS) else { continue };
            let before = redacted.len();
            self.redact_value(&mut value, &format!("{parent}{name}"), redacted);
            if redacted.len() > before {
                members.put_with_flag(name.as_bytes(), is_erasable, |out| value.write(out));
            }
        }
    }

    fn redact_value(&self, value: &mut Value, path: &str, redacted: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let path = format!("{path}.{}", name.to_string_lossy());
                    if self.covers(name.as_bytes()) {
                        *value = Value::String(REDACTED.into());
                        redacted.push(path);
                    } else {
                        self.redact_value(value, &path, redacted);
                    }
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.redact_value(value, path, redacted);
                }
            }
            _ => {}
        }
    }

    /// Returns `true` if the value of a field with this UTF-8 name must be redacted.
    pub(crate) fn covers(&self, name: &[u8]) -> bool {
        if name.is_ascii() {
            return self.starts.may_contain_word_of(name) && self.covers_lower(name);
        }
        self.covers_lower(String::from_utf8_lossy(name).to_lowercase().as_bytes())
    }

    /// Returns `true` if any field of a callsite must be redacted. The thread caches the answer: the names of a callsite
    /// are then compared once, and not with each of its events.
    pub(crate) fn covers_any_of(&self, fields: &'static FieldSet) -> bool {
        let address = std::ptr::from_ref(fields).addr();
        let slot = (address / size_of::<FieldSet>()) % CACHED_CALLSITES;
        // `with` cannot panic here: a thread-local without a destructor lives as long as its thread.
        ANSWERS.with(|answers| {
            let (known, id, answer) = answers[slot].get();
            if (known, id) == (address, self.id) {
                return answer;
            }
            let answer = fields.iter().any(|field| self.covers(field.name().as_bytes()));
            answers[slot].set((address, self.id, answer));
            answer
        })
    }

    /// Returns `true` if `name`, whose non-ASCII letters are lower-case, is covered.
    fn covers_lower(&self, name: &[u8]) -> bool {
        let mut from = words(name);
        loop {
            let here = from.clone();
            if from.next().is_none() {
                return false;
            }
            if self.names.iter().any(|secret| starts_with(here.clone(), secret)) {
                return !words(name)
                    .any(|word| EXEMPT_WORDS.iter().any(|exempt| word.eq_ignore_ascii_case(exempt)));
            }
        }
    }
}

impl WordStarts {
    fn add(&mut self, word: &[u8]) {
        let Some(first) = word.first() else { return };
        let second = word.get(1).map_or(0, |second| 1 << (second & 31));
        self.0[usize::from(first & 31)] |= second;
        if word.len() == 1 {
            // In a field's name, any separator or the end can follow a word of one letter.
            self.0[usize::from(first & 31)] = u32::MAX;
        }
    }

    /// Returns `false` if no word of `name` has the first two letters of an added word.
    fn may_contain_word_of(&self, name: &[u8]) -> bool {
        let mut at_word_start = true;
        name.iter().zip(name.iter().skip(1).chain(&[0])).any(|(byte, next)| {
            let starts_word = std::mem::replace(&mut at_word_start, is_separator(*byte));
            starts_word && self.0[usize::from(byte & 31)] & 1 << (next & 31) != 0
        })
    }
}

/// Returns `true` if the first of `words` are those of `secret`, in any case.
fn starts_with<'a>(mut words: impl Iterator<Item = &'a [u8]>, secret: &[Vec<u8>]) -> bool {
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
    fn a_name_that_describes_a_secret_is_not_covered() {
        let redaction = Redaction::default();

        for name in ["prompt_hash", "prompt_length", "prompt_hash_kind", "token-prefix"] {
            assert!(!redaction.covers(name.as_bytes()), "{name}");
        }
    }
}
