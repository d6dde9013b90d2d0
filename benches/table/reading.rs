//! Verification and report against their peers. With `--large` also growth, memory and the time to open large trails.

use std::{
    fs,
    hint::black_box,
    num::NonZero,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use kling_audit::{
    AuditLog,
    report::Reporter,
    verify::{Verdict, Verifier},
};

use crate::{
    measure::{Row, Scale, Table},
    subject::{bytes, files, write},
};

pub(crate) fn measure(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    let count = scale.events(400_000);
    write(&trail, count);
    verify_against_openssl(table, scale, &trail);
    report_against_python(table, scale, (&trail, count));
    since_against_all(table, scale, &trail, count);
    if scale.large || scale.is_test() {
        sizes(table, scale, &directory.path().join("large"), if scale.is_test() { 10_000 } else { 1 });
    }
}

fn threads(count: usize) -> NonZero<usize> {
    NonZero::new(count).expect("not zero")
}

fn verify(trail: &Path, count: usize) {
    let verification = Verifier::new(trail).threads(threads(count)).run().expect("readable");
    assert_eq!(verification.verdict(), Verdict::Intact);
}

fn report(trail: &Path, count: usize) {
    black_box(Reporter::new(trail).threads(threads(count)).run().expect("readable"));
}

/// Returns `true` if `program` runs and succeeds with `argument`.
fn is_installed(program: &str, argument: &str) -> bool {
    let run = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

fn run(command: &mut Command) {
    assert!(command.stdout(Stdio::null()).status().expect("runs").success());
}

/// Measures a whole verification against the plain SHA-256 of the same files by `openssl`.
fn verify_against_openssl(table: &mut Table, scale: Scale, trail: &Path) {
    let length = bytes(trail);
    let openssl = || run(Command::new("openssl").args(["dgst", "-sha256"]).args(files(trail)));
    if is_installed("openssl", "version") {
        let peer = "openssl dgst -sha256";
        let one = Row::new("verify, 1 thread", peer).at_least(0.60);
        table.pair_of_bytes(one, length, scale, || verify(trail, 1), openssl);
        let two = Row::new("verify, 2 threads", peer).at_least(1.2).with_control();
        table.pair_of_bytes(two, length, scale, || verify(trail, 2), openssl);
    } else {
        table.note("verify against openssl: not measured, `openssl` is not installed");
    }
    let row = Row::new("verify, 2 threads", "1 thread").with_control();
    table.pair_of_bytes(row, length, scale, || verify(trail, 2), || verify(trail, 1));
}

/// Measures a report against a Python script that parses each line and counts.
fn report_against_python(table: &mut Table, scale: Scale, (trail, count): (&Path, u64)) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/tally.py");
    if !is_installed("python3", "--version") {
        table.note("report against Python: not measured, `python3` is not installed");
        return;
    }
    let python = |_| run(Command::new("python3").arg(&script).args(files(trail)));
    let peer = "the same counts in Python";
    let one = Row::new("report, 1 thread", peer).at_least(25.0);
    table.throughput(one, (count, count), scale.rounds(5), |_| report(trail, 1), python);
    let two = Row::new("report, 2 threads", peer).at_least(25.0).with_control();
    table.throughput(two, (count, count), scale.rounds(5), |_| report(trail, 2), python);
}

/// Measures the verification of the last hundredth of a trail against that of the whole trail.
fn since_against_all(table: &mut Table, scale: Scale, trail: &Path, count: u64) {
    let whole = Verifier::new(trail).run().expect("readable");
    let last = whole.last().expect("entries").clone();
    write(trail, count / 100);
    let seq = last.seq.expect("a number");
    table.pair_of_times(
        Row::new("verify --since, the last hundredth", "verify, everything"),
        scale,
        || {
            let new = Verifier::new(trail).threads(threads(1)).since(seq, last.hash).run().expect("readable");
            assert_eq!(new.verdict(), Verdict::Intact);
        },
        || verify(trail, 1),
    );
}

/// Measures trails of 1, 4, 5 and 16 million entries and of 10 GB, each divided by `divisor`.
fn sizes(table: &mut Table, scale: Scale, trail: &Path, divisor: u64) {
    // One trail grows to each size in turn, which writes every entry only once.
    let mut written = 0;
    let mut grow = |to: u64| {
        write(trail, to - written);
        written = to;
    };
    let mut smallest = None;
    let mut ratio = 1.0;
    for millions in [1, 4, 5, 16] {
        let wanted = millions * 1_000_000 / divisor;
        grow(wanted);
        if millions == 5 {
            report_against_python(table, scale.rounds(1), (trail, wanted));
            continue;
        }
        let time = least(|| verify(trail, 1));
        let each = time.as_nanos() as f64 / wanted as f64;
        let first = *smallest.get_or_insert(each);
        ratio = each / first;
        let name = format!("verify {wanted} entries, of one");
        table.value(Row::new(&name, "of the smallest trail").at_most(1.1), ratio, "ns", each, first);
    }
    // The growth from 1 to 16 million is extrapolated, with the same increase for each further doubling.
    let extrapolated = ratio + (ratio - 1.0) / 16_f64.log2() * (100.0_f64 / 16.0).log2();
    let name = format!("verify {} entries", 100_000_000 / divisor);
    let row = Row::new(&name, "extrapolated, not measured").at_most(1.1);
    table.value(
        row,
        extrapolated,
        "ns",
        smallest.unwrap_or_default() * extrapolated,
        smallest.unwrap_or_default(),
    );

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
    let name = format!("open {gigabytes:.2} GB");
    let row = Row::new(&name, "an empty trail").at_most(2.0);
    table.pair_of_readings(row, scale, || open(trail), || open(&empty));
    for what in ["verify", "report"] {
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--measure", what])
            .arg(trail)
            .output()
            .expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let (speed, peak) = text.trim().split_once(' ').expect("two figures");
        let name = format!("{what} {gigabytes:.2} GB, most memory at once");
        let peer = format!("{speed} entries a second");
        match peak.parse::<f64>() {
            Ok(peak) => {
                table.value(Row::new(&name, &peer).at_most(64.0), peak / 1024.0, "MB", peak / 1024.0, 64.0)
            }
            Err(_) => table.note(&format!("{name}: unknown here; {peer}")),
        }
    }
}

/// Returns the least time of three runs.
fn least(run: impl Fn()) -> Duration {
    let timed = |_| {
        let started = Instant::now();
        run();
        started.elapsed()
    };
    (0..3).map(timed).min().unwrap_or_default()
}

/// Prints entries a second on all threads, and the peak memory of this process in kB. The bench runs it in a process of
/// its own.
pub(crate) fn print_figures(what: &str, trail: &Path) {
    let started = Instant::now();
    let entries = match what {
        "verify" => Verifier::new(trail).run().expect("readable").entries(),
        _ => Reporter::new(trail).run().expect("readable").total_events,
    };
    let speed = entries as f64 / started.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.split_whitespace().next()).unwrap_or("unknown");
    println!("{speed:.0} {peak}");
}
