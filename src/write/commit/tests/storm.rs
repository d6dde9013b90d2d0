//! Many threads and futures, and storage that fails at random: one unbroken chain, and everybody was told the truth.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use parking_lot::Mutex;

use crate::write::commit::tests::{
    Bench, assert_intact, draft, entries, is_long, look, ready,
    storage::{Answer, Asked, EIO, ENOSPC, EPERM, What},
    watched, within,
};
use crate::{error::Error, format::receipt::Receipt, write::settings::Durability};

/// A stream of numbers that a seed repeats.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Storage that fails now and then; with `syncs`, once in a long while a sync too.
fn weather(seed: u64, syncs: bool) -> impl FnMut(Asked) -> Answer + Send + 'static {
    let mut dice = Dice(seed);
    let mut full_for = 0;
    move |asked| match asked.what {
        What::Append if full_for > 0 => {
            full_for -= 1;
            Answer::Fail(ENOSPC)
        }
        What::Append => {
            let some = dice.throw(asked.length as u64 + 1) as usize;
            match dice.throw(40) {
                0 => Answer::Short(some),
                1 => Answer::Persist(some, ENOSPC),
                2 => {
                    full_for = dice.throw(6);
                    Answer::Persist(some, ENOSPC)
                }
                3 => Answer::Fail(EIO),
                _ => Answer::Do,
            }
        }
        What::Cut if dice.throw(3) == 0 => Answer::Fail(EPERM),
        What::Overwrite if dice.throw(20) == 0 => Answer::Persist(dice.throw(512) as usize, EIO),
        What::Sync if syncs && !asked.head && dice.throw(200) == 0 => Answer::Fail(EIO),
        _ => Answer::Do,
    }
}

/// What callers were told.
#[derive(Default)]
struct Told {
    recorded: HashMap<u64, Receipt>,
    refused: Vec<u64>,
    /// Refused, and yet they may be in the trail: their sync failed, or they stay in a buffer's line.
    unsure: Vec<u64>,
    /// Refused because of the disk.
    lost: u64,
}

fn blow(durability: Durability, seed: u64, syncs: bool, threads: u64, each: u64) -> (u64, u64) {
    let mut bench = Bench::new();
    bench.max_file_size = [None, Some(3_000)][usize::from(seed.is_multiple_of(2))];
    let log = bench.open(durability);
    bench.faults.rule(weather(seed, syncs));
    let told = Mutex::new(Told::default());
    thread::scope(|scope| {
        for thread in 0..threads {
            let (log, told) = (&log, &told);
            scope.spawn(move || {
                let mut dice = Dice(seed ^ (thread + 1) << 20);
                for round in 0..each {
                    let number = thread * each + round;
                    let critical = dice.throw(8) == 0;
                    let draft = if critical { draft(number).critical() } else { draft(number) };
                    let outcome = match dice.throw(10) {
                        0..3 => ready(log.append_async(draft)),
                        3 => {
                            let patience = Duration::from_micros(dice.throw(300));
                            match within(patience, log.append_async(draft)) {
                                Some(outcome) => outcome,
                                None => continue,
                            }
                        }
                        4 if dice.throw(5) == 0 => {
                            drop(log.flush());
                            drop((log.health(), log.counters()));
                            log.append(draft)
                        }
                        _ => log.append(draft),
                    };
                    let mut told = told.lock();
                    match outcome {
                        Ok(receipt) => drop(told.recorded.insert(number, receipt)),
                        Err(Error::Poisoned { .. }) => told.unsure.push(number),
                        Err(_) if critical && durability == Durability::Buffered => told.unsure.push(number),
                        Err(error) => {
                            assert!(matches!(error, Error::Io { .. } | Error::Conflict { .. }), "{error}");
                            told.refused.push(number);
                        }
                    }
                }
            });
        }
    });
    bench.faults.clear();
    // The log's own thread may still be writing to storage that fails.
    drop(log.flush());
    let poisoned = log.append(draft(u64::MAX)).is_err();
    assert!(syncs || !poisoned);
    let not_recorded = log.counters().not_recorded;
    assert_eq!(log.close().is_err(), poisoned);
    drop(log);
    assert_intact(&bench.trail());

    let mut told = told.into_inner();
    let there = entries(&bench.trail());
    let mut by_number: HashMap<u64, &crate::write::commit::tests::Told> = HashMap::new();
    for entry in there.iter().filter(|entry| entry.event_type == "worked") {
        let number = entry.details["number"].as_u64().expect("a number");
        assert!(by_number.insert(number, entry).is_none(), "{number} is there twice");
    }
    for (number, receipt) in &told.recorded {
        match by_number.get(number) {
            Some(entry) => {
                assert_eq!((entry.seq, &entry.hash), (receipt.seq, &receipt.hash.to_string()));
            }
            // A buffer that can't be written any more is lost with its log.
            None => assert!(poisoned && durability == Durability::Buffered, "{number} was acknowledged"),
        }
    }
    for number in &told.refused {
        assert!(!by_number.contains_key(number), "{number} was refused, seed {seed}");
    }
    told.lost = there
        .iter()
        .filter(|entry| entry.event_type == "audit_degraded")
        .map(|entry| entry.details["lost"].as_u64().expect("a number"))
        .sum();
    if !poisoned && durability != Durability::Buffered {
        assert_eq!(told.lost, not_recorded, "seed {seed}");
    }
    bench.reopen();
    (told.recorded.len() as u64, told.lost)
}

