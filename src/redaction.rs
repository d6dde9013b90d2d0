//! Which fields never reach an entry in clear: decided by name, before anything is hashed.
//!
//! Pure. It sees names only; the values it replaces are gone for good.

/// What stands in a redacted field's place.
pub(crate) const REDACTED: &str = "[redacted]";

const DEFAULT: [&str; 8] =
    ["password", "secret", "token", "authorization", "api_key", "private_key", "cookie", "prompt"];

/// Words that say a field is about a secret and not the secret itself.
const EXEMPT: [&str; 4] = ["hash", "length", "kind", "prefix"];

/// The names whose values are replaced by `[redacted]`.
///
/// A name matches where it holds one of the configured names as whole words, in any case; words are split at
/// `_`, `-`, `.` and space. A name that also holds the word `hash`, `length`, `kind` or `prefix` is kept: it tells
/// about the secret without being it.
#[derive(Clone, Debug)]
pub(crate) struct Redaction {
    /// Each name as its lower-case words.
    names: Vec<Vec<String>>,
}

impl Default for Redaction {
    fn default() -> Self {
        Self::of(DEFAULT)
    }
}

impl Redaction {
    pub(crate) fn of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let names =
            names.into_iter().map(|name| words(name.as_ref()).map(str::to_lowercase).collect::<Vec<_>>());
        Self { names: names.filter(|words| !words.is_empty()).collect() }
    }

    pub(crate) fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|secret| holds(name, secret))
            && !words(name).any(|word| EXEMPT.iter().any(|exempt| word.eq_ignore_ascii_case(exempt)))
    }
}

fn words(name: &str) -> impl Iterator<Item = &str> + Clone {
    name.split(['_', '-', '.', ' ']).filter(|word| !word.is_empty())
}

/// Whether `secret`'s words stand in `name`, one after the other.
fn holds(name: &str, secret: &[String]) -> bool {
    let mut from = words(name);
    loop {
        let mut there = from.clone();
        if secret.iter().all(|word| there.next().is_some_and(|found| same(found, word))) {
            return true;
        }
        if from.next().is_none() {
            return false;
        }
    }
}

fn same(found: &str, lower: &str) -> bool {
    if found.is_ascii() { found.eq_ignore_ascii_case(lower) } else { found.to_lowercase() == lower }
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
            assert!(redaction.covers(name), "{name}");
        }
        for name in ["passwords", "api", "key", "api_x_key", "prompter", "", "keyboard", "access_key"] {
            assert!(!redaction.covers(name), "{name}");
        }
    }

    #[test]
    fn what_tells_about_a_secret_is_kept() {
        let redaction = Redaction::default();

        for name in ["prompt_hash", "prompt_length", "prompt_hash_kind", "token-prefix"] {
            assert!(!redaction.covers(name), "{name}");
        }
    }
}
