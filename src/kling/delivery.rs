//! One submission, from its intent to its outcome. Its promise: the intent is recorded before anything is sent, exactly
//! one outcome after it, and a request that the vendor may have accepted is not sent again, but where the caller said
//! how long the vendor's not knowing it has to last. It does not know what is in the request.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    backoff::Backoff,
    client::{Client, locate, named, not_recorded, outcome_not_recorded, refusal, task_data, unknown},
    envelope::{TaskData, text},
    error::Error,
    exchange::{Answer, Call},
    output::{Counts, Resource},
    recorder::{Cost, Recorder, Reply, Subject},
    request::Standard,
    screen::Screen,
    submission::Submission,
};
use crate::log::{not_recorded::NotRecorded, pending_receipt::PendingReceipt};

/// How often a lost answer is looked up at least. The vendor may still be at it when it is asked first.
const LOOKUPS: u32 = 4;

/// A submission on its way.
pub(crate) struct Delivery<'a> {
    pub(crate) client: &'a Client,
    pub(crate) subject: Subject<'a>,
    pub(crate) path: &'a str,
    pub(crate) submission: &'a Submission,
    pub(crate) screen: &'a Screen,
    pub(crate) kind: Kind,
    /// What an answer at once did to the account.
    pub(crate) effects: &'a (dyn Fn(&Value) -> Vec<Effect> + Sync),
    /// Set where the vendor may have made a task that nobody is given.
    pub(crate) may_run: &'a AtomicBool,
}

/// What changed in the account.
#[derive(Debug)]
pub(crate) enum Effect {
    Made(Resource, String),
    Removed(Resource, String),
}

/// What a submission leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A task, which is found below this path.
    Task(Standard, &'static str),
    /// An answer at once.
    Immediate {
        /// Whether `data` has what matters.
        is_readable: fn(&Value) -> bool,
        /// A refusal that hides in it.
        refusal: fn(&Value) -> Option<String>,
    },
}

/// What the vendor accepted.
#[derive(Debug)]
pub(crate) enum Accepted {
    Task(Box<TaskData>),
    Data(Value),
}

