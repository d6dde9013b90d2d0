//! Verification and report beside their peers, in one run: `cargo bench --bench reading`. With `-- --test` everything
//! runs once, to prove that it does. With `-- --large` trails of up to 10 GB are written and read: whether the cost of an
//! entry grows with the trail, what memory is needed, how long it takes to open.
//!
//! The two of a pair take turns, as in the other benches. A row of two threads says how many times as much two threads hashed
//! in its rounds as one did, in memory and with nothing in common.

#[allow(dead_code, reason = "each bench uses some of it")]
mod pair;

use std::{
    fs,
    hint::black_box,
    num::NonZero,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use kling_audit::{AuditLog, Draft, Durability, Reporter, Verdict, Verifier};
use pair::{Scale, Table};
use sha2::{Digest as _, Sha256};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, what, trail] = &arguments[..]
        && flag == "--measure"
    {
        return measured(what, Path::new(trail));
    }
    let scale = Scale::from_arguments();
    let mut table = Table::default();
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    let count = scale.events(400_000);
    write(&trail, count);
    let text: Vec<u8> = files(&trail).iter().flat_map(|path| fs::read(path).expect("readable")).collect();
    let hash = |threads: usize| {
        std::thread::scope(|scope| {
            for part in text.chunks(text.len().div_ceil(threads)) {
                scope.spawn(move || black_box(Sha256::digest(part)));
            }
        });
    };
    verify_against_openssl(&mut table, scale, &trail, &hash);
    report_against_python(&mut table, scale, (&trail, count), &hash);
    since_against_all(&mut table, scale, &trail, count);
    if arguments.iter().any(|argument| argument == "--large") {
        sizes(&mut table, &directory.path().join("large"), 1);
    } else if arguments.iter().any(|argument| argument == "--test") {
        sizes(&mut table, &directory.path().join("large"), 10_000);
    }
    print!("{table}");
}

fn threads(count: usize) -> NonZero<usize> {
    NonZero::new(count).expect("not zero")
}

/// Appends entries of eight fields, the size that an API call gives.
fn write(trail: &Path, count: u64) {
    let log = AuditLog::builder(trail).durability(Durability::Buffered).open().expect("a log");
    for number in 0..count {
        let draft = Draft::new("task_submitted")
            .actor("alice")
            .detail("action", "text_to_video")
            .detail("model", "kling-v2-6")
            .detail("duration", "5")
            .detail("mode", "std")
            .detail("prompt_length", number)
            .detail("attempt", 1_u64)
            .detail("cached", false);
        log.append(draft).expect("appended");
    }
    log.close().expect("closes");
}

fn files(trail: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(trail)
        .expect("a directory")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    files
}

fn bytes(trail: &Path) -> u64 {
    files(trail).iter().map(|path| fs::metadata(path).expect("there").len()).sum()
}

fn verify(trail: &Path, count: usize) {
    let verification = Verifier::new(trail).threads(threads(count)).run().expect("readable");
    assert_eq!(verification.verdict(), Verdict::Intact);
}

fn report(trail: &Path, count: usize) {
    black_box(Reporter::new(trail).threads(threads(count)).run().expect("readable"));
}

/// Whether a program is there.
fn is_there(program: &str, argument: &str) -> bool {
    let run = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

fn run(command: &mut Command) {
    assert!(command.stdout(Stdio::null()).status().expect("runs").success());
}

/// Verification, everything checked, against the plain SHA-256 of the same files by `openssl`.
fn verify_against_openssl<'c>(table: &mut Table<'c>, scale: Scale, trail: &Path, control: &'c dyn Fn(usize)) {
    let length = bytes(trail);
    if is_there("openssl", "version") {
        for (count, name) in [(1, "verify, 1 thread"), (2, "verify, 2 threads")] {
            table.control = (count == 2).then_some(control);
            table.pair_of_bytes(
                name,
                "openssl dgst -sha256",
                length,
                scale,
                || verify(trail, count),
                || run(Command::new("openssl").args(["dgst", "-sha256"]).args(files(trail))),
            );
        }
    } else {
        table.row("verify against openssl: not measured, there is no `openssl` here".to_owned());
    }
    table.control = Some(control);
    table.pair_of_bytes(
        "verify, 2 threads",
        "1 thread",
        length,
        scale,
        || verify(trail, 2),
        || verify(trail, 1),
    );
    table.control = None;
}

