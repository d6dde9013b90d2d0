//! Messages that are safe to show.
//!
//! Promise: printable ASCII of bounded length, so that text from a caller or a log that ends up in an error can
//! neither drive a terminal nor fill it. Does not know what the messages say.

use std::fmt::Write;

use crate::codec::json::write;
use crate::codec::json::wtf8::Text;

const LONGEST_NAME: usize = 64;
const LONGEST_MESSAGE: usize = 512;

/// A name in quotes, escaped as in JSON; what is too long ends in `...`.
pub(crate) fn name(text: &Text) -> String {
    let mut shown = Text::default();
    text.code_points().take(LONGEST_NAME).for_each(|point| shown.push(point));
    let mut out = Vec::new();
    write::text(&mut out, &shown);
    if shown.as_bytes().len() < text.as_bytes().len() {
        out.extend_from_slice(b"...");
    }
    out.into_iter().map(char::from).collect()
}

/// Keeps the start of a message, without holding more of it than that.
#[derive(Default)]
pub(crate) struct Printable {
    shown: String,
    length: usize,
}

impl Printable {
    pub(crate) fn new(message: impl std::fmt::Display) -> Self {
        let mut printable = Self::default();
        // An error here is the message's own: what it wrote before is all there is to show.
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
            if self.length == LONGEST_MESSAGE {
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
    fn a_message_cannot_drive_a_terminal() {
        let message = Printable::new("no \"such\" thing\x1b[2J\n\u{202e}é").into_string();

        assert_eq!(message, r#"no "such" thing\u{1b}[2J\u{a}\u{202e}\u{e9}"#);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(Printable::new("x".repeat(100_000)).into_string(), "x".repeat(512) + "...");
        assert_eq!(Printable::new("x".repeat(512)).into_string(), "x".repeat(512));
        assert_eq!(name(&"é".repeat(100_000).into()), format!("\"{}\"...", r"\u00e9".repeat(64)));
        assert_eq!(name(&"x\n".into()), r#""x\n""#);
    }
}
