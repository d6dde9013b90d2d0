//! Text that is safe to print, made from names and messages that are not trusted.
//!
//! Promise: the result is printable ASCII of bounded length. Text from a caller or a log can neither control a terminal
//! through an error message nor fill it.

use std::fmt::Write;

use crate::codec::json::write;
use crate::codec::json::wtf8::Text;

/// Most code points of a name that are kept.
const MAX_SHOWN_NAME_CHARS: usize = 64;

/// Most characters of a message that are kept, counted before escaping.
const MAX_SHOWN_MESSAGE_CHARS: usize = 512;

/// Returns a name in quotes, escaped as in JSON; `...` marks a name that was shortened.
pub(crate) fn name(text: &Text) -> String {
    let mut shown = Text::default();
    text.code_points().take(MAX_SHOWN_NAME_CHARS).for_each(|point| shown.push(point));
    let mut out = Vec::new();
    write::text(&mut out, &shown);
    if shown.as_bytes().len() < text.as_bytes().len() {
        out.extend_from_slice(b"...");
    }
    out.into_iter().map(char::from).collect()
}

/// The start of a message. The rest is never held in memory, however long the message is.
#[derive(Default)]
pub(crate) struct Printable {
    shown: String,
    length: usize,
}

impl Printable {
    pub(crate) fn new(message: impl std::fmt::Display) -> Self {
        let mut printable = Self::default();
        // The error comes from `write_str` at the limit, or from the message's own `Display`. Either way the message is
        // incomplete.
        if write!(printable, "{message}").is_err() {
            printable.shown.push_str("...");
        }
        printable
    }

    pub(crate) fn into_string(self) -> String {
        self.shown
    }
}

impl Write for Printable {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for char in text.chars() {
            if self.length == MAX_SHOWN_MESSAGE_CHARS {
                return Err(std::fmt::Error);
            }
            self.length += 1;
            match char {
                ' '..='~' => self.shown.push(char),
                _ => self.shown.extend(char.escape_unicode()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_cannot_control_a_terminal() {
        let message = Printable::new("no \"such\" thing\x1b[2J\n\u{202e}é").into_string();

        assert_eq!(message, r#"no "such" thing\u{1b}[2J\u{a}\u{202e}\u{e9}"#);
    }

    #[test]
    fn long_text_is_shortened() {
        assert_eq!(Printable::new("x".repeat(100_000)).into_string(), "x".repeat(512) + "...");
        assert_eq!(Printable::new("x".repeat(512)).into_string(), "x".repeat(512));
        assert_eq!(name(&"é".repeat(100_000).into()), format!("\"{}\"...", r"\u00e9".repeat(64)));
        assert_eq!(name(&"x\n".into()), r#""x\n""#);
    }
}
