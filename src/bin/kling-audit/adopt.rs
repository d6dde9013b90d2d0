//! Giving up a trail that can't be gone on with.

use std::{path::PathBuf, process::ExitCode};

use kling_audit::AuditLog;

use crate::{failure::Outcome, stream::print};

#[derive(clap::Args)]
pub(crate) struct Adopt {
    /// The trail's directory.
    dir: PathBuf,
    /// Who gives it up.
    #[arg(long)]
    actor: String,
    /// Why.
    #[arg(long)]
    reason: String,
}

pub(crate) fn adopt(arguments: &Adopt) -> Outcome {
    let log = AuditLog::builder(&arguments.dir).adopt(&arguments.actor, &arguments.reason)?;
    let trail_id = log.trail_id();
    log.close()?;
    print(&format!("the new trail is {trail_id}\n"))?;
    Ok(ExitCode::SUCCESS)
}
