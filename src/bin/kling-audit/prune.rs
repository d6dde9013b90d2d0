//! `kling-audit prune`: removes or archives files whose entries are all older than a period.

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
    /// Directory of the trail.
    dir: PathBuf,
    /// Number of days of entries to keep. A day is 24 hours.
    #[arg(long, value_name = "N")]
    keep_days: u32,
    /// Directory to move the files to. Default: the files are removed.
    #[arg(long, value_name = "DIR2")]
    archive: Option<PathBuf>,
    /// File with the private key of the trail, as keygen wrote it. Required if a file is to be removed.
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
