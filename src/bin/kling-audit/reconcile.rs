//! `kling-audit reconcile`: compares a trail with the account at Kling AI.

use std::{path::PathBuf, process::ExitCode};

use kling_audit::AuditLog;

use crate::{
    failure::{Failure, Outcome},
    stream::{print, print_json},
    verify::user,
};

#[derive(clap::Args)]
pub(crate) struct Reconcile {
    /// Directory of the trail.
    dir: PathBuf,
    /// Length of the period in days, counted back from now.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Directory of another trail that records the comparison, such as while a service has the first one open.
    /// Default: the trail itself.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Print a JSON object. Default: text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn reconcile(arguments: &Reconcile) -> Outcome {
    use kling_audit::kling::{self, Client, Credentials, billing::Period};

    let credentials = Credentials::from_env().map_err(|error| Failure::Message(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Stream("start the async runtime", error))?;
    let refused = |cause: &dyn std::fmt::Display| {
        Failure::Message(format!("reconcile {:?}: {cause}", arguments.dir.to_string_lossy()))
    };
    if !std::fs::metadata(&arguments.dir).map_err(|error| refused(&error))?.is_dir() {
        return Err(refused(&"not a directory"));
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
    let reconciliation = compared.map_err(|error| Failure::Message(with_causes(&error)))?;
    closed?;
    match arguments.json {
        true => print_json(std::slice::from_ref(&reconciliation), 1)?,
        false => print(&reconciliation.to_string())?,
    }
    Ok(ExitCode::from(u8::from(!reconciliation.is_clean())))
}

/// Returns the text of an error with the texts of its causes, each once.
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
