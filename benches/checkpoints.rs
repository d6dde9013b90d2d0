//! What checkpoints cost: the path of an event in a log that signs, beside one that doesn't; verification under a key,
//! beside the same without. `cargo bench --bench checkpoints`; with `-- --test` everything runs once.

#[allow(dead_code, reason = "each bench uses some of it")]
mod pair;

use std::{hint::black_box, path::Path};

use kling_audit::{AuditLog, Checkpoints, Durability, SigningKey, Verifier, VerifyingKey};
use pair::{Scale, Table};
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::prelude::*;

fn main() {
    let scale = Scale::from_arguments();
    let mut table = Table::default();
    events_of_a_log_that_signs(&mut table, scale);
    verification_under_a_key(&mut table, scale);
    print!("{table}");
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

fn record(log: &AuditLog, count: u64) {
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(log.layer()));
    dispatcher::with_default(&dispatch, || (0..count).for_each(eight_fields));
}

/// A log that signs with the defaults: after 100,000 entries each.
fn signing(place: &Path, name: &str, durability: Durability) -> (AuditLog, VerifyingKey) {
    let key = SigningKey::generate(place.join(format!("{name}.key")), "example.com/audit").expect("a key");
    let public = key.verifying_key().clone();
    let builder = AuditLog::builder(place.join(name)).durability(durability);
    (builder.checkpoints(Checkpoints::new(key)).open().expect("a log"), public)
}

fn events_of_a_log_that_signs(table: &mut Table, scale: Scale) {
    for (durability, name) in [
        (Durability::Buffered, "event of a log that signs, buffered"),
        (Durability::Written, "event of a log that signs, written"),
    ] {
        let place = tempfile::tempdir().expect("a directory");
        let (ours, _) = signing(place.path(), "ours", durability);
        let theirs = AuditLog::builder(place.path().join("theirs")).durability(durability).open();
        let theirs = theirs.expect("a log");

        table.pair(
            name,
            "the same without",
            scale.events(100_000),
            scale,
            |count| record(&ours, count),
            |count| record(&theirs, count),
        );
        ours.close().expect("closes");
        theirs.close().expect("closes");
    }
}

fn verification_under_a_key(table: &mut Table, scale: Scale) {
    let place = tempfile::tempdir().expect("a directory");
    let (log, key) = signing(place.path(), "audit", Durability::Buffered);
    record(&log, scale.events(200_000));
    log.close().expect("closes");
    let count = scale.events(200_000);
    let verifier = Verifier::new(place.path().join("audit"));
    let with_key = verifier.clone().key(key);
    let signed = with_key.run().expect("readable");
    assert_eq!(signed.signed_through(), signed.last().and_then(|last| last.seq), "{signed}");

    table.pair(
        "verify an entry under a key",
        "the same without",
        count,
        scale,
        |_| drop(black_box(with_key.run().expect("readable"))),
        |_| drop(black_box(verifier.run().expect("readable"))),
    );
}
