//! The proof that a trail only grew between two checkpoints.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::{
        proof::is_consistent, proof_error::ProofError, statement::SignedCheckpoint,
        verifying_key::VerifyingKey,
    },
    codec::merkle::TreeHash,
};

/// Proof that a checkpoint extends an earlier one: no entry that the earlier one covers was changed. It shows no
/// entry. Made by [`prove_consistency`](crate::checkpoint::prove_consistency).
///
/// Its text is one JSON object: `{"checkpoint": "..", "consistency": ["..", ..], "earlier": ".."}` with both
/// checkpoints as signed notes and the RFC 6962 consistency proof (2.1.2) in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    pub(super) checkpoint: SignedCheckpoint,
    pub(super) consistency: Vec<TreeHash>,
    pub(super) earlier: SignedCheckpoint,
}

impl ConsistencyProof {
    /// The later checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The earlier checkpoint.
    #[must_use]
    pub fn earlier(&self) -> &SignedCheckpoint {
        &self.earlier
    }

    /// Checks the proof and both signatures. Neither the trail nor a network is needed.
    ///
    /// # Errors
    ///
    /// [`ProofError::OtherKey`] if another key signed one of the checkpoints, [`ProofError::Wrong`] for any other
    /// fault.
    pub fn check(&self, key: &VerifyingKey) -> Result<(), ProofError> {
        ProofError::unless_signed(&self.earlier, key)?;
        ProofError::unless_signed(&self.checkpoint, key)?;
        if is_consistent(self.earlier.tree_head(), self.checkpoint.tree_head(), &self.consistency) {
            return Ok(());
        }
        Err(ProofError::wrong(format!(
            "the checkpoint over {} entries does not extend the one over {}",
            self.checkpoint.size(),
            self.earlier.size()
        )))
    }
}

impl FromStr for ConsistencyProof {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl fmt::Display for ConsistencyProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}
