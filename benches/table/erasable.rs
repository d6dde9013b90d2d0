//! The cost of erasable values, against ordinary values.

use std::{fs, hint::black_box, path::Path};

use kling_audit::{AuditLog, Draft, Durability, read::Reader, verify::Verifier};

use crate::{
    measure::{Row, Scale, Table},
    subject::{bytes, log},
};

pub(crate) fn measure(table: &mut Table, scale: Scale) {
    appending(table, scale);
    verifying(table, scale);
    showing(table, scale);
}

fn draft(number: u64) -> Draft {
    Draft::new("account_opened").actor("alice").detail("account", number).detail("plan", "standard")
}

fn clear(log: &AuditLog, number: u64) {
    log.append(draft(number).detail("email", "alice@example.com")).expect("recorded");
}

fn erasable(log: &AuditLog, number: u64) {
    log.append(draft(number).erasable("email", "alice@example.com")).expect("recorded");
}

fn appending(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let (with, without) =
        ["with", "without"].map(|name| log(&directory.path().join(name), Durability::Buffered)).into();
    table.pair(
        Row::new("append, one value of three erasable", "append, none"),
        scale.events(20_000),
        scale,
        |count| (0..count).for_each(|number| erasable(&with, number)),
        |count| (0..count).for_each(|number| clear(&without, number)),
    );
}

/// Writes a trail with an erasable value in every tenth entry.
fn trail(directory: &Path, entries: u64) {
    let log = log(directory, Durability::Buffered);
    for number in 0..entries {
        if number % 10 == 0 { erasable(&log, number) } else { clear(&log, number) }
    }
    log.close().expect("closes");
}

fn verifying(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let (with, without) = (directory.path().join("with"), directory.path().join("without"));
    trail(&with, scale.events(200_000));
    trail(&without, scale.events(200_000));
    // Without the directory of the values, verification checks the same entries and nothing beside them.
    fs::remove_dir_all(without.join("audit.private")).expect("removed");
    let run = |trail: &Path| drop(black_box(Verifier::new(trail).run().expect("readable")));
    table.pair_of_bytes(
        Row::new("verify, values of each tenth entry", "verify, no values beside the trail"),
        bytes(&with),
        scale,
        || run(&with),
        || run(&without),
    );
}

fn showing(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path().join("audit");
    let entries = scale.events(200_000);
    trail(&directory, entries);
    let show = |from: u64| {
        let shown = Reader::new(&directory).seq(from..from + 5).entries().expect("readable");
        assert!(black_box(shown.count()) > 0);
    };
    table.pair(
        Row::new("show, five entries from the end", "show, five from the start"),
        5,
        scale,
        |_| show(entries - 5),
        |_| show(0),
    );
}
