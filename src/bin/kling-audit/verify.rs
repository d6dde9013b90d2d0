//! Verifying trails, and recording that in them.

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
    failure::{COULD_NOT, Failure, Outcome, worse},
    stream::{complain, print, print_json},
};

#[derive(clap::Args)]
pub(crate) struct Verify {
    /// Directories, or single files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Print JSON: an object, or an array for several paths.
    #[arg(long)]
    json: bool,
    /// Record the verification itself in each trail, as `audit_verified`.
    #[arg(long)]
    record: bool,
    /// This is a copy: don't ask for the head, nor whether the end is there.
    #[arg(long, conflicts_with = "record")]
    no_head: bool,
    /// Check checkpoints with this key, as keygen printed it; may be given more than once.
    #[arg(long, value_name = "VKEY")]
    key: Vec<VerifyingKey>,
    /// Hold the trail against the checkpoints in this file, which was kept elsewhere.
    #[arg(long, value_name = "FILE", requires = "key")]
    checkpoint: Vec<PathBuf>,
    /// Ask for a checkpoint whose last entry is not older, such as 90m, 26h or 7days.
    #[arg(long, value_name = "T", requires = "key", value_parser = humantime::parse_duration)]
    max_age: Option<Duration>,
    /// Ask for the entries that the receipts in this file are for: a line each, as append prints them.
    #[arg(long, value_name = "FILE")]
    receipt: Vec<PathBuf>,
    /// Verify only what came after an entry that is known from an earlier verification, or from a receipt. Of one path.
    #[arg(long, value_name = "SEQ:HASH", value_parser = known_entry, conflicts_with_all = ["key", "checkpoint", "max_age", "receipt"])]
    since: Option<(u64, Digest)>,
    /// How many threads look at lines; as many as the machine runs at once, 16 at most, unless given.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

pub(crate) fn verify(arguments: &Verify) -> Outcome {
    if arguments.since.is_some() && arguments.paths.len() > 1 {
        return Err(Failure::Usage(
            "--since names an entry of one trail, and several paths are given".to_owned(),
        ));
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
                complain(&error.into());
                worst = worse(worst, COULD_NOT);
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
            complain(&failure);
            worst = worse(worst, COULD_NOT);
        }
        verifications.push(verification);
    }
    if arguments.json {
        print_json(&verifications, arguments.paths.len())?;
    }
    Ok(ExitCode::from(worst))
}

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

/// Reads `SEQ:HASH`.
pub(crate) fn known_entry(text: &str) -> Result<(u64, Digest), String> {
    let (seq, hash) = text.split_once(':').ok_or("the form is SEQ:HASH")?;
    let seq = seq.parse().map_err(|error| format!("SEQ: {error}"))?;
    let hash = hash.parse().map_err(|error| format!("HASH: {error}"))?;
    Ok((seq, hash))
}

/// Records a verification in the trail that was verified.
pub(crate) fn record(path: &Path, verification: &Verification) -> Result<(), Failure> {
    let refuse =
        |reason| Failure::Usage(format!("record the verification in {:?}: {reason}", path.to_string_lossy()));
    if !path.is_dir() {
        return Err(refuse("not a directory, and a verification is recorded in its trail"));
    }
    if verification.entries() == 0 {
        return Err(refuse("there is no trail in it"));
    }
    let log = AuditLog::open(path)?;
    let recorded = log.record_verification(verification, &user());
    let closed = log.close();
    recorded?;
    closed?;
    Ok(())
}

/// Who runs this, for the record.
pub(crate) fn user() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned())
}
