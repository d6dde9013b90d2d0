//! The interface of signing: a key in a file, a KMS or an HSM.

use crate::{
    checkpoint::{statement::SignedCheckpoint, verifying_key::VerifyingKey},
    codec::merkle::TreeHash,
    error::Error,
    format::receipt::TrailId,
};

/// Signs the checkpoints of one trail.
///
/// [`SigningKey`](crate::checkpoint::SigningKey) implements this with a key in a file. A service that keeps its key
/// in a KMS or an HSM implements it itself.
///
/// A thread of the log calls the signer and waits for it. Recording continues meanwhile.
pub trait Signer: Send + Sync {
    /// Returns the public key. Its name is the origin that checkpoints state.
    fn verifying_key(&self) -> &VerifyingKey;

    /// Returns the Ed25519 signature of `message`, which is shorter than 4 KiB.
    ///
    /// # Errors
    ///
    /// The reason why it cannot sign. The next checkpoint is tried again.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>>;

    /// Binds the key to `trail`, before it signs a checkpoint of it. Returns `true` if it has signed checkpoints of
    /// this trail before. If these are missing in the trail then, no more are signed.
    ///
    /// A signer without memory returns `false`. Its owner then has to use one key for one trail only: with one key
    /// for two trails, an attacker could present one in the place of the other.
    ///
    /// # Errors
    ///
    /// The key is bound to another trail.
    fn claim(&self, trail: TrailId) -> Result<bool, Error> {
        let _: TrailId = trail;
        Ok(false)
    }

    /// Returns size and root of the last checkpoint that was passed to [`signed`](Self::signed).
    ///
    /// The log signs only trails that extend this checkpoint, so a trail that was replaced by an older copy is not
    /// signed. Called after [`claim`](Self::claim). A signer without memory returns `None`. The only protection is
    /// then the trail's own `audit.checkpoints`, which an attacker with write access to the directory replaces too.
    fn last(&self) -> Option<(u64, TreeHash)> {
        None
    }

    /// Records a checkpoint that was signed and stored.
    ///
    /// # Errors
    ///
    /// The signer could not store what [`last`](Self::last) must return.
    fn signed(&self, checkpoint: &SignedCheckpoint) -> Result<(), Error> {
        let _: &SignedCheckpoint = checkpoint;
        Ok(())
    }
}
