//! One submission, from its intent to its outcome.
//!
//! The intent is recorded before anything is sent, and exactly one outcome after it. A request that Kling may have
//! accepted is not sent again, unless [`resend_unknown_after`](crate::kling::Builder::resend_unknown_after) permits it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::kling::{
    api::{answer::Answer, call::Call, design::ApiDesign, json_fields::text, reply::Reply},
    client::{
        answers::{IdKind, is_unknown_task, locate, refusal, task_by_external_id, task_in},
        backoff::Backoff,
        connection::Connection,
        outcome_guard::{OutcomeGuard, Stage},
    },
    error::Error,
    events::{
        outcomes::{self, Cost},
        subject::Subject,
        submissions::{self, TaskStage},
    },
    outputs::{output::Counts, resource::Resource, task_data::TaskData},
    privacy::{request_summary::RequestSummary, scrub::Scrubber},
    requests::prepared_request::PreparedRequest,
};

/// Least number of lookups after a lost answer. Kling may still be processing the request at the first one.
const MIN_LOOKUPS: u32 = 4;

/// A submission on its way.
pub(crate) struct Submission<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) subject: Subject<'a>,
    pub(crate) path: &'a str,
    pub(crate) request: &'a PreparedRequest,
    pub(crate) summary: &'a RequestSummary,
    pub(crate) scrubber: &'a Scrubber,
    pub(crate) reply: ReplyKind,
    /// Lists the changes of the account that an immediate answer reports.
    pub(crate) account_changes: &'a (dyn Fn(&Value) -> Vec<AccountChange> + Sync),
    /// Set when Kling may have made a task for which the caller got no [`Task`](crate::kling::Task).
    pub(crate) task_may_exist: &'a AtomicBool,
}

/// A change of the account's elements or voices, by id.
#[derive(Debug)]
pub(crate) enum AccountChange {
    Created(Resource, String),
    Deleted(Resource, String),
}

/// Kind of answer that a submission expects.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReplyKind {
    /// A task, and the design and path of the queries for it.
    Task(ApiDesign, &'static str),
    /// The result itself.
    Immediate {
        /// Returns `true` if `data` has the members that the output needs.
        is_readable: fn(&Value) -> bool,
        /// Returns the reason of a refusal inside a successful answer.
        refusal: fn(&Value) -> Option<String>,
    },
}

/// Content of an accepting answer.
#[derive(Debug)]
pub(crate) enum Accepted {
    Task(Box<TaskData>),
    Data(Value),
}

/// Meaning of an answer to a submission.
#[derive(Debug)]
enum Meaning {
    Accepted(Accepted),
    /// Kling was too busy and made no task.
    Busy,
    /// Kling made no task, or was not reached.
    Refused,
    /// The answer does not show whether Kling made a task.
    Unknown,
}

/// Result of the lookups after a lost answer.
enum Found {
    /// Kling made this task.
    Task(Box<TaskData>, Box<Answer>),
    /// Kling did not know the id in any lookup, for as long as `resend_unknown_after` requires.
    Nothing { lookups: u32, unknown_for: Duration },
    /// The outcome is unknown. Describes the last answer.
    Unknown(String),
}

