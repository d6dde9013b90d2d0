//! The client: submissions, queries, lists and downloads, each recorded in one audit log.
//!
//! [`Client`] is a handle to a [`Connection`]. The work is in the files below: `submit` and `submission` send requests,
//! `wait` and `observe` follow tasks, `list` and `ledger` read what the account has, `download` fetches files.

pub(crate) mod answered;
pub(crate) mod answers;
mod backoff;
mod concurrency;
pub(crate) mod connection;
pub(crate) mod download;
mod ledger;
pub(crate) mod list;
mod look_up;
pub(crate) mod observe;
mod outcome_guard;
pub(crate) mod pages;
pub(crate) mod progress;
mod reconfigure;
mod settings;
mod submission;
mod submit;
pub(crate) mod task;
pub(crate) mod task_query;
mod wait;

use std::{collections::HashMap, fmt, path::Path, time::Duration};

use futures_util::Stream;
use tracing::Instrument;

use crate::{
    kling::{
        api::{region::Region, transport::Transport, urls::host},
        auth::credentials::Credentials,
        billing::{
            ledger::{Deduction, Ledger, LedgerQuery, Period, ResourcePack},
            prices::Prices,
        },
        callback::received::Callback,
        client::{
            answered::Answered,
            concurrency::Permits,
            connection::Connection,
            download::Download,
            list::{ListedTask, PresetList},
            progress::{Completed, TaskProgress},
            settings::Settings,
            task::Task,
            task_query::TaskQuery,
            wait::Wait,
        },
        error::{Error, RequestError},
        events::{account, outcomes::StatusSource, recorder::Recorder},
        outputs::{element::Element, made::Made, voice::Voice},
        privacy::prompt_hash::PromptKey,
        requests::{immediate::Immediate, pack::Pack, request::Request, validation},
    },
    log::AuditLog,
};

/// A client for Kling AI that records its requests and their outcomes in one audit log.
///
/// A clone is a few pointers, and clones share connections and tokens. Futures of the client are `Send` and run on a
/// Tokio runtime.
///
/// A call waits until its entries are as durable as the log promises. The log's own threads write, so no worker of the
/// runtime waits for the disk. Before a request leaves for which Kling may charge, its `task_submitted` is at least
/// written to the file, even if the log is [`Buffered`](crate::Durability::Buffered). Entries of spans
/// (`kling.submit.opened` and so on) have positions in the trail too, but no call waits for them.
#[derive(Clone)]
pub struct Client {
    connection: Connection,
}

impl Client {
    /// Returns the settings for a client that uses `credentials` and records in `log`.
    pub fn builder(credentials: Credentials, log: AuditLog) -> Builder {
        Builder::new(credentials, log)
    }

