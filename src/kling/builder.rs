//! The client's settings. Its promise: what can't work is refused when the client is built, not when it is used.

use std::time::Duration;

use super::{client::Client, credentials::Credentials, error::Error, exchange::Exchange, recorder::Recorder};
use crate::AuditLog;

/// The vendor's server for everywhere but China.
const BASE_URL: &str = "https://api-singapore.klingai.com";

/// Settings of a [`Client`], from [`Client::builder`].
///
/// | setting | default |
/// |---|---|
/// | `actor` | `system` |
/// | `base_url` | `https://api-singapore.klingai.com` |
/// | `timeout` | 30 s |
/// | `deadline` | 30 min |
/// | `poll_interval` | 2 s, growing by 1.3 up to 15 s |
/// | `backoff` | 1 s, doubling up to 60 s |
/// | `retries` | 5 |
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    credentials: Credentials,
    log: AuditLog,
    actor: String,
    base_url: String,
    timeout: Duration,
    settings: Settings,
}

/// The settings that the client goes by once it is built.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) deadline: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) backoff: Duration,
    pub(crate) retries: u32,
}

impl Builder {
    pub(crate) fn new(credentials: Credentials, log: AuditLog) -> Builder {
        Builder {
            credentials,
            log,
            actor: "system".to_owned(),
            base_url: BASE_URL.to_owned(),
            timeout: Duration::from_secs(30),
            settings: Settings {
                deadline: Duration::from_secs(30 * 60),
                poll_interval: Duration::from_secs(2),
                backoff: Duration::from_secs(1),
                retries: 5,
            },
        }
    }

    /// Whom entries name. [`Client::acting_as`] changes it for single calls.
    pub fn actor(self, actor: impl Into<String>) -> Builder {
        Builder { actor: actor.into(), ..self }
    }

    /// The server: scheme, host and, where there is a proxy, a path. A last segment `v1` is taken off, since requests
    /// bring it with them.
    ///
    /// Over `http` everybody on the way can read the token: use it for a server on the same machine.
    pub fn base_url(self, base_url: impl Into<String>) -> Builder {
        Builder { base_url: base_url.into(), ..self }
    }

    /// How long one request may take, from connecting to the last byte of the answer.
    pub fn timeout(self, timeout: Duration) -> Builder {
        Builder { timeout, ..self }
    }

    /// How long [`Client::wait`] waits for a task to end.
    pub fn deadline(mut self, deadline: Duration) -> Builder {
        self.settings.deadline = deadline;
        self
    }

    /// How long [`Client::wait`] waits before the first query.
    pub fn poll_interval(mut self, first: Duration) -> Builder {
        self.settings.poll_interval = first;
        self
    }

    /// How long the client waits before it sends again what the vendor was too busy for, and before it looks up what
    /// became of a lost answer.
    pub fn backoff(mut self, first: Duration) -> Builder {
        self.settings.backoff = first;
        self
    }

    /// How often a submission is sent again that the vendor was too busy for (codes 1302, 1303, 5001). Nothing else
    /// is sent again, save once with a new token where the vendor called the old one expired.
    pub fn retries(mut self, retries: u32) -> Builder {
        self.settings.retries = retries;
        self
    }

    /// Builds the client. Nothing is sent and nothing recorded.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] names the setting that can't be used: a blank key or actor, a URL that is not one, no
    /// time to answer in, or TLS that does not start.
    pub fn build(self) -> Result<Client, Error> {
        let blank = [
            ("access key", self.credentials.access_key()),
            ("secret key", self.credentials.secret_key()),
            ("actor", &self.actor),
        ];
        if let Some((setting, _)) = blank.iter().find(|(_, value)| value.trim().is_empty()) {
            return Err(Error::Configuration { setting, rule: "must not be blank".to_owned() });
        }
        if self.timeout.is_zero() {
            return Err(Error::Configuration { setting: "timeout", rule: "must not be zero".to_owned() });
        }
        let exchange = Exchange::new(&self.base_url, self.timeout)?;
        let recorder = Recorder::new(self.log, &self.actor);
        Ok(Client::new(self.credentials, exchange, recorder, self.settings))
    }
}
