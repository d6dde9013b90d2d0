//! `kling-audit adopt`: seals a trail that can't be continued, and begins a new one.

use std::{path::PathBuf, process::ExitCode};

use kling_audit::AuditLog;

use crate::{failure::Outcome, stream::print};

#[derive(clap::Args)]
pub(crate) struct Adopt {
    /// Directory of the trail.
    dir: PathBuf,
    /// Actor of the adoption, for the record: a name.
    #[arg(long)]
    actor: String,
    /// Reason of the adoption, for the record: a text.
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
