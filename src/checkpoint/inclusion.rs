//! The proof that one entry is in a trail: its line, its place in the tree, and the checkpoint. It shows no other
//! entry.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::{
        proof::is_included, proof_error::ProofError, statement::SignedCheckpoint, verifying_key::VerifyingKey,
    },
    codec::{json::validate::decode, merkle::TreeHash},
    format::line::Line,
};

/// Proof that one entry is in a trail, for a reader without access to the rest of it. Made by
/// [`prove`](crate::checkpoint::prove).
///
/// Its text is one JSON object: `{"checkpoint": "..", "inclusion": ["..", ..], "line": ".."}` with the checkpoint as a
/// signed note, the RFC 6962 audit path (2.1.1) in base64, and the entry as it is in its file. It has at most 4 KB
/// beside the line, in a trail of 100 million entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryProof {
    pub(super) checkpoint: SignedCheckpoint,
    pub(super) inclusion: Vec<TreeHash>,
    pub(super) line: String,
}

/// An entry that is proven to be in a trail. Made only by [`EntryProof::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvenEntry {
    /// The trail, by the origin of the checkpoint.
    pub origin: String,
    /// The entry's number.
    pub seq: u64,
    /// The time of recording, by the clock of the recording machine.
    pub timestamp: DateTime<Utc>,
    /// The entry's actor.
    pub actor: String,
    /// The entry's event type.
    pub event_type: String,
    /// The line, without its newline.
    pub line: String,
}

impl EntryProof {
    /// The checkpoint that the proof rests on.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The entry as it is in its file, without its newline.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Checks the proof, the signature and the entry's hash. Neither the trail nor a network is needed.
    ///
    /// # Errors
    ///
    /// [`ProofError::OtherKey`] if another key signed the checkpoint, [`ProofError::Wrong`] for any other fault.
    pub fn check(&self, key: &VerifyingKey) -> Result<ProvenEntry, ProofError> {
        ProofError::unless_signed(&self.checkpoint, key)?;
        let line = Line::recognise(self.line.as_bytes())
            .map_err(|malformed| ProofError::wrong(format!("the line is not an entry: {malformed}")))?;
        if !line.holds() {
            return Err(ProofError::wrong("the line's printed hash is not its own"));
        }
        let leaf = TreeHash::of_leaf(&line.sha256);
        if !is_included(&leaf, line.seq, self.checkpoint.tree_head(), &self.inclusion) {
            let (seq, size) = (line.seq, self.checkpoint.size());
            return Err(ProofError::wrong(format!(
                "the checkpoint over {size} entries does not cover this line as seq {seq}"
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
