//! `kling-audit keygen` and `kling-audit checkpoint`: a signing key, and a checkpoint of a trail that no log has open.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use kling_audit::checkpoint::SigningKey;

use crate::{failure::Outcome, stream::print};

#[derive(clap::Args)]
pub(crate) struct Keygen {
    /// New file for the private key. It must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Name of the trail in its checkpoints: a host and a path, unique to the trail, such as example.com/audit.
    #[arg(long, value_name = "NAME")]
    origin: String,
}

#[derive(clap::Args)]
pub(crate) struct Checkpoint {
    /// Directory of the trail.
    dir: PathBuf,
    /// File with the private key, as keygen wrote it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(crate) fn keygen(arguments: &Keygen) -> Outcome {
    let key = SigningKey::generate(&arguments.out, &arguments.origin)?;
    print(&format!("{}\n", key.verifying_key()))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn checkpoint(arguments: &Checkpoint) -> Outcome {
    let key = SigningKey::open(&arguments.key)?;
    match kling_audit::checkpoint(&arguments.dir, &key) {
        Ok(checkpoint) => print(&checkpoint.to_string()).map(|()| ExitCode::SUCCESS),
        // The verification goes to standard error: a script that keeps standard output must get a checkpoint or
        // nothing.
        Err(kling_audit::Error::NotIntact(verification)) => {
            drop(write!(io::stderr(), "{verification}"));
            Ok(ExitCode::from(verification.verdict().exit_code()))
        }
        Err(error) => Err(error.into()),
    }
}
