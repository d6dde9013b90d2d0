//! What happens when storage fails, stops or lies: everything that was acknowledged is there, nothing else is.

pub(crate) mod checkpoints;
pub(crate) mod counts;
pub(crate) mod failures;
pub(crate) mod power;
pub(crate) mod rounds;
pub(crate) mod storage;
pub(crate) mod storm;
pub(crate) mod withheld;

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use chrono::DateTime;

use crate::write::commit::tests::storage::{Answer, Faults, What, scratch};
use crate::{
    findings::{
        notice::Notice,
        verification::{Verdict, Verification},
    },
    format::draft::Draft,
    log::{AuditLog, pending_receipt::PendingReceipt},
    verify::Verifier,
    write::{
        clock::Clock,
        settings::{Durability, Settings},
    },
};

/// 2026-11-24T04:57:14Z.
const NOW: i64 = 1_795_496_234_000_000;
const DAY: i64 = 86_400_000_000;

const DURABILITIES: [Durability; 3] = [Durability::Written, Durability::Synced, Durability::Buffered];
const WAITED_FOR: [Durability; 2] = [Durability::Written, Durability::Synced];
/// Longer than anything takes that does not hang.
const LIMIT: Duration = Duration::from_secs(120);

fn is_long() -> bool {
    std::env::var_os("KLING_AUDIT_LONG").is_some_and(|value| value == "1")
}

/// A trail over faulty storage, and its clock.
struct Bench {
    root: tempfile::TempDir,
    faults: Faults,
    now: Arc<AtomicI64>,
    max_file_size: Option<u64>,
}

impl Bench {
    fn new() -> Self {
        Self {
            root: scratch(),
            faults: Faults::default(),
            now: Arc::new(AtomicI64::new(NOW)),
            max_file_size: None,
        }
    }

    fn trail(&self) -> PathBuf {
        self.root.path().join("audit")
    }

    fn settings(&self, durability: Durability) -> Settings {
        settings(&self.trail(), durability, &self.faults, &self.now, self.max_file_size)
    }

    fn open(&self, durability: Durability) -> AuditLog {
        AuditLog::start(self.settings(durability)).expect("opens")
    }

    /// Opens the trail again, on storage without faults, and closes it; the trail is intact before and after.
    fn reopen(&self) {
        self.faults.clear();
        assert_intact(&self.trail());
        self.open(Durability::Written).close().expect("closes");
        assert_intact(&self.trail());
    }
}

fn settings(
    directory: &Path,
    durability: Durability,
    faults: &Faults,
    now: &Arc<AtomicI64>,
    max_file_size: Option<u64>,
) -> Settings {
    let mut settings = Settings::new(directory.to_owned());
    let now = Arc::clone(now);
    settings.clock = Clock::Given(Arc::new(move || {
        DateTime::from_timestamp_micros(now.load(Ordering::Relaxed)).expect("a time")
    }));
    settings.durability = durability;
    settings.max_file_size = max_file_size;
    settings.wrap = faults.wrap();
    settings.hook = Some(Arc::new(|_| {}));
    settings
}

/// Verifies a trail that must be intact, as it stands.
fn look(directory: &Path) -> Verification {
    let verification = Verifier::new(directory).run().expect("can be read");
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}{}", listing(directory));
    verification
}

fn assert_intact(directory: &Path) {
    drop(look(directory));
}

fn has_torn_tail(verification: &Verification) -> bool {
    verification.notices().iter().any(|notice| matches!(notice, Notice::TornTail { .. }))
}

/// What stands in a trail, for a message.
fn listing(directory: &Path) -> String {
    let mut text = String::new();
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("readable").path())
        .collect();
    names.sort();
    for path in names.into_iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(&path).expect("readable");
        text.push_str(&format!("\n--- {}\n{}", path.display(), String::from_utf8_lossy(&bytes)));
    }
    text
}

/// An entry as it stands in a trail.
#[derive(Debug)]
struct Told {
    seq: u64,
    hash: String,
    event_type: String,
    details: serde_json::Value,
}

/// The entries of a trail, in their order.
fn entries(directory: &Path) -> Vec<Told> {
    let mut told = Vec::new();
    for file in crate::storage::segments::list(directory).expect("can be read") {
        let text = std::fs::read_to_string(&file.path).expect("readable");
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let line: serde_json::Value = serde_json::from_str(line).expect("an entry");
            let text = |name: &str| line[name].as_str().expect("text").to_owned();
            told.push(Told {
                seq: line["seq"].as_u64().expect("a number"),
                hash: text("hash"),
                event_type: text("event_type"),
                details: line["details"].clone(),
            });
        }
    }
    told
}

fn draft(number: u64) -> Draft {
    Draft::new("worked").actor("alice").detail("number", number)
}

/// The numbers of the callers' entries in a trail.
fn numbers(told: &[Told]) -> Vec<u64> {
    told.iter()
        .filter(|entry| entry.event_type == "worked")
        .map(|entry| entry.details["number"].as_u64().expect("a number"))
        .collect()
}

/// Polls a future until it is ready, and not for ever.
fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    let end = Instant::now() + limit;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        let left = end.checked_duration_since(Instant::now())?;
        thread::park_timeout(left);
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    within(Duration::from_secs(60), future).expect("somebody wakes it")
}

/// Runs `body` in a thread of its own; that it doesn't end is a failure and no hanging test.
fn watched(limit: Duration, body: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    let runs = thread::spawn(move || {
        body();
        ended.send(()).unwrap_or_default();
    });
    match end.recv_timeout(limit) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => runs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

/// Holds the storage up until it is let go.
#[derive(Clone, Default)]
struct Gate(Arc<(parking_lot::Mutex<(bool, bool)>, parking_lot::Condvar)>);

impl Gate {
    /// Called by the storage.
    fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        state.0 = true;
        changed.notify_all();
        while !state.1 {
            changed.wait(&mut state);
        }
    }

    /// Waits until the storage stands before it.
    fn reached(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        while !state.0 {
            changed.wait(&mut state);
        }
    }

    fn open(&self) {
        let (state, changed) = &*self.0;
        state.lock().1 = true;
        changed.notify_all();
    }
}

/// Waits until something holds.
fn eventually(holds: impl Fn() -> bool) {
    let until = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < until, "it never holds");
        thread::sleep(Duration::from_millis(2));
    }
}

/// While the storage is held up in a first entry's write, `count` more are linked: the next commit is theirs.
fn hold_up(bench: &Bench, log: &AuditLog, count: u64) -> (Vec<PendingReceipt>, Gate) {
    let gate = Gate::default();
    let passed = gate.clone();
    bench.faults.rule(move |asked| {
        if asked.what == What::Append {
            passed.pass();
        }
        Answer::Do
    });
    let mut recordings = vec![log.append_async(draft(0))];
    gate.reached();
    recordings.extend((1..=count).map(|number| log.append_async(draft(number))));
    (recordings, gate)
}