    pub(crate) fn new(connection: Connection) -> Client {
        Client { connection }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the same client with another actor for its entries, for a service that acts for its users.
    pub fn acting_as(&self, actor: &str) -> Client {
        Client { connection: self.connection.acting_as(actor) }
    }

    /// Submits `request`, and returns the task that Kling made of it.
    ///
    /// `task_submitted` is recorded before anything is sent. Exactly one of `task_accepted`, `task_refused` and
    /// `task_ambiguous` follows, even if the future is dropped. Requests that Kling was too busy for (codes 1302, 1303
    /// and 5001) are sent again, up to [`retries`](Builder::retries) times. If an answer is lost, the client looks the
    /// task up by its external task id. It does not send the request again, unless
    /// [`resend_unknown_after`](Builder::resend_unknown_after) permits it.
    ///
    /// # Errors
    ///
    /// - [`Error::Request`], [`Error::Queue`] and [`Error::NotRecorded`]: nothing was sent.
    /// - [`Error::Refused`] and [`Error::Transport`]: Kling made no task.
    /// - [`Error::Ambiguous`]: Kling may have made a task.
    /// - [`Error::OutcomeNotRecorded`]: Kling has answered. The ids in the error are not in the trail.
    pub async fn submit<R: Request>(&self, request: R) -> Result<Task<R>, Error> {
        submit::submit(&self.connection, request).await
    }

    /// Sends a request that Kling answers immediately, and returns the answer.
    ///
    /// `task_submitted` is recorded before anything is sent. Exactly one of `task_completed`, `task_refused` and
    /// `task_ambiguous` follows, even if the future is dropped, because Kling charges for some of these requests. They
    /// have no external task id, so a lost answer cannot be looked up, and nothing is sent again.
    ///
    /// # Errors
    ///
    /// As [`Client::submit`].
    pub async fn call<I: Immediate>(&self, request: I) -> Result<Answered<I::Output>, Error> {
        submit::call(&self.connection, request).await
    }

    /// Queries the state of `task` once.
    ///
    /// Records an `api_call`, and the change if the status differs from the last observed one.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], [`Error::Transport`] and [`Error::Unreadable`] if the query failed. The task itself
    /// continues. [`Error::NotRecorded`] and [`Error::OutcomeNotRecorded`] if an entry failed. A failed task is no
    /// error here.
    pub async fn query<R: Request>(&self, task: &Task<R>) -> Result<TaskProgress<R::Output>, Error> {
        let span = self.connection.recorder().query_span(task.subject());
        let wait = Wait::new(&self.connection, task);
        async { wait.query().await }.instrument(span).await
    }

    /// Waits until `task` ends, and returns its result.
    ///
    /// Queries the task from time to time. Server errors, broken connections, unparseable answers, throttling and
    /// expired tokens do not end the wait before the [`deadline`](Builder::deadline).
    ///
    /// If the future is dropped, nothing is lost. Wait again for the same task, or for [`Task::resume`] of its id.
    ///
    /// # Errors
    ///
    /// - [`Error::Failed`]: the task failed.
    /// - [`Error::Deadline`]: the task has not ended yet.
    /// - [`Error::Refused`]: Kling does not know the task, or does not permit the query.
    /// - [`Error::NotRecorded`] and [`Error::OutcomeNotRecorded`]: an entry failed.
    pub async fn wait<R: Request>(&self, task: &Task<R>) -> Result<Completed<R::Output>, Error> {
        let span = self.connection.recorder().wait_span(task.subject());
        let wait = Wait::new(&self.connection, task);
        async { wait.run().await }.instrument(span).await
    }

    /// Uses a callback about `task` like the answer to a query. Each change is recorded once, whether a query or a
    /// callback reports it first.
    ///
    /// A callback without a signature proves nothing. For such a callback the client queries Kling instead.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] for a callback about another task, and as [`Client::query`].
    pub async fn observe<R: Request>(
        &self,
        task: &Task<R>,
        callback: &Callback,
    ) -> Result<TaskProgress<R::Output>, Error> {
        if callback.task_id() != task.id() {
            return Err(RequestError::new("task_id", "must be that of the task").into());
        }
        if !callback.is_signed() {
            return self.query(task).await;
        }
        let scrubber = self.connection.scrubber(task.scrubber());
        let data = callback.data().clone().scrubbed(&scrubber);
        observe::observe(self.connection.recorder(), task, data, StatusSource::Callback).await
    }

    /// Asks Kling once for the task of a submission, by its external task id. This resolves an [`Error::Ambiguous`]: a
    /// found task is recorded as `task_resolved`. Returns `None` if Kling does not know the id.
    ///
    /// Kling may learn of a task a little later. Send a request again under the same id only after Kling has not known
    /// the id for a while.
    ///
    /// # Errors
    ///
    /// As [`Client::query`], and [`Error::Request`] for an invalid id.
    pub async fn look_up<R: Request>(&self, external_task_id: &str) -> Result<Option<Task<R>>, Error> {
        look_up::look_up(&self.connection, external_task_id).await
    }

    /// Downloads a file that a task made.
    ///
    /// No token is sent, because the URL itself grants access to the file.
    ///
    /// ```no_run
    /// # use kling_audit::kling::{Client, Completed, Error, outputs::Videos};
    /// # async fn example(client: Client, done: Completed<Videos>) -> Result<(), Error> {
    /// let file = client.download(&done.task_id, &done.output.first().url).to("fox.mp4").await?;
    /// println!("{} {}", file.sha256, file.path.display());
    /// # Ok(())
    /// # }
    /// ```
    pub fn download<'a>(&'a self, task_id: &'a str, url: &'a str) -> Download<'a> {
        Download::new(&self.connection, task_id, url)
    }

    /// Removes a downloaded file. Before that, the removal is recorded as `asset_deleted` with the file's hash.
    ///
    /// # Errors
    ///
    /// [`Error::Download`] if the file cannot be read or removed. [`Error::NotRecorded`]: the file is still there.
    pub async fn delete_download(&self, task_id: &str, path: impl AsRef<Path>) -> Result<(), Error> {
        download::delete_download(&self.connection, task_id, path.as_ref()).await
    }

    /// Lists the account's tasks of one kind, `page_size` (1 to 500) in each request. Kling sends mostly the newest
    /// first.
    ///
    /// Kling does not mark the end of the list. A page with fewer tasks than `page_size` counts as the last one. A task
    /// that was on the page before, and moved because a new task was made, is not repeated.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error: as [`Client::query`], and [`Error::Request`] for another page size.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(client: kling_audit::kling::Client) -> Result<(), kling_audit::kling::Error> {
    /// use futures_util::TryStreamExt;
    /// use kling_audit::kling::requests::TextToVideo;
    ///
    /// let tasks = client.list::<TextToVideo>(100);
    /// futures_util::pin_mut!(tasks);
    /// while let Some(task) = tasks.try_next().await? {
    ///     println!("{} {}", task.task_id, task.progress.status);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list<R: Request>(
        &self,
        page_size: u16,
    ) -> impl Stream<Item = Result<ListedTask<R::Output>, Error>> + Send + 'static {
        list::tasks_of::<R>(self.connection.clone(), page_size)
    }

    /// Lists the account's tasks of the new design.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error: as [`Client::query`], and [`Error::Configuration`] without an API key.
    pub fn tasks(
        &self,
        query: TaskQuery,
    ) -> impl Stream<Item = Result<ListedTask<Made>, Error>> + Send + 'static {
        list::tasks(self.connection.clone(), query)
    }

    /// Lists Kling's own elements.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn preset_elements(
        &self,
        page_size: u16,
    ) -> impl Stream<Item = Result<Element, Error>> + Send + 'static {
        self.elements("preset_elements", "/v1/general/advanced-presets-elements", page_size)
    }

    /// Lists Kling's own elements of its older library.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn legacy_preset_elements(
        &self,
        page_size: u16,
    ) -> impl Stream<Item = Result<Element, Error>> + Send + 'static {
        self.elements("legacy_preset_elements", "/v1/general/presets-elements", page_size)
    }

    /// Lists the account's elements of the older library.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn legacy_elements(
        &self,
        page_size: u16,
    ) -> impl Stream<Item = Result<Element, Error>> + Send + 'static {
        self.elements("legacy_elements", "/v1/general/custom-elements", page_size)
    }

    fn elements(
        &self,
        action: &'static str,
        path: &'static str,
        page_size: u16,
    ) -> impl Stream<Item = Result<Element, Error>> + Send + 'static {
        let list = PresetList { action, path, member: "elements", decode: Element::decode };
        list::presets(self.connection.clone(), list, page_size)
    }

    /// Lists Kling's own voices.
    ///
    /// # Errors
    ///
    /// As [`Client::list`].
    pub fn preset_voices(&self, page_size: u16) -> impl Stream<Item = Result<Voice, Error>> + Send + 'static {
        let (action, path) = ("preset_voices", "/v1/general/presets-voices");
        let list = PresetList { action, path, member: "voices", decode: Voice::decode };
        list::presets(self.connection.clone(), list, page_size)
    }

    /// Returns the resource packs that the account bought. Kling permits one such query a second, and its data is up to
    /// 12 hours old.
    ///
    /// # Errors
    ///
    /// As [`Client::query`].
    pub async fn costs(&self, period: Period) -> Result<Vec<ResourcePack>, Error> {
        ledger::resource_packs(&self.connection, period, None).await
    }

    /// As [`Client::costs`], but only for the resource packs of this name.
    ///
    /// # Errors
    ///
    /// As [`Client::query`], and [`Error::Request`] for a blank name.
    pub async fn costs_of(&self, pack_name: &str, period: Period) -> Result<Vec<ResourcePack>, Error> {
        validation::words([("resource_pack_name", Some(pack_name))])?;
        ledger::resource_packs(&self.connection, period, Some(pack_name)).await
    }

    /// Lists the deductions from the account's cash.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error: as [`Client::query`], and [`Error::Request`] for a filter of packs.
    pub fn balance_deductions(
        &self,
        query: LedgerQuery,
    ) -> impl Stream<Item = Result<Deduction, Error>> + Send + 'static {
        ledger::deductions(self.connection.clone(), Ledger::Balance, query)
    }

    /// Lists the deductions from the account's resource packs.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error: as [`Client::query`], and [`Error::Request`] for filters by id and by name
    /// together.
    pub fn package_deductions(
        &self,
        query: LedgerQuery,
    ) -> impl Stream<Item = Result<Deduction, Error>> + Send + 'static {
        ledger::deductions(self.connection.clone(), Ledger::Packages, query)
    }

    /// Uses other credentials from now on, in clones too. Requests that are under way end with the old ones.
    ///
    /// Recorded as `auth_event` `credential_changed` before the new credentials are used.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for a blank key, and [`Error::NotRecorded`]. The old credentials stay in use.
    pub async fn change_credentials(&self, credentials: Credentials) -> Result<(), Error> {
        reconfigure::change_credentials(&self.connection, credentials).await
    }

    /// Sends later requests to another of Kling's servers, in clones too.
    ///
    /// # Errors
    ///
    /// As [`change_base_url`](Client::change_base_url). The entry's `setting` is `region`.
    pub async fn change_region(&self, region: Region) -> Result<(), Error> {
        reconfigure::change_server(&self.connection, "region", region.base_url()).await
    }

    /// Sends later requests to another server, in clones too.
    ///
    /// Recorded as `config_changed` before the server is used, or after the URL was refused.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for an unusable URL, such as one with `http` on another machine, and
    /// [`Error::NotRecorded`]. The old server stays in use.
    pub async fn change_base_url(&self, base_url: &str) -> Result<(), Error> {
        reconfigure::change_server(&self.connection, "base_url", base_url).await
    }

    /// Records that personal data is processed, as `processing_activity`, with the purpose and the legal basis, such as
    /// `consent`.
    ///
    /// `subject` must be a pseudonym, such as a number from a table of your own: the trail keeps it for ever.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] for a blank text, and [`Error::NotRecorded`].
    pub async fn record_processing_activity(
        &self,
        subject: &str,
        purpose: &str,
        legal_basis: &str,
    ) -> Result<(), Error> {
        let words = [("subject", subject), ("purpose", purpose), ("legal_basis", legal_basis)];
        validation::words(words.map(|(field, word)| (field, Some(word))))?;
        account::processing_activity(self.connection.recorder(), subject, purpose, legal_basis)
            .await
            .map_err(Error::not_recorded("data_subject", "processing_activity"))?;
        Ok(())
    }

    /// Records that a person requests the deletion of data, as `deletion_request`, with the scope of the request.
    ///
    /// # Errors
    ///
    /// As [`record_processing_activity`](Client::record_processing_activity).
    pub async fn record_deletion_request(&self, subject: &str, scope: &str) -> Result<(), Error> {
        validation::words([("subject", Some(subject)), ("scope", Some(scope))])?;
        account::deletion_request(self.connection.recorder(), subject, scope)
            .await
            .map_err(Error::not_recorded("data_subject", "deletion_request"))?;
        Ok(())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("credentials", &self.connection.tokens().credentials())
            .field("actor", &self.connection.recorder().actor())
            .finish_non_exhaustive()
    }
}

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
        // From here on, a refused setting is recorded, so the actor must have been checked.
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
