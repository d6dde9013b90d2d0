//! `kling-audit verify`: verifies trails, and records that in them.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use kling_audit::{
    AuditLog, Digest,
    checkpoint::VerifyingKey,
    verify::{Verification, Verifier},
};

use crate::{
    bar::Bar,
    failure::{EXIT_FAILED, Failure, Outcome, worse},
    stream::{print, print_failure, print_json},
};

#[derive(clap::Args)]
pub(crate) struct Verify {
    /// Directories of trails, or single files of a trail.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Print JSON: an object, or an array for several paths. Default: text.
    #[arg(long)]
    json: bool,
    /// Record the verification in each trail, as audit_verified. No other process may have the trail open.
    #[arg(long)]
    record: bool,
    /// Accept a copy without its head file. Entries missing at the end are then not noticed.
    #[arg(long, conflicts_with = "record")]
    no_head: bool,
    /// Public key, as keygen printed it, to check the checkpoints with. Can be given several times. Default:
    /// checkpoints are not checked.
    #[arg(long, value_name = "VKEY")]
    key: Vec<VerifyingKey>,
    /// File with checkpoints that were kept outside the trail: the trail must continue them. Can be given several
    /// times.
    #[arg(long, value_name = "FILE", requires = "key")]
    checkpoint: Vec<PathBuf>,
    /// Maximum age of the last entry that a checkpoint covers, such as 90m, 26h or 7days. Default: any age.
    #[arg(long, value_name = "T", requires = "key", value_parser = humantime::parse_duration)]
    max_age: Option<Duration>,
    /// File with receipts, one a line as append prints them: the trail must have their entries. Can be given several
    /// times.
    #[arg(long, value_name = "FILE")]
    receipt: Vec<PathBuf>,
    /// Number and hash of an entry that is known to be right, from an earlier verification or a receipt: verify only
    /// the entries after it. For one path only. Default: verify all entries.
    #[arg(long, value_name = "SEQ:HASH", value_parser = known_entry)]
    #[arg(conflicts_with_all = ["key", "checkpoint", "max_age", "receipt"])]
    since: Option<(u64, Digest)>,
    /// Number of threads that check lines. Default: the number that the machine runs in parallel, at most 16.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

pub(crate) fn verify(arguments: &Verify) -> Outcome {
    if arguments.since.is_some() && arguments.paths.len() > 1 {
        return Err(Failure::Message("--since is an entry of one trail: give one path".to_owned()));
    }
    let mut verifications = Vec::new();
    let mut worst = 0;
    for path in &arguments.paths {
        let verifier = prepare(path, arguments);
        let mut bar = Bar::new("verify");
        let verified = verifier.run_with_progress(|progress| bar.show(progress));
        drop(bar);
        let verification = match verified {
            Ok(verification) => verification,
            Err(error) => {
                print_failure(&error.into());
                worst = worse(worst, EXIT_FAILED);
                continue;
            }
        };
        worst = worse(worst, verification.verdict().exit_code());
        if !arguments.json {
            print(&verification.to_string())?;
        }
        if arguments.record
            && let Err(failure) = record(path, &verification)
        {
            print_failure(&failure);
            worst = worse(worst, EXIT_FAILED);
        }
        verifications.push(verification);
    }
    if arguments.json {
        print_json(&verifications, arguments.paths.len())?;
    }
    Ok(ExitCode::from(worst))
}

/// Returns the verifier that the arguments describe.
pub(crate) fn prepare(path: &Path, arguments: &Verify) -> Verifier {
    let mut verifier = Verifier::new(path);
    if arguments.no_head {
        verifier = verifier.without_head();
    }
    if let Some((seq, hash)) = arguments.since {
        verifier = verifier.since(seq, hash);
    }
    if let Some(threads) = arguments.threads {
        verifier = verifier.threads(threads);
    }
    if let Some(age) = arguments.max_age {
        verifier = verifier.max_age(age);
    }
    verifier = arguments.key.iter().cloned().fold(verifier, Verifier::key);
    verifier = arguments.checkpoint.iter().fold(verifier, Verifier::checkpoint);
    arguments.receipt.iter().fold(verifier, Verifier::receipts)
}

/// Parses `SEQ:HASH`.
pub(crate) fn known_entry(text: &str) -> Result<(u64, Digest), String> {
    let (seq, hash) = text.split_once(':').ok_or("expected SEQ:HASH")?;
    let seq = seq.parse().map_err(|error| format!("SEQ: {error}"))?;
    let hash = hash.parse().map_err(|error| format!("HASH: {error}"))?;
    Ok((seq, hash))
}

/// Records a verification in the trail that was verified.
pub(crate) fn record(path: &Path, verification: &Verification) -> Result<(), Failure> {
    let refuse = |reason| {
        Failure::Message(format!("record the verification in {:?}: {reason}", path.to_string_lossy()))
    };
    if !path.is_dir() {
        return Err(refuse("not a directory; a verification is recorded in the trail of a directory"));
    }
    if verification.entries() == 0 {
        return Err(refuse("there is no trail in this directory"));
    }
    let log = AuditLog::open(path)?;
    let recorded = log.record_verification(verification, &user());
    let closed = log.close();
    recorded?;
    closed?;
    Ok(())
}

/// Returns the name of the user that runs the command, for the record.
pub(crate) fn user() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned())
}
