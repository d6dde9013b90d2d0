//! One task watched until it ends. Its promise: each change is recorded once, an end only when the vendor says so, and
//! when nobody can say, that. It does not know how the task was submitted.

use tokio::time::Instant;

use super::{
    backoff::Backoff,
    client::{Client, locate, not_recorded, outcome_not_recorded, refusal, subject, task_data},
    envelope::TaskData,
    error::Error,
    exchange::{Answer, Call},
    output::Output,
    recorder::{Cost, Recorder, Reply},
    request::Request,
    screen::Screen,
    status::TaskStatus,
    task::{Completed, Progress, Task},
};

/// A task that is being watched.
#[derive(Debug)]
pub(crate) struct Watch<'a, R: Request> {
    client: &'a Client,
    task: &'a Task<R>,
    screen: Screen,
}

impl<'a, R: Request> Watch<'a, R> {
    pub(crate) fn new(client: &'a Client, task: &'a Task<R>) -> Watch<'a, R> {
        Watch { client, task, screen: client.screened(task.screen()) }
    }

    /// Asks once.
    pub(crate) async fn query(&self) -> Result<Progress<R::Output>, Error> {
        let answer = self.ask(None).await?;
        self.client.note_throttled(subject(self.task), &answer, 1, None).await?;
        match self.data(&answer) {
            Some(data) => self.observe(data, &answer).await,
            None => Err(refusal(R::ACTION, answer)),
        }
    }

    /// Asks until the task ends, or until the deadline.
    pub(crate) async fn run(&self) -> Result<Completed<R::Output>, Error> {
        let settings = self.client.settings();
        let started = Instant::now();
        let mut backoff = Backoff::polling(settings.poll_interval);
        let mut last = "not asked yet".to_owned();
        let mut answered: Option<Answer> = None;
        let mut queries = 0;
        let mut delay = backoff.delay();
        loop {
            let left = settings.deadline.saturating_sub(started.elapsed());
            tokio::time::sleep(delay.min(left)).await;
            let left = settings.deadline.saturating_sub(started.elapsed());
            if left.is_zero() {
                let reply = answered.as_ref().map(Answer::reply).unwrap_or_default();
                return Err(self.out_of_time(started, reply, last).await?);
            }
            let answer = self.ask(Some(left)).await?;
            queries += 1;
            delay = backoff.delay();
            let left = settings.deadline.saturating_sub(started.elapsed());
            let next = (!left.is_zero()).then_some(delay.min(left));
            self.client.note_throttled(subject(self.task), &answer, queries, next).await?;
            let Some(data) = self.data(&answer) else {
                if is_definite(&answer) {
                    return Err(self.given_up(started, answer).await?);
                }
                last = answer.describe();
                answered = Some(answer);
                continue;
            };
            let progress = self.observe(data, &answer).await?;
            answered = Some(answer);
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
                // Not an end: what was paid for is not there, and may yet be.
                (TaskStatus::Succeed, None) => last.push_str(" without a result"),
                (TaskStatus::Failed, _) => {
                    return Err(Error::Failed {
                        action: R::ACTION,
                        task_id: self.task.id().to_owned(),
                        reason: reason(progress.message),
                        credits: progress.credits,
                    });
                }
                _ => {}
            }
        }
    }

    async fn ask(&self, within: Option<std::time::Duration>) -> Result<Answer, Error> {
        let (path, shown) = locate(R::STANDARD, R::PATH, self.task.id(), "task_ids");
        let call = Call { within, ..Call::get(path, shown, "query", &self.screen) };
        self.client.send(subject(self.task), &call).await
    }

    /// The task in an answer, if it is this one.
    fn data(&self, answer: &Answer) -> Option<TaskData> {
        task_data(answer, &self.screen).filter(|data| data.task_id == self.task.id())
    }

    async fn observe(&self, data: TaskData, answer: &Answer) -> Result<Progress<R::Output>, Error> {
        observe(self.client.recorder(), self.task, data, ("poll", answer.reply().request_id)).await
    }

    /// The vendor will not say what became of the task.
    async fn given_up(&self, started: Instant, answer: Answer) -> Result<Error, Error> {
        let reason = format!("the query was refused: {}", answer.describe());
        self.client
            .recorder()
            .task_ambiguous(subject(self.task), "wait", answer.reply(), Some(started.elapsed()), &reason)
            .await
            .map_err(not_recorded(R::ACTION, "task_ambiguous"))?;
        Ok(refusal(R::ACTION, answer))
    }

    async fn out_of_time(&self, started: Instant, reply: Reply<'_>, last: String) -> Result<Error, Error> {
        let waited = started.elapsed();
        let reason = format!("no end after {:.1} s: {last}", waited.as_secs_f64());
        self.client
            .recorder()
            .task_ambiguous(subject(self.task), "wait", reply, Some(waited), &reason)
            .await
            .map_err(outcome_not_recorded(subject(self.task), "task_ambiguous"))?;
        Ok(Error::Deadline { action: R::ACTION, task_id: self.task.id().to_owned(), waited, last })
    }
}

