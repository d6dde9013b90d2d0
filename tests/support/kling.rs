//! A stand-in for Kling, an audit log, and a client that connects them; and a search for secrets in all that they
//! write.

#![allow(dead_code, reason = "each test binary uses a part of it")]

#[path = "../../examples/stand_in/mod.rs"]
pub(crate) mod stand_in;

use std::{
    error::Error as _,
    path::Path,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kling_audit::{
    AuditLog,
    kling::{
        Answered, Builder, Client, Completed, Credentials, Error,
        requests::{Immediate, Request},
    },
};
use serde_json::Value;
use stand_in::{ACCESS_KEY, API_KEY, Pace, SECRET_KEY, StandIn};
use tempfile::TempDir;

use super::files;

/// A stand-in, an audit log, and a client between them.
pub(crate) struct Setup {
    pub(crate) client: Client,
    pub(crate) log: AuditLog,
    pub(crate) server: StandIn,
    /// Dropped last: dropping the log writes its last entry there.
    pub(crate) directory: SearchedDirectory,
}

impl Setup {
    /// A client with a pair of keys. Each task ends at its second query.
    pub(crate) fn new() -> Setup {
        Setup::with(StandIn::start_with(Pace::Queries(2), 100), |builder| builder)
    }

    pub(crate) fn with(server: StandIn, settings: impl FnOnce(Builder) -> Builder) -> Setup {
        capture_events();
        let directory = SearchedDirectory::new();
        let log = AuditLog::open(directory.path()).expect("opens");
        let builder =
            impatient(Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log.clone()), &server);
        let client = settings(builder).build().expect("a client");
        Setup { directory, log, server, client }
    }

    /// A client with an API key.
    pub(crate) fn with_api_key() -> Setup {
        let mut setup = Setup::new();
        setup.client = setup.builder(Credentials::api_key(API_KEY)).build().expect("a client");
        setup
    }

    /// A builder with the settings of [`Setup::new`], for other credentials.
    pub(crate) fn builder(&self, credentials: Credentials) -> Builder {
        impatient(Client::builder(credentials, self.log.clone()), &self.server)
    }

    /// Submits a request and waits for its task.
    pub(crate) async fn run<R: Request>(&self, request: R) -> Result<Completed<R::Output>, Error> {
        let task = self.client.submit(request).await?;
        self.client.wait(&task).await
    }

    /// Calls an endpoint that answers at once.
    pub(crate) async fn call<I: Immediate>(&self, request: I) -> Result<Answered<I::Output>, Error> {
        self.client.call(request).await
    }

    /// Entries that are not the log's own.
    pub(crate) fn entries(&self) -> Vec<Value> {
        entries(self.directory.path())
    }

    /// Types of the entries that are not the log's own.
    pub(crate) fn event_types(&self) -> Vec<String> {
        event_types(self.directory.path())
    }
}

/// Searches what has been printed so far, and the client itself.
impl Drop for Setup {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_no_secret("the printed log", &take_captured());
            assert_no_secret("the client's Debug", &format!("{:?} {:?}", self.client, self.log));
        }
    }
}

/// Settings for a server on the same machine.
fn impatient(builder: Builder, server: &StandIn) -> Builder {
    builder
        .actor("alice")
        .base_url(server.base_url())
        .timeout(Duration::from_secs(2))
        .deadline(Duration::from_secs(60))
        .poll_interval(Duration::from_millis(2))
        .backoff(Duration::from_millis(2))
        .retries(2)
}

/// Entries of a trail that are not the log's own.
pub(crate) fn entries(directory: &Path) -> Vec<Value> {
    let mut entries = files::entries(directory);
    entries.retain(|entry| !entry["event_type"].as_str().expect("a string").starts_with("audit_"));
    entries
}

/// Types of the entries of a trail that are not the log's own.
pub(crate) fn event_types(directory: &Path) -> Vec<String> {
    let text = |entry: &Value| entry["event_type"].as_str().expect("a string").to_owned();
    entries(directory).iter().map(text).collect()
}

/// The only entry of that type.
pub(crate) fn entry<'a>(entries: &'a [Value], event_type: &str) -> &'a Value {
    let mut found = entries.iter().filter(|entry| entry["event_type"] == event_type);
    let entry = found.next().unwrap_or_else(|| panic!("no {event_type}"));
    assert!(found.next().is_none(), "more than one {event_type}");
    entry
}