/// A report against a script that parses each line and counts.
fn report_against_python<'c>(
    table: &mut Table<'c>,
    scale: Scale,
    (trail, count): (&Path, u64),
    control: &'c dyn Fn(usize),
) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/tally.py");
    if !is_there("python3", "--version") {
        table.row("report against Python: not measured, there is no `python3` here".to_owned());
        return;
    }
    for (threads, name) in [(1, "report, 1 thread"), (2, "report, 2 threads")] {
        table.control = (threads == 2).then_some(control);
        table.throughput(
            name,
            "the same counts in Python",
            (count, count),
            scale.rounds(5),
            |_| report(trail, threads),
            |_| run(Command::new("python3").arg(&script).arg(&files(trail)[0])),
        );
    }
    table.control = None;
}

/// Verification of the last hundredth, against that of everything.
fn since_against_all(table: &mut Table, scale: Scale, trail: &Path, count: u64) {
    let whole = Verifier::new(trail).run().expect("readable");
    let last = whole.last().expect("entries").clone();
    write(trail, count / 100);
    let seq = last.seq.expect("a number");
    table.pair_of_times(
        "verify --since, the last hundredth",
        "verify, everything",
        scale,
        || {
            let new = Verifier::new(trail).threads(threads(1)).since(seq, last.hash).run().expect("readable");
            assert_eq!(new.verdict(), Verdict::Intact);
        },
        || verify(trail, 1),
    );
}

/// Trails of 1, 4 and 16 million entries and of 10 GB, each divided by `divisor`.
fn sizes(table: &mut Table, trail: &Path, divisor: u64) {
    let mut written = 0;
    let mut smallest = None;
    let mut ratio = 1.0;
    for millions in [1, 4, 16] {
        let wanted = millions * 1_000_000 / divisor;
        write(trail, wanted - written);
        written = wanted;
        let time = least(|| verify(trail, 1));
        let each = time.as_nanos() as f64 / wanted as f64;
        let first = *smallest.get_or_insert(each);
        ratio = each / first;
        table.row(format!("verify {wanted} entries, 1 thread: {each:.0} ns an entry, ratio {ratio:.2}"));
    }
    // As much more for each doubling from 16 million on as there was from 1 to 16.
    let extrapolated = ratio + (ratio - 1.0) / 16_f64.log2() * (100.0_f64 / 16.0).log2();
    let wanted = 100_000_000 / divisor;
    table.row(format!("verify {wanted} entries, not measured but extrapolated: ratio {extrapolated:.2}"));
    let wanted = 10_000_000_000 / divisor;
    let each = bytes(trail) / written;
    write(trail, wanted.saturating_sub(bytes(trail)) / each);
    let gigabytes = bytes(trail) as f64 / 1e9;

    let empty = trail.with_file_name("empty");
    write(&empty, 0);
    let open = |trail: &Path| {
        let started = Instant::now();
        let log = AuditLog::open(trail).expect("opens");
        let time = started.elapsed();
        log.close().expect("closes");
        time
    };
    let median = |trail: &Path| {
        let mut times: Vec<_> = (0..25).map(|_| open(trail)).collect();
        times.sort();
        times[12].as_secs_f64() * 1e6
    };
    let (full, empty) = (median(trail), median(&empty));
    table.row(format!(
        "open {gigabytes:.2} GB: {full:.0} us, an empty trail: {empty:.0} us, ratio {:.2}",
        full / empty
    ));
    for what in ["verify", "report"] {
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--measure", what])
            .arg(trail)
            .output()
            .expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        table.row(format!("{what} {gigabytes:.2} GB: {}", String::from_utf8_lossy(&output.stdout).trim()));
    }
}

/// The least time of three.
fn least(run: impl Fn()) -> Duration {
    let timed = |_| {
        let started = Instant::now();
        run();
        started.elapsed()
    };
    (0..3).map(timed).min().unwrap_or_default()
}

/// What this process needs for a trail, by itself.
fn measured(what: &str, trail: &Path) {
    let started = Instant::now();
    let entries = match what {
        "verify" => Verifier::new(trail).run().expect("readable").entries(),
        _ => Reporter::new(trail).run().expect("readable").total_events,
    };
    let speed = entries as f64 / started.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.map_or("unknown here", str::trim);
    println!("{entries} entries, {speed:.0} /s on all threads, most memory at once {peak}");
}
