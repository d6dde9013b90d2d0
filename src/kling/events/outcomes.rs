//! Entries about queries, and about changes and ends of tasks.

use std::time::Duration;

use crate::{
    kling::{
        api::{reply::Reply, status::TaskStatus},
        events::{
            recorder::{Recorder, events, milliseconds},
            subject::Subject,
        },
        outputs::{charge::Charge, output::Counts, resource::Resource},
    },
    layer::values::json,
    log::{not_recorded::NotRecorded, pending_receipt::PendingReceipt},
};

/// Cost of a task.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost<'a> {
    /// Credits, in Kling's spelling.
    pub(crate) credits: Option<&'a str>,
    pub(crate) billing: &'a [Charge],
    /// Credits that the client expected by its price list.
    pub(crate) estimated: Option<&'a str>,
}

/// Origin of an observed status.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StatusSource<'a> {
    /// A query, with Kling's id of the request.
    Poll(Option<&'a str>),
    /// A callback.
    Callback,
}

impl StatusSource<'_> {
    fn as_str(&self) -> &'static str {
        match self {
            StatusSource::Poll(_) => "poll",
            StatusSource::Callback => "callback",
        }
    }

    fn request_id(&self) -> Option<&str> {
        match self {
            StatusSource::Poll(request_id) => *request_id,
            StatusSource::Callback => None,
        }
    }
}

/// HTTP request as an `api_call` describes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallSummary<'a> {
    pub(crate) purpose: &'static str,
    pub(crate) method: &'static str,
    /// The path, with `{id}` in place of ids.
    pub(crate) path: &'a str,
}

events! {
    /// A request other than a submission was sent. `reason` describes an answer that has no code.
    fn api_call(
        subject: Subject<'_>,
        call: CallSummary<'_>,
        reply: Reply<'_>,
        took: Duration,
        reason: Option<&str>,
    ) {
        log: "api_call", task(subject), reply(reply);
        purpose = call.purpose,
        method = call.method,
        path = call.path,
        duration_ms = milliseconds(took),
        reason = reason
    }

    /// The task has another status than when it was last observed.
    fn task_status_changed(
        subject: Subject<'_>,
        from: Option<&TaskStatus>,
        to: &TaskStatus,
        source: StatusSource<'_>,
    ) {
        log: "task_status_changed", task(subject);
        from = json(&from.map(TaskStatus::as_str)),
        to = to.as_str(),
        source = source.as_str(),
        request_id = json(&source.request_id())
    }

    /// The task succeeded.
    fn task_completed(subject: Subject<'_>, counts: Counts, cost: Cost<'_>) {
        log: "task_completed", task(subject);
        status = TaskStatus::Succeed.as_str(),
        video_count = counts.videos,
        image_count = counts.images,
        audio_count = counts.audios,
        element_count = counts.elements,
        voice_count = counts.voices,
        credits = json(&cost.credits),
        billing = (!cost.billing.is_empty()).then(|| json(cost.billing)),
        estimated_credits = cost.estimated
    }

    /// The task failed.
    fn task_failed(subject: Subject<'_>, reason: &str, cost: Cost<'_>) {
        log: "task_failed", task(subject);
        status = TaskStatus::Failed.as_str(),
        reason = reason,
        credits = json(&cost.credits),
        billing = (!cost.billing.is_empty()).then(|| json(cost.billing)),
        estimated_credits = cost.estimated
    }

    fn element_created(subject: Subject<'_>, id: &str) {
        log: "element_created", action(subject);
        task_id = json(&subject.task_id),
        element_id = id
    }

    fn voice_created(subject: Subject<'_>, id: &str) {
        log: "voice_created", action(subject);
        task_id = json(&subject.task_id),
        voice_id = id
    }

    fn element_deleted(subject: Subject<'_>, id: &str) {
        log: "element_deleted", action(subject);
        element_id = id
    }

    fn voice_deleted(subject: Subject<'_>, id: &str) {
        log: "voice_deleted", action(subject);
        voice_id = id
    }
}

/// The account has one more element or voice.
pub(crate) fn resource_created(
    recorder: &Recorder,
    subject: Subject<'_>,
    resource: Resource,
    id: &str,
) -> PendingReceipt<NotRecorded> {
    match resource {
        Resource::Element => element_created(recorder, subject, id),
        Resource::Voice => voice_created(recorder, subject, id),
    }
}

/// The account has one element or voice less.
pub(crate) fn resource_deleted(
    recorder: &Recorder,
    subject: Subject<'_>,
    resource: Resource,
    id: &str,
) -> PendingReceipt<NotRecorded> {
    match resource {
        Resource::Element => element_deleted(recorder, subject, id),
        Resource::Voice => voice_deleted(recorder, subject, id),
    }
}
