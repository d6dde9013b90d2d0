//! Many threads and futures over storage that fails at random: the chain is unbroken, and every result was true.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    error::Error,
    format::receipt::Receipt,
    write::{
        commit::tests::{
            fault_storage::{CallKind, CallOutcome, EIO, ENOSPC, EPERM, StorageCall},
            test_trail::{
                DURABILITIES, TestEntry, TestTrail, assert_has_entry, assert_intact, described_losses, draft,
                entries_of, read_entries, verify_intact,
            },
            threads::{block_on, is_long_run, poll_for, run_with_limit},
        },
        settings::Durability,
    },
};

/// The size of the tests with random faults.
struct Workload {
    seeds: u64,
    threads: u64,
    entries_per_thread: u64,
}

fn workload() -> Workload {
    let (seeds, threads, entries_per_thread) = if is_long_run() { (300, 64, 60) } else { (12, 24, 25) };
    Workload { seeds, threads, entries_per_thread }
}

fn time_limit() -> Duration {
    Duration::from_secs(if is_long_run() { 3_000 } else { 600 })
}

/// A linear congruential generator: the same seed gives the same numbers.
struct SeededRandom(u64);

impl SeededRandom {
    /// A number from 0 to `limit - 1`.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A rule that fails calls now and then, and a sync very seldom if `fails_syncs` is set.
fn random_rule(seed: u64, fails_syncs: bool) -> impl FnMut(StorageCall) -> CallOutcome + Send + 'static {
    let mut random = SeededRandom(seed);
    // The number of appends for which the disk stays full.
    let mut full_appends = 0;
    move |call| match call.kind {
        CallKind::Append if full_appends > 0 => {
            full_appends -= 1;
            CallOutcome::Fail(ENOSPC)
        }
        CallKind::Append => {
            let count = random.below(call.length as u64 + 1) as usize;
            match random.below(40) {
                0 => CallOutcome::ShortWrite(count),
                1 => CallOutcome::FailAfter(count, ENOSPC),
                2 => {
                    full_appends = random.below(6);
                    CallOutcome::FailAfter(count, ENOSPC)
                }
                3 => CallOutcome::Fail(EIO),
                _ => CallOutcome::Proceed,
            }
        }
        CallKind::Truncate if random.below(3) == 0 => CallOutcome::Fail(EPERM),
        CallKind::Overwrite if random.below(20) == 0 => {
            CallOutcome::FailAfter(random.below(512) as usize, EIO)
        }
        CallKind::Sync if fails_syncs && !call.is_head && random.below(200) == 0 => CallOutcome::Fail(EIO),
        _ => CallOutcome::Proceed,
    }
}

/// The results that callers received, by the numbers of their drafts.
#[derive(Default)]
struct CallerResults {
    recorded: HashMap<u64, Receipt>,
    refused: Vec<u64>,
    /// Refused entries that may be in the trail: their sync failed, or a buffered log keeps their lines.
    uncertain: Vec<u64>,
}

/// The size of one run.
struct RunCounts {
    recorded: u64,
    /// Refused entries that the trail describes.
    lost: u64,
}

