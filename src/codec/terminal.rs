//! Text on its way to a terminal: what a log, a file name or an attacker put in must not move the cursor.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

/// Shows text with control characters, bidi marks, line separators and invisible characters as `\u{..}`.
pub(crate) struct Escaped<T>(pub(crate) T);

impl fmt::Display for Escaped<&str> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .try_for_each(|c| if harmless(c) { f.write_char(c) } else { write!(f, "{}", c.escape_default()) })
    }
}

impl fmt::Display for Escaped<&Path> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.0.to_string_lossy().as_ref()).fmt(f)
    }
}

/// Whether `c` shows as itself and leaves the rest of the line alone.
fn harmless(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        let shown = Escaped("a\u{1b}[31m\r\n\u{202e}\u{9b}é").to_string();

        assert_eq!(shown, "a\\u{1b}[31m\\r\\n\\u{202e}\\u{9b}é");
    }
}
