//! Making checkpoints: who signs, what may be signed, and where it goes.
//!
//! A signature must not make a rewritten trail credible. So before one is made, the entries since the last checkpoint are
//! read back and must follow from it; what does not is refused.

pub(crate) mod checkpoint_log;
pub(crate) mod prune_check;
pub(crate) mod resume;

use std::path::Path;

pub(crate) use crate::checkpoint::signer::Signer;
use crate::storage::head_file::FoundHead;
pub(crate) use crate::write::signing::{
    checkpoint_log::CheckpointLog, prune_check::stated_days, resume::resume,
};
use crate::{
    checkpoint::statement::{SignedCheckpoint, Statement},
    codec::merkle::Frontier,
    error::{Error, Operation},
    format::receipt::TrailId,
    storage::{lock::Lock, permissions::Permissions},
    verify::{Verifier, verified::Verified},
};

/// Signs a checkpoint of the trail in `directory` as it stands, and appends it to the trail's `audit.checkpoints`.
///
/// For a trail that no process writes; a running service calls [`AuditLog::checkpoint`](crate::AuditLog::checkpoint).
/// The whole trail is verified first, against the checkpoints that are there. No entry is written.
///
/// ```
/// # let place = tempfile::tempdir()?;
/// # let directory = place.path().join("audit");
/// use kling_audit::{AuditLog, checkpoint::SigningKey, verify::Verifier};
///
/// AuditLog::open(&directory)?.close()?;
/// let key = SigningKey::generate(place.path().join("audit.key"), "example.com/audit")?;
/// let checkpoint = kling_audit::checkpoint(&directory, &key)?;
///
/// let verification = Verifier::new(&directory).key(key.verifying_key().clone()).run()?;
/// assert_eq!(verification.signed_through(), Some(checkpoint.size() - 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::NotIntact`] if the trail does not verify; [`Error::Locked`] while somebody writes it; [`Error::Conflict`] if
/// the key signs another trail, or the trail does not go on from the checkpoints that it signed; [`Error::Io`].
pub fn checkpoint(directory: impl AsRef<Path>, signer: &dyn Signer) -> Result<SignedCheckpoint, Error> {
    let directory = directory.as_ref();
    // Before anything is created in what may be no trail at all.
    let trail = trail_id(directory)?;
    let _lock = Lock::take(directory, Permissions::default())?;
    let mut book = CheckpointLog::open(directory, Permissions::default(), signer.verifying_key())?;
    let mut verifier = Verifier::new(directory).accept_pruned();
    if !book.is_empty() {
        verifier = verifier.key(signer.verifying_key().clone());
    }
    Verified::try_from(verifier.run()?)?;
    let frontier = resume(directory, signer, &book, trail, None)?;
    let signed = sign(signer, directory, &frontier)?;
    book.append(&signed)?;
    signer.signed(&signed)?;
    Ok(signed)
}

/// The id of the trail, by its head.
fn trail_id(directory: &Path) -> Result<TrailId, Error> {
    std::fs::read_dir(directory).map_err(Error::io(Operation::List, directory))?;
    match FoundHead::read(directory)? {
        FoundHead::Head(head) => head.trail_id.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| refused(directory, "the head names no trail".to_owned()))
}

/// Signs a statement about the tree.
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
    // What a signer elsewhere gives back is worth a look.
    if !signed.is_signed_by(key) {
        return Err(refused(directory, format!("what was signed is not under the key {}", key.label())));
    }
    Ok(signed)
}

fn refused(path: &Path, reason: String) -> Error {
    Error::Conflict { action: Operation::SignCheckpoint, path: path.to_owned(), reason }
}
