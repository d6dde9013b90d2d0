//! The client itself. Its promise: everything that is sent goes through one function, [`Client::send`], which records
//! what has to be. What a submission and a wait have to go through is in `delivery` and `watch`.

use std::{
    fmt,
    sync::Arc,
    time::{Instant, SystemTime},
};

use tracing::Instrument;

use super::{
    builder::{Builder, Settings},
    credentials::Credentials,
    delivery::Delivery,
    envelope::{TaskData, is_segment},
    error::Error,
    exchange::{Answer, Call, Content, Exchange},
    recorder::{Recorder, Subject},
    request::{Request, RequestError},
    screen::Screen,
    task::{Completed, Progress, Task},
    token::{Token, TokenCache},
    watch::Watch,
};
use crate::{AuditLog, NotRecorded};

/// A client for Kling AI that records what it does in one audit log.
///
/// A clone is a few pointers; clones share connections and tokens. Its futures are `Send` and run on a Tokio runtime.
///
/// Entries are recorded where the future runs, so a call waits for the disk as the log's durability says.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    recorder: Recorder,
}

struct Inner {
    exchange: Exchange,
    tokens: TokenCache,
    settings: Settings,
}

impl Client {
    /// Settings for a client that uses `credentials` and records in `log`.
    pub fn builder(credentials: Credentials, log: AuditLog) -> Builder {
        Builder::new(credentials, log)
    }

    pub(crate) fn new(
        credentials: Credentials,
        exchange: Exchange,
        recorder: Recorder,
        settings: Settings,
    ) -> Client {
        let inner = Inner { exchange, tokens: TokenCache::new(credentials), settings };
        Client { inner: Arc::new(inner), recorder }
    }

    /// The same client, whose entries name another actor: for a service that acts for its users.
    pub fn acting_as(&self, actor: &str) -> Client {
        Client { inner: Arc::clone(&self.inner), recorder: self.recorder.acting_as(actor) }
    }

    /// Asks the vendor to do `request`, and returns the task that the vendor made of it.
    ///
    /// `task_submitted` is recorded before anything is sent, then exactly one of `task_accepted`, `task_refused` and
    /// `task_ambiguous`, even where the future is dropped. Codes 1302, 1303 and 5001 are sent again, up to
    /// [`retries`](Builder::retries) times. An answer that is lost is looked up by the external task id and the
    /// request never sent again.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] and [`Error::NotRecorded`]: nothing was sent. [`Error::Refused`] and [`Error::Transport`]:
    /// no task was made. [`Error::Ambiguous`]: nobody knows. [`Error::OutcomeNotRecorded`]: the vendor has answered,
    /// and the ids in the error are not in the trail.
    pub async fn submit<R: Request>(&self, request: R) -> Result<Task<R>, Error> {
        request.check()?;
        let external_task_id = match request.external_task_id() {
            Some(id) => id.to_owned(),
            None => external_task_id()?,
        };
        let submission = request.submission(&external_task_id);
        drop(request);
        let subject = Subject { action: R::ACTION, task_id: None, external_task_id: Some(&external_task_id) };
        let span = self.recorder.submit_span(subject);
        let screen = self.screened(&submission.screen);
        let delivery = Delivery::new(self, subject, R::PATH, &submission, &screen);
        let accepted = delivery.run().instrument(span).await?;
        Ok(Task::new(accepted.task_id, Some(external_task_id), submission.screen, Some(accepted.status)))
    }

    /// Asks once where `task` stands.
    ///
    /// Records an `api_call`, and the change if the task's status is another than when it was last seen.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], [`Error::Transport`] and [`Error::Unreadable`] say nothing about the task: it goes on.
    /// [`Error::NotRecorded`] and [`Error::OutcomeNotRecorded`] where something could not be recorded. That the task
    /// failed is no error here.
    pub async fn query<R: Request>(&self, task: &Task<R>) -> Result<Progress<R::Output>, Error> {
        let span = self.recorder.query_span(subject(task));
        let watch = Watch::new(self, task);
        async { watch.query().await }.instrument(span).await
    }

    /// Waits until `task` ends, and returns what it made.
    ///
    /// Queries from time to time. Server errors, broken connections, answers that make no sense, throttling and expired
    /// tokens are passed over, until the [`deadline`](Builder::deadline).
    ///
    /// Dropping the future loses nothing: wait again for the same task, or for [`Task::resume`] of its id.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`]: the vendor could not do it. [`Error::Deadline`]: it has not ended yet. [`Error::Refused`]: the
    /// vendor does not know the task or does not let us ask. [`Error::NotRecorded`] and
    /// [`Error::OutcomeNotRecorded`] where something could not be recorded.
    pub async fn wait<R: Request>(&self, task: &Task<R>) -> Result<Completed<R::Output>, Error> {
        let span = self.recorder.wait_span(subject(task));
        let watch = Watch::new(self, task);
        async { watch.run().await }.instrument(span).await
    }

