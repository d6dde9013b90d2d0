//! The command: a thin shell over the public API.
//!
//! Exit codes: 0 intact or done, 1 tampered, 2 could not do it, 3 unverifiable.

#[path = "kling-audit/bar.rs"]
mod bar;

use std::{
    fmt,
    io::{self, BufRead, BufReader, Write},
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use bar::Bar;
use clap::{Parser, Subcommand, ValueEnum};
use kling_audit::{
    AuditLog, AuditLogBuilder, Checkpoints, ConsistencyProof, Digest, Draft, Durability, EntryProof,
    HashLength, Reader, Receipt, Reporter, Retention, SignedCheckpoint, SigningKey, Unproven, Verdict,
    Verification, Verifier, VerifyingKey,
};

/// A hash-chained audit trail: append to it, verify it, report on it.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Append entries to the trail in a directory, which is created where it is missing.
    ///
    /// Without --event-type, each line of standard input is one entry:
    /// {"event_type": .., "actor": .., "details": {..}, "erasable": {..}}, the last for details that can be erased later.
    /// For each, a line "SEQ HASH" is printed.
    Append(Append),
    /// Verify trails: directories, or single files.
    ///
    /// Exit code 0: intact, 1: tampered, 2: could not look, 3: unverifiable. Of several paths the worst counts.
    Verify(Verify),
    /// Make a key that signs the checkpoints of one trail, and print its public half.
    ///
    /// The private key goes to --out (mode 0600), which must not exist. Nothing is asked.
    Keygen(Keygen),
    /// Sign a checkpoint of a trail that nobody writes, as it stands, and print it.
    ///
    /// It is appended to audit.checkpoints in the trail, and to standard output. Keep it where the trail's owner can't
    /// reach. The trail is verified first: what is not intact is not signed.
    Checkpoint(Checkpoint),
    /// Prove, to somebody without the trail, that an entry stands in it, or that the trail goes on from a checkpoint.
    ///
    /// The proof, one JSON object, goes to standard output. It rests on the newest checkpoint of the trail.
    Prove(Prove),
    /// Check a proof: nothing else is needed.
    ///
    /// Exit code 0: proven, 1: not proven, 2: could not look, 3: unverifiable, since another key signed.
    CheckProof(CheckProof),
    /// Give up a trail that can't be gone on with: seal it, and begin a new one that tells of it.
    ///
    /// What is there is moved to DIR/sealed/TRAIL_ID/, unchanged.
    Adopt(Adopt),
    /// Erase values that an entry withholds, and record that as `audit_erased`; prints "SEQ HASH" of that entry.
    ///
    /// The trail verifies before and after. Needs the trail's lock: a service that holds it erases by itself.
    Erase(Erase),
    /// Report what trails say about the last days, and whether to believe it.
    ///
    /// Exit codes as those of verify: a report is worth what its trail is.
    Report(Report),
    /// Take whole files whose entries are all older than a period out of a trail, and record that as `audit_pruned`.
    ///
    /// Only what a checkpoint covers is taken out, and nothing that the trail states to be kept for longer. Needs the
    /// trail's lock. Without --key, sign a checkpoint afterwards: without one over the record, nobody can tell a pruned
    /// trail from one whose beginning was cut off.
    Prune(Prune),
    /// Show entries of a trail, one a line, with the values that they withhold as far as they are at hand.
    ///
    /// It shows what stands there; whether the trail is whole is for verify to say. Exit code 0: every line that was
    /// shown holds by itself, 1: one does not, 2: could not look.
    Show(Show),
    /// Compare a trail with what Kling AI has on the account: tasks that only one of both knows, other credits.
    ///
    /// The credentials are those of KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY. KLING_BASE_URL names
    /// another server. Exit code 0: nothing is unexplained, 1: something is, 2: could not look.
    #[cfg(feature = "kling")]
    Reconcile(Reconcile),
    /// Print what a trail names a prompt by: reads the prompt from standard input.
    ///
    /// Prints "HASH KIND LENGTH". With KLING_AUDIT_PROMPT_KEY the hash is made with that key. One newline at the end is
    /// taken off, unless --exact.
    #[cfg(feature = "kling")]
    PromptHash(PromptHash),
}

