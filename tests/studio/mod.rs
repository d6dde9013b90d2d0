//! A stand-in, a trail and a client between them, and what is in the trail.
#![allow(dead_code, reason = "nobody who includes this uses all of it")]

use std::{path::Path, time::Duration};

use kling_audit::{
    AuditLog,
    kling::{Answered, Builder, Client, Completed, Credentials, Error, Immediate, Request},
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
    pub(crate) directory: TempDir,
}

impl Studio {
    pub(crate) fn new() -> Studio {
        Studio::with(StandIn::start_with(Pace::Queries(2), 100), |builder| builder)
    }

    pub(crate) fn with(server: StandIn, settings: impl FnOnce(Builder) -> Builder) -> Studio {
        let directory = TempDir::new().unwrap();
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

/// What the suite's trails must not hold anywhere: keys, tokens, prompts, signed queries.
pub(crate) const SECRETS: [&str; 14] = [
    ACCESS_KEY,
    SECRET_KEY,
    API_KEY,
    "eyJ",
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

/// Whoever uses a studio has its trail searched at the end.
impl Drop for Studio {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for file in std::fs::read_dir(self.directory.path()).unwrap() {
            let text = String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned();
            for secret in SECRETS {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

/// Settings for a server that is near.
fn quick(builder: Builder, server: &StandIn) -> Builder {
    builder
        .actor("alice")
        .base_url(server.base_url())
        .timeout(Duration::from_millis(500))
        .deadline(Duration::from_secs(5))
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

/// The kind of an error and what of it matters, in short.
pub(crate) fn outcome<T>(result: &Result<T, Error>) -> String {
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
