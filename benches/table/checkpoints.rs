//! The cost of checkpoints: an event in a log that signs against one in a log that does not, and verification with a
//! key against verification without.

use std::{hint::black_box, path::Path};

use kling_audit::{
    AuditLog, Durability,
    checkpoint::{Checkpoints, SigningKey, VerifyingKey},
    verify::Verifier,
};

use crate::{
    measure::{Row, Scale, Table},
    subject::{self, emit, stack},
};

pub(crate) fn measure(table: &mut Table, scale: Scale) {
    events_of_a_log_that_signs(table, scale);
    verification_under_a_key(table, scale);
}

/// Opens a log that signs with the default settings: after 100,000 entries.
fn signing(parent: &Path, name: &str, durability: Durability) -> (AuditLog, VerifyingKey) {
    let key = SigningKey::generate(parent.join(format!("{name}.key")), "example.com/audit").expect("a key");
    let public = key.verifying_key().clone();
    let builder = AuditLog::builder(parent.join(name)).durability(durability);
    (builder.checkpoints(Checkpoints::new(key)).open().expect("a log"), public)
}

fn events_of_a_log_that_signs(table: &mut Table, scale: Scale) {
    for (durability, name) in [
        (Durability::Buffered, "event of a log that signs, buffered"),
        (Durability::Written, "event of a log that signs, written"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let (ours, _) = signing(directory.path(), "ours", durability);
        let theirs = subject::log(&directory.path().join("theirs"), durability);
        let (our_stack, their_stack) = (stack(&ours), stack(&theirs));

        table.pair(
            Row::new(name, "the same without").at_most(1.03),
            scale.events(100_000),
            scale,
            |count| emit(&our_stack, count),
            |count| emit(&their_stack, count),
        );
        ours.close().expect("closes");
        theirs.close().expect("closes");
    }
}

fn verification_under_a_key(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let (log, key) = signing(directory.path(), "audit", Durability::Buffered);
    emit(&stack(&log), scale.events(200_000));
    log.close().expect("closes");
    let count = scale.events(200_000);
    let verifier = Verifier::new(directory.path().join("audit"));
    let with_key = verifier.clone().key(key);
    let signed = with_key.run().expect("readable");
    assert_eq!(signed.signed_through(), signed.last().and_then(|last| last.seq), "{signed}");

    table.pair(
        Row::new("verify an entry under a key", "the same without").at_most(1.35),
        count,
        scale,
        |_| drop(black_box(with_key.run().expect("readable"))),
        |_| drop(black_box(verifier.run().expect("readable"))),
    );
}
