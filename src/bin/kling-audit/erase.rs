//! `kling-audit erase`: erases the erasable values of an entry.

use std::{path::PathBuf, process::ExitCode};

use crate::{
    failure::Outcome,
    stream::{existing, print_receipt},
};

#[derive(clap::Args)]
pub(crate) struct Erase {
    /// Directory of the trail.
    dir: PathBuf,
    /// Number of the entry.
    #[arg(long)]
    seq: u64,
    /// Name of the value to erase. Default: all erasable values of the entry.
    #[arg(long)]
    field: Option<String>,
    /// Actor of the erasure, for the record: a name.
    #[arg(long)]
    actor: String,
    /// Reason of the erasure, for the record: a text. It can never be erased, so write no personal data in it.
    #[arg(long)]
    reason: String,
}

pub(crate) fn erase(arguments: &Erase) -> Outcome {
    let log = existing(&arguments.dir, "erase from")?.open()?;
    let erased = log.erase(arguments.seq, arguments.field.as_deref(), &arguments.actor, &arguments.reason);
    let closed = log.close();
    let receipt = erased?;
    closed?;
    print_receipt(&receipt)?;
    Ok(ExitCode::SUCCESS)
}
