//! Removal of secret texts from what Kling answers.
//!
//! A refusal may quote the prompt, a key or a signed URL. Each free text from Kling passes a [`Scrubber`] before it
//! reaches an entry or an error.

use std::{fmt, sync::Arc};

/// Replaces a text that repeats a secret one.
pub(crate) const PROMPT_REPEATED: &str = "[withheld: message repeats the prompt]";
/// Replaces the reason of a failure if the prompt is not known, so that the reason cannot be compared with it.
const PROMPT_UNKNOWN: &str = "[withheld: the prompt is not known here]";
/// Reasons that Kling was seen to give, in lower case. They contain no quotes.
const HARMLESS_REASONS: [&str; 1] = ["failure to pass the risk control system"];
/// Length of a common part that counts as a repetition, in letters and digits.
const MIN_REPEATED_CHARS: usize = 12;
/// Length to which texts are truncated, in characters.
const MAX_SCRUBBED_CHARS: usize = 500;

/// Secret texts of one request. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Scrubber {
    texts: Arc<[String]>,
    /// `true` if there is a prompt that the client does not know.
    lacks_prompt: bool,
}

impl Scrubber {
    pub(crate) fn new(texts: impl IntoIterator<Item = String>) -> Scrubber {
        let texts = texts.into_iter().filter(|text| !text.trim().is_empty()).collect();
        Scrubber { texts, lacks_prompt: false }
    }

    /// Returns a scrubber for a task with an unknown prompt.
    pub(crate) fn without_prompt() -> Scrubber {
        Scrubber { lacks_prompt: true, ..Scrubber::default() }
    }

    /// Returns a scrubber with `others` added.
    pub(crate) fn and<'a>(&self, others: impl IntoIterator<Item = &'a str>) -> Scrubber {
        let texts = self.texts.iter().cloned().chain(others.into_iter().map(str::to_owned));
        Scrubber { lacks_prompt: self.lacks_prompt, ..Scrubber::new(texts) }
    }

    /// As [`scrub`](Scrubber::scrub), for the reason of a failure. Kling was seen to quote prompts there.
    pub(crate) fn scrub_reason(&self, text: &str) -> String {
        if self.lacks_prompt && !HARMLESS_REASONS.contains(&text.trim().to_lowercase().as_str()) {
            return PROMPT_UNKNOWN.to_owned();
        }
        self.scrub(text)
    }

    /// Returns `text`, truncated to 500 characters and without the queries of URLs. A text that repeats a secret one,
    /// or a long part of it, is replaced by [`PROMPT_REPEATED`].
    pub(crate) fn scrub(&self, text: &str) -> String {
        // Truncated first: the removed part cannot leak, and the comparison below has a limit.
        let text: String = text.chars().take(MAX_SCRUBBED_CHARS).collect();
        let normalized = normalize(&text);
        if self.texts.iter().any(|secret| repeats(&text, &normalized, secret)) {
            PROMPT_REPEATED.to_owned()
        } else {
            without_queries(&text)
        }
    }
}

/// Replaces the queries of URLs: the query of a signed URL grants access to a file.
fn without_queries(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        match word
            .split_once("://")
            .and_then(|(_, rest)| rest.find(['?', '#']).map(|at| word.len() - rest.len() + at))
        {
            Some(end) => {
                kept.push_str(&word[..end]);
                kept.push_str("?[withheld]");
                kept.extend(word.chars().next_back().filter(|last| last.is_whitespace()));
            }
            None => kept.push_str(word),
        }
    }
    kept
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrubber").field("texts", &self.texts.len()).finish_non_exhaustive()
    }
}

/// Returns `true` if `text` contains `secret`, or [`MIN_REPEATED_CHARS`] letters and digits of it in a row. A shorter
/// secret must be there completely.
fn repeats(text: &str, normalized_text: &str, secret: &str) -> bool {
    if text.contains(secret) {
        return true;
    }
    let secret = normalize(secret);
    if secret.is_empty() {
        return false;
    }
    // Byte offsets of characters, so that no slice below splits a character.
    let starts: Vec<usize> = secret.char_indices().map(|(at, _)| at).collect();
    if starts.len() <= MIN_REPEATED_CHARS {
        return normalized_text.contains(&secret);
    }
    (0..=starts.len() - MIN_REPEATED_CHARS).any(|first| {
        let end = starts.get(first + MIN_REPEATED_CHARS).copied().unwrap_or(secret.len());
        normalized_text.contains(&secret[starts[first]..end])
    })
}

/// Keeps letters and digits, in lower case. Quotes, escapes and line breaks must not hide a repetition.
fn normalize(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_query_of_a_url_is_withheld() {
        for (text, shown) in [
            (
                "can't read https://a.example/b.png?sign=1&x=2 today",
                "can't read https://a.example/b.png?[withheld] today",
            ),
            ("(\"https://a.example/b#c\")", "(\"https://a.example/b?[withheld]"),
            ("https://a.example/b, really?", "https://a.example/b, really?"),
            ("why? ://", "why? ://"),
            ("é://ü?ö\n?", "é://ü?[withheld]\n?"),
        ] {
            assert_eq!(Scrubber::default().scrub(text), shown);
        }
    }

    #[test]
    fn a_text_that_repeats_the_prompt_is_withheld() {
        let scrubber = Scrubber::new(["A red fox,\n\"laughing\" in deep snow".to_owned(), "🦊🦊".to_owned()]);

        for (text, withheld) in [
            ("Failure to pass the risk control system", false),
            ("fox", false),
            ("prompt 'A red fox,\n\"laughing\" in deep snow' is unsafe", true),
            (r#"prompt "a red fox,\n\"laughing\" in deep snow" is unsafe"#, true),
            ("sensitive: laughing in deep", true),
            ("A RED FOX LAUGHING", true),
            ("no 🦊🦊 here", true),
        ] {
            assert_eq!(scrubber.scrub(text) == PROMPT_REPEATED, withheld, "{text}");
        }
    }

    #[test]
    fn a_short_prompt_must_be_repeated_completely() {
        let scrubber = Scrubber::new(["猫".to_owned()]);

        assert_eq!(scrubber.scrub("提示词猫不合规"), PROMPT_REPEATED);
        assert_eq!(scrubber.scrub("不合规"), "不合规");
    }

    #[test]
    fn without_a_prompt_only_known_reasons_are_kept() {
        let scrubber = Scrubber::without_prompt().and(["secret-key"]);

        assert_eq!(scrubber.scrub_reason("not allowed: a red fox"), PROMPT_UNKNOWN);
        let seen = "Failure to pass the risk control system";
        assert_eq!(
            (scrubber.scrub_reason(seen).as_str(), scrubber.scrub("Task not found").as_str()),
            (seen, "Task not found")
        );
    }

    #[test]
    fn a_long_text_is_truncated() {
        assert_eq!(Scrubber::default().scrub(&"é".repeat(100_000)).chars().count(), MAX_SCRUBBED_CHARS);
    }

    proptest! {
        #[test]
        fn any_text_with_a_secret_is_withheld(prompt in "\\PC{1,40}", before in ".{0,40}", after in ".{0,40}") {
            prop_assume!(!prompt.trim().is_empty());
            let scrubber = Scrubber::new([prompt.clone()]);

            prop_assert_eq!(scrubber.scrub(&format!("{before}{prompt}{after}")), PROMPT_REPEATED);
        }
    }
}
