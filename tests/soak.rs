//! Many entries from several threads, over many files: constant memory, and every entry there at the end.
//!
//! 100,000 entries by default; with `KLING_AUDIT_LONG=1` ten million, for which a release build is made.

#![cfg(unix)]

mod place;

use std::{
    fs,
    num::NonZero,
    thread,
    time::{Duration, Instant},
};

use kling_audit::{AuditLog, Draft, Durability, Verdict, Verifier};
use place::{alone, long};

const THREADS: u64 = 4;
const MEBIBYTE: u64 = 1 << 20;

/// After as many entries every buffer was full once, and has the size that it keeps.
const WARM: u64 = 20_000;

/// The most memory that this process had resident, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

fn append_and_verify(durability: Durability, entries: u64, file_size: u64) {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("audit");
    let log =
        AuditLog::builder(&directory).durability(durability).max_file_size(file_size).open().expect("opens");
    let begun = Instant::now();
    let mut early = 0;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|writer| {
                let log = &log;
                scope.spawn(move || {
                    for number in 0..entries / THREADS {
                        let draft = Draft::new("worked").actor("soak").detail("writer", writer);
                        log.append(draft.detail("number", number)).expect("recorded");
                    }
                })
            })
            .collect();
        while log.counters().recorded < WARM.max(entries / 10) {
            assert!(writers.iter().all(|writer| !writer.is_finished()), "no writer ends early");
            thread::sleep(Duration::from_millis(5));
        }
        early = peak();
    });
    let counters = log.counters();
    log.close().expect("closes");
    let (appended, late) = (begun.elapsed(), peak());

    assert_eq!((counters.recorded, counters.not_recorded, counters.io_errors), (entries, 0, 0));
    assert!(late < early + 4 * MEBIBYTE && late < 48 * MEBIBYTE, "from {early} to {late} bytes of memory");
    let begun = Instant::now();
    // Each thread has memory of its own: the most that there are by default, on any machine.
    let most = NonZero::new(16).expect("not zero");
    let verification = Verifier::new(&directory).threads(most).run().expect("can be read");
    let verified = begun.elapsed();
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    assert_eq!(verification.entries(), entries + 2);
    assert!(verification.notices().is_empty() || long(), "{verification}");
    let files = verification.files().len();
    assert!(files as u64 > counters.bytes / file_size, "{files}");
    let verifying = peak();
    assert!(verifying < 48 * MEBIBYTE, "{verifying} bytes of memory");
    println!(
        "{durability:?}: {entries} entries, {} MB, {files} files; appended in {appended:.1?} with {} MiB, verified in \
         {verified:.1?} with {} MiB",
        counters.bytes / 1_000_000,
        late / MEBIBYTE,
        verifying / MEBIBYTE
    );
}

#[test]
fn ten_million_entries_of_four_threads_take_constant_memory_and_are_all_there() {
    alone("ten_million_entries_of_four_threads_take_constant_memory_and_are_all_there", &[], || {
        let (entries, file_size) = if long() { (10_000_000, 64 * MEBIBYTE) } else { (100_000, MEBIBYTE) };
        append_and_verify(Durability::Written, entries, file_size);
    });
}

#[test]
fn a_million_buffered_entries_take_constant_memory_and_are_all_there() {
    alone("a_million_buffered_entries_take_constant_memory_and_are_all_there", &[], || {
        let (entries, file_size) = if long() { (1_000_000, 64 * MEBIBYTE) } else { (100_000, MEBIBYTE) };
        append_and_verify(Durability::Buffered, entries, file_size);
    });
}
