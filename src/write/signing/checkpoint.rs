//! Signing a checkpoint of a trail that no process writes.

use std::path::Path;

use crate::{
    checkpoint::{signer::Signer, statement::SignedCheckpoint},
    error::{Error, Operation},
    format::receipt::TrailId,
    storage::{head_file::FoundHead, lock::Lock, permissions::Permissions},
    verify::{Verifier, verified::Verified},
    write::signing::{
        checkpoint_log::CheckpointLog,
        resume::resume,
        sign::{refused, sign},
    },
};

/// Signs a checkpoint of all entries of the trail in `directory`, and appends it to the trail's `audit.checkpoints`.
///
/// Use it for a trail that no process writes. A running service calls [`AuditLog::checkpoint`](crate::AuditLog::checkpoint).
/// The whole trail is verified first, against its earlier checkpoints. No entry is written.
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
/// - [`Error::NotIntact`] if the trail does not verify.
/// - [`Error::Locked`] while another process writes the trail.
/// - [`Error::Conflict`] if the key signs another trail, or the trail does not continue the checkpoints that the key signed.
/// - [`Error::Io`] if a file can't be read or written.
pub fn checkpoint(directory: impl AsRef<Path>, signer: &dyn Signer) -> Result<SignedCheckpoint, Error> {
    let directory = directory.as_ref();
    // The head is read before the lock file is created: a directory without a trail must stay unchanged.
    let trail = trail_id(directory)?;
    let _lock = Lock::take(directory, Permissions::default())?;
    let mut log = CheckpointLog::open(directory, Permissions::default(), signer.verifying_key())?;
    let mut verifier = Verifier::new(directory).accept_pruned();
    if !log.is_empty() {
        verifier = verifier.key(signer.verifying_key().clone());
    }
    Verified::try_from(verifier.run()?)?;
    let frontier = resume(directory, signer, &log, trail, None)?;
    let signed = sign(signer, directory, &frontier)?;
    // The checkpoint is stored before the signer is informed. If the process ends in between, the signer remembers an
    // older state than the trail has, which is harmless.
    log.append(&signed)?;
    signer.signed(&signed)?;
    Ok(signed)
}

/// Reads the id of the trail from its head.
fn trail_id(directory: &Path) -> Result<TrailId, Error> {
    std::fs::read_dir(directory).map_err(Error::io(Operation::List, directory))?;
    match FoundHead::read(directory)? {
        FoundHead::Head(head) => head.trail_id.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| refused(directory, "the head names no trail".to_owned()))
}
