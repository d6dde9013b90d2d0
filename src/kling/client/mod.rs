//! The client itself. Its promise: everything that is sent goes through one function, [`Client::send`], which records
//! what has to be. What a submission and a wait have to go through is in `delivery` and `watch`.

mod change;
mod send;

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::SystemTime,
};

use tracing::Instrument;

use super::{
    builder::{Builder, Settings},
    callback::Callback,
    credentials::Credentials,
    delivery::{Accepted, Delivery, Effect, Kind},
    envelope::{TaskData, is_segment, text},
    error::Error,
    exchange::{Answer, Call, Exchange, segment},
    recorder::{Recorder, Subject},
    request::{Immediate, Request, RequestError, Standard, submission},
    screen::Screen,
    slots::{Claim, Slots},
    submission::{Defaults, Submission},
    task::{Completed, Progress, Task},
    token::{Token, TokenCache},
    watch::{Watch, observe},
};
use crate::log::{AuditLog, not_recorded::NotRecorded};

/// A client for Kling AI that records what it does in one audit log.
///
/// A clone is a few pointers; clones share connections and tokens. Its futures are `Send` and run on a Tokio runtime.
///
/// A call waits for its entries to be as durable as the log promises, and no thread of the runtime waits for the disk:
/// the log's own thread writes. Before anything is sent that the vendor may charge for, its `task_submitted` is at least
/// handed to the system, also where the log is [`Buffered`](crate::Durability::Buffered). The entries of spans
/// (`kling.submit.opened` and so on) stand in their places in the trail, but nobody waits for them.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    recorder: Recorder,
}

