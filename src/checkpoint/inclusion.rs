//! The proof of one entry: its line, its place in the tree, the checkpoint. It shows no other entry.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::{proof::is_included, statement::SignedCheckpoint, verifying_key::VerifyingKey},
    codec::merkle::TreeHash,
};
use crate::{
    codec::{json::validate::decode, terminal::Escaped},
    format::line::Line,
};

/// Proof that one entry stands in a trail, for somebody who sees nothing else of it; made by [`prove`](crate::checkpoint::prove).
///
/// Its text is one JSON object: `{"checkpoint": "..", "inclusion": ["..", ..], "line": ".."}` with the checkpoint as a
/// signed note, the RFC 6962 inclusion proof in base64, and the entry as it stands in its file. It has at most 4 KB
/// beside the line, in a trail of 100 million entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryProof {
    pub(super) checkpoint: SignedCheckpoint,
    pub(super) inclusion: Vec<TreeHash>,
    pub(super) line: String,
}

/// An entry that was proven to stand in a trail; made by [`EntryProof::check`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvenEntry {
    /// Whose trail it is: the origin of the checkpoint.
    pub origin: String,
    /// The entry's number.
    pub seq: u64,
    /// When it was recorded, by the clock of who recorded it.
    pub timestamp: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What.
    pub event_type: String,
    /// The line, without its newline.
    pub line: String,
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The proof is wrong.
    #[error("not proven: {}", Escaped(reason.as_str()))]
    Wrong {
        /// What does not fit.
        reason: String,
    },
    /// The checkpoint is under another key, so that it can't be told.
    #[error("can't be told: the checkpoint is signed by {}, and the key is {}", Escaped(found.as_str()), Escaped(key.as_str()))]
    OtherKey {
        /// Who signed it, by its own words.
        found: String,
        /// The key that was given.
        key: String,
    },
}

impl ProofError {
    pub(super) fn wrong(reason: impl Into<String>) -> Self {
        Self::Wrong { reason: reason.into() }
    }
}

/// Whether `key` signed a checkpoint.
pub(super) fn check_signature(checkpoint: &SignedCheckpoint, key: &VerifyingKey) -> Result<(), ProofError> {
    if checkpoint.is_signed_by(key) {
        Ok(())
    } else if checkpoint.origin() == key.name() {
        Err(ProofError::wrong(format!(
            "the checkpoint has the name of {}, and not its signature",
            key.label()
        )))
    } else {
        Err(ProofError::OtherKey { found: checkpoint.claims(), key: key.label() })
    }
}

impl EntryProof {
    /// The checkpoint that it rests on.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The entry, as it stands in its file, without its newline.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Checks it. Nothing else is needed: neither the trail nor a network.
    ///
    /// # Errors
    ///
    /// [`ProofError::OtherKey`] if another key signed the checkpoint, [`ProofError::Wrong`] for all else.
    pub fn check(&self, key: &VerifyingKey) -> Result<ProvenEntry, ProofError> {
        check_signature(&self.checkpoint, key)?;
        let line = Line::recognise(self.line.as_bytes())
            .map_err(|malformed| ProofError::wrong(format!("the line is no entry: {malformed}")))?;
        if !line.holds() {
            return Err(ProofError::wrong("the line has not the hash that it states"));
        }
        let (size, root) = (self.checkpoint.size(), self.checkpoint.root());
        let leaf = TreeHash::of_leaf(&line.sha256);
        if !is_included(&leaf, line.seq, size, &root, &self.inclusion) {
            let seq = line.seq;
            return Err(ProofError::wrong(format!(
                "the checkpoint over {size} entries has not this line as seq {seq}"
            )));
        }
        Ok(ProvenEntry {
            origin: self.checkpoint.origin().to_owned(),
            seq: line.seq,
            timestamp: line.time.to_utc(),
            actor: decode(line.actor).to_string_lossy(),
            event_type: decode(line.event_type).to_string_lossy(),
            line: self.line.clone(),
        })
    }
}

impl FromStr for EntryProof {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl fmt::Display for EntryProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}
