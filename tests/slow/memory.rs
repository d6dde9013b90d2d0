//! Memory of the log and of the verifier: constant for any number of entries, findings and bytes.
//!
//! The soaks append 100,000 entries; with `KLING_AUDIT_LONG=1` up to ten million, which need a release build.

use std::{
    fs::File,
    io::{BufWriter, Write},
    num::NonZero,
    os::unix::fs::FileExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use kling_audit::{
    AuditLog, Draft, Durability,
    report::Reporter,
    verify::{Verdict, Verification, Verifier},
};

use crate::support::limits::{is_long, peak_memory};
use crate::support::process::{Ended, child, child_directory, in_directory, isolated, run, test_path};
use crate::support::trail::LIVE;

const THREADS: u64 = 4;
const MEBIBYTE: u64 = 1 << 20;

/// After this many entries, every buffer was full once and has reached its size.
const WARM_UP_ENTRIES: u64 = 20_000;

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
        while log.counters().recorded < WARM_UP_ENTRIES.max(entries / 10) {
            assert!(
                writers.iter().all(|writer| !writer.is_finished()),
                "no thread ends before the first measurement"
            );
            thread::sleep(Duration::from_millis(5));
        }
        early = peak_memory();
    });
    let counters = log.counters();
    log.close().expect("closes");
    let (appended, late) = (begun.elapsed(), peak_memory());

    assert_eq!((counters.recorded, counters.not_recorded, counters.io_errors), (entries, 0, 0));
    assert!(late < early + 4 * MEBIBYTE && late < 48 * MEBIBYTE, "from {early} to {late} bytes of memory");
    let begun = Instant::now();
    // Each thread has buffers of its own. 16 threads are the most that verification uses by default.
    let most = NonZero::new(16).expect("not zero");
    let verification = Verifier::new(&directory).threads(most).run().expect("can be read");
    let verified = begun.elapsed();
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    assert_eq!(verification.entries(), entries + 2);
    assert!(verification.notices().is_empty() || is_long(), "{verification}");
    let files = verification.files().len();
    assert!(files as u64 > counters.bytes / file_size, "{files}");
    let verifying = peak_memory();
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
fn written_entries_of_four_threads_take_constant_memory() {
    isolated(test_path!(), || {
        let (entries, file_size) = if is_long() { (10_000_000, 64 * MEBIBYTE) } else { (100_000, MEBIBYTE) };
        append_and_verify(Durability::Written, entries, file_size);
    });
}

#[test]
fn buffered_entries_of_four_threads_take_constant_memory() {
    isolated(test_path!(), || {
        let (entries, file_size) = if is_long() { (1_000_000, 64 * MEBIBYTE) } else { (100_000, MEBIBYTE) };
        append_and_verify(Durability::Buffered, entries, file_size);
    });
}

#[test]
fn unlisted_findings_are_counted_in_bounded_memory() {
    let lines: u64 = if is_long() { 20_000_000 } else { 1_000_000 };
    let directory = tempfile::tempdir().expect("a directory");
    let mut file = BufWriter::new(File::create(directory.path().join(LIVE)).expect("created"));
    for _ in 0..lines {
        file.write_all(b"{\"actor\": \"\n").expect("written");
    }
    file.into_inner().expect("written").sync_all().expect("synced");

    let (verification, peak) = in_child(directory.path());

    assert_eq!(verification["findings_total"], lines);
    assert_eq!(verification["findings"].as_array().map(Vec::len), Some(Verification::MAX_LISTED));
    assert!(peak < 48 * MEBIBYTE, "{} MiB", peak / MEBIBYTE);
}

#[test]
fn line_of_any_length_is_read_in_bounded_memory() {
    let length = if is_long() { 1024 * MEBIBYTE } else { 64 * MEBIBYTE };
    for start in ["", "{\"actor\": \"a", "{\"timestamp\": \"2026", "\n"] {
        for end in ["\n", "", "\"}\n{\"actor\""] {
            let directory = tempfile::tempdir().expect("a directory");
            let file = File::create(directory.path().join(LIVE)).expect("created");
            file.write_all_at(start.as_bytes(), 0).expect("written");
            file.set_len(length).expect("grows");
            file.write_all_at(end.as_bytes(), length).expect("written");

            let (verification, peak) = in_child(directory.path());

            let torn_alone = end.is_empty() && start != "\n";
            let expected = if torn_alone { "unverifiable" } else { "tampered" };
            assert_eq!(verification["verdict"], expected, "{start:?} {end:?}");
            assert!(peak < 32 * MEBIBYTE, "{start:?} {end:?}: {} MiB", peak / MEBIBYTE);
        }
    }
}

/// Verifies and reports in a child process. Returns the verification as JSON, and the peak memory of the child.
fn in_child(path: &Path) -> (serde_json::Value, u64) {
    let Ended { status, text } =
        run(in_directory(child(test_path!(child_verifies_and_prints_its_peak_memory)), path));
    assert!(status.success(), "{text}");
    let after = |mark: &str| {
        let at = text.find(mark).expect("the child prints it") + mark.len();
        text[at..].lines().next().expect("a line").to_owned()
    };
    let peak: u64 = after("PEAK ").parse().expect("a number");
    (serde_json::from_str(&after("VERIFICATION ")).expect("JSON"), peak)
}

#[test]
fn child_verifies_and_prints_its_peak_memory() {
    let Some(path) = child_directory() else { return };
    // As in `append_and_verify`.
    let most = NonZero::new(16).expect("not zero");
    Reporter::new(&path).threads(most).run().expect("can be read");
    let verification = Verifier::new(&path).threads(most).run().expect("can be read");
    let peak = peak_memory();
    println!("\nPEAK {peak}");
    println!("VERIFICATION {}", serde_json::to_string(&verification).expect("JSON"));
}
