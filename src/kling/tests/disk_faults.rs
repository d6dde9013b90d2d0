//! The client on a disk that hangs or is full. No thread of the runtime waits for the disk, no request leaves before its
//! intent is written, and a call that is dropped meanwhile has exactly one outcome in the trail.

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

use crate::kling::tests::disk_faults::stand_in::{ACCESS_KEY, Pace, SECRET_KEY, StandIn};
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

/// A call that takes longer than this hangs.
const HANG_LIMIT: Duration = Duration::from_secs(120);
/// Time in which a request that left arrives at the server.
const ARRIVAL_TIME: Duration = Duration::from_millis(60);
/// No space left on the device.
const ENOSPC: i32 = 28;

/// The behaviour of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DiskState {
    Works,
    /// A write of a line with this event type waits until the disk works again.
    HangsAt(&'static str),
    Full,
}

#[derive(Debug)]
struct Disk {
    state: Mutex<DiskState>,
    changed: Condvar,
    /// The number of writes that hung.
    hung: Mutex<usize>,
}

impl Disk {
    fn set(&self, state: DiskState) {
        *self.state.lock() = state;
        self.changed.notify_all();
    }

    /// The current behaviour. A disk that hung for too long works again, so that a failed test ends.
    fn state(&self) -> DiskState {
        *self.state.lock()
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        let text = String::from_utf8_lossy(bytes);
        let is_at = |event: &str| text.contains(&format!("\"event_type\": \"{event}\""));
        let until = Instant::now() + HANG_LIMIT;
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
        let until = Instant::now() + HANG_LIMIT;
        while *self.hung.lock() == 0 {
            assert!(Instant::now() < until, "the disk never hung");
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
        self.disk.write(bytes)?;
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

/// A client, its log on a disk with faults, and a server.
struct TestSetup {
    log: AuditLog,
    client: Client,
    disk: Arc<Disk>,
    server: StandIn,
    directory: tempfile::TempDir,
}

impl TestSetup {
    fn new(durability: Durability) -> TestSetup {
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
            .expect("valid settings");
        TestSetup { log, client, disk, server, directory }
    }

    async fn submit(&self) -> Result<String, Error> {
        self.client.submit(TextToVideo::new("a fox")).await.map(|task| task.id().to_owned())
    }

    /// Closes and verifies the trail, and returns the event types of its entries, except the log's own.
    fn types(&self) -> Vec<String> {
        self.log.close().expect("closes");
        drop(crate::verify(self.directory.path()).expect("intact"));
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

/// Runs `work` on a runtime with one thread, under a subscriber, so that spans have entries too.
fn on_one_thread<T>(setup: &TestSetup, work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let subscriber = tracing_subscriber::registry().with(setup.log.layer());
    tracing::subscriber::with_default(subscriber, || runtime.block_on(work))
}

/// Counts while the thread that it shares with the client is free.
async fn tick(ticks: &Mutex<usize>) {
    loop {
        *ticks.lock() += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn hung_disk_blocks_no_runtime_and_no_request_leaves() {
    for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
        for event in ["kling.submit.opened", "auth_event", "task_submitted"] {
            let setup = TestSetup::new(durability);
            setup.disk.set(DiskState::HangsAt(event));
            let ticks = Mutex::new(0);

            let (before, id) = on_one_thread(&setup, async {
                let release = async {
                    setup.disk.hangs().await;
                    let began = *ticks.lock();
                    tokio::time::sleep(ARRIVAL_TIME).await;
                    while *ticks.lock() < began + 10 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    let before = (setup.disk.state(), setup.server.requests());
                    setup.disk.set(DiskState::Works);
                    before
                };
                tokio::select! {
                    both = async { tokio::join!(release, setup.submit()) } => both,
                    () = tick(&ticks) => unreachable!("it ticks for ever"),
                }
            });

            // The runtime went on while the disk still hung. After the limit, the disk works again.
            assert_eq!(
                before,
                (DiskState::HangsAt(event), 0),
                "{durability:?}, {event}: hung, or a request left"
            );
            assert_eq!(setup.server.task_ids(), [id.expect("accepted")]);
            assert_eq!(
                setup.types(),
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
fn call_dropped_while_disk_hangs_has_one_outcome() {
    for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
        for (event, outcome, made) in
            [("task_submitted", "task_refused", 0), ("task_accepted", "task_accepted", 1)]
        {
            if event == "task_accepted" && durability == Durability::Buffered {
                // A buffered log acknowledges the entry before the disk sees it, so no call waits.
                continue;
            }
            let setup = TestSetup::new(durability);

            drop_at(&setup, event, setup.submit());

            assert_eq!(setup.server.tasks(), made);
            assert_eq!(
                setup.types(),
                ["kling.submit.opened", "auth_event", "task_submitted", outcome, "kling.submit.closed"],
                "{durability:?}, {event}"
            );
        }
    }
}

/// Drops `work` while the disk hangs at `event`.
fn give_up<T>(setup: &TestSetup, event: &'static str, work: impl Future<Output = T>) {
    *setup.disk.hung.lock() = 0;
    setup.disk.set(DiskState::HangsAt(event));
    on_one_thread(setup, async {
        tokio::select! {
            biased;
            _ = work => unreachable!("the disk hangs"),
            () = setup.disk.hangs() => {}
        }
    });
    setup.disk.set(DiskState::Works);
}

#[test]
fn dropped_wait_records_the_end_once() {
    let setup = TestSetup::new(Durability::Written);
    let task = on_one_thread(&setup, setup.client.submit(TextToVideo::new("a fox"))).expect("accepted");

    drop_at(&setup, "task_completed", setup.client.wait(&task));
    on_one_thread(&setup, setup.client.wait(&task)).expect("completed");

    let types = setup.types();
    let count = |event: &str| types.iter().filter(|known| *known == event).count();
    assert_eq!((count("task_status_changed"), count("task_completed")), (1, 1), "{types:?}");
}

#[test]
fn dropped_immediate_request_is_recorded_whole() {
    let setup = TestSetup::new(Durability::Written);

    drop_at(&setup, "task_completed", setup.client.call(DeleteVoice::new("voice-7")));

    let expected = [
        "kling.submit.opened",
        "auth_event",
        "task_submitted",
        "task_completed",
        "voice_deleted",
        "kling.submit.closed",
    ];
    assert_eq!(setup.types(), expected);
}

#[test]
fn token_of_a_dropped_call_is_minted_once() {
    let setup = TestSetup::new(Durability::Written);

    drop_at(&setup, "auth_event", setup.submit());
    on_one_thread(&setup, setup.submit()).expect("accepted");

    let types = setup.types();
    assert_eq!(types.iter().filter(|event| *event == "auth_event").count(), 1, "{types:?}");
    assert_eq!(setup.server.tokens().len(), 1);
}

#[test]
fn callback_of_a_dropped_call_is_new_again() {
    let setup = TestSetup::new(Durability::Written);
    let receiver = Receiver::builder(setup.log.clone()).accept_unsigned().build();
    let receiver = on_one_thread(&setup, receiver).expect("valid settings");
    let body = br#"{"task_id": "1", "task_status": "processing"}"#;

    drop_at(&setup, "callback_received", receiver.receive([], body));
    let again = on_one_thread(&setup, receiver.receive([], body)).expect("accepted");
    let once_more = on_one_thread(&setup, receiver.receive([], body)).expect("accepted");

    assert_eq!((again.is_new(), once_more.is_new()), (true, false));
}

#[test]
fn full_disk_keeps_every_request_at_every_durability() {
    for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
        let setup = TestSetup::new(durability);
        on_one_thread(&setup, setup.submit()).expect("accepted");
        let requests = setup.server.requests();
        setup.disk.set(DiskState::Full);

        for _ in 0..2 {
            let refused = on_one_thread(&setup, setup.submit()).expect_err("the disk is full");
            assert!(
                matches!(refused, Error::NotRecorded { event: "task_submitted", .. }),
                "{durability:?}: {refused}"
            );
        }
        assert_eq!(setup.server.requests(), requests, "{durability:?}: a request left");
        setup.disk.set(DiskState::Works);
        on_one_thread(&setup, setup.submit()).expect("accepted");

        let types = setup.types();
        let count = |event: &str| types.iter().filter(|known| *known == event).count();
        assert_eq!(count("task_accepted"), 2);
        // A buffered log keeps the lines that it could not write, so a dropped call gets its outcome later.
        assert_eq!(count("task_submitted"), count("task_accepted") + count("task_refused"), "{types:?}");
    }
}
