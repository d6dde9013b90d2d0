//! The command: a thin shell over the public API, with a file for each of its subcommands.
//!
//! Exit codes: 0 intact or done, 1 tampered, 2 could not do it, 3 unverifiable.

mod adopt;
mod append;
mod bar;
mod checkpoint;
mod erase;
mod failure;
#[cfg(feature = "kling")]
mod prompt_hash;
mod prove;
mod prune;
#[cfg(feature = "kling")]
mod reconcile;
mod report;
mod show;
mod stream;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::COULD_NOT;

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
    Append(append::Append),
    /// Verify trails: directories, or single files.
    ///
    /// Exit code 0: intact, 1: tampered, 2: could not look, 3: unverifiable. Of several paths the worst counts.
    Verify(verify::Verify),
    /// Make a key that signs the checkpoints of one trail, and print its public half.
    ///
    /// The private key goes to --out (mode 0600), which must not exist. Nothing is asked.
    Keygen(checkpoint::Keygen),
    /// Sign a checkpoint of a trail that nobody writes, as it stands, and print it.
    ///
    /// It is appended to audit.checkpoints in the trail, and to standard output. Keep it where the trail's owner can't
    /// reach. The trail is verified first: what is not intact is not signed.
    Checkpoint(checkpoint::Checkpoint),
    /// Prove, to somebody without the trail, that an entry stands in it, or that the trail goes on from a checkpoint.
    ///
    /// The proof, one JSON object, goes to standard output. It rests on the newest checkpoint of the trail.
    Prove(prove::Prove),
    /// Check a proof: nothing else is needed.
    ///
    /// Exit code 0: proven, 1: not proven, 2: could not look, 3: unverifiable, since another key signed.
    CheckProof(prove::CheckProof),
    /// Give up a trail that can't be gone on with: seal it, and begin a new one that tells of it.
    ///
    /// What is there is moved to DIR/sealed/TRAIL_ID/, unchanged.
    Adopt(adopt::Adopt),
    /// Erase values that an entry withholds, and record that as `audit_erased`; prints "SEQ HASH" of that entry.
    ///
    /// The trail verifies before and after. Needs the trail's lock: a service that holds it erases by itself.
    Erase(erase::Erase),
    /// Report what trails say about the last days, and whether to believe it.
    ///
    /// Exit codes as those of verify: a report is worth what its trail is.
    Report(report::Report),
    /// Take whole files whose entries are all older than a period out of a trail, and record that as `audit_pruned`.
    ///
    /// Nothing is taken out that the trail states to be kept for longer. Needs the trail's lock, and the signing key: a
    /// checkpoint is signed before the record and one over it, without which nobody can tell a pruned trail from one
    /// whose beginning was cut off.
    Prune(prune::Prune),
    /// Show entries of a trail, one a line, with the values that they withhold as far as they are at hand.
    ///
    /// It shows what stands there; whether the trail is whole is for verify to say. Exit code 0: every line that was
    /// shown holds by itself, 1: one does not, 2: could not look.
    Show(show::Show),
    /// Compare a trail with what Kling AI has on the account: tasks that only one of both knows, other credits.
    ///
    /// The credentials are those of KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY. KLING_BASE_URL names
    /// another server. Exit code 0: nothing is unexplained, 1: something is, 2: could not look.
    #[cfg(feature = "kling")]
    Reconcile(reconcile::Reconcile),
    /// Print what a trail names a prompt by: reads the prompt from standard input.
    ///
    /// Prints "HASH KIND LENGTH". With KLING_AUDIT_PROMPT_KEY the hash is made with that key. One newline at the end is
    /// taken off, unless --exact.
    #[cfg(feature = "kling")]
    PromptHash(prompt_hash::PromptHash),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Append(arguments) => append::append(arguments),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Keygen(arguments) => checkpoint::keygen(&arguments),
        Command::Checkpoint(arguments) => checkpoint::checkpoint(&arguments),
        Command::Prove(arguments) => prove::prove(&arguments),
        Command::CheckProof(arguments) => prove::check_proof(&arguments),
        Command::Adopt(arguments) => adopt::adopt(&arguments),
        Command::Erase(arguments) => erase::erase(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Prune(arguments) => prune::prune(arguments),
        Command::Show(arguments) => show::show(arguments),
        #[cfg(feature = "kling")]
        Command::Reconcile(arguments) => reconcile::reconcile(&arguments),
        #[cfg(feature = "kling")]
        Command::PromptHash(arguments) => prompt_hash::prompt_hash(&arguments),
    };
    done.unwrap_or_else(|failure| {
        stream::complain(&failure);
        ExitCode::from(COULD_NOT)
    })
}
