//! One signature over the state of a trail, and the error of everything that prevents it.

use std::path::Path;

use crate::{
    checkpoint::{
        signer::Signer,
        statement::{SignedCheckpoint, Statement},
    },
    codec::merkle::Frontier,
    error::{Error, Operation},
};

/// Signs the size and the root of `frontier`. The caller has verified that the trail has this tree.
pub(crate) fn sign(
    signer: &dyn Signer,
    directory: &Path,
    frontier: &Frontier,
) -> Result<SignedCheckpoint, Error> {
    let key = signer.verifying_key();
    let statement = Statement { origin: key.name().to_owned(), size: frontier.size(), root: frontier.root() };
    let signed = statement
        .signed(key, |text| signer.sign(text))
        .map_err(|error| refused(directory, format!("the key {} could not sign: {error}", key.label())))?;
    // A signer may be a device or a service. Its signature is verified before the checkpoint is stored.
    if !signed.is_signed_by(key) {
        let reason = format!("the signature is not one of the key {}", key.label());
        return Err(refused(directory, reason));
    }
    Ok(signed)
}

/// Returns the error for a trail that is not signed.
pub(super) fn refused(directory: &Path, reason: String) -> Error {
    Error::Conflict { action: Operation::SignCheckpoint, path: directory.to_owned(), reason }
}
