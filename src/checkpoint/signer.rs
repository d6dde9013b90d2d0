//! Who signs checkpoints: a key in a file, or whatever else can.

use crate::{
    checkpoint::{statement::SignedCheckpoint, verifying_key::VerifyingKey},
    codec::merkle::TreeHash,
    error::Error,
    format::receipt::TrailId,
};

/// Signs checkpoints of one trail. [`SigningKey`](crate::checkpoint::SigningKey) is one, with its key in a file; a service that keeps
/// its key in a KMS or an HSM implements this for it.
///
/// It is called on a thread of the log's own, which waits for it: recording does not.
pub trait Signer: Send + Sync {
    /// The public half of the key. Its name is the origin that checkpoints state.
    fn verifying_key(&self) -> &VerifyingKey;

    /// The Ed25519 signature of `message`, which has less than 4 KiB.
    ///
    /// # Errors
    ///
    /// Whatever kept it from signing. The next checkpoint tries again.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>>;

    /// Takes the key for `trail`, before it signs anything of it. `true` if it has signed checkpoints of this trail
    /// before: if they are not there then, nothing more is signed.
    ///
    /// A signer that remembers no trail says `false`, and keeping one key to one trail is its owner's affair.
    ///
    /// # Errors
    ///
    /// The key signs another trail.
    fn claim(&self, trail: TrailId) -> Result<bool, Error> {
        let _: TrailId = trail;
        Ok(false)
    }

    /// Size and root of the last checkpoint that it was told of. Nothing is signed that does not go on from it, so a trail
    /// that was put back to an older state is not.
    ///
    /// Asked once the trail was [claimed](Self::claim). A signer that remembers none says `None`; what keeps a trail from
    /// being put back then is its own `audit.checkpoints` alone, and whoever writes the directory puts that back too.
    fn last(&self) -> Option<(u64, TreeHash)> {
        None
    }

    /// Is told which checkpoint was signed and stored.
    ///
    /// # Errors
    ///
    /// What it has to remember could not be stored.
    fn signed(&self, checkpoint: &SignedCheckpoint) -> Result<(), Error> {
        let _: &SignedCheckpoint = checkpoint;
        Ok(())
    }
}
