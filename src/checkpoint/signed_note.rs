//! Signed notes, as <https://c2sp.org/signed-note> specifies them under "Format" and "Signatures".
//!
//! A note is a text, an empty line, and one line for each signature:
//!
//! ```text
//! example.com/audit            text: ends with a newline and may contain empty lines
//! 1234
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!                              the last empty line ends the text
//! — example.com/audit KQ52...  signature: name, base64(4 bytes key id, signature bytes)
//! ```
//!
//! No input or output. The meaning of the text is in `statement`, the check of a signature in `verifying_key`.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Maximum number of signatures of a note. The standard requires at least 16; Go's implementation has this limit too.
const MAX_NOTE_SIGNATURES: usize = 100;

/// Start of a signature line: an em dash and a space.
pub(super) const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// A text with signatures that are not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The signed text, with the newline at its end.
    pub(crate) text: String,
    pub(crate) signatures: Vec<Signature>,
}

/// A signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    /// Name of the key.
    pub(crate) name: String,
    /// Id of the key. Name and id together identify a key.
    pub(crate) key_id: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Note {
    /// Parses a whole note, its last newline included. The error is the part that is missing.
    ///
    /// Stricter than the standard, which forbids control characters below U+0020 only: all control characters but the
    /// newline are refused, so that a note can be printed.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err("a text without control characters");
        }
        let Some(at) = text.rfind("\n\n") else {
            return Err("an empty line between text and signatures");
        };
        let (text, signatures) = (&text[..=at], &text[at + 2..]);
        let Some(lines) = signatures.strip_suffix('\n') else {
            return Err("a signature line that ends with a newline");
        };
        // One more than allowed shows the excess. The rest need not be parsed.
        let signatures = lines.split('\n').take(MAX_NOTE_SIGNATURES + 1).map(Signature::parse);
        let signatures = signatures.collect::<Option<Vec<_>>>().ok_or("signature lines")?;
        if signatures.len() > MAX_NOTE_SIGNATURES {
            return Err("at most 100 signatures");
        }
        Ok(Self { text: text.to_owned(), signatures })
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let bytes = BASE64_STANDARD.decode(encoded).ok()?;
        let (key_id, bytes) = bytes.split_first_chunk()?;
        if !is_key_name(name) || bytes.is_empty() {
            return None;
        }
        Some(Self { name: name.to_owned(), key_id: u32::from_be_bytes(*key_id), bytes: bytes.to_vec() })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, key_id, bytes } in &self.signatures {
            let encoded = BASE64_STANDARD.encode([&key_id.to_be_bytes()[..], bytes].concat());
            writeln!(f, "{SIGNATURE_PREFIX}{name} {encoded}")?;
        }
        Ok(())
    }
}

/// Returns `true` if `name` is a valid key name: not empty, without Unicode spaces, and without `+`, which separates
/// the parts of a key's text.
pub(crate) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> Note {
        let signature = |name: &str, key_id| Signature { name: name.to_owned(), key_id, bytes: vec![7; 64] };
        Note {
            text: "example.com/audit\n12\nx\n".to_owned(),
            signatures: vec![signature("example.com/audit", 0x0102_0304), signature("witness", u32::MAX)],
        }
    }

    #[test]
    fn a_note_parses_as_it_was_printed() {
        let note = note();

        let text = note.to_string();

        assert_eq!(Note::parse(&text).as_ref(), Ok(&note));
        let theirs = signed_note::Note::from_bytes(text.as_bytes()).expect("a note to others");
        assert_eq!(theirs.text(), note.text.as_bytes());
        assert_eq!(theirs.to_bytes(), text.as_bytes());
    }

    #[test]
    fn a_text_may_contain_empty_lines() {
        let text = "one\n\ntwo\n";
        let note = Note { text: text.to_owned(), ..note() };

        assert_eq!(Note::parse(&note.to_string()).map(|note| note.text).as_deref(), Ok(text));
    }

    #[test]
    fn a_malformed_note_is_refused() {
        let good = note().to_string();

        for wrong in [
            String::new(),
            good.replace("\n\n", "\n"),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            good.replace('\u{2014}', "-"),
            good.replace("x\n", "x\u{7}\n"),
            good.replace("witness ", "wit+ness "),
            good.replace("witness ", "witness  "),
            good.replace("witness /////w", "witness !////w"),
            format!("text\n\n{SIGNATURE_PREFIX}name AAAAAA==\n"),
            format!("text\n\n{}", format!("{SIGNATURE_PREFIX}name AAAAAAAA\n").repeat(101)),
        ] {
            assert!(Note::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