impl Submission<'_> {
    pub(crate) async fn run(self) -> Result<Accepted, Error> {
        let (recorder, settings) = (self.connection.recorder(), self.connection.settings());
        let action = self.subject.action;
        // The token comes before the intent, so that only the request itself follows the intent.
        self.connection.token(action).await?;
        let intent =
            submissions::task_submitted(recorder, self.subject, self.path, self.request, self.summary);
        // The intent has its position in the trail. From here on a drop of this future records an outcome.
        let mut guard = OutcomeGuard {
            recorder,
            subject: self.subject,
            stage: Stage::NotAccepted,
            task_may_exist: self.task_may_exist,
            sent: None,
        };
        if let Err(error) = intent.await {
            // An intent that is not in the trail and never will be needs no outcome.
            if !recorder.may_come_later(&error) {
                guard.stage = Stage::Closed;
            }
            return Err(Error::not_recorded(action, "task_submitted")(error));
        }
        let started = Instant::now();
        guard.sent = Some(started);
        let call = Call::submit(self.path, &self.request.body, self.summary, self.scrubber);
        let mut backoff = Backoff::doubling(settings.backoff);
        let mut attempt = 1;
        // After a second send, a refusal of that one says nothing about the first: the submission stays undecided
        // until a lookup.
        let mut resent = false;
        loop {
            guard.stage = Stage::InFlight;
            // `send` fails after an answer only if it could not record a refusal. Kling accepted nothing then, unless
            // an earlier send of the same request is still undecided.
            let answer = self.connection.send(self.subject, &call).await.inspect_err(|_| {
                guard.stage = if resent { Stage::InFlight } else { Stage::NotAccepted };
            })?;
            match self.meaning(&answer) {
                Meaning::Accepted(Accepted::Data(data)) => match self.refusal_inside(&data) {
                    Some(reason) => return Err(self.refused_inside(guard, &answer, reason).await),
                    None => return self.answered(guard, data).await,
                },
                Meaning::Accepted(Accepted::Task(data)) => {
                    return self.accepted(guard, data, answer.reply(), started, None).await;
                }
                Meaning::Busy => {
                    // Kling answers "busy" only before it makes a task. An earlier send of the same request may still
                    // have made one.
                    if !resent {
                        guard.stage = Stage::NotAccepted;
                    }
                    let delay = (attempt <= settings.retries).then(|| backoff.delay());
                    // Recorded before the pause, so that the trail shows the throttling even if the process ends
                    // during it.
                    submissions::throttled(recorder, self.subject, answer.reply(), attempt, delay)
                        .await
                        .map_err(Error::not_recorded(action, "throttled"))?;
                    match delay {
                        Some(delay) => tokio::time::sleep(delay).await,
                        None if resent => return self.resolve_again(guard, answer, started).await,
                        None => return Err(self.refused(guard, answer).await),
                    }
                    attempt += 1;
                }
                // The refusal may concern the second send alone: the first one may have taken the external task id.
                Meaning::Refused if resent => return self.resolve_again(guard, answer, started).await,
                Meaning::Refused => return Err(self.refused(guard, answer).await),
                Meaning::Unknown => match self.look_up(resent).await? {
                    Found::Task(data, found) => {
                        return self.accepted(guard, data, found.reply(), started, Some("lookup")).await;
                    }
                    Found::Nothing { lookups, unknown_for } => {
                        let reason = answer.describe();
                        submissions::task_resubmitted(recorder, self.subject, lookups, unknown_for, &reason)
                            .await
                            .map_err(Error::not_recorded(action, "task_resubmitted"))?;
                        resent = true;
                    }
                    Found::Unknown(found) => return Err(self.ambiguous(guard, &answer, &found).await),
                },
            }
        }
    }

    /// Returns the meaning of an answer. Kling's code decides, not the HTTP status. An answer that leaves a doubt is
    /// [`Meaning::Unknown`].
    fn meaning(&self, answer: &Answer) -> Meaning {
        match self.reply {
            ReplyKind::Task(..) => {
                if let Some(data) = task_in(answer, self.scrubber) {
                    return Meaning::Accepted(Accepted::Task(Box::new(data)));
                }
            }
            ReplyKind::Immediate { is_readable, refusal } => {
                if let Answer::Envelope(200..=299, envelope) = answer
                    && envelope.code == 0
                    && (is_readable(&envelope.data) || refusal(&envelope.data).is_some())
                {
                    return Meaning::Accepted(Accepted::Data(envelope.data.clone()));
                }
            }
        }
        match answer {
            // 1302 and 1303 are limits of rate and concurrency, 5001 is a temporary unavailability.
            Answer::Envelope(_, envelope) if matches!(envelope.code, 1302 | 1303 | 5001) => Meaning::Busy,
            // A success code without a task: the task may exist all the same.
            Answer::Envelope(_, envelope) if envelope.code == 0 || envelope.code >= 5000 => Meaning::Unknown,
            // A proxy may have replaced the status of an answer, so a server error with any code leaves a doubt.
            Answer::Envelope(http, _) if *http >= 500 => Meaning::Unknown,
            Answer::Envelope(..) => Meaning::Refused,
            // A proxy timed out. Kling may have answered after that.
            Answer::Unparseable(408 | 499, _) => Meaning::Unknown,
            Answer::Unparseable(300..=499, _) => Meaning::Refused,
            Answer::Unparseable(..) | Answer::Lost(_) => Meaning::Unknown,
            // No byte of the request left, so Kling cannot have made a task.
            Answer::NotSent(_) => Meaning::Refused,
        }
    }

    /// Looks up the task of a submission whose answer was lost.
    async fn look_up(&self, resent: bool) -> Result<Found, Error> {
        let ReplyKind::Task(design, path) = self.reply else {
            return Ok(Found::Unknown("has no name to look it up by".to_owned()));
        };
        let settings = self.connection.settings();
        let started = Instant::now();
        // A request that was sent twice is not sent a third time, however long its id stays unknown.
        let certain_after = settings.resend_unknown_after.filter(|_| !resent);
        let external_task_id = self.subject.external_task_id.unwrap_or_default();
        let (path, shown) = locate(design, path, external_task_id, IdKind::External);
        let call = Call::get(path, shown, "lookup", self.scrubber);
        let mut backoff = Backoff::doubling(settings.backoff);
        let mut always_unknown = true;
        let mut lookups = 0;
        let mut delay = backoff.delay();
        loop {
            tokio::time::sleep(delay).await;
            let answer = self.connection.send(self.subject, &call).await?;
            if let Some(data) = task_by_external_id(design, &answer, external_task_id, self.scrubber) {
                return Ok(Found::Task(Box::new(data), Box::new(answer)));
            }
            lookups += 1;
            // A single answer of another kind, such as a server error, ends the certainty: Kling may have had the
            // task then.
            always_unknown &= is_unknown_task(&answer);
            let unknown_for = started.elapsed();
            let enough = lookups >= MIN_LOOKUPS && certain_after.is_none_or(|after| unknown_for >= after);
            delay = backoff.delay();
            let is_last = enough || (lookups >= MIN_LOOKUPS && !always_unknown);
            let next = (!is_last).then_some(delay);
            self.connection.record_throttled(self.subject, &answer, lookups, next).await?;
            if enough && always_unknown && certain_after.is_some() {
                return Ok(Found::Nothing { lookups, unknown_for });
            }
            if is_last {
                return Ok(Found::Unknown(answer.describe()));
            }
        }
    }

    /// Decides about a request that was sent twice, and whose second send was not accepted. The outcome of the first
    /// send is still unknown.
    async fn resolve_again(
        &self,
        guard: OutcomeGuard<'_>,
        answer: Answer,
        started: Instant,
    ) -> Result<Accepted, Error> {
        match self.look_up(true).await? {
            Found::Task(data, found) => {
                self.accepted(guard, data, found.reply(), started, Some("lookup")).await
            }
            Found::Nothing { .. } => Err(self.ambiguous(guard, &answer, "not known").await),
            Found::Unknown(found) => Err(self.ambiguous(guard, &answer, &found).await),
        }
    }

    async fn ambiguous(&self, guard: OutcomeGuard<'_>, lost: &Answer, found: &str) -> Error {
        self.task_may_exist.store(true, Ordering::Relaxed);
        let cause = format!("{}; looked up: {found}", lost.describe());
        let (reply, latency) = (lost.reply(), guard.latency());
        let closed = guard.close(None, "task_ambiguous", |recorder, subject| {
            submissions::task_ambiguous(recorder, subject, TaskStage::Submit, reply, latency, &cause)
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
        guard: OutcomeGuard<'_>,
        data: Box<TaskData>,
        reply: Reply<'_>,
        started: Instant,
        resolved_by: Option<&'static str>,
    ) -> Result<Accepted, Error> {
        // If the entry fails, the caller gets an error and no task, so the permits must outlive this call.
        self.task_may_exist.store(true, Ordering::Relaxed);
        guard
            .close(Some(&data.task_id), "task_accepted", |recorder, subject| {
                let latency = started.elapsed();
                submissions::task_accepted(recorder, subject, &data.status, reply, latency, resolved_by)
            })
            .await?;
        Ok(Accepted::Task(data))
    }

    /// Records an immediate answer, which is accepted and completed at once.
    async fn answered(&self, mut guard: OutcomeGuard<'_>, data: Value) -> Result<Accepted, Error> {
        let task_id = text(&data, "task_id");
        let credits = text(&data, "final_unit_deduction").map(|credits| self.scrubber.scrub(&credits));
        let estimated = self.request.estimate.as_deref();
        let cost = Cost { credits: credits.as_deref(), estimated, ..Cost::default() };
        let (recorder, subject) = (guard.recorder, self.subject.with_task(task_id.as_deref()));
        let completed = guard.link(|| outcomes::task_completed(recorder, subject, Counts::default(), cost));
        let mut recordings = vec![("task_completed", completed)];
        // All entries get their positions before the first is awaited. A dropped future then loses none of them.
        recordings.extend((self.account_changes)(&data).iter().map(|change| match change {
            AccountChange::Created(resource, id) => {
                (resource.created(), outcomes::resource_created(recorder, subject, *resource, id))
            }
            AccountChange::Deleted(resource, id) => {
                (resource.deleted(), outcomes::resource_deleted(recorder, subject, *resource, id))
            }
        }));
        for (event, recording) in recordings {
            recording.await.map_err(subject.outcome_not_recorded(event))?;
        }
        Ok(Accepted::Data(data))
    }

    fn refusal_inside(&self, data: &Value) -> Option<String> {
        match self.reply {
            ReplyKind::Task(..) => None,
            ReplyKind::Immediate { refusal, .. } => refusal(data).map(|reason| self.scrubber.scrub(&reason)),
        }
    }

    async fn refused_inside(&self, guard: OutcomeGuard<'_>, answer: &Answer, reason: String) -> Error {
        let (reply, latency) = (answer.reply(), guard.latency());
        let closed = guard.close(None, "task_refused", |recorder, subject| {
            submissions::task_refused(recorder, subject, reply, latency, &reason)
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

    async fn refused(&self, guard: OutcomeGuard<'_>, answer: Answer) -> Error {
        let reason = match &answer {
            Answer::NotSent(fault) => format!("not sent: {}", fault.cause),
            Answer::Envelope(_, envelope) if !envelope.message.is_empty() => envelope.message.clone(),
            other => other.describe(),
        };
        let (reply, latency) = (answer.reply(), guard.latency());
        let closed = guard.close(None, "task_refused", |recorder, subject| {
            submissions::task_refused(recorder, subject, reply, latency, &reason)
        });
        match closed.await {
            Ok(()) => refusal(self.subject.action, answer),
            Err(error) => error,
        }
    }
}
