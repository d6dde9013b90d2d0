//! Taking out what is older than a period.

use std::{path::PathBuf, process::ExitCode};

use kling_audit::{
    Retention,
    checkpoint::{Checkpoints, SigningKey},
};

use crate::{
    failure::Outcome,
    stream::{existing, print},
    verify::user,
};

#[derive(clap::Args)]
pub(crate) struct Prune {
    /// The trail's directory.
    dir: PathBuf,
    /// Keep what is not older than so many days.
    #[arg(long, value_name = "N")]
    keep_days: u32,
    /// Move files there instead of removing them.
    #[arg(long, value_name = "DIR2")]
    archive: Option<PathBuf>,
    /// Sign with the private key in this file: before the record, after it, and at the end. Without it nothing is taken
    /// out.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

pub(crate) fn prune(arguments: Prune) -> Outcome {
    let mut builder = existing(&arguments.dir, "prune")?;
    if let Some(key) = arguments.key {
        builder = builder.checkpoints(Checkpoints::new(SigningKey::open(key)?));
    }
    let log = builder.open()?;
    let mut retention = Retention::days(arguments.keep_days).actor(user());
    if let Some(archive) = arguments.archive {
        retention = retention.archive(archive);
    }
    let pruned = log.prune(&retention);
    let closed = log.close();
    let pruning = pruned?;
    closed?;
    print(&format!("{pruning}\n"))?;
    Ok(ExitCode::SUCCESS)
}
