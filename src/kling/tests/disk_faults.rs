//! Behaviour of the client while the disk of its trail hangs or is full.
//!
//! No thread of the runtime waits for the disk, nothing is sent before its intent is written, and a dropped submission
//! has exactly one outcome.

use std::{
    fs::File,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use serde_json::Value;
use tracing_subscriber::prelude::*;

use self::stand_in::{ACCESS_KEY, Pace, SECRET_KEY, StandIn};
use crate::{
    kling::{
        auth::credentials::Credentials,
        callback::receiver::Receiver,
        client::Client,
        error::Error,
        requests::{deletion::DeleteVoice, text_to_video::TextToVideo},
    },
    log::AuditLog,
    storage::backend::Storage,
    write::settings::{Durability, Settings},
};

#[path = "../../../examples/stand_in/mod.rs"]
mod stand_in;

/// Time limit of a test, longer than any operation without a fault.
const MAX_HANG: Duration = Duration::from_secs(120);
/// Time after which a sent request would have reached the server.
const REQUEST_TIME: Duration = Duration::from_millis(60);
/// Error number of the OS for a device without space.
const ENOSPC: i32 = 28;

/// Behaviour of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DiskState {
    Works,
    /// A write of an event of this type hangs until the state changes.
    HangsAt(&'static str),
    Full,
}

#[derive(Debug)]
struct Disk {
    state: Mutex<DiskState>,
    changed: Condvar,
    /// Number of writes that hung.
    hung: Mutex<usize>,
}

impl Disk {
    fn set(&self, state: DiskState) {
        *self.state.lock() = state;
        self.changed.notify_all();
    }

    /// Current state. A write that hangs for longer than [`MAX_HANG`] sets it to `Works`.
    fn state(&self) -> DiskState {
        *self.state.lock()
    }

    fn check(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        let text = String::from_utf8_lossy(bytes);
        let is_at = |event: &str| text.contains(&format!("\"event_type\": \"{event}\""));
        let until = Instant::now() + MAX_HANG;
        while let DiskState::HangsAt(event) = *state
            && is_at(event)
        {
            *self.hung.lock() += 1;
            if self.changed.wait_until(&mut state, until).timed_out() {
                *state = DiskState::Works;
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        match *state {
            DiskState::Full => Err(io::Error::from_raw_os_error(ENOSPC)),
            _ => Ok(()),
        }
    }

    async fn hangs(&self) {
        let until = Instant::now() + MAX_HANG;
        while *self.hung.lock() == 0 {
            assert!(Instant::now() < until, "no write hung");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: File,
    disk: Arc<Disk>,
}

impl Storage for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.check(bytes)?;
        Storage::append(&mut self.file, bytes)
    }

    fn overwrite(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        Storage::overwrite(&mut self.file, bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        Storage::sync(&mut self.file)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        Storage::cut(&mut self.file, length)
    }

    fn length(&self) -> io::Result<u64> {
        Storage::length(&self.file)
    }
}

/// A client, its log on a faulty disk, and a server.
struct Bench {
    log: AuditLog,
    client: Client,
    disk: Arc<Disk>,
    server: StandIn,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new(durability: Durability) -> Bench {
        let directory = tempfile::tempdir().expect("a directory");
        let disk = Arc::new(Disk {
            state: Mutex::new(DiskState::Works),
            changed: Condvar::new(),
            hung: Mutex::new(0),
        });
        let mut settings = Settings::new(directory.path().to_owned());
        settings.durability = durability;
        settings.hook = Some(Arc::new(|_| {}));
        let of_files = Arc::clone(&disk);
        settings.wrap =
            Arc::new(move |file, _: &Path| Box::new(FaultyFile { file, disk: Arc::clone(&of_files) }));
        let log = AuditLog::start(settings).expect("opens");
        let server = StandIn::start_with(Pace::Queries(1), 100);
        let client = Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log.clone())
            .base_url(server.base_url())
            .poll_interval(Duration::from_millis(1))
            .build()
            .expect("settings that work");
        Bench { log, client, disk, server, directory }
    }

    async fn submit(&self) -> Result<String, Error> {
        self.client.submit(TextToVideo::new("a fox")).await.map(|task| task.id().to_owned())
    }

    /// Closes the log, verifies the trail, and returns the types of its entries without the log's own.
    fn types(&self) -> Vec<String> {
        self.log.close().expect("closes");
        drop(crate::verify::verify(self.directory.path()).expect("intact"));
        let files = std::fs::read_dir(self.directory.path()).expect("a directory");
        let mut types = Vec::new();
        for file in files.map(|file| file.expect("readable").path()) {
            if file.extension().is_some_and(|extension| extension == "jsonl") {
                let text = std::fs::read_to_string(file).expect("a file");
                types.extend(text.lines().map(|line| {
                    let entry: Value = serde_json::from_str(line).expect("JSON");
                    entry["event_type"].as_str().expect("a type").to_owned()
                }));
            }
        }
        types.retain(|event| !event.starts_with("audit_"));
        types
    }
}

/// Runs `work` on a single thread, under a subscriber, so that spans have entries too.
fn on_one_thread<T>(bench: &Bench, work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let subscriber = tracing_subscriber::registry().with(bench.log.layer());
    tracing::subscriber::with_default(subscriber, || runtime.block_on(work))
}

/// Counts up while the shared thread is free.
async fn tick(ticks: &Mutex<usize>) {
    loop {
        *ticks.lock() += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn while_the_disk_hangs_the_runtime_runs_and_nothing_is_sent() {
    for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
        for event in ["kling.submit.opened", "auth_event", "task_submitted"] {
            let bench = Bench::new(durability);
            bench.disk.set(DiskState::HangsAt(event));
            let ticks = Mutex::new(0);

            let (before, id) = on_one_thread(&bench, async {
                let release = async {
                    bench.disk.hangs().await;
                    let began = *ticks.lock();
                    tokio::time::sleep(REQUEST_TIME).await;
                    while *ticks.lock() < began + 10 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    let before = (bench.disk.state(), bench.server.requests());
                    bench.disk.set(DiskState::Works);
                    before
                };
                tokio::select! {
                    both = async { tokio::join!(release, bench.submit()) } => both,
                    () = tick(&ticks) => unreachable!("it ticks for ever"),
                }
            });

            // The runtime ran while the disk hung. A disk that hung for too long would be in state `Works`.
            assert_eq!(
                before,
                (DiskState::HangsAt(event), 0),
                "{durability:?}, {event}: hung, or a request was sent"
            );
            assert_eq!(bench.server.task_ids(), [id.expect("accepted")]);
            assert_eq!(
                bench.types(),
                [
                    "kling.submit.opened",
                    "auth_event",
                    "task_submitted",
                    "task_accepted",
                    "kling.submit.closed"
                ]
            );
        }
    }
}

#[test]
fn a_submission_dropped_while_the_disk_hangs_has_one_outcome() {
    for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
        for (event, outcome, made) in
            [("task_submitted", "task_refused", 0), ("task_accepted", "task_accepted", 1)]
        {
            if event == "task_accepted" && durability == Durability::Buffered {
                // No caller waits for this entry of a buffered log.
                continue;
            }
            let bench = Bench::new(durability);

            drop_at(&bench, event, bench.submit());

            assert_eq!(bench.server.tasks(), made);
            assert_eq!(
                bench.types(),
                ["kling.submit.opened", "auth_event", "task_submitted", outcome, "kling.submit.closed"],
                "{durability:?}, {event}"
            );
        }
    }
}

/// Drops `work` when the disk hangs at `event`.
fn drop_at<T>(bench: &Bench, event: &'static str, work: impl Future<Output = T>) {
    *bench.disk.hung.lock() = 0;
    bench.disk.set(DiskState::HangsAt(event));
    on_one_thread(bench, async {
        tokio::select! {
            biased;
            _ = work => unreachable!("the disk hangs"),
            () = bench.disk.hangs() => {}
        }
    });
    bench.disk.set(DiskState::Works);
}

#[test]
fn a_wait_dropped_at_the_end_does_not_record_it_twice() {
    let bench = Bench::new(Durability::Written);
    let task = on_one_thread(&bench, bench.client.submit(TextToVideo::new("a fox"))).expect("accepted");

    drop_at(&bench, "task_completed", bench.client.wait(&task));
    on_one_thread(&bench, bench.client.wait(&task)).expect("completed");

    let types = bench.types();
    let count = |event: &str| types.iter().filter(|known| *known == event).count();
    assert_eq!((count("task_status_changed"), count("task_completed")), (1, 1), "{types:?}");
}

#[test]
fn a_dropped_immediate_call_is_recorded_completely() {
    let bench = Bench::new(Durability::Written);

    drop_at(&bench, "task_completed", bench.client.call(DeleteVoice::new("voice-7")));

    let expected = [
        "kling.submit.opened",
        "auth_event",
        "task_submitted",
        "task_completed",
        "voice_deleted",
        "kling.submit.closed",
    ];
    assert_eq!(bench.types(), expected);
}

#[test]
fn a_token_is_minted_once_despite_a_dropped_future() {
    let bench = Bench::new(Durability::Written);

    drop_at(&bench, "auth_event", bench.submit());
    on_one_thread(&bench, bench.submit()).expect("accepted");

    let types = bench.types();
    assert_eq!(types.iter().filter(|event| *event == "auth_event").count(), 1, "{types:?}");
    assert_eq!(bench.server.tokens().len(), 1);
}

#[test]
fn a_callback_of_a_dropped_future_is_new_again() {
    let bench = Bench::new(Durability::Written);
    let receiver = Receiver::builder(bench.log.clone()).accept_unsigned().build();
    let receiver = on_one_thread(&bench, receiver).expect("settings that work");
    let body = br#"{"task_id": "1", "task_status": "processing"}"#;

    drop_at(&bench, "callback_received", receiver.receive([], body));
    let again = on_one_thread(&bench, receiver.receive([], body)).expect("accepted");
    let once_more = on_one_thread(&bench, receiver.receive([], body)).expect("accepted");

    assert_eq!((again.is_new(), once_more.is_new()), (true, false));
}

#[test]
fn with_a_full_disk_nothing_is_sent_at_any_durability() {
    for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
        let bench = Bench::new(durability);
        on_one_thread(&bench, bench.submit()).expect("accepted");
        let requests = bench.server.requests();
        bench.disk.set(DiskState::Full);

        for _ in 0..2 {
            let refused = on_one_thread(&bench, bench.submit()).expect_err("the disk is full");
            assert!(
                matches!(refused, Error::NotRecorded { event: "task_submitted", .. }),
                "{durability:?}: {refused}"
            );
        }
        assert_eq!(bench.server.requests(), requests, "{durability:?}: a request was sent");
        bench.disk.set(DiskState::Works);
        on_one_thread(&bench, bench.submit()).expect("accepted");

        let types = bench.types();
        let count = |event: &str| types.iter().filter(|known| *known == event).count();
        assert_eq!(count("task_accepted"), 2);
        // A buffered log keeps lines that it could not write. The dropped submissions then have their outcomes too.
        assert_eq!(count("task_submitted"), count("task_accepted") + count("task_refused"), "{types:?}");
    }
}
