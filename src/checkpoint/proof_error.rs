//! The reason why a proof fails.

use crate::{
    checkpoint::{statement::SignedCheckpoint, verifying_key::VerifyingKey},
    codec::terminal::Escaped,
};

/// The reason why a proof fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The proof is wrong.
    #[error("not proven: {}", Escaped(reason.as_str()))]
    Wrong {
        /// The part that does not fit.
        reason: String,
    },
    /// Another key signed the checkpoint, so the proof cannot be checked with the given key.
    #[error("cannot be checked: the checkpoint is signed by {}, and the given key is {}",
            Escaped(found.as_str()), Escaped(key.as_str()))]
    OtherKey {
        /// The keys that the checkpoint claims to be signed by.
        found: String,
        /// The given key.
        key: String,
    },
}

impl ProofError {
    pub(super) fn wrong(reason: impl Into<String>) -> Self {
        Self::Wrong { reason: reason.into() }
    }

    /// Checks that `key` signed `checkpoint`.
    pub(super) fn unless_signed(checkpoint: &SignedCheckpoint, key: &VerifyingKey) -> Result<(), Self> {
        if checkpoint.is_signed_by(key) {
            Ok(())
        } else if checkpoint.origin() == key.name() {
            Err(Self::wrong(format!("the checkpoint names {} and lacks its signature", key.label())))
        } else {
            Err(Self::OtherKey { found: checkpoint.claims(), key: key.label() })
        }
    }
}
