//! Commitments: the hash by which an entry refers to an erasable value that a private record holds.
//!
//! `sha256(salt ++ value)`, with the salt as 32 hex digits and the value as canonical text. An entry with a commitment
//! fixes the value. After the salt is erased, the commitment reveals nothing about it, because guesses cannot be checked.
//! Pure except for random salts.

use sha2::{Digest as _, Sha256};

use crate::codec::{
    digest::{Digest, HashLength},
    json::{
        object_reader::{MemberTexts, string_text},
        write::hex,
    },
};

/// Name of the only member of the object that replaces an erasable value.
const COMMITMENT_MEMBER: &[u8] = b"erasable";

/// The salt of one commitment: 128 random bits. Without it, a value of few possibilities could be guessed.
#[derive(Clone, Copy)]
pub(crate) struct Salt([u8; 16]);

impl Salt {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        Ok(Self(bits))
    }

    /// Appends the hex digits as a JSON string.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        hex(out, &self.0);
    }

    /// Returns the hex digits without quotes.
    fn digits(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.write(&mut text);
        string_text(&text).unwrap_or_default().to_vec()
    }

    /// Returns the commitment to `value`, which is canonical text.
    pub(crate) fn commit(&self, value: &[u8]) -> Digest {
        commit(&self.digits(), value)
    }
}

/// Returns the commitment to `value` with a salt given as its hex digits.
pub(crate) fn commit(salt: &[u8], value: &[u8]) -> Digest {
    let mut sha256 = Sha256::new_with_prefix(salt);
    sha256.update(value);
    Digest::new(sha256.finalize().into(), HashLength::Full)
}

/// Appends the object that replaces the value in its entry.
pub(crate) fn write(commitment: &Digest, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"erasable\": \"");
    commitment.write(out);
    out.extend_from_slice(b"\"}");
}

/// Reads the object that replaces a value. Returns `None` for any other text.
pub(crate) fn read(text: &[u8]) -> Option<Digest> {
    let mut members = MemberTexts::of(text);
    let (name, value) = members.next()?;
    let digest = Digest::parse(string_text(value)?)?;
    (name == COMMITMENT_MEMBER && digest.length() == HashLength::Full && members.next().is_none())
        .then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_is_the_hash_of_salt_and_value() {
        let salt = Salt([0x0f; 16]);
        let value = b"\"alice@example.com\"";

        let commitment = salt.commit(value);

        // printf '%s' '0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"alice@example.com"' | sha256sum
        assert_eq!(
            commitment.to_string(),
            "b785091fa8c59b17d64c7179075137a6b340fe2b17180b9901396136d41dedc6"
        );
        let mut text = Vec::new();
        write(&commitment, &mut text);
        assert_eq!(read(&text), Some(commitment));
    }

    #[test]
    fn other_objects_are_not_commitments() {
        for text in [
            "",
            "{}",
            "\"x\"",
            "{\"erasable\": 1}",
            "{\"erasable\": \"0123456789abcdef\"}",
            "{\"erased\": \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
