//! Lookup of a task by the id that it was submitted under.

use tracing::Instrument;

use crate::kling::{
    api::{call::Call, urls::is_segment},
    client::{
        answers::{IdKind, is_unknown_task, locate, refusal, task_by_external_id},
        connection::Connection,
        task::Task,
    },
    error::{Error, RequestError},
    events::{subject::Subject, submissions},
    privacy::scrub::Scrubber,
    requests::request::Request,
};

/// Asks Kling once for the task of a submission, and records `task_resolved` if Kling knows it.
pub(crate) async fn look_up<R: Request>(
    connection: &Connection,
    external_task_id: &str,
) -> Result<Option<Task<R>>, Error> {
    // A comma separates ids in queries of the new design, even if it is escaped.
    if !is_segment(external_task_id) || external_task_id.contains(',') {
        let rule = "must be an id that a task was submitted under";
        return Err(RequestError::new("external_task_id", rule).into());
    }
    let subject = Subject::submission(R::ACTION, Some(external_task_id));
    let span = connection.recorder().query_span(subject);
    connection.check_design(R::DESIGN)?;
    let scrubber = connection.scrubber(&Scrubber::default());
    let (path, shown) = locate(R::DESIGN, R::PATH, external_task_id, IdKind::External);
    let call = Call::get(path, shown, "lookup", &scrubber);
    let answer = async { connection.send(subject, &call).await }.instrument(span).await?;
    connection.record_throttled(subject, &answer, 1, None).await?;
    if is_unknown_task(&answer) {
        return Ok(None);
    }
    // An answer with another task is no proof that Kling does not know the id, so it is an error and not `None`.
    let Some(data) = task_by_external_id(R::DESIGN, &answer, external_task_id, &scrubber) else {
        return Err(refusal(R::ACTION, answer));
    };
    let subject = subject.with_task(Some(&data.task_id));
    submissions::task_resolved(connection.recorder(), subject, &data.status, answer.reply())
        .await
        .map_err(subject.outcome_not_recorded("task_resolved"))?;
    let id = Some(external_task_id.to_owned());
    // The status is not set: the first query records it as a change, even if an earlier process had observed it.
    let task = Task::new(data.task_id, id, Scrubber::without_prompt(), None, None);
    // The submission may have kept a permit because its outcome was unknown. It belongs to the found task.
    task.hold(connection.permits().reclaim(external_task_id));
    Ok(Some(task))
}