#[cfg(feature = "kling")]
#[derive(clap::Args)]
struct Reconcile {
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

#[cfg(feature = "kling")]
#[derive(clap::Args)]
struct PromptHash {
    /// Take standard input as it is, with its last newline.
    #[arg(long)]
    exact: bool,
}

#[derive(clap::Args)]
struct Append {
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
enum Level {
    /// Linked in memory.
    Buffered,
    /// Handed to the system: survives the death of this process.
    Written,
    /// On the device: survives a power cut.
    Synced,
}

#[derive(clap::Args)]
struct Verify {
    /// Directories, or single files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Print JSON: an object, or an array for several paths.
    #[arg(long)]
    json: bool,
    /// Record the verification itself in each trail, as `audit_verified`.
    #[arg(long)]
    record: bool,
    /// This is a copy: don't ask for the head, nor whether the end is there.
    #[arg(long, conflicts_with = "record")]
    no_head: bool,
    /// Check checkpoints with this key, as keygen printed it; may be given more than once.
    #[arg(long, value_name = "VKEY")]
    key: Vec<VerifyingKey>,
    /// Hold the trail against the checkpoints in this file, which was kept elsewhere.
    #[arg(long, value_name = "FILE", requires = "key")]
    checkpoint: Vec<PathBuf>,
    /// Ask for a checkpoint whose last entry is not older, such as 90m, 26h or 7days.
    #[arg(long, value_name = "T", requires = "key", value_parser = humantime::parse_duration)]
    max_age: Option<Duration>,
    /// Ask for the entries that the receipts in this file are for: a line each, as append prints them.
    #[arg(long, value_name = "FILE")]
    receipt: Vec<PathBuf>,
    /// Verify only what came after an entry that is known from an earlier verification, or from a receipt. Of one path.
    #[arg(long, value_name = "SEQ:HASH", value_parser = known_entry, conflicts_with_all = ["key", "checkpoint", "max_age", "receipt"])]
    since: Option<(u64, Digest)>,
    /// How many threads look at lines; as many as the machine runs at once, unless given.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

#[derive(clap::Args)]
struct Keygen {
    /// Where the private key goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The trail's name in its checkpoints: a host and path that is nobody else's, such as example.com/audit.
    #[arg(long, value_name = "NAME")]
    origin: String,
}

#[derive(clap::Args)]
struct Checkpoint {
    /// The trail's directory.
    dir: PathBuf,
    /// The private key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(clap::Args)]
struct Prove {
    /// The trail's directory.
    dir: PathBuf,
    /// The entry's number.
    #[arg(long, value_name = "N", required_unless_present = "since", conflicts_with = "since")]
    seq: Option<u64>,
    /// Prove that the trail goes on from the checkpoint in this file.
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
}

#[derive(clap::Args)]
struct CheckProof {
    /// The proof.
    file: PathBuf,
    /// The public key of who signs, as keygen printed it.
    #[arg(long, value_name = "VKEY")]
    key: VerifyingKey,
}

#[derive(clap::Args)]
struct Adopt {
    /// The trail's directory.
    dir: PathBuf,
    /// Who gives it up.
    #[arg(long)]
    actor: String,
    /// Why.
    #[arg(long)]
    reason: String,
}

#[derive(clap::Args)]
struct Erase {
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

#[derive(clap::Args)]
struct Report {
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
    /// How many threads look at lines; as many as the machine runs at once, unless given.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

#[derive(clap::Args)]
struct Prune {
    /// The trail's directory.
    dir: PathBuf,
    /// Keep what is not older than so many days.
    #[arg(long, value_name = "N")]
    keep_days: u32,
    /// Move files there instead of removing them.
    #[arg(long, value_name = "DIR2")]
    archive: Option<PathBuf>,
    /// Sign with the private key in this file: before the record, after it, and at the end.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Show {
    /// A directory, or a single file.
    path: PathBuf,
    /// Only entries of these numbers: N, N..M (both included), N.. or ..M.
    #[arg(long, value_name = "N..M", value_parser = parse_range)]
    seq: Option<(u64, u64)>,
    /// Only entries of this actor.
    #[arg(long)]
    actor: Option<String>,
    /// Only entries of this type.
    #[arg(long)]
    event_type: Option<String>,
    /// Print JSON, an object a line.
    #[arg(long)]
    json: bool,
}

/// Why a command could not be carried out.
#[derive(Debug)]
enum Failure {
    Audit(kling_audit::Error),
    /// What was done with a standard stream, and the cause.
    Stream(&'static str, io::Error),
    /// The number of an input line, and what is wrong with it.
    Input(u64, String),
    Usage(String),
}

type Outcome = Result<ExitCode, Failure>;

/// Something could not be done, or not be looked at.
const COULD_NOT: u8 = 2;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Append(arguments) => append(arguments),
        Command::Verify(arguments) => verify(&arguments),
        Command::Keygen(arguments) => keygen(&arguments),
        Command::Checkpoint(arguments) => checkpoint(&arguments),
        Command::Prove(arguments) => prove(&arguments),
        Command::CheckProof(arguments) => check_proof(&arguments),
        Command::Adopt(arguments) => adopt(&arguments),
        Command::Erase(arguments) => erase(&arguments),
        Command::Report(arguments) => report(&arguments),
        Command::Prune(arguments) => prune(arguments),
        Command::Show(arguments) => show(arguments),
        #[cfg(feature = "kling")]
        Command::Reconcile(arguments) => reconcile(&arguments),
        #[cfg(feature = "kling")]
        Command::PromptHash(arguments) => prompt_hash(&arguments),
    };
    done.unwrap_or_else(|failure| {
        complain(&failure);
        ExitCode::from(COULD_NOT)
    })
}

fn append(arguments: Append) -> Outcome {
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
fn append_lines(log: &AuditLog) -> Result<(), Failure> {
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
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
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

fn print_receipt(receipt: &Receipt) -> Result<(), Failure> {
    print(&format!("{} {}\n", receipt.seq, receipt.hash))
}

/// Reads `SEQ:HASH`.
fn known_entry(text: &str) -> Result<(u64, Digest), String> {
    let (seq, hash) = text.split_once(':').ok_or("the form is SEQ:HASH")?;
    let seq = seq.parse().map_err(|error| format!("SEQ: {error}"))?;
    let hash = hash.parse().map_err(|error| format!("HASH: {error}"))?;
    Ok((seq, hash))
}

fn verify(arguments: &Verify) -> Outcome {
    if arguments.since.is_some() && arguments.paths.len() > 1 {
        return Err(Failure::Usage(
            "--since names an entry of one trail, and several paths are given".to_owned(),
        ));
    }
    let mut verifications = Vec::new();
    let mut worst = 0;
    for path in &arguments.paths {
        let verifier = prepare(path, arguments);
        let mut bar = Bar::new("verify");
        let verified = verifier.run_with_progress(|progress| bar.show(progress));
        drop(bar);
        let verification = match verified {
            Ok(verification) => verification,
            Err(error) => {
                complain(&error.into());
                worst = worse(worst, COULD_NOT);
                continue;
            }
        };
        worst = worse(worst, verification.verdict().exit_code());
        if !arguments.json {
            print(&verification.to_string())?;
        }
        if arguments.record
            && let Err(failure) = record(path, &verification)
        {
            complain(&failure);
            worst = worse(worst, COULD_NOT);
        }
        verifications.push(verification);
    }
    if arguments.json {
        print_json(&verifications, arguments.paths.len())?;
    }
    Ok(ExitCode::from(worst))
}

fn prepare(path: &Path, arguments: &Verify) -> Verifier {
    let mut verifier = Verifier::new(path);
    if arguments.no_head {
        verifier = verifier.without_head();
    }
    if let Some((seq, hash)) = arguments.since {
        verifier = verifier.since(seq, hash);
    }
    if let Some(threads) = arguments.threads {
        verifier = verifier.threads(threads);
    }
    if let Some(age) = arguments.max_age {
        verifier = verifier.max_age(age);
    }
    verifier = arguments.key.iter().cloned().fold(verifier, Verifier::key);
    verifier = arguments.checkpoint.iter().fold(verifier, Verifier::checkpoint);
    arguments.receipt.iter().fold(verifier, Verifier::receipts)
}

fn keygen(arguments: &Keygen) -> Outcome {
    let key = SigningKey::generate(&arguments.out, &arguments.origin)?;
    print(&format!("{}\n", key.verifying_key()))?;
    Ok(ExitCode::SUCCESS)
}

fn checkpoint(arguments: &Checkpoint) -> Outcome {
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

fn prove(arguments: &Prove) -> Outcome {
    let proof = match (&arguments.since, arguments.seq) {
        (Some(path), _) => {
            let text = read(path)?;
            let earlier: SignedCheckpoint = text.parse().map_err(|error| unreadable(path, &error))?;
            kling_audit::prove_consistency(&arguments.dir, &earlier)?.to_string()
        }
        (None, Some(seq)) => kling_audit::prove(&arguments.dir, seq)?.to_string(),
        (None, None) => return Err(Failure::Usage("--seq or --since is needed".to_owned())),
    };
    print(&format!("{}\n", ascii(&proof)))?;
    Ok(ExitCode::SUCCESS)
}

fn check_proof(arguments: &CheckProof) -> Outcome {
    let text = read(&arguments.file)?;
    let checked = match text.parse::<ConsistencyProof>() {
        Ok(proof) => proof.check(&arguments.key).map(|()| {
            let (old, new) = (proof.earlier().size(), proof.checkpoint().size());
            format!(
                "PROVEN  the trail of {} grew from {old} to {new} entries, and nothing before was changed\n",
                arguments.key.name()
            )
        }),
        Err(_) => {
            let proof: EntryProof = text.parse().map_err(|error| unreadable(&arguments.file, &error))?;
            proof.check(&arguments.key).map(|entry| {
                format!("PROVEN  seq {} of the trail of {}\n{}\n", entry.seq, entry.origin, entry.line)
            })
        }
    };
    match checked {
        Ok(proven) => print(&proven).map(|()| ExitCode::SUCCESS),
        Err(unproven) => {
            complain(&Failure::Usage(format!("check {:?}: {unproven}", arguments.file.to_string_lossy())));
            let verdict = match unproven {
                Unproven::OtherKey { .. } => Verdict::Unverifiable,
                _ => Verdict::Tampered,
            };
            Ok(ExitCode::from(verdict.exit_code()))
        }
    }
}

/// Reads a small file.
fn read(path: &Path) -> Result<String, Failure> {
    const LIMIT: u64 = 1 << 20;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| io::Read::read_to_string(&mut io::Read::take(file, LIMIT), &mut text))
        .map_err(|error| unreadable(path, &error))?;
    Ok(text)
}

fn unreadable(path: &Path, error: &dyn fmt::Display) -> Failure {
    Failure::Usage(format!("read {:?}: {error}", path.to_string_lossy()))
}

/// Records a verification in the trail that was verified.
fn record(path: &Path, verification: &Verification) -> Result<(), Failure> {
    let refuse =
        |reason| Failure::Usage(format!("record the verification in {:?}: {reason}", path.to_string_lossy()));
    if !path.is_dir() {
        return Err(refuse("not a directory, and a verification is recorded in its trail"));
    }
    if verification.entries() == 0 {
        return Err(refuse("there is no trail in it"));
    }
    let log = AuditLog::open(path)?;
    let recorded = log.record_verification(verification, &user());
    let closed = log.close();
    recorded?;
    closed?;
    Ok(())
}

/// Who runs this, for the record.
fn user() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn adopt(arguments: &Adopt) -> Outcome {
    let log = AuditLog::builder(&arguments.dir).adopt(&arguments.actor, &arguments.reason)?;
    let trail_id = log.trail_id();
    log.close()?;
    print(&format!("the new trail is {trail_id}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn erase(arguments: &Erase) -> Outcome {
    let log = existing(&arguments.dir, "erase from")?.open()?;
    let erased = log.erase(arguments.seq, arguments.field.as_deref(), &arguments.actor, &arguments.reason);
    let closed = log.close();
    let receipt = erased?;
    closed?;
    print_receipt(&receipt)?;
    Ok(ExitCode::SUCCESS)
}

/// Prepares to open a trail that is there; `action` names what for.
fn existing(directory: &Path, action: &str) -> Result<AuditLogBuilder, Failure> {
    if !directory.join("audit.head").is_file() {
        let shown = directory.to_string_lossy();
        return Err(Failure::Usage(format!("{action} {shown:?}: there is no trail in it")));
    }
    Ok(AuditLog::builder(directory))
}

fn report(arguments: &Report) -> Outcome {
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

fn prune(arguments: Prune) -> Outcome {
    let mut builder = existing(&arguments.dir, "prune")?;
    if let Some(key) = arguments.key {
        builder = builder.checkpoints(Checkpoints::new(SigningKey::open(key)?));
    }
    let log = builder.open()?;
    let mut retention = Retention::days(arguments.keep_days).actor(user());
    if let Some(archive) = arguments.archive {
        retention = retention.archive(archive);
    }
    let pruned = log.prune(&retention);
    let closed = log.close();
    let pruning = pruned?;
    closed?;
    print(&format!("{pruning}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: Show) -> Outcome {
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
    for shown in reader.entries()? {
        let shown = shown?;
        all_hold &= shown.holds();
        let written = match arguments.json {
            true => writeln!(out, "{}", shown.to_json()),
            false => writeln!(out, "{shown}"),
        };
        written.map_err(write)?;
    }
    out.flush().map_err(write)?;
    Ok(ExitCode::from(u8::from(!all_hold)))
}

/// Reads N, N..M, N.. or ..M.
fn parse_range(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str, missing: u64| match text {
        "" => Ok(missing),
        digits => digits.parse::<u64>().map_err(|error| format!("{digits:?}: {error}")),
    };
    let (from, to) = match text.split_once("..") {
        Some(("", "")) => return Err("neither end is given".to_owned()),
        Some((from, to)) => (number(from, 0)?, number(to, u64::MAX)?),
        None => {
            let only = text.parse().map_err(|error| format!("{text:?}: {error}"))?;
            (only, only)
        }
    };
    if from > to { Err(format!("{from} is more than {to}")) } else { Ok((from, to)) }
}

/// What is unexplained between a trail and the vendor.
#[cfg(feature = "kling")]
fn reconcile(arguments: &Reconcile) -> Outcome {
    use kling_audit::kling::{self, Client, Credentials, Period};

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
#[cfg(feature = "kling")]
fn with_causes(error: &dyn std::error::Error) -> String {
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

/// How a trail names a prompt.
#[cfg(feature = "kling")]
fn prompt_hash(arguments: &PromptHash) -> Outcome {
    use kling_audit::kling::{PromptKey, unkeyed_prompt_hash};

    let prompt =
        io::read_to_string(io::stdin()).map_err(|error| Failure::Stream("read standard input", error))?;
    let prompt = match arguments.exact {
        true => prompt.as_str(),
        false => {
            prompt.strip_suffix('\n').map_or(prompt.as_str(), |line| line.strip_suffix('\r').unwrap_or(line))
        }
    };
    let key = PromptKey::from_env().map_err(|error| Failure::Usage(error.to_string()))?;
    let (hash, kind) = match key {
        Some(key) => (key.hash(prompt), key.kind()),
        None => (unkeyed_prompt_hash(prompt), "sha256-16".to_owned()),
    };
    print(&format!("{hash} {kind} {}\n", prompt.chars().count()))?;
    Ok(ExitCode::SUCCESS)
}

/// Of two exit codes the one that counts: 1, then 2, then 3, then 0.
fn worse(one: u8, other: u8) -> u8 {
    let tampered = Verdict::Tampered.exit_code();
    let unverifiable = Verdict::Unverifiable.exit_code();
    [tampered, COULD_NOT, unverifiable].into_iter().find(|code| [one, other].contains(code)).unwrap_or(0)
}

/// One value as an object, the outcomes of several paths as an array.
fn print_json<T: serde::Serialize>(values: &[T], asked: usize) -> Result<(), Failure> {
    let text = match values {
        [value] if asked == 1 => serde_json::to_string(value),
        [] if asked == 1 => return Ok(()),
        values => serde_json::to_string(values),
    };
    let text = text.map_err(|error| Failure::Stream("write JSON to standard output", error.into()))?;
    print(&ascii(&text))?;
    print("\n")
}

/// JSON with everything beyond printable ASCII escaped, so that a terminal is safe from it.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// Prints and flushes: who reads this may wait for it.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Stream("write to standard output", error))
}

fn complain(failure: &Failure) {
    // If stderr is gone there is nobody left to tell; the exit code still says it.
    drop(writeln!(io::stderr(), "kling-audit: {failure}"));
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

impl From<kling_audit::Error> for Failure {
    fn from(error: kling_audit::Error) -> Self {
        Self::Audit(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audit(error) => error.fmt(f),
            Self::Stream(action, error) => write!(f, "{action}: {error}"),
            Self::Input(line, cause) => write!(f, "standard input, line {line}: {cause}"),
            Self::Usage(cause) => f.write_str(cause),
        }
    }
}
