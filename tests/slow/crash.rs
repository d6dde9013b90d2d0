//! Processes that are killed while they record: what was acknowledged is there, and no crash looks like tampering.
//!
//! The tests run this very program again as the process that is killed. With KLING_AUDIT_LONG=1 it is 1,000 rounds.

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

/// How the child records.
const MODE: &str = "KLING_AUDIT_CRASH_MODE";

/// A trail is begun anew after so many rounds, since each is verified from its start.
const ROUNDS_A_TRAIL: u64 = 20;

fn rounds() -> u64 {
    if is_long() { 1_000 } else { 50 }
}

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Written,
    Synced,
    Buffered,
    /// It ends itself, by `std::process::exit`, while its threads append.
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

/// Not a test by itself: the process that is killed.
#[test]
fn child_appends_until_it_is_killed() {
    let Some(trail) = child_directory() else { return };
    let mode = std::env::var(MODE).expect("a mode");
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
        .env(MODE, format!("{mode:?}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts")
}

/// What the child said before it ended.
#[derive(Default)]
struct EntryView {
    receipts: Vec<(u64, String)>,
    /// Everything that was acknowledged up to this number was flushed.
    flushed: Option<u64>,
}

fn listen(child: &mut Child, kill_after: Option<(bool, Duration)>) -> EntryView {
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut said = EntryView::default();
    let mut line = String::new();
    let mut read = |said: &mut EntryView| {
        line.clear();
        let more = lines.read_line(&mut line).expect("readable") > 0;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            ["R", seq, hash] if line.ends_with('\n') && hash.len() == 64 => {
                said.receipts.push((seq.parse().expect("a number"), hash.to_owned()));
            }
            ["F", seq] if line.ends_with('\n') => {
                let seq = seq.parse().expect("a number");
                said.flushed = said.flushed.max(Some(seq));
            }
            _ => {}
        }
        more
    };
    if let Some((from_start, after)) = kill_after {
        // The pipe is read all the while, or the child would wait for it.
        let mut end = from_start.then(|| Instant::now() + after);
        if end.is_none() {
            while said.receipts.is_empty() && read(&mut said) {}
            end = Some(Instant::now() + after);
        }
        let id = child.id();
        let killer = thread::spawn(move || {
            thread::sleep(end.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now())));
            let killed = Command::new("kill").args(["-9", &id.to_string()]).status().expect("kill is there");
            assert!(killed.success(), "the child ended by itself");
        });
        while read(&mut said) {}
        killer.join().expect("killed");
    } else {
        while read(&mut said) {}
    }
    let status = child.wait().expect("ended");
    let mut complaint = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().expect("a pipe"), &mut complaint).expect("text");
    assert!(status.success() == kill_after.is_none() && !complaint.contains("panicked"), "{complaint}");
    said
}

/// The hash of each entry. No number is there twice, and none is missing.
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
                "{seq} is there twice"
            );
        }
    }
    assert!(hashes.keys().copied().eq(0..hashes.len() as u64), "a number is missing");
    hashes.into_values().collect()
}

/// What came out of the rounds.
#[derive(Debug, Default)]
struct Tally {
    rounds: u64,
    acknowledged: u64,
    lost: u64,
    false_alarms: u64,
    torn: u64,
}

fn kill_again_and_again(mode: Mode, seed: u64) -> Tally {
    let mut random = Random(seed);
    let mut tally = Tally::default();
    while tally.rounds < rounds() {
        let root = tempfile::tempdir().expect("a directory");
        let trail = root.path().join("audit");
        let mut known = Vec::new();
        for _ in 0..ROUNDS_A_TRAIL.min(rounds() - tally.rounds) {
            let from_start = random.below(3) == 0;
            let after = Duration::from_micros(random.below(25_000) as u64);
            let said = listen(&mut start(&trail, mode), Some((from_start, after)));
            tally.rounds += 1;
            tally.acknowledged += said.receipts.len() as u64;
            if !trail.exists() {
                continue;
            }

            let verification = Verifier::new(&trail).run().expect("can be read");
            let none_yet = verification.entries() == 0 && known.is_empty();
            if verification.verdict() != Verdict::Intact && !none_yet {
                tally.false_alarms += 1;
                println!("round {}: {verification}", tally.rounds);
            }
            tally.torn += u64::from(!verification.notices().is_empty());
            let there = hashes(&trail);
            for (seq, hash) in said.receipts {
                let is_there = there.get(usize::try_from(seq).expect("small")) == Some(&hash);
                if is_there {
                    known.push((seq, hash));
                } else {
                    tally.lost += 1;
                    let flushed = said.flushed.is_some_and(|flushed| seq <= flushed);
                    assert!(mode == Mode::Buffered && !flushed, "round {}: {seq} is lost", tally.rounds);
                }
            }
            // What was there once stays.
            for (seq, hash) in &known {
                assert_eq!(there.get(usize::try_from(*seq).expect("small")), Some(hash), "{seq}");
            }
        }
    }
    println!("{mode:?}, seed {seed}: {tally:?}");
    tally
}

#[test]
fn killed_process_loses_no_written_entry() {
    let tally = kill_again_and_again(Mode::Written, 1);

    assert!(tally.acknowledged > tally.rounds);
    assert_eq!((tally.lost, tally.false_alarms), (0, 0));
}

#[test]
fn killed_process_loses_no_synced_entry() {
    let tally = kill_again_and_again(Mode::Synced, 2);

    assert_eq!((tally.lost, tally.false_alarms), (0, 0));
}

#[test]
fn killed_process_loses_only_unflushed_buffered_entries() {
    let tally = kill_again_and_again(Mode::Buffered, 3);

    assert!(tally.acknowledged > tally.rounds);
    assert_eq!(tally.false_alarms, 0);
}

#[test]
fn exiting_process_loses_no_written_entry() {
    let root = tempfile::tempdir().expect("a directory");
    let trail = root.path().join("audit");
    for _ in 0..5 {
        let said = listen(&mut start(&trail, Mode::Exits), None);

        let there = hashes(&trail);
        assert!(said.receipts.len() >= 300);
        for (seq, hash) in said.receipts {
            assert_eq!(there.get(usize::try_from(seq).expect("small")), Some(&hash));
        }
        let verification = Verifier::new(&trail).run().expect("can be read");
        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    }
}

/// The head is written with each commit of a synced log, so a crash covers up for nobody.
#[test]
fn truncation_after_a_crash_is_found() {
    let root = tempfile::tempdir().expect("a directory");
    let trail = root.path().join("audit");
    let said = listen(&mut start(&trail, Mode::Synced), Some((false, Duration::from_millis(50))));
    let last = said.receipts.iter().map(|(seq, _)| *seq).max().expect("receipts");
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

/// A log that nobody uses costs nothing.
#[cfg(target_os = "linux")]
#[test]
fn idle_log_wakes_no_thread() {
    isolated(test_path!(), || {
        let switches = || {
            let mut total = 0;
            for task in fs::read_dir("/proc/self/task").expect("tasks") {
                let path = task.expect("readable").path();
                let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
                if name.starts_with("kling-audit kee") {
                    let status = fs::read_to_string(path.join("status")).unwrap_or_default();
                    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"));
                    let count = line.and_then(|line| line.split_ascii_whitespace().nth(1));
                    total += count.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
                }
            }
            total
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

        // Where the machine is busy, what there was to do is done later.
        let quiet = (0..10).any(|_| {
            let before = switches();
            // Longer than anything is put off.
            thread::sleep(Duration::from_millis(2_500));
            switches() == before
        });

        assert!(quiet, "none of the logs ever sleeps for long");
        drop(logs);
    });
}
