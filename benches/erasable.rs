//! What values that can be erased cost, beside values that can't, in one run: `cargo bench --bench erasable`.

#[allow(dead_code, reason = "each bench uses some of it")]
mod pair;

use std::{fs, hint::black_box, path::Path};

use kling_audit::{AuditLog, Draft, Durability, Reader, Verifier};
use pair::{Scale, Table};

fn main() {
    let scale = Scale::from_arguments();
    let mut table = Table::default();
    appending(&mut table, scale);
    verifying(&mut table, scale);
    showing(&mut table, scale);
    print!("{table}");
}

fn draft(number: u64) -> Draft {
    Draft::new("account_opened").actor("alice").detail("account", number).detail("plan", "standard")
}

fn clear(log: &AuditLog, number: u64) {
    log.append(draft(number).detail("email", "alice@example.com")).expect("recorded");
}

fn withheld(log: &AuditLog, number: u64) {
    log.append(draft(number).erasable("email", "alice@example.com")).expect("recorded");
}

fn log(directory: &Path) -> AuditLog {
    AuditLog::builder(directory).durability(Durability::Buffered).open().expect("a log")
}

fn appending(table: &mut Table, scale: Scale) {
    let place = tempfile::tempdir().expect("a directory");
    let (with, without) = (log(&place.path().join("with")), log(&place.path().join("without")));
    table.pair(
        "append, one value of three erasable",
        "append, none",
        scale.events(20_000),
        scale,
        |count| (0..count).for_each(|number| withheld(&with, number)),
        |count| (0..count).for_each(|number| clear(&without, number)),
    );
}

/// A trail in which every tenth entry withholds a value.
fn trail(directory: &Path, entries: u64) {
    let log = log(directory);
    for number in 0..entries {
        if number % 10 == 0 { withheld(&log, number) } else { clear(&log, number) }
    }
    log.close().expect("closes");
}

fn verifying(table: &mut Table, scale: Scale) {
    let place = tempfile::tempdir().expect("a directory");
    let (with, without) = (place.path().join("with"), place.path().join("without"));
    trail(&with, scale.events(200_000));
    trail(&without, scale.events(200_000));
    fs::remove_dir_all(without.join("audit.private")).expect("removed");
    let run = |trail: &Path| drop(black_box(Verifier::new(trail).run().expect("readable")));
    let bytes = fs::read_dir(&with)
        .expect("a directory")
        .map(|entry| entry.expect("readable").metadata().expect("there").len())
        .sum();
    table.pair_of_bytes(
        "verify, values of each tenth entry",
        "verify, no values beside the trail",
        bytes,
        scale,
        || run(&with),
        || run(&without),
    );
}

fn showing(table: &mut Table, scale: Scale) {
    let place = tempfile::tempdir().expect("a directory");
    let directory = place.path().join("audit");
    let entries = scale.events(200_000);
    trail(&directory, entries);
    let show = |from: u64| {
        let shown = Reader::new(&directory).seq(from..from + 5).entries().expect("readable");
        assert!(black_box(shown.count()) > 0);
    };
    table.pair(
        "show, five entries from the end",
        "show, five from the start",
        5,
        scale,
        |_| show(entries - 5),
        |_| {
            show(0);
        },
    );
}
