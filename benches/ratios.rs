//! Each figure beside its peer, in one run: `cargo bench`. With `-- --test` everything runs once, to prove that it
//! does.
//!
//! The two of a pair take turns, round by round, so that a noisy machine disturbs both; the ratio is the median of the
//! rounds' ratios. Absolute times are this machine's, ratios travel better.

#[allow(dead_code, reason = "each bench uses some of it")]
mod pair;

use std::{fs, hint::black_box, io::BufWriter, path::Path};

use kling_audit::{AuditLog, Durability, Verifier, audit};
use pair::{Scale, Table};
use sha2::{Digest as _, Sha256};
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::{filter::LevelFilter, fmt as tracing_fmt, prelude::*};

fn main() {
    let scale = Scale::from_arguments();
    let mut table = Table::default();
    layer_against_fmt(&mut table, scale);
    macro_against_tracing(&mut table, scale);
    disabled_callsites(&mut table, scale);
    verify_against_hashing(&mut table, scale);
    print!("{table}");
}

fn log(directory: &Path, durability: Durability) -> AuditLog {
    AuditLog::builder(directory).durability(durability).open().expect("a log")
}

/// An event of eight fields, the size that an API call gives.
fn eight_fields(number: u64) {
    tracing::info!(
        target: "audit",
        actor = "alice",
        action = "text_to_video",
        model = "kling-v2-6",
        duration = "5",
        mode = "std",
        prompt_length = number,
        attempt = 1_u64,
        cached = false,
    );
}

fn eight_fields_by_macro(number: u64) {
    audit!(
        "task_submitted",
        actor = "alice",
        action = "text_to_video",
        model = "kling-v2-6",
        duration = "5",
        mode = "std",
        prompt_length = number,
        attempt = 1_u64,
        cached = false,
    );
}

fn json_file(path: &Path, buffered: bool) -> Dispatch {
    let file = fs::File::create(path).expect("a file");
    if buffered {
        let writer = std::sync::Mutex::new(BufWriter::with_capacity(256 * 1024, file));
        Dispatch::new(tracing_subscriber::registry().with(tracing_fmt::layer().json().with_writer(writer)))
    } else {
        let writer = std::sync::Mutex::new(file);
        Dispatch::new(tracing_subscriber::registry().with(tracing_fmt::layer().json().with_writer(writer)))
    }
}

/// An event through the layer into a chained trail, against one through `fmt().json()` into the same kind of writer.
fn layer_against_fmt(table: &mut Table, scale: Scale) {
    for (durability, name, peer) in [
        (Durability::Buffered, "event through the layer, buffered", "fmt().json() into a BufWriter"),
        (Durability::Written, "event through the layer, written", "fmt().json(), a write an event"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let log = log(&directory.path().join("audit"), durability);
        let ours = Dispatch::new(tracing_subscriber::registry().with(log.layer()));
        let theirs = json_file(&directory.path().join("peer"), durability == Durability::Buffered);

        table.pair(
            name,
            peer,
            scale.events(20_000),
            scale,
            |count| dispatcher::with_default(&ours, || (0..count).for_each(eight_fields)),
            |count| dispatcher::with_default(&theirs, || (0..count).for_each(eight_fields)),
        );
        log.close().expect("closes");
    }
}

fn macro_against_tracing(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let log = log(&directory.path().join("audit"), Durability::Buffered);
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(log.layer()));

    table.pair(
        "audit! through the layer",
        "tracing::info! through the layer",
        scale.events(20_000),
        scale,
        |count| dispatcher::with_default(&dispatch, || (0..count).for_each(eight_fields_by_macro)),
        |count| dispatcher::with_default(&dispatch, || (0..count).for_each(eight_fields)),
    );
    log.close().expect("closes");
}

/// What everybody else pays: a `trace!` that nobody wants, with the layer in the stack and without.
fn disabled_callsites(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let log = log(&directory.path().join("audit"), Durability::Buffered);
    let info = LevelFilter::INFO;
    let fmt = tracing_fmt::layer().with_writer(std::io::sink).with_filter(info);
    let with = Dispatch::new(tracing_subscriber::registry().with(log.layer()).with(fmt));
    let trace = |count: u64| {
        for number in 0..count {
            tracing::trace!(number, "nobody wants this");
        }
    };
    // One after the other, since the two dispatchers would share the callsite's cached interest.
    let ours = dispatcher::with_default(&with, || table.time(scale.events(2_000_000), scale, trace));
    drop(with);
    let fmt = tracing_fmt::layer().with_writer(std::io::sink).with_filter(info);
    let without = Dispatch::new(tracing_subscriber::registry().with(fmt));
    let theirs = dispatcher::with_default(&without, || table.time(scale.events(2_000_000), scale, trace));
    table.difference("a disabled trace!, with the layer", "the same without", ours, theirs);
    log.close().expect("closes");
}

/// Verification, everything checked, against the SHA-256 of the same bytes by the same crate.
fn verify_against_hashing(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    let log = log(&trail, Durability::Buffered);
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(log.layer()));
    dispatcher::with_default(&dispatch, || (0..scale.events(100_000)).for_each(eight_fields));
    log.close().expect("closes");
    let files: Vec<_> = fs::read_dir(&trail)
        .expect("a directory")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    let bytes = files.iter().map(|path| fs::metadata(path).expect("there").len()).sum::<u64>();

    table.pair_of_bytes(
        "verify, everything checked",
        "SHA-256 of the same bytes",
        bytes,
        scale,
        || drop(black_box(Verifier::new(&trail).run().expect("readable"))),
        || {
            for file in &files {
                black_box(Sha256::digest(fs::read(file).expect("readable")));
            }
        },
    );
}
