//! Appending: one entry of the arguments, or one a line of standard input.

use std::{
    io::{self, BufRead, BufReader},
    path::PathBuf,
    process::ExitCode,
};

use clap::ValueEnum;
use kling_audit::{AuditLog, AuditLogBuilder, Draft, Durability, HashLength};

use crate::{
    bar::Bar,
    failure::{Failure, Outcome},
    stream::print_receipt,
};

#[derive(clap::Args)]
pub(crate) struct Append {
    /// The trail's directory.
    dir: PathBuf,
    /// Who did it, where a line does not say.
    #[arg(long)]
    actor: Option<String>,
    /// Append one entry of this type instead of reading standard input.
    #[arg(long)]
    event_type: Option<String>,
    /// The entry's details, a JSON object.
    #[arg(long, requires = "event_type")]
    details: Option<String>,
    /// Begin the trail with 16-digit hashes instead of 64-digit ones.
    #[arg(long)]
    short_hashes: bool,
    /// What the printed line promises.
    #[arg(long, value_enum, default_value_t = Level::Written)]
    durability: Level,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Level {
    /// Linked in memory.
    Buffered,
    /// Handed to the system: survives the death of this process.
    Written,
    /// On the device: survives a power cut.
    Synced,
}

pub(crate) fn append(arguments: Append) -> Outcome {
    let mut drafts = Vec::new();
    if let Some(event_type) = arguments.event_type {
        let mut draft = Draft::new(event_type);
        if let Some(details) = arguments.details {
            draft = draft
                .details_json(&details)
                .map_err(|error| Failure::Usage(format!("--details: {error}")))?;
        }
        drafts.push(draft);
    }
    let mut builder: AuditLogBuilder = AuditLog::builder(&arguments.dir);
    if let Some(actor) = arguments.actor {
        builder = builder.actor(actor);
    }
    if arguments.short_hashes {
        builder = builder.hash_length(HashLength::Short);
    }
    let log = builder.durability(arguments.durability.into()).open()?;
    let appended = match drafts.pop() {
        Some(draft) => log.append(draft).map_err(Failure::from).and_then(|receipt| print_receipt(&receipt)),
        None => append_lines(&log),
    };
    // What came before a failure stays, and the trail ends in order.
    let closed = log.close().map_err(Failure::from);
    appended.and(closed).map(|()| ExitCode::SUCCESS)
}

/// One entry a line of standard input.
pub(crate) fn append_lines(log: &AuditLog) -> Result<(), Failure> {
    let mut input = BufReader::new(io::stdin().lock());
    let mut line = Vec::new();
    let mut bar = Bar::beside_output("append");
    for number in 1.. {
        line.clear();
        if !read_line(&mut input, &mut line).map_err(|error| Failure::Stream("read standard input", error))? {
            break;
        }
        let input = |cause: String| Failure::Input(number, cause);
        let text = std::str::from_utf8(&line).map_err(|error| input(error.to_string()))?;
        let draft = Draft::from_json(text).map_err(|error| input(error.to_string()))?;
        let receipt = log.append(draft).map_err(|error| input(error.to_string()))?;
        print_receipt(&receipt)?;
        bar.count(number);
    }
    Ok(())
}

/// Reads a line without its newline; `false` at the end. Lines beyond all reason are refused before they fill the
/// memory.
pub(crate) fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    const LIMIT: u64 = 4 << 20;
    let read = io::Read::take(&mut *input, LIMIT).read_until(b'\n', line)?;
    if read as u64 == LIMIT && line.last() != Some(&b'\n') {
        return Err(io::Error::other(format!("a line has more than {LIMIT} bytes")));
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(read > 0)
}

impl From<Level> for Durability {
    fn from(level: Level) -> Self {
        match level {
            Level::Buffered => Self::Buffered,
            Level::Written => Self::Written,
            Level::Synced => Self::Synced,
        }
    }
}
