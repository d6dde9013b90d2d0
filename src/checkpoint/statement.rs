//! Checkpoints, as <https://c2sp.org/tlog-checkpoint> specifies them under "Note text": origin, number of entries,
//! root.
//!
//! No input or output. A statement is believed only if a known key signed it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    checkpoint::{
        proof::TreeHead,
        signed_note::{Note, Signature, is_key_name},
        verifying_key::VerifyingKey,
    },
    codec::merkle::TreeHash,
};

/// The content of a checkpoint: the root of the tree over a trail's first `size` entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) origin: String,
    pub(crate) size: u64,
    pub(crate) root: TreeHash,
}

/// A checkpoint: a statement about a trail's first entries, with signatures.
///
/// Its text is a signed note. The note has three lines (origin, number of entries, root of their RFC 6962 tree in
/// base64), an empty line, and a line for each signature. Parsing checks the form. Call
/// [`is_signed_by`](Self::is_signed_by) before you believe a checkpoint.
///
/// The leaves of the tree are the full SHA-256 of each entry's bytes, also in trails with short hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    statement: Statement,
    note: Note,
}

/// The error of a text that is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint: expected {what}")]
pub struct ParseCheckpointError {
    what: &'static str,
}

impl Statement {
    /// Parses the text of a note.
    ///
    /// Stricter than the standard: the origin must be a valid key name, since a checkpoint counts only under a key of
    /// the name of its origin.
    fn parse(text: &str) -> Result<Self, ParseCheckpointError> {
        let expected = |what| ParseCheckpointError { what };
        let mut lines = text.split_terminator('\n');
        let (Some(origin), Some(digits), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(expected("origin, size and root, a line each"));
        };
        if !is_key_name(origin) {
            return Err(expected("an origin without spaces and `+`"));
        }
        let size: u64 = digits.parse().map_err(|_| expected("a number of entries"))?;
        // `parse` accepts a sign and leading zeros. The standard does not, and each size must have one text only.
        if size.to_string() != digits {
            return Err(expected("a number of entries in plain digits"));
        }
        let root = TreeHash::parse(root).ok_or(expected("a root of 32 bytes in base64"))?;
        // Extension lines are signed and have no meaning here.
        if lines.any(str::is_empty) {
            return Err(expected("extension lines that are not empty"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Signs the statement with `sign`, which returns the signature of its text under `key`.
    pub(crate) fn signed<E>(
        self,
        key: &VerifyingKey,
        sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>,
    ) -> Result<SignedCheckpoint, E> {
        let text = self.to_string();
        let bytes = sign(text.as_bytes())?.to_vec();
        let signature = Signature { name: key.name().to_owned(), key_id: key.id(), bytes };
        Ok(SignedCheckpoint { statement: self, note: Note { text, signatures: vec![signature] } })
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}

impl SignedCheckpoint {
    /// The trail's origin, which is the name of the key that signs it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.statement.origin
    }

    /// The number of entries that it covers: those with `seq` 0 to `size - 1`.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.statement.size
    }

    /// The root of the tree over the covered entries.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        self.statement.root
    }

    /// Returns `true` if `key` signed the checkpoint and has the name of its origin.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        self.statement.origin == key.name() && key.has_signed(&self.note)
    }

    /// Returns size and root.
    pub(crate) fn tree_head(&self) -> TreeHead {
        TreeHead { size: self.statement.size, root: self.statement.root }
    }

    /// Returns the keys that the checkpoint claims to be signed by, as `NAME+ID`. The signatures are not checked.
    pub(crate) fn claims(&self) -> String {
        let claims = self
            .note
            .signatures
            .iter()
            .map(|signature| format!("{}+{:08x}", signature.name, signature.key_id));
        claims.collect::<Vec<_>>().join(", ")
    }
}

impl FromStr for SignedCheckpoint {
    type Err = ParseCheckpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let note = Note::parse(text).map_err(|what| ParseCheckpointError { what })?;
        Ok(Self { statement: Statement::parse(&note.text)?, note })
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

impl Serialize for SignedCheckpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SignedCheckpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use ed25519_dalek::{Signer as _, SigningKey};
    use signed_note::{StandardVerifier, VerifierList};

    use super::*;

    fn key() -> (SigningKey, VerifyingKey) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = VerifyingKey::new("example.com/audit", key.verifying_key().as_bytes()).expect("a key");
        (key, public)
    }

