//! `kling-audit report`: counts the entries of a period.

use std::{num::NonZero, path::PathBuf, process::ExitCode};

use kling_audit::{checkpoint::VerifyingKey, report::Reporter};

use crate::{
    bar::Bar,
    failure::{EXIT_FAILED, Outcome, worse},
    stream::{print, print_failure, print_json},
};

#[derive(clap::Args)]
pub(crate) struct Report {
    /// Directories of trails, or single files of a trail.
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// Length of the period in days, counted back from now.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Print JSON: an object, or an array for several directories. Default: text.
    #[arg(long)]
    json: bool,
    /// Accept a copy without its head file. Entries missing at the end are then not noticed.
    #[arg(long)]
    no_head: bool,
    /// Public key, as keygen printed it, to check the checkpoints with. Can be given several times. All files of the
    /// trail are then verified. Default: checkpoints are not checked.
    #[arg(long, value_name = "VKEY")]
    key: Vec<VerifyingKey>,
    /// Number of threads that check lines. Default: the number that the machine runs in parallel, at most 16.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

pub(crate) fn report(arguments: &Report) -> Outcome {
    let mut reports = Vec::new();
    let mut worst = 0;
    for directory in &arguments.dirs {
        let mut reporter = Reporter::new(directory).days(arguments.days);
        for key in &arguments.key {
            reporter = reporter.key(key.clone());
        }
        if arguments.no_head {
            reporter = reporter.without_head();
        }
        if let Some(threads) = arguments.threads {
            reporter = reporter.threads(threads);
        }
        let mut bar = Bar::new("report");
        let reported = reporter.run_with_progress(|progress| bar.show(progress));
        drop(bar);
        match reported {
            Ok(report) => {
                if !arguments.json {
                    print(&report.to_string())?;
                }
                worst = worse(worst, report.verdict.exit_code());
                reports.push(report);
            }
            Err(error) => {
                print_failure(&error.into());
                worst = worse(worst, EXIT_FAILED);
            }
        }
    }
    if arguments.json {
        print_json(&reports, arguments.dirs.len())?;
    }
    Ok(ExitCode::from(worst))
}
