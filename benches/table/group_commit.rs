//! The gain of group commit: 64 threads in a synced log against one thread that syncs each entry, on the same disk.
//!
//! The disk is that of the OS directory for temporary files; `TMPDIR` sets another one.

use std::{fs::File, io::Write as _, thread};

use kling_audit::{AuditLog, Draft, Durability};

use crate::{
    measure::{Row, Scale, Table},
    subject,
};

const THREADS: u64 = 64;

pub(crate) fn measure(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let open = |name: &str| subject::log(&directory.path().join(name), Durability::Synced);
    let (shared, alone) = (open("shared"), open("alone"));
    let count = scale.events(20_000).max(THREADS);

    table.throughput(
        Row::new("64 threads, synced", "one thread, synced").at_least(20.0),
        (count, count / THREADS),
        scale,
        |count| {
            thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| (0..count / THREADS).for_each(|number| append(&shared, number)));
                }
            });
        },
        |count| (0..count).for_each(|number| append(&alone, number)),
    );
    // The control: the speed of the disk without a log.
    let plain = File::create(directory.path().join("plain")).expect("a file");
    table.throughput(
        Row::new("one thread, synced", "write and fdatasync of 300 bytes"),
        (count / THREADS, count / THREADS),
        scale,
        |count| (0..count).for_each(|number| append(&alone, number)),
        |count| {
            (0..count).for_each(|_| {
                (&plain).write_all(&[b'x'; 300]).expect("written");
                plain.sync_data().expect("synced");
            });
        },
    );
    shared.close().expect("closes");
    alone.close().expect("closes");
}

fn append(log: &AuditLog, number: u64) {
    let draft =
        Draft::new("task_submitted").actor("alice").detail("model", "kling-v2-6").detail("number", number);
    log.append(draft).expect("recorded");
}
