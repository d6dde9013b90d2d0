//! Processes that are killed while they append: acknowledged entries survive, and no crash is reported as tampering.
//!
//! The killed process is this test binary as a child. With `KLING_AUDIT_LONG=1`, a test kills 1,000 of them.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use kling_audit::{
    AuditLog, Draft, Durability, Error,
    verify::{FindingKind, Verdict, Verifier},
};

use crate::support::{
    files::jsonl_files,
    limits::is_long,
    process::{self, child_directory, in_directory, isolated, test_path},
    random::Random,
    trail::make_writable,
};

/// Holds the [`Mode`] of a child.
const CHILD_MODE: &str = "KLING_AUDIT_CRASH_MODE";

/// Each round verifies the whole trail. After this many rounds, a new trail keeps that short.
const ROUNDS_PER_TRAIL: u64 = 20;

fn rounds() -> u64 {
    if is_long() { 1_000 } else { 50 }
}

/// Durability of the log of a child, and the end of the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Written,
    Synced,
    Buffered,
    /// The child calls `std::process::exit` while its threads append.
    Exits,
}

impl Mode {
    fn durability(self) -> Durability {
        match self {
            Self::Written | Self::Exits => Durability::Written,
            Self::Synced => Durability::Synced,
            Self::Buffered => Durability::Buffered,
        }
    }
}

/// The body of the child. In any other process, the test does nothing.
#[test]
fn child_appends_until_it_is_killed() {
    let Some(trail) = child_directory() else { return };
    let mode = std::env::var(CHILD_MODE).expect("a mode");
    let mode = [Mode::Written, Mode::Synced, Mode::Buffered, Mode::Exits]
        .into_iter()
        .find(|known| format!("{known:?}") == mode)
        .expect("a known mode");
    let log =
        AuditLog::builder(trail).durability(mode.durability()).max_file_size(200_000).open().expect("opens");
    let appended = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (log, appended) = (&log, &appended);
            scope.spawn(move || {
                for number in 0_u64.. {
                    let filling = "x".repeat((number * 37 % 400) as usize);
                    let draft = Draft::new("worked").actor("alice").detail("filling", filling);
                    let draft = if number % 50 == 49 { draft.critical() } else { draft };
                    let receipt = log.append(draft).expect("recorded");
                    writeln!(std::io::stdout(), "R {} {}", receipt.seq, receipt.hash).expect("a pipe");
                    if mode == Mode::Buffered && thread == 0 && number % 40 == 39 {
                        log.flush().expect("works");
                        writeln!(std::io::stdout(), "F {}", receipt.seq).expect("a pipe");
                    }
                    if mode == Mode::Exits && appended.fetch_add(1, Ordering::Relaxed) == 300 {
                        std::process::exit(0);
                    }
                }
            });
        }
    });
}

fn start(trail: &Path, mode: Mode) -> Child {
    in_directory(process::child(test_path!(child_appends_until_it_is_killed)), trail)
        .env(CHILD_MODE, format!("{mode:?}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts")
}

/// Receipts and flushes that a child printed.
#[derive(Default)]
struct ChildOutput {
    receipts: Vec<(u64, String)>,
    /// All acknowledged entries up to this number were flushed.
    flushed: Option<u64>,
}

/// Reads all that a child prints, and waits for its end. `kill_after` holds a time after which the child is killed, and
/// `true` if the time starts now instead of at the first receipt.
fn read_until_end(child: &mut Child, kill_after: Option<(bool, Duration)>) -> ChildOutput {
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut output = ChildOutput::default();
    let mut line = String::new();
    let mut read = |output: &mut ChildOutput| {
        line.clear();
        let more = lines.read_line(&mut line).expect("readable") > 0;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            ["R", seq, hash] if line.ends_with('\n') && hash.len() == 64 => {
                output.receipts.push((seq.parse().expect("a number"), hash.to_owned()));
            }
            ["F", seq] if line.ends_with('\n') => {
                let seq = seq.parse().expect("a number");
                output.flushed = output.flushed.max(Some(seq));
            }
            _ => {}
        }
        more
    };
    if let Some((from_start, after)) = kill_after {
        // This thread keeps reading, because a full pipe would stop the child.
        let mut end = from_start.then(|| Instant::now() + after);
        if end.is_none() {
            while output.receipts.is_empty() && read(&mut output) {}
            end = Some(Instant::now() + after);
        }
        let id = child.id();
        let killer = thread::spawn(move || {
            thread::sleep(end.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now())));
            let killed = Command::new("kill").args(["-9", &id.to_string()]).status().expect("kill runs");
            assert!(killed.success(), "the child ended by itself");
        });
        while read(&mut output) {}
        killer.join().expect("killed");
    } else {
        while read(&mut output) {}
    }
    let status = child.wait().expect("ended");
    let mut errors = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().expect("a pipe"), &mut errors).expect("text");
    assert!(status.success() == kill_after.is_none() && !errors.contains("panicked"), "{errors}");
    output
}

