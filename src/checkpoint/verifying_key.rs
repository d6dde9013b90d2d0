//! The public half of a signing key, and its text: a *vkey* of <https://c2sp.org/signed-note>.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use crate::checkpoint::signed_note::{Note, is_key_name};

/// Ed25519, in the texts of keys.
pub(crate) const ED25519: u8 = 1;

/// A key that checkpoints are checked with: `NAME+ID+KEY`, as `kling-audit keygen` prints it.
///
/// The name is the trail's origin, the ID is 8 hex digits of a hash of name and key, the key is Ed25519 in base64.
/// Get it from whoever signs, by a way that the trail's owner does not control: a key that is named inside a trail
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

/// The text is no key.
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
    /// The Ed25519 key of 32 bytes under that name.
    ///
    /// # Errors
    ///
    /// A name that is empty or holds spaces, control characters or `+`; bytes that are no key.
    pub fn new(name: impl Into<String>, bytes: &[u8; 32]) -> Result<Self, ParseKeyError> {
        let name = name.into();
        if !is_key_name(&name) {
            return Err(ParseKeyError::new("a name without spaces, control characters and `+`"));
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .map_err(|_| ParseKeyError::new("an Ed25519 key"))?;
        let hash =
            Sha256::new_with_prefix(&name).chain_update([b'\n', ED25519]).chain_update(bytes).finalize();
        let id = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        Ok(Self { name, id, key })
    }

    /// The name: the origin that its checkpoints state.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells keys of one name apart; shown as 8 hex digits.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Name and ID, which say which key it is, and not what it is.
    pub(crate) fn label(&self) -> String {
        format!("{}+{:08x}", self.name, self.id)
    }

    /// Whether one of the note's signatures is this key's. Of those that claim to be, none may be wrong.
    pub(crate) fn signed(&self, note: &Note) -> bool {
        let mut claims = note
            .signatures
            .iter()
            .filter(|signature| signature.name == self.name && signature.key_id == self.id)
            .peekable();
        claims.peek().is_some()
            && claims.all(|claim| {
                ed25519_dalek::Signature::from_slice(&claim.bytes)
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
            Some((&ED25519, key)) => key.try_into().map_err(|_| ParseKeyError::new("a key of 32 bytes"))?,
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
        let bytes = [&[ED25519], &self.key.as_bytes()[..]].concat();
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
    fn a_key_is_read_back_as_written_and_others_read_the_same() {
        let key: VerifyingKey = PETER.parse().expect("a key");

        assert_eq!(key.to_string(), PETER);
        let theirs = signed_note::StandardVerifier::new(PETER).expect("a key to others");
        assert_eq!((theirs.name(), theirs.key_id()), (key.name(), key.id()));
    }

    #[test]
    fn a_known_signature_is_accepted_and_a_changed_text_is_not() {
        let key: VerifyingKey = PETER.parse().expect("a key");
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your \
                    problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1F\
                    FYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let note = Note::parse(note).expect("a note");
        assert!(key.signed(&note));

        let mut changed = note.clone();
        changed.text = changed.text.replace("answer", "Answer");
        assert!(!key.signed(&changed));
        let mut twice = note.clone();
        twice.signatures.push(note.signatures[0].clone());
        twice.signatures[1].bytes[0] ^= 1;
        assert!(!key.signed(&twice));
        let mut none = note;
        none.signatures.clear();
        assert!(!key.signed(&none));
    }

    #[test]
    fn what_is_no_key_is_refused() {
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
