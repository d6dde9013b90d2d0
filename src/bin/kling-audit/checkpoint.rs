//! Keys, and checkpoints of trails that nobody writes.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use kling_audit::checkpoint::SigningKey;

use crate::{failure::Outcome, stream::print};

#[derive(clap::Args)]
pub(crate) struct Keygen {
    /// Where the private key goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The trail's name in its checkpoints: a host and path that is nobody else's, such as example.com/audit.
    #[arg(long, value_name = "NAME")]
    origin: String,
}

#[derive(clap::Args)]
pub(crate) struct Checkpoint {
    /// The trail's directory.
    dir: PathBuf,
    /// The private key.
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
        // What is wrong with the trail is said as verify says it, and standard output is the checkpoint's alone.
        Err(kling_audit::Error::NotIntact(verification)) => {
            drop(write!(io::stderr(), "{verification}"));
            Ok(ExitCode::from(verification.verdict().exit_code()))
        }
        Err(error) => Err(error.into()),
    }
}