#[test]
fn in_any_weather_everybody_is_told_the_truth() {
    let (seeds, threads, each) = if is_long() { (300, 64, 60) } else { (12, 24, 25) };
    watched(Duration::from_secs(if is_long() { 3_000 } else { 600 }), move || {
        let (mut recorded, mut lost) = (0, 0);
        for seed in 0..seeds {
            for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
                let (more, less) = blow(durability, seed, false, threads, each);
                recorded += more;
                lost += less;
            }
        }
        println!("{seeds} seeds, {threads} threads: {recorded} recorded, {lost} refused and accounted for");
        assert!(lost > 0);
    });
}

#[test]
fn a_sync_that_fails_among_many_threads_leaves_a_trail_that_can_be_opened() {
    let (seeds, threads, each) = if is_long() { (300, 64, 60) } else { (12, 24, 25) };
    watched(Duration::from_secs(if is_long() { 3_000 } else { 600 }), move || {
        let mut recorded = 0;
        for seed in 1_000..1_000 + seeds {
            for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
                recorded += blow(durability, seed, true, threads, each).0;
            }
        }
        println!("{seeds} seeds, {threads} threads: {recorded} recorded");
    });
}

/// Whoever appends while another one closes is in the trail, or was refused.
#[test]
fn closing_while_others_append_loses_nothing() {
    watched(Duration::from_secs(if is_long() { 3_000 } else { 600 }), move || {
        for round in 0..if is_long() { 400 } else { 30 } {
            for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
                let bench = Bench::new();
                let log = bench.open(durability);
                let closed = AtomicBool::new(false);
                let recorded = Mutex::new(vec![]);
                thread::scope(|scope| {
                    for thread in 0..16 {
                        let (log, closed, recorded) = (&log, &closed, &recorded);
                        scope.spawn(move || {
                            for number in 0.. {
                                let is_over = closed.load(Ordering::Relaxed);
                                let outcome = match (thread + number) % 3 {
                                    0 => ready(log.append_async(draft(number))),
                                    _ => log.append(draft(number)),
                                };
                                match outcome {
                                    Ok(receipt) => {
                                        assert!(!is_over, "recorded after the end");
                                        recorded.lock().push(receipt);
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
                    log.close().expect("closing twice is closing once");
                });

                let recorded = recorded.into_inner();
                let verification = look(&bench.trail());
                assert_eq!(verification.entries(), recorded.len() as u64 + 2, "{durability:?}");
                let told = entries(&bench.trail());
                assert_eq!(told.last().expect("entries").event_type, "audit_stopped");
                for receipt in recorded {
                    let entry = &told[usize::try_from(receipt.seq).expect("small")];
                    assert_eq!(entry.hash, receipt.hash.to_string());
                }
            }
        }
    });
}
