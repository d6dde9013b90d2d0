//! The client: submissions, queries, lists and downloads, each recorded in one audit log.
//!
//! [`Client`] is a handle to a [`Connection`]. The work is in the files below: `submit` and `submission` send requests,
//! `wait` and `observe` follow tasks, `list` and `ledger` read what the account has, `download` fetches files.

pub(crate) mod answered;
pub(crate) mod answers;
mod backoff;
pub(crate) mod builder;
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

use std::{fmt, path::Path};

use futures_util::Stream;
use tracing::Instrument;

pub use crate::kling::client::builder::Builder;
use crate::{
    kling::{
        api::region::Region,
        auth::credentials::Credentials,
        billing::ledger::{Deduction, Ledger, LedgerQuery, Period, ResourcePack},
        callback::received::Callback,
        client::{
            answered::Answered,
            connection::Connection,
            download::Download,
            list::{ListedTask, PresetList},
            progress::{Completed, TaskProgress},
            task::Task,
            task_query::TaskQuery,
            wait::Wait,
        },
        error::{Error, RequestError},
        events::{account, outcomes::StatusSource},
        outputs::{element::Element, made::Made, voice::Voice},
        requests::{immediate::Immediate, request::Request, validation},
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