struct Inner {
    exchange: Exchange,
    tokens: TokenCache,
    settings: Settings,
    slots: Slots,
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
        slots: Slots,
    ) -> Client {
        let inner = Inner { exchange, tokens: TokenCache::new(credentials), settings, slots };
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
    /// [`retries`](Builder::retries) times. An answer that is lost is looked up by the external task id, and the request
    /// not sent again, unless [`resend_unknown_after`](Builder::resend_unknown_after) says when it may be.
    ///
    /// # Errors
    ///
    /// [`Error::Request`], [`Error::Queue`] and [`Error::NotRecorded`]: nothing was sent. [`Error::Refused`] and [`Error::Transport`]:
    /// no task was made. [`Error::Ambiguous`]: nobody knows. [`Error::OutcomeNotRecorded`]: the vendor has answered,
    /// and the ids in the error are not in the trail.
    pub async fn submit<R: Request>(&self, request: R) -> Result<Task<R>, Error> {
        request.check()?;
        self.check_standard(R::STANDARD)?;
        let external_task_id = match &request.options().external_task_id {
            Some(id) => id.clone(),
            None => external_task_id()?,
        };
        let (slots, path) = (request.slots(), request.path());
        let mut submission = submission(request, &external_task_id);
        submission.estimate = self.settings().prices.estimate(&submission);
        let subject = Subject { action: R::ACTION, task_id: None, external_task_id: Some(&external_task_id) };
        let span = self.recorder.submit_span(subject);
        let screen = self.screened(&submission.screen);
        let model = submission.model.as_deref().unwrap_or_default();
        let patience = self.inner.settings.deadline;
        let held = self.inner.slots.take(R::ACTION, R::PACK, model, slots, patience).await?;
        let claim = Claim::new(&self.inner.slots, &external_task_id, held, patience);
        let delivery = Delivery {
            client: self,
            subject,
            path: &path,
            submission: &submission,
            screen: &screen,
            kind: Kind::Task(R::STANDARD, R::PATH),
            effects: &|_| Vec::new(),
            may_run: claim.may_run(),
        };
        let asked = submission.asked(self.settings().prompt_key.as_ref());
        match delivery.run().instrument(span).await? {
            Accepted::Task(data) => {
                let held = claim.into_held();
                let task = Task::new(
                    data.task_id,
                    Some(external_task_id),
                    submission.screen,
                    submission.estimate,
                    Some(data.status),
                );
                task.hold(held);
                task.remember(asked);
                Ok(task)
            }
            Accepted::Data(_) => Err(unreadable(R::ACTION)),
        }
    }

    /// Asks the vendor for something that is answered at once.
    ///
    /// `task_submitted` is recorded before anything is sent, then exactly one of `task_completed`, `task_refused` and
    /// `task_ambiguous`, even where the future is dropped: the vendor charges for some of it. What is answered at once
    /// has no name at the vendor, so an answer that is lost can't be looked up, and nothing is sent again.
    ///
    /// # Errors
    ///
    /// As [`Client::submit`].
    pub async fn call<I: Immediate>(&self, request: I) -> Result<Answered<I::Output>, Error> {
        request.check()?;
        let mut submission = Submission::of(&request, Defaults::default());
        submission.estimate = self.settings().prices.estimate(&submission);
        let subject = Subject { action: I::ACTION, task_id: None, external_task_id: None };
        let span = self.recorder.submit_span(subject);
        let screen = self.screened(&submission.screen);
        let effects = |data: &serde_json::Value| {
            let Some(output) = I::decode(data) else { return Vec::new() };
            let made = I::made(&output).into_iter().map(|(resource, id)| Effect::Made(resource, id));
            let removed = request.removed(&output);
            let removed = removed.map(|(resource, id)| Effect::Removed(resource, id.to_owned()));
            made.chain(removed).collect()
        };
        let delivery = Delivery {
            client: self,
            subject,
            path: I::PATH,
            submission: &submission,
            screen: &screen,
            kind: Kind::Immediate { is_readable: |data| I::decode(data).is_some(), refusal: I::refusal },
            effects: &effects,
            may_run: &AtomicBool::new(false),
        };
        let Accepted::Data(data) = delivery.run().instrument(span).await? else {
            return Err(unreadable(I::ACTION));
        };
        let output = I::decode(&data).ok_or_else(|| unreadable(I::ACTION))?;
        let task_id = text(&data, "task_id");
        let credits = text(&data, "final_unit_deduction");
        Ok(Answered { task_id, credits, output })
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

    /// Takes what a callback says of `task` as an answer to a query: the change is recorded once, whoever sees it first.
    ///
    /// A callback without a signature proves nothing, so the vendor is asked instead.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] for a callback of another task, and as [`Client::query`].
    pub async fn observe<R: Request>(
        &self,
        task: &Task<R>,
        callback: &Callback,
    ) -> Result<Progress<R::Output>, Error> {
        if callback.task_id() != task.id() {
            return Err(RequestError::new("task_id", "must be that of the task").into());
        }
        if !callback.is_signed() {
            return self.query(task).await;
        }
        let screen = self.screened(task.screen());
        let data = callback.data().clone().screened(&screen);
        observe(&self.recorder, task, data, ("callback", None)).await
    }

    /// Asks once whether the vendor knows a task by the id that it was submitted under, which is how an
    /// [`Error::Ambiguous`] is resolved: what is found is recorded as `task_resolved`. `None`: the vendor does not know it.
    ///
    /// The vendor may come to know it a little later. A request that was sent under an id is safe to send again only
    /// when the vendor has not known that id for a while.
    ///
    /// # Errors
    ///
    /// As [`Client::query`]; [`Error::Request`] for an id that can't be one.
    pub async fn look_up<R: Request>(&self, external_task_id: &str) -> Result<Option<Task<R>>, Error> {
        if !is_segment(external_task_id) || external_task_id.contains(',') {
            return Err(RequestError::new(
                "external_task_id",
                "must be an id that a task was submitted under",
            )
            .into());
        }
        let subject = Subject { action: R::ACTION, task_id: None, external_task_id: Some(external_task_id) };
        let span = self.recorder.query_span(subject);
        self.check_standard(R::STANDARD)?;
        let screen = self.screened(&Screen::default());
        let (path, shown) = locate(R::STANDARD, R::PATH, external_task_id, "external_task_ids");
        let call = Call::get(path, shown, "lookup", &screen);
        let answer = async { self.send(subject, &call).await }.instrument(span).await?;
        self.note_throttled(subject, &answer, 1, None).await?;
        if unknown(&answer) {
            return Ok(None);
        }
        let Some(data) = named(R::STANDARD, &answer, external_task_id, &screen) else {
            return Err(refusal(R::ACTION, answer));
        };
        let subject = Subject { task_id: Some(&data.task_id), ..subject };
        self.recorder
            .task_resolved(subject, &data.status, answer.reply())
            .await
            .map_err(outcome_not_recorded(subject, "task_resolved"))?;
        let id = Some(external_task_id.to_owned());
        let task = Task::new(data.task_id, id, Screen::blind(), None, None);
        task.hold(self.inner.slots.found(external_task_id));
        Ok(Some(task))
    }

    /// Whether endpoints of the new design can be used.
    pub(crate) fn has_api_key(&self) -> bool {
        self.inner.tokens.credentials().pair().is_none()
    }

    pub(crate) fn exchange(&self) -> &Exchange {
        &self.inner.exchange
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// `screen`, and the keys.
    pub(crate) fn screened(&self, screen: &Screen) -> Screen {
        screen.with(self.inner.tokens.credentials().secrets())
    }

    /// The token in use. Where it is a new one, that is recorded first.
    pub(crate) async fn token(&self, action: &'static str) -> Result<Token, Error> {
        self.inner
            .tokens
            .token(now(), |token, reason| self.recorder.token_minted(token, reason))
            .await
            .map_err(not_recorded(action, "auth_event"))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("credentials", &self.inner.tokens.credentials())
            .field("actor", &self.recorder.actor())
            .finish_non_exhaustive()
    }
}

/// What the vendor answered at once, from [`Client::call`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered<O> {
    /// The vendor's id of the task that this was, where it made one.
    pub task_id: Option<String>,
    /// What it cost in units, in the vendor's own spelling.
    pub credits: Option<String>,
    /// What came back.
    pub output: O,
}

/// Where a task is asked for, and how an entry names that. `by` is the name of the new design's query for the id.
pub(crate) fn locate(
    standard: Standard,
    path: &'static str,
    id: &str,
    by: &str,
) -> (String, Cow<'static, str>) {
    match standard {
        Standard::Legacy => (format!("{path}/{}", segment(id)), Cow::Owned(format!("{path}/{{id}}"))),
        Standard::New => (format!("/tasks?{by}={}", segment(id)), Cow::Borrowed("/tasks")),
    }
}

/// Whether a query was answered by: there is no such task.
pub(crate) fn unknown(answer: &Answer) -> bool {
    match answer {
        Answer::Envelope(200..=299, envelope) if envelope.code == 0 => {
            envelope.data.as_array().is_some_and(Vec::is_empty)
        }
        Answer::Envelope(_, envelope) => is_not_found(envelope.code, &envelope.message),
        _ => false,
    }
}

fn unreadable(action: &'static str) -> Error {
    Error::Unreadable { action, http: 200, cause: "another answer than expected".to_owned() }
}

/// What entries about a task say it is.
pub(crate) fn subject<R: Request>(task: &Task<R>) -> Subject<'_> {
    Subject { action: R::ACTION, task_id: Some(task.id()), external_task_id: task.external_task_id() }
}

