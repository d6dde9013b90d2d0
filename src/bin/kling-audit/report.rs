//! Reports on trails.

use std::{num::NonZero, path::PathBuf, process::ExitCode};

use kling_audit::{checkpoint::VerifyingKey, report::Reporter};

use crate::{
    bar::Bar,
    failure::{COULD_NOT, Outcome, worse},
    stream::{complain, print, print_json},
};

#[derive(clap::Args)]
pub(crate) struct Report {
    /// Directories, or single files.
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// How many days back.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Print JSON: an object, or an array for several directories.
    #[arg(long)]
    json: bool,
    /// This is a copy: don't ask for the head, nor whether the end is there.
    #[arg(long)]
    no_head: bool,
    /// Check checkpoints with this key, as keygen printed it; may be given more than once. All files are verified then.
    #[arg(long, value_name = "VKEY")]
    key: Vec<VerifyingKey>,
    /// How many threads look at lines; as many as the machine runs at once, 16 at most, unless given.
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
                complain(&error.into());
                worst = worse(worst, COULD_NOT);
            }
        }
    }
    if arguments.json {
        print_json(&reports, arguments.dirs.len())?;
    }
    Ok(ExitCode::from(worst))
}
