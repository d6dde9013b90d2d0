//! Comparing a trail with what Kling AI has on the account.

use std::{path::PathBuf, process::ExitCode};

use kling_audit::AuditLog;

use crate::{
    failure::{Failure, Outcome},
    stream::{print, print_json},
    verify::user,
};

#[derive(clap::Args)]
pub(crate) struct Reconcile {
    /// The trail's directory.
    dir: PathBuf,
    /// How many days back.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Record this in the trail of another directory, such as where a service holds the trail itself.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is unexplained between a trail and the vendor.
pub(crate) fn reconcile(arguments: &Reconcile) -> Outcome {
    use kling_audit::kling::{self, Client, Credentials, billing::Period};

    let credentials = Credentials::from_env().map_err(|error| Failure::Usage(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Stream("start a runtime", error))?;
    if !arguments.dir.is_dir() {
        return Err(Failure::Usage(format!("reconcile {}: not a directory", arguments.dir.display())));
    }
    let log = AuditLog::open(arguments.log.as_ref().unwrap_or(&arguments.dir))?;
    let compare = || {
        let mut builder = Client::builder(credentials, log.clone()).actor(user());
        if let Ok(base_url) = std::env::var("KLING_BASE_URL")
            && !base_url.trim().is_empty()
        {
            builder = builder.base_url(base_url.trim());
        }
        let client = builder.build()?;
        runtime.block_on(kling::reconcile(&arguments.dir, &client, Period::days(arguments.days)))
    };
    let compared: Result<_, kling::Error> = compare();
    let closed = log.close();
    let reconciliation = compared.map_err(|error| Failure::Usage(with_causes(&error)))?;
    closed?;
    match arguments.json {
        true => print_json(std::slice::from_ref(&reconciliation), 1)?,
        false => print(&reconciliation.to_string())?,
    }
    Ok(ExitCode::from(u8::from(!reconciliation.is_clean())))
}

/// An error and what caused it.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
