//! Settings of a client. A setting that cannot work is refused when the client is built, not when it is used.

use std::{collections::HashMap, time::Duration};

use crate::{
    AuditLog,
    kling::{
        api::{region::Region, transport::Transport, urls::host},
        auth::credentials::Credentials,
        billing::prices::Prices,
        client::{Client, concurrency::Permits, connection::Connection, settings::Settings},
        error::Error,
        events::{account, recorder::Recorder},
        privacy::prompt_hash::PromptKey,
        requests::pack::Pack,
    },
};

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
/// | `prompt_key` | `KLING_AUDIT_PROMPT_KEY`, if that is set |
/// | `prices` | none |
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    credentials: Credentials,
    log: AuditLog,
    actor: String,
    base_url: String,
    allows_plain_http: bool,
    timeout: Duration,
    limits: HashMap<Pack, u32>,
    settings: Settings,
}

impl Builder {
    pub(crate) fn new(credentials: Credentials, log: AuditLog) -> Builder {
        Builder {
            credentials,
            log,
            actor: "system".to_owned(),
            base_url: Region::default().base_url().to_owned(),
            allows_plain_http: false,
            timeout: Duration::from_secs(30),
            limits: HashMap::new(),
            settings: Settings::default(),
        }
    }

    /// Sets the actor of the client's entries. [`Client::acting_as`] changes it for single calls.
    pub fn actor(self, actor: impl Into<String>) -> Builder {
        Builder { actor: actor.into(), ..self }
    }

    /// Sets the server: scheme, host and, behind a proxy, a path. A last segment `v1` is removed, because requests add
    /// it.
    ///
    /// Over `http` every host on the way can read the token. Such a URL is refused unless the server is on the same
    /// machine.
    pub fn base_url(self, base_url: impl Into<String>) -> Builder {
        Builder { base_url: base_url.into(), ..self }
    }

    /// Sets the server to one of Kling's.
    pub fn region(self, region: Region) -> Builder {
        self.base_url(region.base_url())
    }

    /// Permits a base URL with `http` on another machine, such as a test server in another container. Hosts on the way
    /// can then read the token and the prompts.
    pub fn allow_plain_http(self) -> Builder {
        Builder { allows_plain_http: true, ..self }
    }

    /// Limits the tasks of one model that exist at a time, as the account's resource pack does. Without a limit a task
    /// is sent at once, and again if Kling answers 1303.
    ///
    /// A task holds its permits until this client observes its end, or until all clones of the
    /// [`Task`](crate::kling::Task) are dropped. A submission with an unknown outcome holds them until
    /// [`Client::look_up`] finds its task, but at most for one [`deadline`](Builder::deadline). A submission waits for
    /// a permit at most for one `deadline`, and then fails with [`Error::Queue`].
    pub fn concurrency(mut self, pack: Pack, tasks: u32) -> Builder {
        // A limit of 0 would let every submission wait in vain.
        self.limits.insert(pack, tasks.max(1));
        self
    }

    /// Sets the key for the hashes of prompts. Without it the key is read from `KLING_AUDIT_PROMPT_KEY`. If that is not
    /// set either, prompts are hashed without a key, which protects short prompts poorly: see [`PromptKey`].
    pub fn prompt_key(mut self, key: PromptKey) -> Builder {
        self.settings.prompt_key = Some(key);
        self
    }

    /// Sets the price list for estimates. Without it no cost is estimated.
    pub fn prices(mut self, prices: Prices) -> Builder {
        self.settings.prices = prices;
        self
    }

    /// Permits a second send of a submission with the same external task id, if its answer was lost and Kling has not
    /// known the id in any lookup for this long.
    ///
    /// Without this setting nothing is sent again after a lost answer. An unknown id proves nothing by itself: the
    /// request may still be on its way or in a queue. The caller decides how long the id must stay unknown, because a
    /// second task costs money. Kling does not document whether it refuses an external task id that exists already.
    pub fn resend_unknown_after(mut self, silence: Duration) -> Builder {
        self.settings.resend_unknown_after = Some(silence);
        self
    }

    /// Limits the time of one request, from connecting to the last byte of the answer.
    pub fn timeout(self, timeout: Duration) -> Builder {
        Builder { timeout, ..self }
    }

    /// Limits the time that [`Client::wait`] waits for the end of a task.
    pub fn deadline(mut self, deadline: Duration) -> Builder {
        self.settings.deadline = deadline;
        self
    }

    /// Sets the time that [`Client::wait`] waits before its first query.
    pub fn poll_interval(mut self, first: Duration) -> Builder {
        self.settings.poll_interval = first;
        self
    }

    /// Sets the time before the first retry after Kling was too busy, and before the first lookup after a lost answer.
    pub fn backoff(mut self, first: Duration) -> Builder {
        self.settings.backoff = first;
        self
    }

    /// Limits how often a submission is sent again because Kling was too busy (codes 1302, 1303, 5001). A submission is
    /// sent again for no other reason, except once with a new token if Kling refused the old one for its time.
    pub fn retries(mut self, retries: u32) -> Builder {
        self.settings.retries = retries;
        self
    }

    /// Builds the client. Sends nothing.
    ///
    /// If the server may be reached over `http` on another machine, that is recorded as `config_changed` with `setting`
    /// `plain_http`. A refused URL is recorded with `setting` `base_url`. Building waits for these entries, and for
    /// nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] names the unusable setting: a blank key or actor, an invalid URL, a price that is no
    /// number, a timeout of zero, or TLS that does not start. [`Error::NotRecorded`] if one of the entries above is not
    /// in the trail.
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
        // From here on a refused setting is recorded, so the actor must have been checked.
        let recorder = Recorder::new(self.log, &self.actor);
        let not_recorded = || Error::not_recorded("build", "config_changed");
        let transport = match Transport::new(&self.base_url, self.timeout, self.allows_plain_http) {
            Ok(transport) => transport,
            Err(error @ Error::Configuration { setting: "base_url", .. }) => {
                // A refused URL may contain a password, so the entry names its host only.
                let host = host(&self.base_url).unwrap_or_default();
                account::configured(&recorder, "base_url", &host, Some(&error.to_string()))
                    .map_err(not_recorded())?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        if transport.is_plain_elsewhere() {
            account::configured(&recorder, "plain_http", &transport.base(), None).map_err(not_recorded())?;
        }
        let permits = Permits::new(self.limits);
        Ok(Client::new(Connection::new(self.credentials, transport, recorder, settings, permits)))
    }
}
