//! Text made harmless for a terminal.
//!
//! Promise: text from a log, a file name or an attacker cannot move the cursor or change colours. It can neither
//! reorder nor hide a part of the line that it is printed on.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

/// Displays text with control characters, bidi marks, line separators and invisible characters as `\u{..}`.
pub(crate) struct Escaped<T>(pub(crate) T);

impl fmt::Display for Escaped<&str> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if is_harmless(c) { f.write_char(c) } else { write!(f, "{}", c.escape_default()) }
        })
    }
}

impl fmt::Display for Escaped<&Path> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.0.to_string_lossy().as_ref()).fmt(f)
    }
}

/// Returns `true` if a terminal shows `c` as itself, without effect on the rest of the line.
fn is_harmless(c: char) -> bool {
    // Behind the control characters: soft hyphen, marks of direction, zero-width characters, separators of lines, byte
    // order mark, annotations, tags.
    !(c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_control_a_terminal_are_escaped() {
        let shown = Escaped("a\u{1b}[31m\r\n\u{202e}\u{9b}é").to_string();

        assert_eq!(shown, "a\\u{1b}[31m\\r\\n\\u{202e}\\u{9b}é");
    }
}
