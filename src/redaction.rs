//! Which fields never reach an entry in clear: decided by name, before anything is hashed.
//!
//! Pure. It sees names only; the values it replaces are gone for good.

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
    /// Whether a name begins with this byte: this is asked of every word of every field.
    begins: [bool; 256],
}

impl Default for Redaction {
    fn default() -> Self {
        Self::of(DEFAULT)
    }
}

impl Redaction {
    pub(crate) fn of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut redaction = Self { names: Vec::new(), begins: [false; 256] };
        for name in names {
            let lower = name.as_ref().to_lowercase();
            let words: Vec<Vec<u8>> = words(lower.as_bytes()).map(<[u8]>::to_vec).collect();
            if let Some(first) = words.first().and_then(|word| word.first()) {
                redaction.begins[usize::from(*first)] = true;
                redaction.begins[usize::from(first.to_ascii_uppercase())] = true;
                redaction.names.push(words);
            }
        }
        redaction
    }

    /// Whether the value under `name`, in UTF-8, is to be replaced.
    pub(crate) fn covers(&self, name: &[u8]) -> bool {
        if name.is_ascii() {
            return self.covers_lower(name);
        }
        self.covers_lower(String::from_utf8_lossy(name).to_lowercase().as_bytes())
    }

    /// For names whose letters beyond ASCII are lower-case.
    fn covers_lower(&self, name: &[u8]) -> bool {
        let mut from = words(name);
        loop {
            let here = from.clone();
            let Some(word) = from.next() else { return false };
            let candidate = word.first().is_some_and(|first| self.begins[usize::from(*first)]);
            if candidate && self.names.iter().any(|secret| begins_with(here.clone(), secret)) {
                return !words(name)
                    .any(|word| EXEMPT.iter().any(|exempt| word.eq_ignore_ascii_case(exempt)));
            }
        }
    }
}

/// Whether `words` begin with those of `secret`.
fn begins_with<'a>(mut words: impl Iterator<Item = &'a [u8]>, secret: &[Vec<u8>]) -> bool {
    secret.iter().all(|word| words.next().is_some_and(|found| found.eq_ignore_ascii_case(word)))
}

fn words(name: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    name.split(|byte| matches!(byte, b'_' | b'-' | b'.' | b' ')).filter(|word| !word.is_empty())
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