/// What an answer to a submission means.
#[derive(Debug)]
enum Meaning {
    Accepted(Accepted),
    /// The vendor was too busy, and made none.
    Busy,
    /// The vendor made none, or was not reached.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// What looking up came to.
enum Found {
    /// The vendor made this task.
    Task(Box<TaskData>, Box<Answer>),
    /// The vendor has not known the id, however often it was asked, for as long as the caller takes for certainty.
    Nothing { lookups: u32, unknown_for: Duration },
    /// Nobody knows. What the last answer was.
    Doubt(String),
}

impl Delivery<'_> {
    pub(crate) async fn run(self) -> Result<Accepted, Error> {
        let (recorder, settings) = (self.client.recorder(), self.client.settings());
        // Before the intent, so that nothing but the request comes after it.
        self.client.token(self.subject.action).await?;
        let intent =
            recorder.task_submitted(self.subject, self.path, self.submission, settings.prompt_key.as_ref());
        // It has its place in the trail: dropped from here on, there is an outcome.
        let mut open =
            Open { recorder, subject: self.subject, stage: Stage::Safe, may_run: self.may_run, sent: None };
        if let Err(error) = intent.await {
            // Where it is in no trail, nor will be, it needs no outcome.
            if !recorder.may_come_later(&error) {
                open.stage = Stage::Closed;
            }
            return Err(not_recorded(self.subject.action, "task_submitted")(error));
        }
        let started = Instant::now();
        open.sent = Some(started);
        let asked = self.submission.asked(settings.prompt_key.as_ref());
        let call = Call::submit(self.path, &self.submission.body, &asked, self.screen);
        let mut backoff = Backoff::doubling(settings.backoff);
        let mut attempt = 1;
        let mut resent = false;
        loop {
            open.stage = Stage::Underway;
            // Of a submission only what the vendor refused can have gone unrecorded, and then nothing was accepted.
            let answer = self.client.send(self.subject, &call).await.inspect_err(|_| {
                open.stage = if resent { Stage::Underway } else { Stage::Safe };
            })?;
            match self.meaning(&answer) {
                Meaning::Accepted(Accepted::Data(data)) => match self.hidden_refusal(&data) {
                    Some(reason) => return Err(self.refused_at_once(open, &answer, reason).await),
                    None => return self.answered(open, data).await,
                },
                Meaning::Accepted(Accepted::Task(data)) => {
                    return self.accepted(open, data, answer.reply(), started, None).await;
                }
                Meaning::Busy => {
                    if !resent {
                        open.stage = Stage::Safe;
                    }
                    let delay = (attempt <= settings.retries).then(|| backoff.delay());
                    recorder
                        .throttled(self.subject, answer.reply(), attempt, delay)
                        .await
                        .map_err(not_recorded(self.subject.action, "throttled"))?;
                    match delay {
                        Some(delay) => tokio::time::sleep(delay).await,
                        None if resent => return self.resolve_again(open, answer, started).await,
                        None => return Err(self.refused(open, answer).await),
                    }
                    attempt += 1;
                }
                // The id may be taken by the first of the two.
                Meaning::Refused if resent => return self.resolve_again(open, answer, started).await,
                Meaning::Refused => return Err(self.refused(open, answer).await),
                Meaning::Unknown => match self.look_up(resent).await? {
                    Found::Task(data, found) => {
                        return self.accepted(open, data, found.reply(), started, Some("lookup")).await;
                    }
                    Found::Nothing { lookups, unknown_for } => {
                        recorder
                            .task_resubmitted(self.subject, lookups, unknown_for, &answer.describe())
                            .await
                            .map_err(not_recorded(self.subject.action, "task_resubmitted"))?;
                        resent = true;
                    }
                    Found::Doubt(found) => return Err(self.ambiguous(open, &answer, &found).await),
                },
            }
        }
    }

    /// Decided on the vendor's code, never on the HTTP status alone. In doubt it is unknown.
    fn meaning(&self, answer: &Answer) -> Meaning {
        match self.kind {
            Kind::Task(..) => {
                if let Some(data) = task_data(answer, self.screen) {
                    return Meaning::Accepted(Accepted::Task(Box::new(data)));
                }
            }
            Kind::Immediate { is_readable, refusal } => {
                if let Answer::Envelope(200..=299, envelope) = answer
                    && envelope.code == 0
                    && (is_readable(&envelope.data) || refusal(&envelope.data).is_some())
                {
                    return Meaning::Accepted(Accepted::Data(envelope.data.clone()));
                }
            }
        }
        match answer {
            Answer::Envelope(_, envelope) if matches!(envelope.code, 1302 | 1303 | 5001) => Meaning::Busy,
            // That all is well, and no task: it may be there all the same.
            Answer::Envelope(_, envelope) if envelope.code == 0 || envelope.code >= 5000 => Meaning::Unknown,
            Answer::Envelope(http, _) if *http >= 500 => Meaning::Unknown,
            Answer::Envelope(..) => Meaning::Refused,
            // Somebody before the vendor gave up on an answer that may still have come.
            Answer::Nonsense(408 | 499, _) => Meaning::Unknown,
            Answer::Nonsense(300..=499, _) => Meaning::Refused,
            Answer::Nonsense(..) | Answer::Lost(_) => Meaning::Unknown,
            Answer::NotSent(_) => Meaning::Refused,
        }
    }