    fn signed() -> SignedCheckpoint {
        let (key, public) = key();
        let statement =
            Statement { origin: public.name().to_owned(), size: 1_234, root: TreeHash::of_leaf(b"x") };
        let signed = statement.signed(&public, |text| Ok::<_, ()>(key.sign(text).to_bytes()));
        signed.expect("signs")
    }

    #[test]
    fn other_implementations_accept_our_checkpoints() {
        let (_, public) = key();
        let ours = signed();

        let text = ours.to_string();

        assert_eq!(text.parse().as_ref(), Ok(&ours));
        let note = signed_note::Note::from_bytes(text.as_bytes()).expect("a note to others");
        let verifier = StandardVerifier::new(&public.to_string()).expect("a key to others");
        let (good, unknown) =
            note.verify(&VerifierList::new(vec![Box::new(verifier)])).expect("verified by others");
        assert_eq!((good.len(), unknown.len()), (1, 0));
        let theirs = tlog_tiles::Checkpoint::from_bytes(note.text()).expect("a checkpoint to others");
        assert_eq!(theirs.origin(), ours.origin());
        assert_eq!(theirs.size(), ours.size());
        assert_eq!(theirs.hash().0, *ours.root().as_bytes());
    }

    #[test]
    fn checkpoints_of_other_implementations_are_accepted() {
        let (key, public) = key();
        let root = tlog_tiles::Hash([9; 32]);
        let theirs =
            tlog_tiles::Checkpoint::new(public.name(), 77, root, "extended\n").expect("made by others");
        let secret = BASE64_STANDARD.encode([&[1], &key.to_bytes()[..]].concat());
        let secret = format!("PRIVATE+KEY+{}+{:08x}+{secret}", public.name(), public.id());
        let signer = signed_note::StandardSigner::new(&secret).expect("a key to others");
        let mut note = signed_note::Note::new(&theirs.to_bytes(), &[]).expect("a note of others");
        note.add_sigs(&[&signer]).expect("signed by others");

        let text = String::from_utf8(note.to_bytes()).expect("text");
        let read: SignedCheckpoint = text.parse().expect("a checkpoint");

        assert!(read.is_signed_by(&public));
        assert_eq!((read.size(), read.root()), (77, TreeHash::new([9; 32])));
        assert_eq!(read.to_string(), text);
    }

    #[test]
    fn a_changed_checkpoint_is_not_signed() {
        let (_, public) = key();
        let good = signed().to_string();
        assert!(signed().is_signed_by(&public));

        for changed in [good.replace("1234", "1235"), good.replace("audit\n1", "Audit\n1")] {
            let changed: SignedCheckpoint = changed.parse().expect("a checkpoint");

            assert!(!changed.is_signed_by(&public));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in "(\\PC|\n|\u{2014} |[A-Za-z0-9+/=]{4}){0,80}") {
            if let Ok(read) = text.parse::<SignedCheckpoint>() {
                proptest::prop_assert_eq!(read.to_string(), text.as_str());
                proptest::prop_assert!(!read.is_signed_by(&key().1));
            }
            drop(text.parse::<VerifyingKey>());
        }

        #[test]
        fn a_changed_character_is_refused_or_breaks_the_signature(at in 0_usize..200, other in "[ -~]") {
            let good = signed().to_string();
            let at = at % good.len();
            proptest::prop_assume!(good.is_char_boundary(at) && good.is_char_boundary(at + 1));
            let changed = format!("{}{other}{}", &good[..at], &good[at + 1..]);
            proptest::prop_assume!(changed != good);

            if let Ok(changed) = changed.parse::<SignedCheckpoint>() {
                proptest::prop_assert!(!changed.is_signed_by(&key().1));
            }
        }
    }

    #[test]
    fn a_malformed_checkpoint_is_refused() {
        let good = signed().to_string();

        for wrong in [
            good.replace("1234", "01234"),
            good.replace("1234", "+1234"),
            good.replace("1234", "18446744073709551616"),
            good.replace("1234\n", ""),
            good.replace("1234", "1234\n"),
            good.replace("audit\n1234", "aud it\n1234"),
            good.replacen("=\n", "\n", 1),
        ] {
            assert!(wrong.parse::<SignedCheckpoint>().is_err(), "{wrong}");
        }
    }
}