/// The task in an answer that says that all is well.
pub(crate) fn task_data(answer: &Answer, screen: &Screen) -> Option<TaskData> {
    match answer {
        Answer::Envelope(200..=299, envelope) if envelope.code == 0 => {
            // Tasks of the new design come as a list, even where there is one.
            let data = envelope.data.as_array().map_or(Some(&envelope.data), |tasks| tasks.first())?;
            TaskData::decode(data, screen)
        }
        _ => None,
    }
}

/// The task in an answer to a query for the id that the caller gave it, if it is that one.
///
/// The newer design says each task's `external_id`. The older one may leave it out, and its path takes the vendor's own
/// ids as well: without a name, a task whose own id was asked for is another one.
pub(crate) fn named(
    standard: Standard,
    answer: &Answer,
    external_task_id: &str,
    screen: &Screen,
) -> Option<TaskData> {
    let data = task_data(answer, screen)?;
    let is_it = match (&data.external_task_id, standard) {
        (Some(name), _) => name == external_task_id,
        (None, Standard::Legacy) => data.task_id != external_task_id,
        (None, Standard::New) => false,
    };
    is_it.then_some(data)
}

/// Whether a query was answered by: there is no such task. The vendor has one code for this and for fields that are
/// wrong, and a message that tells.
fn is_not_found(code: i64, message: &str) -> bool {
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
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
