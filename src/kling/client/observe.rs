//! Recording of what an answer or a callback reports about a task.

use crate::kling::{
    api::status::TaskStatus,
    client::{progress::TaskProgress, task::Task},
    error::Error,
    events::{
        outcomes::{self, Cost, StatusSource},
        recorder::Recorder,
        submissions::{self, TaskStage},
    },
    outputs::{output::Output, task_data::TaskData},
    requests::request::Request,
};

/// Records the changes in `data` that were not recorded before. A change whose entry fails counts as not recorded.
pub(crate) async fn observe<R: Request>(
    recorder: &Recorder,
    task: &Task<R>,
    data: TaskData,
    source: StatusSource<'_>,
) -> Result<TaskProgress<R::Output>, Error> {
    let subject = task.subject();
    let cost = Cost { credits: data.credits.as_deref(), billing: &data.billing, estimated: task.estimate() };
    let output = match data.status {
        TaskStatus::Succeed => R::Output::decode(&data.result),
        _ => None,
    };
    // The lock is held until the entries are durable. A second observer of the same change waits, and then finds it
    // recorded.
    let mut seen = task.seen().lock().await;
    // After the recorded end nothing is new: an answer with another status is older than the end.
    if !seen.ended {
        let before = seen.clone();
        let mut recordings = Vec::new();
        if seen.status.as_ref() != Some(&data.status) {
            let (from, to) = (seen.status.as_ref(), &data.status);
            let changed = outcomes::task_status_changed(recorder, subject, from, to, source);
            recordings.push(("task_status_changed", changed));
            seen.status = Some(data.status.clone());
        }
        if let Some(output) = &output {
            for (resource, id) in output.resources() {
                let created = outcomes::resource_created(recorder, subject, resource, &id);
                recordings.push((resource.created(), created));
            }
            // `task_completed` comes last, because entries after a failed one fail too: its presence in the trail
            // proves that the entries before it are there.
            let completed = outcomes::task_completed(recorder, subject, output.counts(), cost);
            recordings.push(("task_completed", completed));
            seen.ended = true;
        } else if data.status == TaskStatus::Failed {
            let reason = failure_reason(data.status_message.clone());
            if is_moderation(&reason) {
                let (request, stage) = (task.summary(), TaskStage::Result);
                let blocked = submissions::content_blocked(recorder, subject, request, stage, None, &reason);
                recordings.push(("content_blocked", blocked));
            }
            recordings.push(("task_failed", outcomes::task_failed(recorder, subject, &reason, cost)));
            seen.ended = true;
        }
        if seen.ended {
            // Kling counts the task as ended, so its permit is free before the entries are durable.
            task.release();
        }
        // All entries have their positions. If this future is dropped here, none of them is new any more.
        for (event, recording) in recordings {
            if let Err(error) = recording.await {
                // The change becomes new again, and the next query or callback records it.
                *seen = before;
                return Err(subject.outcome_not_recorded(event)(error));
            }
        }
    }
    drop(seen);
    Ok(TaskProgress {
        status: data.status,
        message: data.status_message,
        credits: data.credits,
        billing: data.billing,
        parent_video: data.parent_video,
        output,
    })
}

/// Returns `true` if a task failed because of its content. Kling reports that by a text alone, without a code.
pub(crate) fn is_moderation(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["risk control", "content security", "moderation", "sensitive"].iter().any(|words| reason.contains(words))
}

/// Returns the reason of a failure as entries and errors show it.
pub(crate) fn failure_reason(message: Option<String>) -> String {
    message.unwrap_or_else(|| "the vendor gave no reason".to_owned())
}
