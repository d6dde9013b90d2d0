//! `kling-audit show`: prints entries of a trail.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use kling_audit::read::Reader;

use crate::failure::{Failure, Outcome};

#[derive(clap::Args)]
pub(crate) struct Show {
    /// Directory of the trail, or a single file of a trail.
    path: PathBuf,
    /// Numbers of the entries to print: N, N..M (both included), N.. or ..M. Default: all.
    #[arg(long, value_name = "N..M", value_parser = parse_range)]
    seq: Option<(u64, u64)>,
    /// Actor of the entries to print. Default: all.
    #[arg(long)]
    actor: Option<String>,
    /// Type of the entries to print. Default: all.
    #[arg(long)]
    event_type: Option<String>,
    /// Print one JSON object a line. Default: text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn show(arguments: Show) -> Outcome {
    let mut reader = Reader::new(&arguments.path);
    if let Some((from, to)) = arguments.seq {
        reader = reader.seq(from..=to);
    }
    if let Some(actor) = arguments.actor {
        reader = reader.actor(actor);
    }
    if let Some(event_type) = arguments.event_type {
        reader = reader.event_type(event_type);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let write = |error| Failure::Stream("write to standard output", error);
    let mut all_hold = true;
    for line in reader.entries()? {
        let line = line?;
        all_hold &= line.holds();
        let written = match arguments.json {
            true => writeln!(out, "{}", line.to_json()),
            false => writeln!(out, "{line}"),
        };
        written.map_err(write)?;
    }
    out.flush().map_err(write)?;
    Ok(ExitCode::from(u8::from(!all_hold)))
}

/// Parses `N`, `N..M`, `N..` or `..M`.
pub(crate) fn parse_range(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str, missing: u64| match text {
        "" => Ok(missing),
        digits => digits.parse::<u64>().map_err(|error| format!("{digits:?}: {error}")),
    };
    let (from, to) = match text.split_once("..") {
        Some(("", "")) => return Err("at least one of N and M is required".to_owned()),
        Some((from, to)) => (number(from, 0)?, number(to, u64::MAX)?),
        None => {
            let only = text.parse().map_err(|error| format!("{text:?}: {error}"))?;
            (only, only)
        }
    };
    if from > to { Err(format!("{from} is greater than {to}")) } else { Ok((from, to)) }
}
