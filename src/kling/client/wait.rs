//! Queries for one task until it ends.
//!
//! Each change is recorded once, an end only when Kling reports it, and an unknown end as such.

use std::time::Duration;

use tokio::time::Instant;

use crate::kling::{
    api::{answer::Answer, call::Call, reply::Reply, status::TaskStatus},
    client::{
        answers::{IdKind, locate, refusal, task_in},
        backoff::Backoff,
        connection::Connection,
        observe::{failure_reason, observe},
        progress::{Completed, TaskProgress},
        task::Task,
    },
    error::Error,
    events::{
        outcomes::StatusSource,
        submissions::{self, TaskStage},
    },
    outputs::task_data::TaskData,
    privacy::scrub::Scrubber,
    requests::request::Request,
};
use crate::log::{not_recorded::NotRecorded, pending_receipt::PendingReceipt};

/// Queries for one task.
#[derive(Clone)]
pub(crate) struct Wait<'a, R: Request> {
    connection: &'a Connection,
    task: &'a Task<R>,
    scrubber: Scrubber,
}

impl<'a, R: Request> Wait<'a, R> {
    pub(crate) fn new(connection: &'a Connection, task: &'a Task<R>) -> Wait<'a, R> {
        Wait { connection, task, scrubber: connection.scrubber(task.scrubber()) }
    }

    /// Queries once.
    pub(crate) async fn query(&self) -> Result<TaskProgress<R::Output>, Error> {
        let answer = self.ask(None).await?;
        self.connection.record_throttled(self.task.subject(), &answer, 1, None).await?;
        match self.data(&answer) {
            Some(data) => self.observe(data, &answer).await,
            None => Err(refusal(R::ACTION, answer)),
        }
    }

    /// Queries until the task ends, or until the deadline.
    pub(crate) async fn run(&self) -> Result<Completed<R::Output>, Error> {
        let settings = self.connection.settings();
        let started = Instant::now();
        let mut backoff = Backoff::polling(settings.poll_interval);
        let mut last = "not asked yet".to_owned();
        let mut last_answer: Option<Answer> = None;
        let mut queries = 0;
        // The first query comes after one interval, because no task ends at once.
        let mut delay = backoff.delay();
        loop {
            let left = settings.deadline.saturating_sub(started.elapsed());
            // The last pause ends at the deadline and not after it.
            tokio::time::sleep(delay.min(left)).await;
            let left = settings.deadline.saturating_sub(started.elapsed());
            if left.is_zero() {
                let reply = last_answer.as_ref().map(Answer::reply).unwrap_or_default();
                return Err(self.out_of_time(started, reply, last).await?);
            }
            // The query itself must not exceed the deadline either.
            let answer = self.ask(Some(left)).await?;
            queries += 1;
            delay = backoff.delay();
            let left = settings.deadline.saturating_sub(started.elapsed());
            let next = (!left.is_zero()).then_some(delay.min(left));
            self.connection.record_throttled(self.task.subject(), &answer, queries, next).await?;
            let Some(data) = self.data(&answer) else {
                if is_definite(&answer) {
                    return Err(self.refused(started, answer).await?);
                }
                last = answer.describe();
                last_answer = Some(answer);
                continue;
            };
            let progress = self.observe(data, &answer).await?;
            last_answer = Some(answer);
            last = format!("last seen {}", progress.status);
            match (progress.status, progress.output) {
                (TaskStatus::Succeed, Some(output)) => {
                    return Ok(Completed {
                        task_id: self.task.id().to_owned(),
                        credits: progress.credits,
                        billing: progress.billing,
                        parent_video: progress.parent_video,
                        output,
                    });
                }
                // No end yet: the paid result is missing, and a later answer may have it.
                (TaskStatus::Succeed, None) => last.push_str(" without a result"),
                (TaskStatus::Failed, _) => {
                    return Err(Error::Failed {
                        action: R::ACTION,
                        task_id: self.task.id().to_owned(),
                        reason: failure_reason(progress.message),
                        credits: progress.credits,
                    });
                }
                _ => {}
            }
        }
    }

    async fn ask(&self, within: Option<Duration>) -> Result<Answer, Error> {
        let (path, shown) = locate(R::DESIGN, R::PATH, self.task.id(), IdKind::Task);
        let call = Call { within, ..Call::get(path, shown, "query", &self.scrubber) };
        self.connection.send(self.task.subject(), &call).await
    }

    /// Returns the task in an answer, if it is this task.
    fn data(&self, answer: &Answer) -> Option<TaskData> {
        // A proxy may answer with another task. It must not change the state of this one.
        task_in(answer, &self.scrubber).filter(|data| data.task_id == self.task.id())
    }

    async fn observe(&self, data: TaskData, answer: &Answer) -> Result<TaskProgress<R::Output>, Error> {
        let source = StatusSource::Poll(answer.reply().request_id);
        observe(self.connection.recorder(), self.task, data, source).await
    }

    /// Records that Kling refuses to report the task, and returns that as an error.
    async fn refused(&self, started: Instant, answer: Answer) -> Result<Error, Error> {
        let reason = format!("the query was refused: {}", answer.describe());
        self.ambiguous(answer.reply(), started.elapsed(), &reason)
            .await
            .map_err(Error::not_recorded(R::ACTION, "task_ambiguous"))?;
        Ok(refusal(R::ACTION, answer))
    }

    /// Records that the task has not ended before the deadline, and returns that as an error.
    async fn out_of_time(&self, started: Instant, reply: Reply<'_>, last: String) -> Result<Error, Error> {
        let waited = started.elapsed();
        let reason = format!("no end after {:.1} s: {last}", waited.as_secs_f64());
        self.ambiguous(reply, waited, &reason)
            .await
            .map_err(self.task.subject().outcome_not_recorded("task_ambiguous"))?;
        Ok(Error::Deadline { action: R::ACTION, task_id: self.task.id().to_owned(), waited, last })
    }

    fn ambiguous(&self, reply: Reply<'_>, waited: Duration, reason: &str) -> PendingReceipt<NotRecorded> {
        let (recorder, subject) = (self.connection.recorder(), self.task.subject());
        submissions::task_ambiguous(recorder, subject, TaskStage::Wait, reply, Some(waited), reason)
    }
}

/// Returns `true` if the same query would get the same answer again: a refusal for another reason than load or the age
/// of the token.
fn is_definite(answer: &Answer) -> bool {
    match answer {
        Answer::Envelope(http, envelope) => {
            let is_temporary =
                matches!(envelope.code, 0 | 1302 | 1303) || envelope.code >= 5000 || *http >= 500;
            !is_temporary
        }
        Answer::Unparseable(..) | Answer::Lost(_) | Answer::NotSent(_) => false,
    }
}
