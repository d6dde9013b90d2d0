//! Erasing values that entries withhold.

use std::{path::PathBuf, process::ExitCode};

use crate::{
    failure::Outcome,
    stream::{existing, print_receipt},
};

#[derive(clap::Args)]
pub(crate) struct Erase {
    /// The trail's directory.
    dir: PathBuf,
    /// The entry's number.
    #[arg(long)]
    seq: u64,
    /// The value's name; without it, all values of the entry are erased.
    #[arg(long)]
    field: Option<String>,
    /// Who erases it.
    #[arg(long)]
    actor: String,
    /// Why. It stays in the trail: nothing personal.
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