    /// Looks up what became of a submission whose answer was lost.
    async fn look_up(&self, resent: bool) -> Result<Found, Error> {
        let Kind::Task(standard, path) = self.kind else {
            return Ok(Found::Doubt("has no name to look it up by".to_owned()));
        };
        let settings = self.client.settings();
        let started = Instant::now();
        let certain_after = settings.resend_unknown_after.filter(|_| !resent);
        let external_task_id = self.subject.external_task_id.unwrap_or_default();
        let (path, shown) = locate(standard, path, external_task_id, "external_task_ids");
        let call = Call::get(path, shown, "lookup", self.screen);
        let mut backoff = Backoff::doubling(settings.backoff);
        let mut always_unknown = true;
        let mut lookups = 0;
        let mut delay = backoff.delay();
        loop {
            tokio::time::sleep(delay).await;
            let answer = self.client.send(self.subject, &call).await?;
            if let Some(data) = named(standard, &answer, external_task_id, self.screen) {
                return Ok(Found::Task(Box::new(data), Box::new(answer)));
            }
            lookups += 1;
            always_unknown &= unknown(&answer);
            let unknown_for = started.elapsed();
            let enough = lookups >= LOOKUPS && certain_after.is_none_or(|after| unknown_for >= after);
            delay = backoff.delay();
            let is_last = enough || (lookups >= LOOKUPS && !always_unknown);
            let next = (!is_last).then_some(delay);
            self.client.note_throttled(self.subject, &answer, lookups, next).await?;
            if enough && always_unknown && certain_after.is_some() {
                return Ok(Found::Nothing { lookups, unknown_for });
            }
            if is_last {
                return Ok(Found::Doubt(answer.describe()));
            }
        }
    }

    /// After a submission that was sent twice was not accepted: of the first nothing is known yet.
    async fn resolve_again(
        &self,
        open: Open<'_>,
        answer: Answer,
        started: Instant,
    ) -> Result<Accepted, Error> {
        match self.look_up(true).await? {
            Found::Task(data, found) => {
                self.accepted(open, data, found.reply(), started, Some("lookup")).await
            }
            Found::Nothing { .. } => Err(self.ambiguous(open, &answer, "not known").await),
            Found::Doubt(found) => Err(self.ambiguous(open, &answer, &found).await),
        }
    }

    async fn ambiguous(&self, open: Open<'_>, lost: &Answer, found: &str) -> Error {
        self.may_run.store(true, Ordering::Relaxed);
        let cause = format!("{}; looked up: {found}", lost.describe());
        let (reply, latency) = (lost.reply(), open.latency());
        let closed = open.close(None, "task_ambiguous", |recorder, subject| {
            recorder.task_ambiguous(subject, "submit", reply, latency, &cause)
        });
        match closed.await {
            Ok(()) => Error::Ambiguous {
                action: self.subject.action,
                external_task_id: self.subject.external_task_id.map(str::to_owned),
                cause,
            },
            Err(error) => error,
        }
    }

    async fn accepted(
        &self,
        open: Open<'_>,
        data: Box<TaskData>,
        reply: Reply<'_>,
        started: Instant,
        resolved_by: Option<&'static str>,
    ) -> Result<Accepted, Error> {
        self.may_run.store(true, Ordering::Relaxed);
        open.close(Some(&data.task_id), "task_accepted", |recorder, subject| {
            recorder.task_accepted(subject, &data.status, reply, started.elapsed(), resolved_by)
        })
        .await?;
        Ok(Accepted::Task(data))
    }

    /// What is answered at once is completed at once. All that there is to say has its place before any of it is waited
    /// for.
    async fn answered(&self, mut open: Open<'_>, data: Value) -> Result<Accepted, Error> {
        let task_id = text(&data, "task_id");
        let credits = text(&data, "final_unit_deduction").map(|credits| self.screen.pass(&credits));
        let estimated = self.submission.estimate.as_deref();
        let cost = Cost { credits: credits.as_deref(), estimated, ..Cost::default() };
        let (recorder, subject) = (open.recorder, Subject { task_id: task_id.as_deref(), ..self.subject });
        let mut recordings =
            vec![("task_completed", open.link(|| recorder.task_completed(subject, Counts::default(), cost)))];
        recordings.extend((self.effects)(&data).iter().map(|effect| match effect {
            Effect::Made(resource, id) => {
                (resource.created(), recorder.resource_created(subject, *resource, id))
            }
            Effect::Removed(resource, id) => {
                (resource.deleted(), recorder.resource_deleted(subject, *resource, id))
            }
        }));
        for (event, recording) in recordings {
            recording.await.map_err(outcome_not_recorded(subject, event))?;
        }
        Ok(Accepted::Data(data))
    }

