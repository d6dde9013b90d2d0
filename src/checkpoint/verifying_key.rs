//! Public keys of checkpoints, as <https://c2sp.org/signed-note> specifies them under "Signatures" and "Ed25519
//! signatures".
//!
//! ```text
//! text   NAME+ID+base64(0x01, 32 bytes of the key)
//! id     the first 4 bytes of SHA-256(name, 0x0A, 0x01, 32 bytes of the key), as 8 hex digits
//! ```
//!
//! The text is a *vkey* of Go's `golang.org/x/mod/sumdb/note`.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use crate::checkpoint::signed_note::{Note, is_key_name};

/// The signature type of Ed25519, in the texts of keys and in the hash of their ids.
pub(super) const SIGNATURE_TYPE_ED25519: u8 = 0x01;

/// A key that checks checkpoints. Its text is `NAME+ID+KEY`, as `kling-audit keygen` prints it.
///
/// The name is the trail's origin, the ID is 8 hex digits of a hash of name and key, the key is Ed25519 in base64.
/// Get it from the signer, by a way that the trail's owner does not control: a key that is named inside a trail
/// proves nothing.
///
/// ```
/// use kling_audit::checkpoint::VerifyingKey;
///
/// let key: VerifyingKey = "example.com/audit+290e76d8+ARl/ayPhbIUyxqvIOPrNXqeJvgx2spIDNAOb+os9No1h".parse()?;
/// assert_eq!(key.name(), "example.com/audit");
/// # Ok::<(), kling_audit::checkpoint::ParseKeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    id: u32,
    key: ed25519_dalek::VerifyingKey,
}

/// The error of a text that is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key: expected {what}")]
pub struct ParseKeyError {
    what: &'static str,
}

impl ParseKeyError {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what }
    }
}

impl VerifyingKey {
    /// Makes a key from its name and the 32 bytes of an Ed25519 public key.
    ///
    /// # Errors
    ///
    /// The name is empty or contains spaces, control characters or `+`, or the bytes are not a key.
    pub fn new(name: impl Into<String>, bytes: &[u8; 32]) -> Result<Self, ParseKeyError> {
        let name = name.into();
        if !is_key_name(&name) {
            return Err(ParseKeyError::new("a name without spaces, control characters and `+`"));
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .map_err(|_| ParseKeyError::new("an Ed25519 key"))?;
        let hash = Sha256::new_with_prefix(&name)
            .chain_update([b'\n', SIGNATURE_TYPE_ED25519])
            .chain_update(bytes)
            .finalize();
        let id = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        Ok(Self { name, id, key })
    }

    /// The name, which is the origin of its checkpoints.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id, which distinguishes keys of one name. Printed as 8 hex digits.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Returns `NAME+ID`, which identifies the key without its bytes.
    pub(crate) fn label(&self) -> String {
        format!("{}+{:08x}", self.name, self.id)
    }

    /// Returns `true` if the note has a signature of this key. If several claim to be, all must be right: the standard
    /// recommends to reject a note with a wrong signature of a known key.
    pub(super) fn has_signed(&self, note: &Note) -> bool {
        let mut claims = note
            .signatures
            .iter()
            .filter(|signature| signature.name == self.name && signature.key_id == self.id)
            .peekable();
        claims.peek().is_some()
            && claims.all(|claim| {
                ed25519_dalek::Signature::from_slice(&claim.bytes)
                    // Strict: a key of small order, under which one signature fits many texts, is refused.
                    .is_ok_and(|signature| self.key.verify_strict(note.text.as_bytes(), &signature).is_ok())
            })
    }
}

impl FromStr for VerifyingKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ParseKeyError::new("NAME+ID+KEY"));
        };
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| ParseKeyError::new("the key in base64"))?;
        let bytes: &[u8; 32] = match bytes.split_first() {
            Some((&SIGNATURE_TYPE_ED25519, key)) => {
                key.try_into().map_err(|_| ParseKeyError::new("a key of 32 bytes"))?
            }
            _ => return Err(ParseKeyError::new("an Ed25519 key")),
        };
        let key = Self::new(name, bytes)?;
        if id != format!("{:08x}", key.id) {
            return Err(ParseKeyError::new("an ID that belongs to name and key"));
        }
        Ok(key)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[SIGNATURE_TYPE_ED25519], &self.key.as_bytes()[..]].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id, BASE64_STANDARD.encode(bytes))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use signed_note::Verifier as _;

    use super::*;

    /// The key of the examples in Go's `golang.org/x/mod/sumdb/note`.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_key_parses_as_it_was_printed_here_and_elsewhere() {
        let key: VerifyingKey = PETER.parse().expect("a key");

        assert_eq!(key.to_string(), PETER);
        let theirs = signed_note::StandardVerifier::new(PETER).expect("a key to others");
        assert_eq!((theirs.name(), theirs.key_id()), (key.name(), key.id()));
    }

    #[test]
    fn a_signature_holds_for_the_signed_text_only() {
        let key: VerifyingKey = PETER.parse().expect("a key");
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your \
                    problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1F\
                    FYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let note = Note::parse(note).expect("a note");
        assert!(key.has_signed(&note));

        let mut changed = note.clone();
        changed.text = changed.text.replace("answer", "Answer");
        assert!(!key.has_signed(&changed));
        let mut twice = note.clone();
        twice.signatures.push(note.signatures[0].clone());
        twice.signatures[1].bytes[0] ^= 1;
        assert!(!key.has_signed(&twice));
        let mut none = note;
        none.signatures.clear();
        assert!(!key.has_signed(&none));
    }

    #[test]
    fn a_malformed_key_is_refused() {
        for wrong in [
            "",
            "PeterNeumann",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq",
            "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+",
        ] {
            assert!(wrong.parse::<VerifyingKey>().is_err(), "{wrong}");
        }
    }
}
