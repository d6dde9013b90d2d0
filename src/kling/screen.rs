//! What must not come back through the vendor's mouth. Refusals may quote the prompt, so each text of the vendor
//! passes a screen before it reaches an entry or an error. Its promise: a text that holds a screened one, or a long
//! piece of it, is withheld whole, and of a URL in one what is behind its question mark. It does not know what is done
//! with the texts.

use std::{fmt, sync::Arc};

/// What stands in an entry or an error instead of a withheld text.
pub(crate) const WITHHELD: &str = "[withheld: message repeats the prompt]";
/// What stands instead of a reason where nobody knows what it must not repeat.
pub(crate) const BLIND: &str = "[withheld: the prompt is not known here]";
/// Reasons that the vendor was seen to give, in lower case. They repeat nothing.
const SEEN: [&str; 1] = ["failure to pass the risk control system"];
/// Letters and digits in a row that make a piece long.
const PIECE: usize = 12;
/// How much of a text is kept, in characters.
const KEPT: usize = 500;

/// The texts of one request that must not be repeated. Shared by clones.
#[derive(Clone, Default)]
pub(crate) struct Screen {
    texts: Arc<[String]>,
    /// Whether there is a text that must not be repeated and that nobody told.
    blind: bool,
}

impl Screen {
    pub(crate) fn new(texts: impl IntoIterator<Item = String>) -> Screen {
        let texts = texts.into_iter().filter(|text| !text.trim().is_empty()).collect();
        Screen { texts, blind: false }
    }

    /// For a task whose prompt is not known.
    pub(crate) fn blind() -> Screen {
        Screen { blind: true, ..Screen::default() }
    }

    /// This screen and `others` besides.
    pub(crate) fn with<'a>(&self, others: impl IntoIterator<Item = &'a str>) -> Screen {
        let screen = Screen::new(self.texts.iter().cloned().chain(others.into_iter().map(str::to_owned)));
        Screen { blind: self.blind, ..screen }
    }

    /// As [`pass`](Screen::pass), for the reason of a failure: the one text that was seen to quote prompts after a task
    /// was accepted.
    pub(crate) fn pass_reason(&self, text: &str) -> String {
        if self.blind && !SEEN.contains(&text.trim().to_lowercase().as_str()) {
            return BLIND.to_owned();
        }
        self.pass(text)
    }

    /// `text`, cut to 500 characters and without the queries of URLs, or [`WITHHELD`].
    pub(crate) fn pass(&self, text: &str) -> String {
        // Cut first: what is cut away can't leak, and the comparison has an upper bound.
        let text: String = text.chars().take(KEPT).collect();
        let bare = bare(&text);
        if self.texts.iter().any(|screened| repeats(&text, &bare, screened)) {
            WITHHELD.to_owned()
        } else {
            without_queries(&text)
        }
    }
}

/// A signed URL opens a file to whoever reads it.
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

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("texts", &self.texts.len()).finish_non_exhaustive()
    }
}

fn repeats(text: &str, bare_text: &str, screened: &str) -> bool {
    if text.contains(screened) {
        return true;
    }
    let screened = bare(screened);
    if screened.is_empty() {
        return false;
    }
    let starts: Vec<usize> = screened.char_indices().map(|(at, _)| at).collect();
    if starts.len() <= PIECE {
        return bare_text.contains(&screened);
    }
    (0..=starts.len() - PIECE).any(|first| {
        let end = starts.get(first + PIECE).copied().unwrap_or(screened.len());
        bare_text.contains(&screened[starts[first]..end])
    })
}

/// Letters and digits alone, in lower case: quoting, escaping and wrapping must not hide a repetition.
fn bare(text: &str) -> String {
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
            assert_eq!(Screen::default().pass(text), shown);
        }
    }

    #[test]
    fn a_text_that_repeats_the_prompt_is_withheld() {
        let screen = Screen::new(["A red fox,\n\"laughing\" in deep snow".to_owned(), "🦊🦊".to_owned()]);

        for (text, withheld) in [
            ("Failure to pass the risk control system", false),
            ("fox", false),
            ("prompt 'A red fox,\n\"laughing\" in deep snow' is unsafe", true),
            (r#"prompt "a red fox,\n\"laughing\" in deep snow" is unsafe"#, true),
            ("sensitive: laughing in deep", true),
            ("A RED FOX LAUGHING", true),
            ("no 🦊🦊 here", true),
        ] {
            assert_eq!(screen.pass(text) == WITHHELD, withheld, "{text}");
        }
    }

    #[test]
    fn a_short_prompt_is_screened_whole() {
        let screen = Screen::new(["猫".to_owned()]);

        assert_eq!(screen.pass("提示词猫不合规"), WITHHELD);
        assert_eq!(screen.pass("不合规"), "不合规");
    }

    #[test]
    fn without_the_prompt_only_reasons_that_were_seen_pass() {
        let screen = Screen::blind().with(["secret-key"]);

        assert_eq!(screen.pass_reason("not allowed: a red fox"), BLIND);
        let seen = "Failure to pass the risk control system";
        assert_eq!(
            (screen.pass_reason(seen).as_str(), screen.pass("Task not found").as_str()),
            (seen, "Task not found")
        );
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(Screen::default().pass(&"é".repeat(100_000)).chars().count(), KEPT);
    }

    proptest! {
        #[test]
        fn whatever_holds_a_screened_text_is_withheld(prompt in "\\PC{1,40}", before in ".{0,40}", after in ".{0,40}") {
            prop_assume!(!prompt.trim().is_empty());
            let screen = Screen::new([prompt.clone()]);

            prop_assert_eq!(screen.pass(&format!("{before}{prompt}{after}")), WITHHELD);
        }
    }
}