/// Appends from many threads under random faults, and checks each result against the trail.
fn run_with_random_faults(
    durability: Durability,
    seed: u64,
    fails_syncs: bool,
    workload: &Workload,
) -> RunCounts {
    let mut trail = TestTrail::new();
    trail.max_file_size = [None, Some(3_000)][usize::from(seed.is_multiple_of(2))];
    let log = trail.open(durability);
    trail.faults.set_rule(random_rule(seed, fails_syncs));
    let results = Mutex::new(CallerResults::default());
    let count = workload.entries_per_thread;
    thread::scope(|scope| {
        for thread in 0..workload.threads {
            let (log, results) = (&log, &results);
            scope.spawn(move || {
                let mut random = SeededRandom(seed ^ (thread + 1) << 20);
                for round in 0..count {
                    let number = thread * count + round;
                    let critical = random.below(8) == 0;
                    let draft = if critical { draft(number).critical() } else { draft(number) };
                    let outcome = match random.below(10) {
                        0..3 => block_on(log.append_async(draft)),
                        3 => {
                            // A future that is not ready in time is dropped: its entry may be recorded or lost.
                            let limit = Duration::from_micros(random.below(300));
                            match poll_for(limit, log.append_async(draft)) {
                                Some(outcome) => outcome,
                                None => continue,
                            }
                        }
                        4 if random.below(5) == 0 => {
                            drop(log.flush());
                            drop((log.health(), log.counters()));
                            log.append(draft)
                        }
                        _ => log.append(draft),
                    };
                    let mut results = results.lock();
                    match outcome {
                        Ok(receipt) => drop(results.recorded.insert(number, receipt)),
                        Err(Error::Poisoned { .. }) => results.uncertain.push(number),
                        Err(_) if critical && durability == Durability::Buffered => {
                            results.uncertain.push(number);
                        }
                        Err(error) => {
                            assert!(matches!(error, Error::Io { .. } | Error::Conflict { .. }), "{error}");
                            results.refused.push(number);
                        }
                    }
                }
            });
        }
    });
    trail.faults.clear();
    // The flusher may still be writing under the old rule. The flush waits for that commit, so that its failure does
    // not refuse the next entry.
    drop(log.flush());
    let is_poisoned = log.append(draft(u64::MAX)).is_err();
    assert!(fails_syncs || !is_poisoned);
    let not_recorded = log.counters().not_recorded;
    assert_eq!(log.close().is_err(), is_poisoned);
    drop(log);
    assert_intact(&trail.directory());

    let results = results.into_inner();
    let entries = read_entries(&trail.directory());
    let mut by_number: HashMap<u64, &TestEntry> = HashMap::new();
    for entry in entries_of(&entries, "worked") {
        let number = entry.details["number"].as_u64().expect("a number");
        assert!(by_number.insert(number, entry).is_none(), "{number} is in the trail twice");
    }
    for (number, receipt) in &results.recorded {
        match by_number.get(number) {
            Some(entry) => {
                assert_eq!((entry.seq, &entry.hash), (receipt.seq, &receipt.hash.to_string()));
            }
            // A poisoned log loses its buffer.
            None => {
                assert!(is_poisoned && durability == Durability::Buffered, "{number} was acknowledged");
            }
        }
    }
    for number in &results.refused {
        assert!(!by_number.contains_key(number), "{number} was refused, seed {seed}");
    }
    let lost = described_losses(&entries);
    if !is_poisoned && durability != Durability::Buffered {
        assert_eq!(lost, not_recorded, "seed {seed}");
    }
    trail.assert_can_be_reopened();
    RunCounts { recorded: results.recorded.len() as u64, lost }
}

#[test]
fn receipts_and_errors_are_true_under_random_faults() {
    run_with_limit(time_limit(), || {
        let workload = workload();
        let (mut recorded, mut lost) = (0, 0);
        for seed in 0..workload.seeds {
            for durability in DURABILITIES {
                let counts = run_with_random_faults(durability, seed, false, &workload);
                recorded += counts.recorded;
                lost += counts.lost;
            }
        }
        let Workload { seeds, threads, .. } = workload;
        println!("{seeds} seeds, {threads} threads: {recorded} recorded, {lost} refused and described");
        assert!(lost > 0);
    });
}

#[test]
fn trail_can_be_reopened_after_random_failed_syncs() {
    run_with_limit(time_limit(), || {
        let workload = workload();
        let mut recorded = 0;
        for seed in 1_000..1_000 + workload.seeds {
            for durability in DURABILITIES {
                recorded += run_with_random_faults(durability, seed, true, &workload).recorded;
            }
        }
        let Workload { seeds, threads, .. } = workload;
        println!("{seeds} seeds, {threads} threads: {recorded} recorded");
    });
}

/// An entry that is appended while another thread closes the log is in the trail, or is refused.
#[test]
fn closing_while_threads_append_loses_no_entry() {
    run_with_limit(time_limit(), || {
        for round in 0..if is_long_run() { 400 } else { 30 } {
            for durability in DURABILITIES {
                let trail = TestTrail::new();
                let log = trail.open(durability);
                let closed = AtomicBool::new(false);
                let receipts = Mutex::new(vec![]);
                thread::scope(|scope| {
                    for thread in 0..16 {
                        let (log, closed, receipts) = (&log, &closed, &receipts);
                        scope.spawn(move || {
                            for number in 0.. {
                                // Read before the append: an entry may be recorded until `close` returns.
                                let was_closed = closed.load(Ordering::Relaxed);
                                let outcome = match (thread + number) % 3 {
                                    0 => block_on(log.append_async(draft(number))),
                                    _ => log.append(draft(number)),
                                };
                                match outcome {
                                    Ok(receipt) => {
                                        assert!(!was_closed, "recorded after the end");
                                        receipts.lock().push(receipt);
                                    }
                                    Err(error) => {
                                        assert!(matches!(error, Error::Closed { .. }), "{error}");
                                        break;
                                    }
                                }
                            }
                        });
                    }
                    thread::sleep(Duration::from_micros(200 * round));
                    log.close().expect("closes");
                    closed.store(true, Ordering::Relaxed);
                    log.close().expect("a second close does nothing");
                });

                let receipts = receipts.into_inner();
                let verification = verify_intact(&trail.directory());
                // The log's own entries are `audit_started` and `audit_stopped`.
                assert_eq!(verification.entries(), receipts.len() as u64 + 2, "{durability:?}");
                let entries = read_entries(&trail.directory());
                assert_eq!(entries.last().expect("entries").event_type, "audit_stopped");
                for receipt in receipts {
                    assert_has_entry(&entries, &receipt);
                }
            }
        }
    });
}
