//! `kling-audit prove` and `kling-audit check-proof`: proofs that are checked without the trail.

use std::{path::PathBuf, process::ExitCode};

use kling_audit::{
    checkpoint::{ConsistencyProof, EntryProof, ProofError, SignedCheckpoint, VerifyingKey},
    verify::Verdict,
};

use crate::{
    failure::{Failure, Outcome},
    stream::{ascii, print, print_failure, read, unreadable},
};

#[derive(clap::Args)]
pub(crate) struct Prove {
    /// Directory of the trail.
    dir: PathBuf,
    /// Number of the entry to prove.
    #[arg(long, value_name = "N", required_unless_present = "since", conflicts_with = "since")]
    seq: Option<u64>,
    /// File with an earlier checkpoint: prove that the trail continues it.
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct CheckProof {
    /// File with the proof, as prove printed it.
    file: PathBuf,
    /// Public key of the signer, as keygen printed it.
    #[arg(long, value_name = "VKEY")]
    key: VerifyingKey,
}

pub(crate) fn prove(arguments: &Prove) -> Outcome {
    let proof = match (&arguments.since, arguments.seq) {
        (Some(path), _) => {
            let text = read(path)?;
            let earlier: SignedCheckpoint = text.parse().map_err(|error| unreadable(path, &error))?;
            kling_audit::checkpoint::prove_consistency(&arguments.dir, &earlier)?.to_string()
        }
        (None, Some(seq)) => kling_audit::checkpoint::prove(&arguments.dir, seq)?.to_string(),
        (None, None) => return Err(Failure::Message("one of --seq and --since is required".to_owned())),
    };
    print(&format!("{}\n", ascii(&proof)))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn check_proof(arguments: &CheckProof) -> Outcome {
    let text = read(&arguments.file)?;
    let checked = match text.parse::<ConsistencyProof>() {
        Ok(proof) => proof.check(&arguments.key).map(|()| {
            let (old, new) = (proof.earlier().size(), proof.checkpoint().size());
            format!(
                "PROVEN  the trail of {} grew from {old} to {new} entries, and the first {old} are unchanged\n",
                arguments.key.name()
            )
        }),
        Err(_) => {
            let proof: EntryProof = text.parse().map_err(|error| unreadable(&arguments.file, &error))?;
            proof.check(&arguments.key).map(|entry| {
                format!("PROVEN  seq {} of the trail of {}\n{}\n", entry.seq, entry.origin, entry.line)
            })
        }
    };
    match checked {
        Ok(proven) => print(&proven).map(|()| ExitCode::SUCCESS),
        Err(unproven) => {
            print_failure(&Failure::Message(format!(
                "check {:?}: {unproven}",
                arguments.file.to_string_lossy()
            )));
            let verdict = match unproven {
                ProofError::OtherKey { .. } => Verdict::Unverifiable,
                _ => Verdict::Tampered,
            };
            Ok(ExitCode::from(verdict.exit_code()))
        }
    }
}