/// Hash of each entry, by its number. Fails if a number occurs twice, or if one is missing.
fn hashes(trail: &Path) -> Vec<String> {
    let mut hashes = BTreeMap::new();
    for file in jsonl_files(trail) {
        let bytes = fs::read(file).expect("readable");
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let text = std::str::from_utf8(line).expect("printable");
            let (_, rest) = text.rsplit_once("\", \"seq\": ").expect("a number");
            let (seq, _) = rest.split_once(',').expect("more");
            let hash = text[text.len() - 67..text.len() - 3].to_owned();
            assert!(
                hashes.insert(seq.parse::<u64>().expect("a number"), hash).is_none(),
                "{seq} occurs twice"
            );
        }
    }
    assert!(hashes.keys().copied().eq(0..hashes.len() as u64), "a number is missing");
    hashes.into_values().collect()
}

/// Results of all rounds.
#[derive(Debug, Default)]
struct Results {
    rounds: u64,
    acknowledged: u64,
    lost: u64,
    false_alarms: u64,
    torn: u64,
}

/// Kills children that append to a trail, and verifies the trail after each.
fn kill_repeatedly(mode: Mode, seed: u64) -> Results {
    let mut random = Random(seed);
    let mut results = Results::default();
    while results.rounds < rounds() {
        let root = tempfile::tempdir().expect("a directory");
        let trail = root.path().join("audit");
        let mut known = Vec::new();
        for _ in 0..ROUNDS_PER_TRAIL.min(rounds() - results.rounds) {
            let from_start = random.below(3) == 0;
            let after = Duration::from_micros(random.below(25_000) as u64);
            let output = read_until_end(&mut start(&trail, mode), Some((from_start, after)));
            results.rounds += 1;
            results.acknowledged += output.receipts.len() as u64;
            if !trail.exists() {
                continue;
            }

            let verification = Verifier::new(&trail).run().expect("can be read");
            let none_yet = verification.entries() == 0 && known.is_empty();
            if verification.verdict() != Verdict::Intact && !none_yet {
                results.false_alarms += 1;
                println!("round {}: {verification}", results.rounds);
            }
            results.torn += u64::from(!verification.notices().is_empty());
            let there = hashes(&trail);
            for (seq, hash) in output.receipts {
                let is_there = there.get(usize::try_from(seq).expect("small")) == Some(&hash);
                if is_there {
                    known.push((seq, hash));
                } else {
                    results.lost += 1;
                    let flushed = output.flushed.is_some_and(|flushed| seq <= flushed);
                    assert!(mode == Mode::Buffered && !flushed, "round {}: {seq} is lost", results.rounds);
                }
            }
            // Entries that were on disk in an earlier round are still there.
            for (seq, hash) in &known {
                assert_eq!(there.get(usize::try_from(*seq).expect("small")), Some(hash), "{seq}");
            }
        }
    }
    println!("{mode:?}, seed {seed}: {results:?}");
    results
}

#[test]
fn killed_process_loses_no_written_entry() {
    let results = kill_repeatedly(Mode::Written, 1);

    assert!(results.acknowledged > results.rounds);
    assert_eq!((results.lost, results.false_alarms), (0, 0));
}

