//! The client's settings. Its promise: what can't work is refused when the client is built, not when it is used.

use std::{collections::HashMap, time::Duration};

use super::{
    client::{Client, not_recorded},
    credentials::Credentials,
    error::Error,
    exchange::Exchange,
    prices::Prices,
    prompt_key::PromptKey,
    recorder::Recorder,
    region::Region,
    request::Pack,
    rules,
    slots::Slots,
};
use crate::log::AuditLog;

/// Settings of a [`Client`], from [`Client::builder`].
///
/// | setting | default |
/// |---|---|
/// | `actor` | `system` |
/// | `region`, `base_url` | `https://api-singapore.klingai.com` |
/// | `timeout` | 30 s |
/// | `deadline` | 30 min |
/// | `poll_interval` | 2 s, growing by 1.3 up to 15 s |
/// | `backoff` | 1 s, doubling up to 60 s |
/// | `retries` | 5 |
/// | `resend_unknown_after` | never |
/// | `concurrency` | no limit |
/// | `prompt_key` | `KLING_AUDIT_PROMPT_KEY`, where that is set |
/// | `prices` | none |
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    credentials: Credentials,
    log: AuditLog,
    actor: String,
    base_url: String,
    plain: bool,
    timeout: Duration,
    limits: HashMap<Pack, u32>,
    settings: Settings,
}

/// The settings that the client goes by once it is built.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) deadline: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) backoff: Duration,
    pub(crate) retries: u32,
    pub(crate) resend_unknown_after: Option<Duration>,
    pub(crate) prompt_key: Option<PromptKey>,
    pub(crate) prices: Prices,
}

impl Builder {
    pub(crate) fn new(credentials: Credentials, log: AuditLog) -> Builder {
        Builder {
            credentials,
            log,
            actor: "system".to_owned(),
            base_url: Region::default().base_url().to_owned(),
            plain: false,
            limits: HashMap::new(),
            timeout: Duration::from_secs(30),
            settings: Settings {
                deadline: Duration::from_secs(30 * 60),
                poll_interval: Duration::from_secs(2),
                backoff: Duration::from_secs(1),
                retries: 5,
                resend_unknown_after: None,
                prompt_key: None,
                prices: Prices::new(),
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
    /// Over `http` everybody on the way can read the token: it is refused but for a server on the same machine.
    pub fn base_url(self, base_url: impl Into<String>) -> Builder {
        Builder { base_url: base_url.into(), ..self }
    }

    /// One of the vendor's servers.
    pub fn region(self, region: Region) -> Builder {
        self.base_url(region.base_url())
    }

    /// Lets the base URL be one of `http` elsewhere, such as of a stand-in in another container. The token and the
    /// prompts can then be read on the way.
    pub fn allow_plain_http(self) -> Builder {
        Builder { plain: true, ..self }
    }

    /// How many tasks of one model may run at a time, as the account's pack says. Without it a task is sent at once, and
    /// again where the vendor says 1303.
    ///
    /// A task holds its slots until this client has seen its end or all clones of the [`Task`](crate::kling::Task) are gone. A
    /// submission of which nobody knows whether it made a task keeps them until [`Client::look_up`] finds it, for a
    /// [`deadline`](Builder::deadline) at most. A submission waits for a slot up to the [`deadline`](Builder::deadline), so a program that keeps more tasks than
    /// that without waiting for them gets [`Error::Queue`].
    pub fn concurrency(mut self, pack: Pack, tasks: u32) -> Builder {
        self.limits.insert(pack, tasks.max(1));
        self
    }

    /// Under which key prompts are hashed. Without it the key is read from `KLING_AUDIT_PROMPT_KEY`; where that is not
    /// set either, prompts are hashed without a key, which hides little: see [`PromptKey`].
    pub fn prompt_key(mut self, key: PromptKey) -> Builder {
        self.settings.prompt_key = Some(key);
        self
    }

    /// By which prices it is estimated what a task will cost. Without them nothing is estimated.
    pub fn prices(mut self, prices: Prices) -> Builder {
        self.settings.prices = prices;
        self
    }

    /// Sends a submission once more, under the same external task id, where its answer was lost and the vendor has not
    /// known the id in any look-up for so long.
    ///
    /// Without it nothing is ever sent again after a lost answer: that the vendor does not know an id proves nothing by
    /// itself, since a request may still be on its way or in a queue. How long its silence has to last to count as
    /// certainty is a decision about money, so it is the caller's. Whether the vendor refuses an external task id that
    /// is taken is not documented.
    pub fn resend_unknown_after(mut self, silence: Duration) -> Builder {
        self.settings.resend_unknown_after = Some(silence);
        self
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
    /// is sent again, save once with a new token where the vendor called the old one expired, or not yet valid.
    pub fn retries(mut self, retries: u32) -> Builder {
        self.settings.retries = retries;
        self
    }

    /// Builds the client. Nothing is sent.
    ///
    /// A server that may be reached over `http` elsewhere than on this machine is recorded as `config_changed`, with
    /// `setting` `plain_http`, and a URL that is refused with `setting` `base_url`. Building waits for these, and for
    /// nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] names the setting that can't be used: a blank key or actor, a URL that is not one, a
    /// price that is no number, no time to answer in, or TLS that does not start. [`Error::NotRecorded`] where one of these entries is not in the trail.
    pub fn build(self) -> Result<Client, Error> {
        let blank = self.credentials.blank().or_else(|| self.actor.trim().is_empty().then_some("actor"));
        if let Some(setting) = blank {
            return Err(Error::Configuration { setting, rule: "must not be blank".to_owned() });
        }
        if self.timeout.is_zero() {
            return Err(Error::Configuration { setting: "timeout", rule: "must not be zero".to_owned() });
        }
        self.settings.prices.check()?;
        let mut settings = self.settings;
        if settings.prompt_key.is_none() {
            settings.prompt_key = PromptKey::from_env()?;
        }
        let recorder = Recorder::new(self.log, &self.actor);
        let missing = || not_recorded("build", "config_changed");
        let exchange = match Exchange::new(&self.base_url, self.timeout, self.plain) {
            Ok(exchange) => exchange,
            Err(error @ Error::Configuration { setting: "base_url", .. }) => {
                // What was refused may hold a password: its host is enough.
                let host = rules::host(&self.base_url).unwrap_or_default();
                recorder.configured("base_url", &host, Some(&error.to_string())).map_err(missing())?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        if exchange.is_plain_elsewhere() {
            recorder.configured("plain_http", &exchange.base(), None).map_err(missing())?;
        }
        Ok(Client::new(self.credentials, exchange, recorder, settings, Slots::new(self.limits)))
    }
}