    /// Asks once whether the vendor knows a task by the id that it was submitted under, which is how an
    /// [`Error::Ambiguous`] is resolved. `None`: the vendor does not know it.
    ///
    /// The vendor may come to know it a little later. A request that was sent under an id is safe to send again only
    /// when the vendor has not known that id for a while.
    ///
    /// # Errors
    ///
    /// As [`Client::query`]; [`Error::Request`] for an id that can't be one.
    pub async fn look_up<R: Request>(&self, external_task_id: &str) -> Result<Option<Task<R>>, Error> {
        if !is_segment(external_task_id) {
            return Err(RequestError::new(
                "external_task_id",
                "must be an id that a task was submitted under",
            )
            .into());
        }
        let subject = Subject { action: R::ACTION, task_id: None, external_task_id: Some(external_task_id) };
        let span = self.recorder.query_span(subject);
        let screen = self.screened(&Screen::default());
        let call =
            Call { path: R::PATH, content: Content::Get(external_task_id), screen: &screen, within: None };
        let answer = async { self.send(subject, &call).await }.instrument(span).await?;
        if let Answer::Envelope(_, envelope) = &answer
            && is_not_found(envelope.code, &envelope.message)
        {
            return Ok(None);
        }
        let data = task_data(&answer, &screen).ok_or_else(|| refusal(R::ACTION, answer))?;
        let id = Some(external_task_id.to_owned());
        Ok(Some(Task::new(data.task_id, id, Screen::default(), None)))
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// `screen`, and the keys.
    pub(crate) fn screened(&self, screen: &Screen) -> Screen {
        let credentials = self.inner.tokens.credentials();
        screen.with([credentials.secret_key(), credentials.access_key()])
    }

    /// The token in use. Where it is a new one, that is recorded first.
    pub(crate) async fn token(&self, action: &'static str) -> Result<Token, Error> {
        let prefix = self.inner.tokens.credentials().access_key_prefix();
        self.inner
            .tokens
            .token(now(), |token, reason| self.recorder.token_minted(&prefix, token, reason))
            .await
            .map_err(not_recorded(action, "auth_event"))
    }

    /// Sends `call`, and once more with a new token if the vendor calls the token expired: such a request was not
    /// accepted. Each query that was sent and each token that was refused is recorded; what is recorded of a submission
    /// is its caller's to decide, and the intent must have been.
    pub(crate) async fn send(&self, subject: Subject<'_>, call: &Call<'_>) -> Result<Answer, Error> {
        let mut renewed = false;
        loop {
            let token = self.token(subject.action).await?;
            let started = Instant::now();
            let answer = self.inner.exchange.send(call, token.text()).await;
            if matches!(call.content, Content::Get(_)) {
                let purpose = if subject.task_id.is_some() { "query" } else { "lookup" };
                let path = format!("{}/{{id}}", call.path);
                let reason = match &answer {
                    Answer::Envelope(..) => None,
                    other => Some(other.describe()),
                };
                self.recorder
                    .api_call(subject, purpose, &path, answer.reply(), started.elapsed(), reason.as_deref())
                    .map_err(outcome_not_recorded(subject, "api_call"))?;
            }
            let Answer::Envelope(_, envelope) = &answer else { return Ok(answer) };
            if !(1000..=1004).contains(&envelope.code) {
                return Ok(answer);
            }
            let prefix = self.inner.tokens.credentials().access_key_prefix();
            self.recorder
                .token_rejected(&prefix, answer.reply(), &envelope.message)
                .map_err(not_recorded(subject.action, "auth_event"))?;
            if envelope.code != 1004 || renewed {
                return Ok(answer);
            }
            renewed = true;
            self.inner.tokens.expired(&token).await;
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("credentials", self.inner.tokens.credentials())
            .field("actor", &self.recorder.actor())
            .finish_non_exhaustive()
    }
}

/// What entries about a task say it is.
pub(crate) fn subject<R: Request>(task: &Task<R>) -> Subject<'_> {
    Subject { action: R::ACTION, task_id: Some(task.id()), external_task_id: task.external_task_id() }
}

/// The task in an answer that says that all is well.
pub(crate) fn task_data(answer: &Answer, screen: &Screen) -> Option<TaskData> {
    match answer {
        Answer::Envelope(200..=299, envelope) if envelope.code == 0 => {
            TaskData::decode(&envelope.data, screen)
        }
        _ => None,
    }
}

/// Whether a query was answered by: there is no such task. The vendor has one code for this and for fields that are
/// wrong, and a message that tells.
pub(crate) fn is_not_found(code: i64, message: &str) -> bool {
    code == 1203 || (code == 1201 && message.to_ascii_lowercase().contains("not found"))
}

/// The error of an answer that brings nothing.
pub(crate) fn refusal(action: &'static str, answer: Answer) -> Error {
    match answer {
        Answer::Envelope(http, envelope) if envelope.code != 0 => Error::Refused {
            action,
            http,
            code: Some(envelope.code),
            message: envelope.message,
            request_id: envelope.request_id,
        },
        Answer::Envelope(http, _) => {
            Error::Unreadable { action, http, cause: "no task, or another one, in the answer".to_owned() }
        }
        Answer::Nonsense(http, what) if (300..500).contains(&http) => {
            Error::Refused { action, http, code: None, message: what.to_owned(), request_id: None }
        }
        Answer::Nonsense(http, what) => Error::Unreadable { action, http, cause: what.to_owned() },
        Answer::Lost(fault) | Answer::NotSent(fault) => {
            Error::Transport { action, cause: fault.cause, source: fault.source }
        }
    }
}

pub(crate) fn not_recorded(action: &'static str, event: &'static str) -> impl FnOnce(NotRecorded) -> Error {
    move |source| Error::NotRecorded { action, event, source: Box::new(source) }
}

pub(crate) fn outcome_not_recorded(
    subject: Subject<'_>,
    event: &'static str,
) -> impl FnOnce(NotRecorded) -> Error {
    let task_id = subject.task_id.map(str::to_owned);
    let external_task_id = subject.external_task_id.map(str::to_owned);
    move |source| Error::OutcomeNotRecorded {
        action: subject.action,
        event,
        task_id,
        external_task_id,
        source: Box::new(source),
    }
}

/// An id that no other task has.
fn external_task_id() -> Result<String, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Error::Configuration {
        setting: "external_task_id",
        rule: format!("could not be made: {error}"),
    })?;
    Ok(format!("kling-audit-{:032x}", u128::from_be_bytes(random)))
}

/// Now, in Unix seconds. Before 1970 no token is valid whatever we say.
fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