/// Kind of an error, and its code, reason or event. Searches all that the error shows for secrets.
pub(crate) fn outcome<T>(result: &Result<T, Error>) -> String {
    if let Err(error) = result {
        let mut shown = format!("{error} {error:?}");
        let mut source = error.source();
        while let Some(cause) = source {
            shown.push_str(&format!(" {cause} {cause:?}"));
            source = cause.source();
        }
        assert_no_secret("an error", &shown);
    }
    match result {
        Ok(_) => "ok".to_owned(),
        Err(Error::Refused { code, .. }) => format!("refused {}", code.unwrap_or_default()),
        Err(Error::Ambiguous { .. }) => "ambiguous".to_owned(),
        Err(Error::Failed { reason, .. }) => format!("failed {reason}"),
        Err(Error::Deadline { .. }) => "deadline".to_owned(),
        Err(Error::Transport { .. }) => "transport".to_owned(),
        Err(Error::NotRecorded { event, .. }) => format!("not recorded {event}"),
        Err(Error::OutcomeNotRecorded { event, .. }) => format!("outcome not recorded {event}"),
        Err(other) => format!("{other:?}"),
    }
}

/// Waits until a condition holds that the client or a server brings about, and fails after two minutes.
pub(crate) async fn wait_until(condition: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < deadline, "waited for two minutes: {condition}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Texts that must not be written: keys, tokens, prompts, signed queries. [`assert_no_secret`] adds the access key.
const SECRETS: [&str; 15] = [
    SECRET_KEY,
    API_KEY,
    PROMPT_KEY,
    // The beginnings of tokens and of their second parts. Shorter ones occur in random names.
    "eyJhbGci",
    "eyJpc3Mi",
    "x-kcdn-pid",
    "signature=",
    "key=0123456789",
    "whsec_dGVz",
    "a fox",
    "clockwork heron",
    "a spoken secret",
    "testsecret",
    "whsec_YW5v",
    "anothersecret",
];
/// A key for the hashes of prompts.
pub(crate) const PROMPT_KEY: &str = "prompt-key-of-a-test-0123456789";
/// Number of an access key's first characters that entries hold.
const RECORDED_KEY_CHARS: usize = 8;

/// Fails if `text` holds a secret, or nine consecutive characters of the access key.
pub(crate) fn assert_no_secret(place: &str, text: &str) {
    let pieces = ACCESS_KEY.as_bytes().windows(RECORDED_KEY_CHARS + 1);
    let pieces = pieces.map(|piece| std::str::from_utf8(piece).expect("ASCII"));
    for secret in SECRETS.into_iter().chain(pieces) {
        let at = text.find(secret);
        let around = at.map(|at| {
            let near = &text.as_bytes()[at.saturating_sub(100)..(at + 100).min(text.len())];
            String::from_utf8_lossy(near).into_owned()
        });
        assert!(at.is_none(), "{secret} in {place}: {around:?}");
    }
}

/// Path and text of each file in a directory.
pub(crate) fn texts(directory: &Path) -> Vec<(String, String)> {
    let text = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).expect("readable")).into_owned();
    let paths = files::names(directory).into_iter().map(|name| directory.join(name));
    paths.map(|path| (path.display().to_string(), text(&path))).collect()
}

/// A temporary directory. Dropping it searches all files in it for secrets.
#[derive(Debug)]
pub(crate) struct SearchedDirectory(TempDir);

impl SearchedDirectory {
    pub(crate) fn new() -> SearchedDirectory {
        SearchedDirectory(TempDir::new().expect("a directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SearchedDirectory {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for (place, text) in texts(self.path()) {
            assert_no_secret(&place, &text);
        }
    }
}

/// Lines that this process's subscriber has printed since the last [`take_captured`].
static CAPTURED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// `true` once the subscriber has printed anything.
pub(crate) static HAS_CAPTURED: AtomicBool = AtomicBool::new(false);

struct CaptureWriter;

impl std::io::Write for CaptureWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        HAS_CAPTURED.store(true, Ordering::SeqCst);
        CAPTURED.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Installs a global subscriber that prints everything into memory. A test with another one needs its own process.
fn capture_events() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| CaptureWriter);
        tracing::subscriber::set_global_default(subscriber.finish()).expect("no other subscriber");
    });
}

fn take_captured() -> String {
    let lines = std::mem::take(&mut *CAPTURED.lock().unwrap_or_else(PoisonError::into_inner));
    String::from_utf8_lossy(&lines).into_owned()
}
