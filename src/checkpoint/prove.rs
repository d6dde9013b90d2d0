//! Making proofs from a trail: one pass over the entries that the checkpoint covers.
//!
//! A proof is checked against its checkpoint before it is given out, but not the signature: that is for who gets it.

use std::{ops::Range, path::Path};

use crate::{
    checkpoint::{
        consistency::ConsistencyProof,
        file,
        inclusion::EntryProof,
        proof::{Prover, is_consistent, is_included},
        statement::SignedCheckpoint,
    },
    codec::merkle::TreeHash,
};
use crate::{
    error::{Error, Operation},
    format::line::{Line, MAX_LINE},
    storage::{
        line_reader::Piece,
        prune_record::Pruned,
        segments::{self, TrailFile},
    },
};

/// Proves that entry `seq` stands in the trail in `directory`, by the newest checkpoint that the trail has.
///
/// ```
/// # let place = tempfile::tempdir()?;
/// # let directory = place.path().join("audit");
/// # use kling_audit::{AuditLog, Draft, checkpoint::SigningKey};
/// # let log = AuditLog::open(&directory)?;
/// # log.append(Draft::new("export_requested").actor("alice"))?;
/// # log.close()?;
/// # let key = SigningKey::generate(place.path().join("audit.key"), "example.com/audit")?;
/// # kling_audit::checkpoint(&directory, &key)?;
/// # let key = key.verifying_key();
/// let proof = kling_audit::checkpoint::prove(&directory, 1)?.to_string();
///
/// let proof: kling_audit::checkpoint::EntryProof = proof.parse()?; // elsewhere, without the trail
/// let entry = proof.check(key)?;
/// assert_eq!((entry.seq, entry.actor.as_str()), (1, "alice"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Conflict`] if no checkpoint covers the entry, if it was pruned, or the trail is not the one that the checkpoint covers;
/// [`Error::Io`].
pub fn prove(directory: impl AsRef<Path>, seq: u64) -> Result<EntryProof, Error> {
    let directory = directory.as_ref();
    let checkpoint = newest(directory, seq.saturating_add(1))?
        .ok_or_else(|| cannot(directory, format!("no checkpoint in {} covers seq {seq}", file::NAME)))?;
    let size = checkpoint.size();
    let mut prover = Prover::of_inclusion(seq, size)
        .ok_or_else(|| cannot(directory, format!("a checkpoint over {size} entries covers no seq {seq}")))?;
    let mut found = None;
    let files = segments::list(directory)?;
    let pruned = after_pruned(&files, &mut prover)?;
    if seq < pruned {
        return Err(cannot(directory, format!("entries before seq {pruned} were pruned")));
    }
    each_leaf(directory, &files, pruned..size, |line, bytes| {
        prover.push(&line.sha256);
        if line.seq == seq {
            found = Some((TreeHash::of_leaf(&line.sha256), String::from_utf8_lossy(bytes).into_owned()));
        }
    })?;
    if let (Some((leaf, line)), Some(inclusion)) = (found, prover.finish())
        && is_included(&leaf, seq, size, &checkpoint.root(), &inclusion)
    {
        return Ok(EntryProof { checkpoint, inclusion, line });
    }
    Err(cannot(directory, format!("the first {size} entries are not those that the checkpoint covers")))
}

/// Proves that the newest checkpoint of the trail in `directory` goes on from an earlier one.
///
/// # Errors
///
/// As [`prove`].
pub fn prove_consistency(
    directory: impl AsRef<Path>,
    earlier: &SignedCheckpoint,
) -> Result<ConsistencyProof, Error> {
    let directory = directory.as_ref();
    let old = earlier.size();
    let checkpoint = newest(directory, old)?.ok_or_else(|| {
        cannot(directory, format!("no checkpoint in {} covers {old} entries or more", file::NAME))
    })?;
    let size = checkpoint.size();
    let mut prover = Prover::of_consistency(old, size)
        .ok_or_else(|| cannot(directory, format!("a checkpoint over {size} entries is not later")))?;
    let files = segments::list(directory)?;
    let pruned = after_pruned(&files, &mut prover)?;
    if old < pruned {
        return Err(cannot(directory, format!("entries before seq {pruned} were pruned")));
    }
    each_leaf(directory, &files, pruned..size, |line, _| prover.push(&line.sha256))?;
    if let Some(consistency) = prover.finish()
        && is_consistent((old, &earlier.root()), (size, &checkpoint.root()), &consistency)
    {
        return Ok(ConsistencyProof { checkpoint, consistency, earlier: earlier.clone() });
    }
    Err(cannot(directory, format!("the first {size} entries do not go on from the earlier checkpoint")))
}

/// The largest checkpoint over `least` entries or more, of several the last.
fn newest(directory: &Path, least: u64) -> Result<Option<SignedCheckpoint>, Error> {
    let mut newest: Option<SignedCheckpoint> = None;
    file::read(&file::path(directory), |one| {
        if let Ok(checkpoint) = one.checkpoint
            && checkpoint.size() >= least
            && newest.as_ref().is_none_or(|newest| newest.size() <= checkpoint.size())
        {
            newest = Some(checkpoint);
        }
    })?;
    Ok(newest)
}

/// Where what was pruned of the trail ends, over which `prover` is given the tree.
fn after_pruned(files: &[TrailFile], prover: &mut Prover) -> Result<u64, Error> {
    let Some(pruned) = Pruned::look(files)? else { return Ok(0) };
    prover.begin_after(&pruned.frontier);
    Ok(pruned.size())
}

/// Shows those entries of a trail.
fn each_leaf(
    directory: &Path,
    files: &[TrailFile],
    Range { start, end: size }: Range<u64>,
    mut show: impl FnMut(&Line<'_>, &[u8]),
) -> Result<(), Error> {
    let mut next = start;
    for file in files {
        let mut lines = file.lines(MAX_LINE)?;
        while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
            if next == size {
                return Ok(());
            }
            let (offset, bytes) = match piece {
                Piece::Line { offset, bytes } => (offset, bytes),
                Piece::Long { offset, .. } => (offset, &b""[..]),
                // What a crash or a failed write leaves.
                Piece::Rest => continue,
            };
            let line = Line::recognise(bytes).ok().filter(Line::holds);
            // Files of what was pruned may have been put back.
            if next == start && line.is_some_and(|line| line.seq < start) {
                continue;
            }
            let Some(line) = line.filter(|line| line.seq == next) else {
                let reason =
                    format!("{}, byte {offset}: expected seq {next}, and the line is not it", file.name);
                return Err(cannot(directory, reason));
            };
            show(&line, bytes);
            next += 1;
        }
    }
    if next < size {
        return Err(cannot(directory, format!("the trail ends after {next} of {size} entries")));
    }
    Ok(())
}

fn cannot(directory: &Path, reason: String) -> Error {
    Error::Conflict { action: Operation::Prove, path: directory.to_owned(), reason }
}