    fn hidden_refusal(&self, data: &Value) -> Option<String> {
        match self.kind {
            Kind::Task(..) => None,
            Kind::Immediate { refusal, .. } => refusal(data).map(|reason| self.screen.pass(&reason)),
        }
    }

    async fn refused_at_once(&self, open: Open<'_>, answer: &Answer, reason: String) -> Error {
        let (reply, latency) = (answer.reply(), open.latency());
        let closed = open.close(None, "task_refused", |recorder, subject| {
            recorder.task_refused(subject, reply, latency, &reason)
        });
        match closed.await {
            Ok(()) => Error::Refused {
                action: self.subject.action,
                http: reply.http.unwrap_or_default(),
                code: reply.code,
                message: reason,
                request_id: reply.request_id.map(str::to_owned),
            },
            Err(error) => error,
        }
    }

    async fn refused(&self, open: Open<'_>, answer: Answer) -> Error {
        let reason = match &answer {
            Answer::NotSent(fault) => format!("not sent: {}", fault.cause),
            Answer::Envelope(_, envelope) if !envelope.message.is_empty() => envelope.message.clone(),
            other => other.describe(),
        };
        let (reply, latency) = (answer.reply(), open.latency());
        let closed = open.close(None, "task_refused", |recorder, subject| {
            recorder.task_refused(subject, reply, latency, &reason)
        });
        match closed.await {
            Ok(()) => refusal(self.subject.action, answer),
            Err(error) => error,
        }
    }
}

/// A submission without an outcome. Dropped as it is, such as with its future, it records one.
struct Open<'a> {
    recorder: &'a Recorder,
    subject: Subject<'a>,
    stage: Stage,
    may_run: &'a AtomicBool,
    /// When it was first sent.
    sent: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// Certainly not accepted so far.
    Safe,
    /// On its way.
    Underway,
    /// With an outcome.
    Closed,
}

impl Open<'_> {
    /// How long it is underway.
    fn latency(&self) -> Option<Duration> {
        self.sent.map(|sent| sent.elapsed())
    }

    /// Gives the outcome its place: from here on there is one.
    fn link(&mut self, record: impl FnOnce() -> PendingReceipt<NotRecorded>) -> PendingReceipt<NotRecorded> {
        self.stage = Stage::Closed;
        record()
    }

    /// Records the outcome. Where that fails the caller hears of it, and there is no second try. It has its place when it
    /// is first awaited: dropped from then on, it is the only one all the same.
    async fn close(
        mut self,
        task_id: Option<&str>,
        event: &'static str,
        record: impl FnOnce(&Recorder, Subject<'_>) -> PendingReceipt<NotRecorded>,
    ) -> Result<(), Error> {
        let subject = Subject { task_id, ..self.subject };
        let recorder = self.recorder;
        self.link(|| record(recorder, subject)).await.map_err(outcome_not_recorded(subject, event))?;
        Ok(())
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let recorded = match self.stage {
            Stage::Closed => return,
            Stage::Safe => self.recorder.task_refused(
                self.subject,
                Reply::default(),
                self.latency(),
                "given up before the vendor accepted",
            ),
            Stage::Underway => {
                self.may_run.store(true, Ordering::Relaxed);
                self.recorder.task_ambiguous(
                    self.subject,
                    "submit",
                    Reply::default(),
                    self.latency(),
                    "given up before the vendor answered",
                )
            }
        };
        // It has its place, and nobody is left to tell. The log counts what it could not record.
        drop(recorded);
    }
}
