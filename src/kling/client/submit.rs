//! Submission of tasks and immediate calls: checks, concurrency permits, and the [`Submission`] itself.

use std::sync::atomic::AtomicBool;

use serde_json::Value;
use tracing::Instrument;

use crate::kling::{
    api::json_fields::text,
    client::{
        answered::Answered,
        concurrency::PermitGuard,
        connection::Connection,
        submission::{Accepted, AccountChange, ReplyKind, Submission},
        task::Task,
    },
    error::Error,
    events::subject::Subject,
    requests::{
        defaults::Defaults, immediate::Immediate, prepared_request::PreparedRequest, request::Request,
    },
};

/// Submits a task.
pub(crate) async fn submit<R: Request>(connection: &Connection, request: R) -> Result<Task<R>, Error> {
    // A refused request leaves no entry and takes no permit.
    request.check()?;
    connection.check_design(R::DESIGN)?;
    let external_task_id = match &request.options().external_task_id {
        Some(id) => id.clone(),
        None => new_external_task_id()?,
    };
    let settings = connection.settings();
    let (permits, path) = (request.permits(), request.path());
    let mut prepared = PreparedRequest::of_task(request, &external_task_id);
    // The estimate is part of the intent, so it must be there before the submission runs.
    prepared.estimate = settings.prices.estimate(&prepared);
    let summary = prepared.summary(settings.prompt_key.as_ref());
    let subject = Subject::submission(R::ACTION, Some(&external_task_id));
    let span = connection.recorder().submit_span(subject);
    let scrubber = connection.scrubber(&prepared.scrubber);
    let model = prepared.model.as_deref().unwrap_or_default();
    let deadline = settings.deadline;
    // The permit comes before the intent. A submission that times out in the queue thus has no intent in the trail.
    let permit = connection.permits().take(R::ACTION, R::PACK, model, permits, deadline).await?;
    let guard = PermitGuard::new(connection.permits(), &external_task_id, permit, deadline);
    let submission = Submission {
        connection,
        subject,
        path: &path,
        request: &prepared,
        summary: &summary,
        scrubber: &scrubber,
        reply: ReplyKind::Task(R::DESIGN, R::PATH),
        account_changes: &|_| Vec::new(),
        task_may_exist: guard.task_may_exist(),
    };
    match submission.run().instrument(span).await? {
        Accepted::Task(data) => {
            // From here on the task holds the permit. On each error above, the guard releases or keeps it.
            let permit = guard.into_permit();
            let status = Some(data.status);
            let task =
                Task::new(data.task_id, Some(external_task_id), prepared.scrubber, prepared.estimate, status);
            task.hold(permit);
            // A later refusal of the content repeats the hashes of the prompt.
            task.set_summary(summary);
            Ok(task)
        }
        Accepted::Data(_) => Err(unexpected(R::ACTION)),
    }
}

/// Sends a request that Kling answers immediately.
pub(crate) async fn call<I: Immediate>(
    connection: &Connection,
    request: I,
) -> Result<Answered<I::Output>, Error> {
    request.check()?;
    let settings = connection.settings();
    let mut prepared = PreparedRequest::of(&request, Defaults::default());
    prepared.estimate = settings.prices.estimate(&prepared);
    let summary = prepared.summary(settings.prompt_key.as_ref());
    let subject = Subject::submission(I::ACTION, None);
    let span = connection.recorder().submit_span(subject);
    let scrubber = connection.scrubber(&prepared.scrubber);
    let account_changes = |data: &Value| {
        let Some(output) = I::decode(data) else { return Vec::new() };
        let created = I::made(&output).into_iter().map(|(resource, id)| AccountChange::Created(resource, id));
        let deleted = request.removed(&output);
        let deleted = deleted.map(|(resource, id)| AccountChange::Deleted(resource, id.to_owned()));
        created.chain(deleted).collect()
    };
    let submission = Submission {
        connection,
        subject,
        path: I::PATH,
        request: &prepared,
        summary: &summary,
        scrubber: &scrubber,
        reply: ReplyKind::Immediate { is_readable: |data| I::decode(data).is_some(), refusal: I::refusal },
        account_changes: &account_changes,
        task_may_exist: &AtomicBool::new(false),
    };
    let Accepted::Data(data) = submission.run().instrument(span).await? else {
        return Err(unexpected(I::ACTION));
    };
    let output = I::decode(&data).ok_or_else(|| unexpected(I::ACTION))?;
    let task_id = text(&data, "task_id");
    let credits = text(&data, "final_unit_deduction");
    Ok(Answered { task_id, credits, output })
}

fn unexpected(action: &'static str) -> Error {
    Error::unreadable(action, "another answer than expected")
}

/// Returns a new random id with 128 bits, which no other task has.
fn new_external_task_id() -> Result<String, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Error::Configuration {
        setting: "external_task_id",
        rule: format!("could not be made: {error}"),
    })?;
    Ok(format!("kling-audit-{:032x}", u128::from_be_bytes(random)))
}
