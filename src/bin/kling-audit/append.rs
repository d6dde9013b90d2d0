//! `kling-audit append`: records one entry from the arguments, or one for each line of standard input.

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
    /// Directory of the trail. It is created if it does not exist.
    dir: PathBuf,
    /// Actor of entries that do not name one: a name. Default: system.
    #[arg(long)]
    actor: Option<String>,
    /// Append one entry of this type, and do not read standard input.
    #[arg(long)]
    event_type: Option<String>,
    /// Details of that entry: a JSON object. Default: no details.
    #[arg(long, requires = "event_type")]
    details: Option<String>,
    /// Begin a new trail with hashes of 16 digits. Default: 64 digits. An existing trail keeps its length.
    #[arg(long)]
    short_hashes: bool,
    /// Failure that a recorded entry survives.
    #[arg(long, value_enum, default_value_t = Level::Written)]
    durability: Level,
}

/// [`Durability`] as an argument.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Level {
    /// None: the entry is in memory when the receipt is printed.
    Buffered,
    /// A crash of the process: the entry was written to the OS.
    Written,
    /// A power failure: the entry was synced to the device.
    Synced,
}

pub(crate) fn append(arguments: Append) -> Outcome {
    let mut drafts = Vec::new();
    if let Some(event_type) = arguments.event_type {
        let mut draft = Draft::new(event_type);
        if let Some(details) = arguments.details {
            draft = draft
                .details_json(&details)
                .map_err(|error| Failure::Message(format!("--details: {error}")))?;
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
    // Entries before a failed one stay recorded. The log is closed in both cases, so that the trail ends with
    // `audit_stopped` and not as after a crash.
    let closed = log.close().map_err(Failure::from);
    appended.and(closed).map(|()| ExitCode::SUCCESS)
}

/// Appends one entry for each line of standard input, and prints the receipts.
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

/// Reads a line without its newline. Returns `false` at the end.
///
/// # Errors
///
/// Also for a line of more than 4 MiB, so that endless input can't fill the memory.
pub(crate) fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    const MAX_INPUT_LINE_BYTES: u64 = 4 << 20;
    let read = io::Read::take(&mut *input, MAX_INPUT_LINE_BYTES).read_until(b'\n', line)?;
    if read as u64 == MAX_INPUT_LINE_BYTES && line.last() != Some(&b'\n') {
        return Err(io::Error::other(format!("a line is longer than {MAX_INPUT_LINE_BYTES} bytes")));
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
