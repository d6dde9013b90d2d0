//! Making proofs from a trail, in one pass over the entries that the checkpoint covers.
//!
//! Promise: a proof that is returned fits its checkpoint. The signature is not checked here, since no key is known; the
//! receiver of the proof checks it.

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
    error::{Error, Operation},
    format::line::{Line, MAX_LINE_BYTES},
    storage::{
        line_reader::Piece,
        prune_record::Pruned,
        segments::{self, TrailFile},
    },
};

/// Proves that the entry `seq` is in the trail in `directory`, by the trail's newest checkpoint.
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
/// [`Error::Conflict`] if no checkpoint covers the entry, if the entry was pruned, or if the trail's entries are not
/// those that the checkpoint covers; [`Error::Io`].
pub fn prove(directory: impl AsRef<Path>, seq: u64) -> Result<EntryProof, Error> {
    let directory = directory.as_ref();
    let checkpoint = newest(directory, seq.saturating_add(1))?.ok_or_else(|| {
        cannot(directory, format!("no checkpoint in {} covers seq {seq}", file::CHECKPOINTS_FILE))
    })?;
    let size = checkpoint.size();
    let mut prover = Prover::of_inclusion(seq, size).ok_or_else(|| {
        cannot(directory, format!("a checkpoint over {size} entries does not cover seq {seq}"))
    })?;
    let mut found = None;
    // Listed after the checkpoint was read, so that the entries which it covers are in the list.
    let files = segments::list(directory)?;
    let pruned = begin_after_pruned(&files, &mut prover)?;
    if seq < pruned {
        return Err(cannot(directory, format!("entries before seq {pruned} were pruned")));
    }
    for_each_entry(directory, &files, pruned..size, |line, bytes| {
        prover.push(&line.sha256);
        if line.seq == seq {
            found = Some((TreeHash::of_leaf(&line.sha256), String::from_utf8_lossy(bytes).into_owned()));
        }
    })?;
    if let (Some((leaf, line)), Some(inclusion)) = (found, prover.finish())
        && is_included(&leaf, seq, checkpoint.tree_head(), &inclusion)
    {
        return Ok(EntryProof { checkpoint, inclusion, line });
    }
    Err(cannot(directory, format!("the first {size} entries are not those that the checkpoint covers")))
}

/// Proves that the newest checkpoint of the trail in `directory` extends the checkpoint `earlier`.
///
/// # Errors
///
/// [`Error::Conflict`] if no checkpoint covers as many entries, if entries after `earlier` were pruned, or if the
/// trail's entries do not extend it; [`Error::Io`].
pub fn prove_consistency(
    directory: impl AsRef<Path>,
    earlier: &SignedCheckpoint,
) -> Result<ConsistencyProof, Error> {
    let directory = directory.as_ref();
    let old = earlier.size();
    let checkpoint = newest(directory, old)?.ok_or_else(|| {
        cannot(directory, format!("no checkpoint in {} covers {old} entries or more", file::CHECKPOINTS_FILE))
    })?;
    let size = checkpoint.size();
    let mut prover = Prover::of_consistency(old, size)
        .ok_or_else(|| cannot(directory, format!("a checkpoint over {size} entries is not later")))?;
    let files = segments::list(directory)?;
    let pruned = begin_after_pruned(&files, &mut prover)?;
    if old < pruned {
        return Err(cannot(directory, format!("entries before seq {pruned} were pruned")));
    }
    for_each_entry(directory, &files, pruned..size, |line, _| prover.push(&line.sha256))?;
    if let Some(consistency) = prover.finish()
        && is_consistent(earlier.tree_head(), checkpoint.tree_head(), &consistency)
    {
        return Ok(ConsistencyProof { checkpoint, consistency, earlier: earlier.clone() });
    }
    Err(cannot(directory, format!("the first {size} entries do not extend the earlier checkpoint")))
}

/// Returns the largest checkpoint over at least `min_size` entries. Of several with that size, the last.
fn newest(directory: &Path, min_size: u64) -> Result<Option<SignedCheckpoint>, Error> {
    let mut newest: Option<SignedCheckpoint> = None;
    file::read(&file::path(directory), |found| {
        if let Ok(checkpoint) = found.checkpoint
            && checkpoint.size() >= min_size
            && newest.as_ref().is_none_or(|newest| newest.size() <= checkpoint.size())
        {
            newest = Some(checkpoint);
        }
    })?;
    Ok(newest)
}

/// Gives `prover` the tree over the pruned entries, which the trail records. Returns the number of pruned entries.
fn begin_after_pruned(files: &[TrailFile], prover: &mut Prover) -> Result<u64, Error> {
    let Some(pruned) = Pruned::of_trail(files)? else { return Ok(0) };
    prover.begin_after(&pruned.frontier);
    Ok(pruned.size())
}

/// Calls `on_entry` with each entry whose number is in the range. Each of them must be there, in order and valid.
fn for_each_entry(
    directory: &Path,
    files: &[TrailFile],
    Range { start, end }: Range<u64>,
    mut on_entry: impl FnMut(&Line<'_>, &[u8]),
) -> Result<(), Error> {
    let mut next = start;
    for file in files {
        let mut lines = file.lines(MAX_LINE_BYTES)?;
        while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
            if next == end {
                return Ok(());
            }
            let (offset, bytes) = match piece {
                Piece::Line { offset, bytes } => (offset, bytes),
                Piece::TooLong { offset, .. } => (offset, &b""[..]),
                // A crash or a failed write leaves an unfinished line.
                Piece::Unterminated => continue,
            };
            let line = Line::recognise(bytes).ok().filter(Line::holds);
            // Pruned files may have been copied back. Their entries are in the recorded tree already.
            if next == start && line.is_some_and(|line| line.seq < start) {
                continue;
            }
            let Some(line) = line.filter(|line| line.seq == next) else {
                let reason =
                    format!("{}, byte {offset}: the line is not the expected entry {next}", file.name);
                return Err(cannot(directory, reason));
            };
            on_entry(&line, bytes);
            next += 1;
        }
    }
    if next < end {
        return Err(cannot(directory, format!("the trail ends after {next} of {end} entries")));
    }
    Ok(())
}

fn cannot(directory: &Path, reason: String) -> Error {
    Error::Conflict { action: Operation::Prove, path: directory.to_owned(), reason }
}
