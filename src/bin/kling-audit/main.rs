//! The command `kling-audit`: a thin layer over the public API, with one file for each subcommand.
//!
//! | exit status | meaning |
//! |---|---|
//! | 0 | done, and the trail is intact where that was checked |
//! | 1 | the trail is tampered with, or a check failed |
//! | 2 | the command could not do its work |
//! | 3 | it can't be determined if the trail is intact |

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

use failure::EXIT_FAILED;

/// Append to, verify and report on tamper-evident audit trails.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Append entries to a trail.
    ///
    /// The directory is created if it does not exist. Without --event-type, each line of standard input is one entry as
    /// JSON: {"event_type": .., "actor": .., "details": {..}, "erasable": {..}}. The values in "erasable" can be erased
    /// later. For each entry that was recorded, prints its receipt: a line "SEQ HASH".
    Append(append::Append),
    /// Verify that no entry of a trail is missing or was changed.
    ///
    /// Exits with status 0 (intact), 1 (tampered), 2 (path unreadable) or 3 (cannot be determined). Of several paths,
    /// the worst status counts, in the order 1, 2, 3, 0.
    Verify(verify::Verify),
    /// Generate a key that signs the checkpoints of one trail.
    ///
    /// Writes the private key to a new file with mode 0600, and prints the public key. Verifiers of the trail need
    /// the public key. Keep the private key away from the trail's directory.
    Keygen(checkpoint::Keygen),
    /// Sign a checkpoint of a trail, and print it.
    ///
    /// No other process may have the trail open. The trail is verified first, and no checkpoint of a trail that is not
    /// intact is signed. The checkpoint is appended to audit.checkpoints in the trail and printed. Keep a copy out of
    /// reach of the trail's owner. Exits with the status of verify.
    Checkpoint(checkpoint::Checkpoint),
    /// Prove that an entry is in a trail, or that a trail continues an earlier checkpoint.
    ///
    /// Prints the proof as one JSON object. The proof rests on the newest checkpoint in the trail, and can be checked
    /// without the trail.
    Prove(prove::Prove),
    /// Check a proof without the trail.
    ///
    /// Exits with status 0 (proven), 1 (not proven), 2 (file unreadable) or 3 (signed by another key).
    CheckProof(prove::CheckProof),
    /// Seal a trail that can't be continued, and begin a new one.
    ///
    /// Moves the files of the old trail unchanged to DIR/sealed/TRAIL_ID/. The first entry of the new trail describes
    /// the old one. Prints the new trail's id. After an interruption, run the command again: it continues.
    Adopt(adopt::Adopt),
    /// Erase the erasable values of an entry.
    ///
    /// Records the erasure as audit_erased, and prints the receipt of that entry: a line "SEQ HASH". The trail stays
    /// intact. No other process may have the trail open: a service that does can erase through its own log.
    Erase(erase::Erase),
    /// Count the entries of a period by type, actor, day and task.
    ///
    /// Verifies the files of the period. Exits with the status that verify would have.
    Report(report::Report),
    /// Remove or archive files whose entries are all older than N days.
    ///
    /// Records the pruning as audit_pruned, and signs a checkpoint before that entry and one after it. Only these
    /// distinguish a pruned trail from one whose first files were deleted. Files that the trail promises to keep longer
    /// are not removed. No other process may have the trail open.
    Prune(prune::Prune),
    /// Print entries of a trail, one a line, with their erasable values.
    ///
    /// Checks each printed entry by itself. Only verify checks that no entry is missing. Exits with status 0 (every
    /// printed line is intact), 1 (at least one is not) or 2 (path unreadable).
    Show(show::Show),
    /// Compare a trail with the tasks and credits of the account at Kling AI.
    ///
    /// Reports tasks that only one of the two has, and credits that differ. Reads the credentials from KLING_API_KEY,
    /// or from KLING_ACCESS_KEY and KLING_SECRET_KEY, and the server from KLING_BASE_URL if that is set. Exits with
    /// status 0 (no unexplained difference), 1 (at least one) or 2 (the comparison failed).
    #[cfg(feature = "kling")]
    Reconcile(reconcile::Reconcile),
    /// Print the hash that stands for a prompt in a trail.
    ///
    /// Reads the prompt from standard input, and prints "HASH KIND LENGTH". Uses the key in KLING_AUDIT_PROMPT_KEY if
    /// that is set. Removes one newline at the end, unless --exact is given.
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
        stream::print_failure(&failure);
        ExitCode::from(EXIT_FAILED)
    })
}
