//! One submission, from its intent to its outcome. Its promise: the intent is recorded before anything is sent, exactly
//! one outcome after it, and a request that the vendor may have accepted is not sent again. It does not know what is
//! in the request.

use std::time::Instant;

use super::{
    backoff::Backoff,
    client::{Client, not_recorded, outcome_not_recorded, refusal, task_data},
    envelope::TaskData,
    error::Error,
    exchange::{Answer, Call, Content},
    recorder::{Recorder, Reply, Subject},
    screen::Screen,
    submission::Submission,
};
use crate::NotRecorded;

/// How often a lost answer is looked up. The vendor may still be at it when it is asked first.
const LOOKUPS: usize = 4;

/// A submission on its way.
#[derive(Debug)]
pub(crate) struct Delivery<'a> {
    client: &'a Client,
    subject: Subject<'a>,
    path: &'static str,
    submission: &'a Submission,
    screen: &'a Screen,
}

/// What an answer to a submission means.
#[derive(Debug)]
enum Meaning {
    /// The vendor made this task.
    Accepted(TaskData),
    /// The vendor was too busy, and made none.
    Busy,
    /// The vendor made none, or was not reached.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(
        client: &'a Client,
        subject: Subject<'a>,
        path: &'static str,
        submission: &'a Submission,
        screen: &'a Screen,
    ) -> Delivery<'a> {
        Delivery { client, subject, path, submission, screen }
    }

    pub(crate) async fn run(self) -> Result<TaskData, Error> {
        let (recorder, settings) = (self.client.recorder(), self.client.settings());
        // Before the intent, so that nothing but the request comes after it.
        self.client.token(self.subject.action).await?;
        recorder
            .task_submitted(self.subject, self.path, self.submission)
            .map_err(not_recorded(self.subject.action, "task_submitted"))?;
        let mut open = Open { recorder, subject: self.subject, stage: Stage::Safe };
        let started = Instant::now();
        let content = Content::Post(&self.submission.body);
        let call = Call { path: self.path, content, screen: self.screen, within: None };
        let mut backoff = Backoff::doubling(settings.backoff);
        let mut attempt = 1;
        loop {
            open.stage = Stage::Underway;
            // Of a submission only what concerns the token can have gone unrecorded, and then nothing was accepted.
            let answer =
                self.client.send(self.subject, &call).await.inspect_err(|_| open.stage = Stage::Safe)?;
            match self.meaning(&answer) {
                Meaning::Accepted(data) => {
                    return self.accepted(open, data, answer.reply(), started, None);
                }
                Meaning::Busy => {
                    open.stage = Stage::Safe;
                    let delay = (attempt <= settings.retries).then(|| backoff.delay());
                    recorder
                        .throttled(self.subject, answer.reply(), attempt, delay)
                        .map_err(not_recorded(self.subject.action, "throttled"))?;
                    let Some(delay) = delay else { return Err(self.refused(open, answer)) };
                    tokio::time::sleep(delay).await;
                    attempt += 1;
                }
                Meaning::Refused => return Err(self.refused(open, answer)),
                Meaning::Unknown => return self.resolve(open, answer, started).await,
            }
        }
    }

    /// Decided on the vendor's code, never on the HTTP status alone. In doubt it is unknown.
    fn meaning(&self, answer: &Answer) -> Meaning {
        if let Some(data) = task_data(answer, self.screen) {
            return Meaning::Accepted(data);
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

    /// Looks up what became of a submission whose answer is `lost`.
    async fn resolve(&self, open: Open<'_>, lost: Answer, started: Instant) -> Result<TaskData, Error> {
        let external_task_id = self.subject.external_task_id.unwrap_or_default();
        let content = Content::Get(external_task_id);
        let call = Call { path: self.path, content, screen: self.screen, within: None };
        let mut backoff = Backoff::doubling(self.client.settings().backoff);
        let mut found = String::new();
        for _ in 0..LOOKUPS {
            tokio::time::sleep(backoff.delay()).await;
            let answer = self.client.send(self.subject, &call).await?;
            if let Some(data) = task_data(&answer, self.screen) {
                return self.accepted(open, data, answer.reply(), started, Some("lookup"));
            }
            found = answer.describe();
        }
        let cause = format!("{}; looked up: {found}", lost.describe());
        open.close(None, "task_ambiguous", |recorder, subject| {
            recorder.task_ambiguous(subject, "submit", &cause)
        })?;
        Err(Error::Ambiguous {
            action: self.subject.action,
            external_task_id: external_task_id.to_owned(),
            cause,
        })
    }

    fn accepted(
        &self,
        open: Open<'_>,
        data: TaskData,
        reply: Reply<'_>,
        started: Instant,
        resolved_by: Option<&'static str>,
    ) -> Result<TaskData, Error> {
        open.close(Some(&data.task_id), "task_accepted", |recorder, subject| {
            recorder.task_accepted(subject, &data.status, reply, started.elapsed(), resolved_by)
        })?;
        Ok(data)
    }

    fn refused(&self, open: Open<'_>, answer: Answer) -> Error {
        let reason = match &answer {
            Answer::NotSent(fault) => format!("not sent: {}", fault.cause),
            Answer::Envelope(_, envelope) if !envelope.message.is_empty() => envelope.message.clone(),
            other => other.describe(),
        };
        let reply = answer.reply();
        match open
            .close(None, "task_refused", |recorder, subject| recorder.task_refused(subject, reply, &reason))
        {
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
    /// Records the outcome. Where that fails the caller hears of it, and there is no second try.
    fn close(
        mut self,
        task_id: Option<&str>,
        event: &'static str,
        record: impl FnOnce(&Recorder, Subject<'_>) -> Result<(), NotRecorded>,
    ) -> Result<(), Error> {
        self.stage = Stage::Closed;
        let subject = Subject { task_id, ..self.subject };
        record(self.recorder, subject).map_err(outcome_not_recorded(subject, event))
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let recorded = match self.stage {
            Stage::Closed => Ok(()),
            Stage::Safe => self.recorder.task_refused(
                self.subject,
                Reply::default(),
                "given up before the vendor accepted",
            ),
            Stage::Underway => {
                self.recorder.task_ambiguous(self.subject, "submit", "given up before the vendor answered")
            }
        };
        // Nobody is left to tell. The log counts what it could not record.
        drop(recorded);
    }
}