/// Records what is new. What was not recorded stays new. `source` is `poll`, with the vendor's id of the query, or
/// `callback`.
pub(crate) async fn observe<R: Request>(
    recorder: &Recorder,
    task: &Task<R>,
    data: TaskData,
    source: (&'static str, Option<&str>),
) -> Result<Progress<R::Output>, Error> {
    let subject = subject(task);
    let cost = Cost { credits: data.credits.as_deref(), billing: &data.billing, estimated: task.estimate() };
    let output = match data.status {
        TaskStatus::Succeed => R::Output::decode(&data.result),
        _ => None,
    };
    let mut seen = task.seen().lock().await;
    // After an end nothing is new: an answer that says otherwise is an older one.
    if !seen.ended {
        let before = seen.clone();
        let mut recordings = Vec::new();
        if seen.status.as_ref() != Some(&data.status) {
            let changed = recorder.task_status_changed(subject, seen.status.as_ref(), &data.status, source);
            recordings.push(("task_status_changed", changed));
            seen.status = Some(data.status.clone());
        }
        if let Some(output) = &output {
            for (resource, id) in output.resources() {
                let created = recorder.resource_created(subject, resource, &id);
                recordings.push((resource.created(), created));
            }
            // The last of them, since what follows one that fails fails too: that it is there says that all are.
            let completed = recorder.task_completed(subject, output.counts(), cost);
            recordings.push(("task_completed", completed));
            seen.ended = true;
        } else if data.status == TaskStatus::Failed {
            let reason = reason(data.status_message.clone());
            if is_moderation(&reason) {
                let blocked = recorder.content_blocked(subject, task.asked(), "result", None, &reason);
                recordings.push(("content_blocked", blocked));
            }
            recordings.push(("task_failed", recorder.task_failed(subject, &reason, cost)));
            seen.ended = true;
        }
        if seen.ended {
            task.release();
        }
        // All have their places by now: where this future is dropped, nothing of it is new any more.
        for (event, recording) in recordings {
            if let Err(error) = recording.await {
                *seen = before;
                return Err(outcome_not_recorded(subject, event)(error));
            }
        }
    }
    drop(seen);
    Ok(Progress {
        status: data.status,
        message: data.status_message,
        credits: data.credits,
        billing: data.billing,
        parent_video: data.parent_video,
        output,
    })
}

/// Whether a task failed for its content. The vendor has a text for it and no code.
pub(crate) fn is_moderation(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["risk control", "content security", "moderation", "sensitive"].iter().any(|words| reason.contains(words))
}

/// Whether asking again would give the same: the vendor's own refusal, but for being busy and for an expired token.
fn is_definite(answer: &Answer) -> bool {
    match answer {
        Answer::Envelope(http, envelope) => {
            let passing = matches!(envelope.code, 0 | 1302 | 1303) || envelope.code >= 5000 || *http >= 500;
            !passing
        }
        Answer::Nonsense(..) | Answer::Lost(_) | Answer::NotSent(_) => false,
    }
}

fn reason(message: Option<String>) -> String {
    message.unwrap_or_else(|| "the vendor gave no reason".to_owned())
}
