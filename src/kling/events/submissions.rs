//! Entries about a submission: its intent, the steps after it, and its outcome.

use std::time::Duration;

use crate::{
    kling::{
        api::{reply::Reply, status::TaskStatus},
        events::{
            recorder::{events, milliseconds},
            subject::Subject,
        },
        privacy::request_summary::RequestSummary,
        requests::prepared_request::PreparedRequest,
    },
    layer::values::json,
};

/// Point of a task's life at which an entry was recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TaskStage {
    /// While it was submitted.
    Submit,
    /// While its end was awaited.
    Wait,
    /// When its result was read.
    Result,
}

impl TaskStage {
    fn as_str(self) -> &'static str {
        match self {
            TaskStage::Submit => "submit",
            TaskStage::Wait => "wait",
            TaskStage::Result => "result",
        }
    }
}

events! {
    /// Kling refuses the content of a request or of its result.
    fn content_blocked(
        subject: Subject<'_>,
        request: Option<&RequestSummary>,
        stage: TaskStage,
        code: Option<i64>,
        reason: &str,
    ) {
        log: "content_blocked", task(subject);
        stage = stage.as_str(),
        code = json(&code),
        reason = reason,
        prompt_hash = json(&request.and_then(RequestSummary::prompt_hash)),
        prompt_hash_kind = json(&request.and_then(RequestSummary::prompt_hash_kind))
    }

    /// A submission is about to be sent. It is sent only after this entry is recorded.
    fn task_submitted(subject: Subject<'_>, path: &str, request: &PreparedRequest, summary: &RequestSummary) {
        durable_log: "task_submitted", submission(subject);
        path = path,
        model = json(&request.model),
        duration = json(&request.duration),
        mode = json(&request.mode),
        prompt_hash = json(&summary.prompt_hash()),
        prompt_hash_kind = json(&summary.prompt_hash_kind()),
        prompt_length = json(&summary.prompt.as_ref().map(|prompt| prompt.length)),
        negative_prompt_hash = summary.negative_prompt.as_ref().map(|prompt| prompt.hash.as_str()),
        negative_prompt_length = summary.negative_prompt.as_ref().map(|prompt| prompt.length),
        aspect_ratio = request.aspect_ratio.as_deref(),
        sound = request.sound.as_deref(),
        cfg_scale = request.cfg_scale,
        camera = request.camera.as_deref(),
        shot_type = request.shot_type.as_deref(),
        shots = request.shots,
        watermark = request.watermark,
        callback_host = request.callback_host.as_deref(),
        body_hash = summary.body_hash.as_str(),
        media = (!request.media.is_empty()).then(|| json(&request.media)),
        parameters = (!request.parameters.is_empty()).then(|| json(&request.parameters)),
        estimated_credits = request.estimate.as_deref(),
        warnings = (!request.warnings.is_empty()).then(|| json(&request.warnings))
    }

    /// Kling was too busy. `delay` is the time until the request is sent again, `None` if it is not sent again.
    fn throttled(subject: Subject<'_>, reply: Reply<'_>, attempt: u32, delay: Option<Duration>) {
        log: "throttled", task(subject), reply(reply);
        attempt = attempt,
        delay_ms = json(&delay.map(milliseconds)),
        gave_up = delay.is_none()
    }

    /// A submission is sent once more, because Kling has not known its external task id for `unknown_for`.
    fn task_resubmitted(subject: Subject<'_>, lookups: u32, unknown_for: Duration, reason: &str) {
        durable_log: "task_resubmitted", submission(subject);
        lookups = lookups,
        unknown_for_ms = milliseconds(unknown_for),
        reason = reason
    }

    /// Kling made a task. `resolved_by` names the source of that knowledge if the answer itself was lost.
    fn task_accepted(
        subject: Subject<'_>,
        status: &TaskStatus,
        reply: Reply<'_>,
        latency: Duration,
        resolved_by: Option<&'static str>,
    ) {
        log: "task_accepted", task(subject);
        status = status.as_str(),
        http = json(&reply.http),
        request_id = json(&reply.request_id),
        latency_ms = milliseconds(latency),
        resolved_by = resolved_by
    }

    /// Kling certainly made no task. `latency` is the time since the first send, `None` if nothing was sent.
    fn task_refused(subject: Subject<'_>, reply: Reply<'_>, latency: Option<Duration>, reason: &str) {
        log: "task_refused", submission(subject), reply(reply);
        latency_ms = json(&latency.map(milliseconds)),
        reason = reason
    }

    /// The outcome of a submission or of a task is unknown. `reply` is the last answer, and `latency` the time since
    /// the first send or since the wait began.
    fn task_ambiguous(
        subject: Subject<'_>,
        stage: TaskStage,
        reply: Reply<'_>,
        latency: Option<Duration>,
        reason: &str,
    ) {
        log: "task_ambiguous", task(subject), reply(reply);
        stage = stage.as_str(),
        latency_ms = json(&latency.map(milliseconds)),
        reason = reason
    }

    /// A lookup found the task of an earlier submission.
    fn task_resolved(subject: Subject<'_>, status: &TaskStatus, reply: Reply<'_>) {
        log: "task_resolved", task(subject);
        status = status.as_str(),
        http = json(&reply.http),
        request_id = json(&reply.request_id)
    }
}
