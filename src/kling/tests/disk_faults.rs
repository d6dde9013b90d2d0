//! What the client does while its trail's disk hangs, or is full: no thread of the runtime waits with it, nothing
//! leaves before its intent is written, and what is given up meanwhile has exactly one outcome.

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

/// Longer than anything takes that does not hang.
const LIMIT: Duration = Duration::from_secs(120);
/// Long enough for a request to come, if one left.
const A_WHILE: Duration = Duration::from_millis(60);
/// No space left on the device.
const ENOSPC: i32 = 28;

/// What a disk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Works,
    /// It hangs at the line of an event of this type, until it works.
    HangsAt(&'static str),
    Full,
}

#[derive(Debug)]
struct Disk {
    mood: Mutex<Mood>,
    changed: Condvar,
    /// How often it hung.
    hung: Mutex<usize>,
}

impl Disk {
    fn be(&self, mood: Mood) {
        *self.mood.lock() = mood;
        self.changed.notify_all();
    }

    /// As it is now; it works again where it hung for too long.
    fn mood(&self) -> Mood {
        *self.mood.lock()
    }

    fn ask(&self, bytes: &[u8]) -> io::Result<()> {
        let mut mood = self.mood.lock();
        let text = String::from_utf8_lossy(bytes);
        let is_at = |event: &str| text.contains(&format!("\"event_type\": \"{event}\""));
        let until = Instant::now() + LIMIT;
        while let Mood::HangsAt(event) = *mood
            && is_at(event)
        {
            *self.hung.lock() += 1;
            if self.changed.wait_until(&mut mood, until).timed_out() {
                *mood = Mood::Works;
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        match *mood {
            Mood::Full => Err(io::Error::from_raw_os_error(ENOSPC)),
            _ => Ok(()),
        }
    }

    async fn hangs(&self) {
        let until = Instant::now() + LIMIT;
        while *self.hung.lock() == 0 {
            assert!(Instant::now() < until, "it never hung");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[derive(Debug)]
struct Moody {
    file: File,
    disk: Arc<Disk>,
}

impl Storage for Moody {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.ask(bytes)?;
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

/// A client, its log on a disk with moods, and a server.
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
        let disk =
            Arc::new(Disk { mood: Mutex::new(Mood::Works), changed: Condvar::new(), hung: Mutex::new(0) });
        let mut settings = Settings::new(directory.path().to_owned());
        settings.durability = durability;
        settings.hook = Some(Arc::new(|_| {}));
        let of_files = Arc::clone(&disk);
        settings.wrap = Arc::new(move |file, _: &Path| Box::new(Moody { file, disk: Arc::clone(&of_files) }));
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

    /// The types of the trail's entries, but for the log's own; the trail is intact.
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

/// One thread does everything; under a subscriber, so that spans have entries too.
fn on_one_thread<T>(bench: &Bench, work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let subscriber = tracing_subscriber::registry().with(bench.log.layer());
    tracing::subscriber::with_default(subscriber, || runtime.block_on(work))
}

/// Counts, as long as the thread that it shares is free.
async fn tick(ticks: &Mutex<usize>) {
    loop {
        *ticks.lock() += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn while_the_disk_hangs_the_runtime_goes_on_and_nothing_leaves() {
    for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
        for event in ["kling.submit.opened", "auth_event", "task_submitted"] {
            let bench = Bench::new(durability);
            bench.disk.be(Mood::HangsAt(event));
            let ticks = Mutex::new(0);

            let (before, id) = on_one_thread(&bench, async {
                let release = async {
                    bench.disk.hangs().await;
                    let began = *ticks.lock();
                    tokio::time::sleep(A_WHILE).await;
                    while *ticks.lock() < began + 10 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    let before = (bench.disk.mood(), bench.server.requests());
                    bench.disk.be(Mood::Works);
                    before
                };
                tokio::select! {
                    both = async { tokio::join!(release, bench.submit()) } => both,
                    () = tick(&ticks) => unreachable!("it ticks for ever"),
                }
            });

            // It went on while the disk hung, which it does no longer than the limit.
            assert_eq!(before, (Mood::HangsAt(event), 0), "{durability:?}, {event}: hung, or a request left");
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
fn what_is_given_up_while_the_disk_hangs_has_one_outcome() {
    for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
        for (event, outcome, made) in
            [("task_submitted", "task_refused", 0), ("task_accepted", "task_accepted", 1)]
        {
            if event == "task_accepted" && durability == Durability::Buffered {
                // Nobody waits for that one.
                continue;
            }
            let bench = Bench::new(durability);

            give_up(&bench, event, bench.submit());

            assert_eq!(bench.server.tasks(), made);
            assert_eq!(
                bench.types(),
                ["kling.submit.opened", "auth_event", "task_submitted", outcome, "kling.submit.closed"],
                "{durability:?}, {event}"
            );
        }
    }
}

/// Given up where the disk hangs at `event`.
fn give_up<T>(bench: &Bench, event: &'static str, work: impl Future<Output = T>) {
    *bench.disk.hung.lock() = 0;
    bench.disk.be(Mood::HangsAt(event));
    on_one_thread(bench, async {
        tokio::select! {
            biased;
            _ = work => unreachable!("the disk hangs"),
            () = bench.disk.hangs() => {}
        }
    });
    bench.disk.be(Mood::Works);
}

#[test]
fn a_wait_that_is_given_up_at_the_end_does_not_record_it_twice() {
    let bench = Bench::new(Durability::Written);
    let task = on_one_thread(&bench, bench.client.submit(TextToVideo::new("a fox"))).expect("accepted");

    give_up(&bench, "task_completed", bench.client.wait(&task));
    on_one_thread(&bench, bench.client.wait(&task)).expect("completed");

    let types = bench.types();
    let count = |event: &str| types.iter().filter(|known| *known == event).count();
    assert_eq!((count("task_status_changed"), count("task_completed")), (1, 1), "{types:?}");
}

#[test]
fn what_is_answered_at_once_is_recorded_whole_though_it_was_given_up() {
    let bench = Bench::new(Durability::Written);

    give_up(&bench, "task_completed", bench.client.call(DeleteVoice::new("voice-7")));

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
fn a_token_whose_minting_was_given_up_is_minted_once() {
    let bench = Bench::new(Durability::Written);

    give_up(&bench, "auth_event", bench.submit());
    on_one_thread(&bench, bench.submit()).expect("accepted");

    let types = bench.types();
    assert_eq!(types.iter().filter(|event| *event == "auth_event").count(), 1, "{types:?}");
    assert_eq!(bench.server.tokens().len(), 1);
}

#[test]
fn a_callback_that_was_given_up_is_new_when_it_comes_again() {
    let bench = Bench::new(Durability::Written);
    let receiver = Receiver::builder(bench.log.clone()).accept_unsigned().build();
    let receiver = on_one_thread(&bench, receiver).expect("settings that work");
    let body = br#"{"task_id": "1", "task_status": "processing"}"#;

    give_up(&bench, "callback_received", receiver.receive([], body));
    let again = on_one_thread(&bench, receiver.receive([], body)).expect("accepted");
    let once_more = on_one_thread(&bench, receiver.receive([], body)).expect("accepted");

    assert_eq!((again.is_new(), once_more.is_new()), (true, false));
}

#[test]
fn with_a_full_disk_nothing_leaves_whatever_the_log_promises() {
    for durability in [Durability::Written, Durability::Synced, Durability::Buffered] {
        let bench = Bench::new(durability);
        on_one_thread(&bench, bench.submit()).expect("accepted");
        let requests = bench.server.requests();
        bench.disk.be(Mood::Full);

        for _ in 0..2 {
            let refused = on_one_thread(&bench, bench.submit()).expect_err("the disk is full");
            assert!(
                matches!(refused, Error::NotRecorded { event: "task_submitted", .. }),
                "{durability:?}: {refused}"
            );
        }
        assert_eq!(bench.server.requests(), requests, "{durability:?}: a request left");
        bench.disk.be(Mood::Works);
        on_one_thread(&bench, bench.submit()).expect("accepted");

        let types = bench.types();
        let count = |event: &str| types.iter().filter(|known| *known == event).count();
        assert_eq!(count("task_accepted"), 2);
        // A buffered log keeps the lines that it could not write: what was given up has its outcome then.
        assert_eq!(count("task_submitted"), count("task_accepted") + count("task_refused"), "{types:?}");
    }
}