#[test]
fn killed_process_loses_no_synced_entry() {
    let results = kill_repeatedly(Mode::Synced, 2);

    assert_eq!((results.lost, results.false_alarms), (0, 0));
}

#[test]
fn killed_process_loses_only_unflushed_buffered_entries() {
    let results = kill_repeatedly(Mode::Buffered, 3);

    assert!(results.acknowledged > results.rounds);
    assert_eq!(results.false_alarms, 0);
}

#[test]
fn exiting_process_loses_no_written_entry() {
    let root = tempfile::tempdir().expect("a directory");
    let trail = root.path().join("audit");
    for _ in 0..5 {
        let output = read_until_end(&mut start(&trail, Mode::Exits), None);

        let there = hashes(&trail);
        assert!(output.receipts.len() >= 300);
        for (seq, hash) in output.receipts {
            assert_eq!(there.get(usize::try_from(seq).expect("small")), Some(&hash));
        }
        let verification = Verifier::new(&trail).run().expect("can be read");
        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    }
}

/// A synced log writes the head with each commit. So even after a crash, the head reveals a truncation.
#[test]
fn truncation_after_a_crash_is_found() {
    let root = tempfile::tempdir().expect("a directory");
    let trail = root.path().join("audit");
    let output = read_until_end(&mut start(&trail, Mode::Synced), Some((false, Duration::from_millis(50))));
    let last = output.receipts.iter().map(|(seq, _)| *seq).max().expect("receipts");
    let is_before = |line: &&&[u8]| {
        let text = String::from_utf8_lossy(line);
        let seq = text.rsplit_once("\", \"seq\": ").and_then(|(_, rest)| rest.split_once(','));
        seq.is_some_and(|(seq, _)| seq.parse::<u64>().expect("a number") < last)
    };

    for file in jsonl_files(&trail).iter().rev() {
        let bytes = fs::read(file).expect("readable");
        let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let kept = lines.iter().take_while(is_before).map(|line| line.len() as u64).sum();
        if kept == 0 {
            fs::remove_file(file).expect("removed");
            continue;
        }
        make_writable(file);
        fs::OpenOptions::new().write(true).open(file).expect("opens").set_len(kept).expect("cut");
        break;
    }

    let verification = Verifier::new(&trail).run().expect("can be read");
    assert_eq!(verification.verdict(), Verdict::Tampered, "after {last}: {verification}");
    assert!(verification.findings().iter().any(|finding| finding.kind == FindingKind::Truncated));
    assert!(matches!(AuditLog::open(&trail), Err(Error::CannotResume { .. })));
}

/// A log without work does not wake its thread.
#[cfg(target_os = "linux")]
#[test]
fn idle_log_wakes_no_thread() {
    isolated(test_path!(), || {
        // Number of the threads of all logs, and of their voluntary context switches.
        let switches = || {
            let (mut threads, mut total) = (0, 0);
            for task in fs::read_dir("/proc/self/task").expect("tasks") {
                let path = task.expect("readable").path();
                let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
                if name.starts_with("kling-audit ") {
                    threads += 1;
                    let status = fs::read_to_string(path.join("status")).unwrap_or_default();
                    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"));
                    let count = line.and_then(|line| line.split_ascii_whitespace().nth(1));
                    total += count.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
                }
            }
            (threads, total)
        };
        let root = tempfile::tempdir().expect("a directory");
        let logs: Vec<_> = [Durability::Buffered, Durability::Written, Durability::Synced]
            .into_iter()
            .map(|durability| {
                let trail = root.path().join(format!("{durability:?}"));
                let log = AuditLog::builder(trail).durability(durability).open().expect("opens");
                log.append(Draft::new("worked")).expect("recorded");
                log
            })
            .collect();

        // On a busy machine, the work after the appends may take longer than one pause.
        let quiet = (0..10).any(|_| {
            let before = switches();
            // Longer than any delay of the flusher thread.
            thread::sleep(Duration::from_millis(2_500));
            switches() == before
        });

        assert!(quiet, "a thread wakes in every pause");
        assert_eq!(switches().0, logs.len(), "each log has a thread");
        drop(logs);
    });
}
