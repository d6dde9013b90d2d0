//! A stand-in, a trail and a client between them, and what is in the trail.
#![allow(dead_code, reason = "nobody who includes this uses all of it")]

use std::{
    error::Error as _,
    path::Path,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kling_audit::{
    AuditLog,
    kling::{
        Answered, Builder, Client, Completed, Credentials, Error,
        requests::{Immediate, Request},
    },
};
use serde_json::Value;
use tempfile::TempDir;

use crate::stand_in::{ACCESS_KEY, API_KEY, Pace, SECRET_KEY, StandIn};

/// A stand-in, a trail and a client between them.
pub(crate) struct Studio {
    pub(crate) client: Client,
    pub(crate) log: AuditLog,
    pub(crate) server: StandIn,
    /// Goes last, since the log ends in it.
    pub(crate) directory: Searched,
}

impl Studio {
    pub(crate) fn new() -> Studio {
        Studio::with(StandIn::start_with(Pace::Queries(2), 100), |builder| builder)
    }

    pub(crate) fn with(server: StandIn, settings: impl FnOnce(Builder) -> Builder) -> Studio {
        listen();
        let directory = Searched::new();
        let log = AuditLog::open(directory.path()).unwrap();
        let client =
            settings(quick(Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log.clone()), &server))
                .build()
                .unwrap();
        Studio { directory, log, server, client }
    }

    pub(crate) fn entries(&self) -> Vec<Value> {
        entries(self.directory.path())
    }

    /// A studio whose client has an API key.
    pub(crate) fn with_api_key() -> Studio {
        let mut studio = Studio::new();
        studio.client = studio.builder(Credentials::api_key(API_KEY)).build().unwrap();
        studio
    }

    /// Settings as those of the studio's client, for other credentials.
    pub(crate) fn builder(&self, credentials: Credentials) -> Builder {
        quick(Client::builder(credentials, self.log.clone()), &self.server)
    }

    /// Submits and waits.
    pub(crate) async fn run<R: Request>(&self, request: R) -> Result<Completed<R::Output>, Error> {
        let task = self.client.submit(request).await?;
        self.client.wait(&task).await
    }

    /// Calls what is answered at once.
    pub(crate) async fn call<I: Immediate>(&self, request: I) -> Result<Answered<I::Output>, Error> {
        self.client.call(request).await
    }

    /// The types of the entries that are not the log's own.
    pub(crate) fn types(&self) -> Vec<String> {
        self.entries().iter().map(|entry| entry["event_type"].as_str().unwrap().to_owned()).collect()
    }
}

/// What nothing that is written may hold: keys, tokens, prompts, signed queries. Of the access key there is more in
/// [`search`].
const SECRETS: [&str; 15] = [
    SECRET_KEY,
    API_KEY,
    PROMPT_KEY,
    // How tokens begin, and their second parts; a shorter beginning stands in a random name now and then.
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
/// Of an access key entries hold the first eight characters.
const SHOWN: usize = 8;

/// Fails where `text` holds a secret, or nine characters in a row of the access key.
pub(crate) fn search(place: &str, text: &str) {
    let pieces = ACCESS_KEY.as_bytes().windows(SHOWN + 1).map(|piece| std::str::from_utf8(piece).unwrap());
    for secret in SECRETS.into_iter().chain(pieces) {
        let at = text.find(secret);
        let around = at.map(|at| {
            let near = text.as_bytes().get(at.saturating_sub(100)..(at + 100).min(text.len())).unwrap();
            String::from_utf8_lossy(near).into_owned()
        });
        assert!(at.is_none(), "{secret} in {place}: {around:?}");
    }
}

/// Each file of a directory, as text.
pub(crate) fn files(directory: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let text = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    files.map(|path| (path.display().to_string(), text(&path))).collect()
}

/// A new directory. At the end all that is in it is searched for secrets.
#[derive(Debug)]
pub(crate) struct Searched(TempDir);

impl Searched {
    pub(crate) fn new() -> Searched {
        Searched(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Searched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for (place, text) in files(self.path()) {
            search(&place, &text);
        }
    }
}

/// What this process's subscriber was given, as lines of text.
static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Whether there ever was one.
pub(crate) static HEARD: AtomicBool = AtomicBool::new(false);

struct Lines;

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        HEARD.store(true, Ordering::SeqCst);
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps what a program that prints its log would print. A test that has a subscriber of its own is in its own process.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| Lines);
        tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    });
}

/// The lines so far; they are not given twice.
pub(crate) fn printed() -> String {
    let lines = std::mem::take(&mut *LINES.lock().unwrap_or_else(PoisonError::into_inner));
    String::from_utf8_lossy(&lines).into_owned()
}

/// Whoever uses a studio has what was printed so far searched at the end, and the client itself.
impl Drop for Studio {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            search("the printed log", &printed());
            search("the client's Debug", &format!("{:?} {:?}", self.client, self.log));
        }
    }
}

/// Settings for a server that is near.
fn quick(builder: Builder, server: &StandIn) -> Builder {
    builder
        .actor("alice")
        .base_url(server.base_url())
        .timeout(Duration::from_secs(2))
        .deadline(Duration::from_secs(60))
        .poll_interval(Duration::from_millis(2))
        .backoff(Duration::from_millis(2))
        .retries(2)
}

pub(crate) fn entries(directory: &Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
        })
        .filter(|entry| !entry["event_type"].as_str().unwrap().starts_with("audit_"))
        .collect()
}

pub(crate) fn entry<'a>(entries: &'a [Value], event_type: &str) -> &'a Value {
    let mut found = entries.iter().filter(|entry| entry["event_type"] == event_type);
    let entry = found.next().unwrap_or_else(|| panic!("no {event_type}"));
    assert!(found.next().is_none(), "more than one {event_type}");
    entry
}

/// The kind of an error and what of it matters, in short. All that the error shows is searched for secrets.
pub(crate) fn outcome<T>(result: &Result<T, Error>) -> String {
    if let Err(error) = result {
        let mut shown = format!("{error} {error:?}");
        let mut source = error.source();
        while let Some(cause) = source {
            shown.push_str(&format!(" {cause} {cause:?}"));
            source = cause.source();
        }
        search("an error", &shown);
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
