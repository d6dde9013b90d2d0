//! Entries about a submission: its intent, what came between, and its outcome.

use std::time::Duration;

use super::{Recorder, Reply, Subject, milliseconds};
use crate::{
    kling::{
        prompt_key::PromptKey,
        status::TaskStatus,
        submission::{Asked, Submission},
    },
    layer::values::json,
    log::{not_recorded::NotRecorded, pending_receipt::PendingReceipt},
    try_audit_async,
};

impl Recorder {
    /// The vendor does not make what was asked for. `stage` is `submit` or `result`.
    pub(crate) fn content_blocked(
        &self,
        subject: Subject<'_>,
        asked: Option<&Asked>,
        stage: &'static str,
        code: Option<i64>,
        reason: &str,
    ) -> PendingReceipt<NotRecorded> {
        let prompt = asked.and_then(|asked| asked.prompt.as_ref());
        try_audit_async!(
            log: &self.log,
            "content_blocked",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            stage = stage,
            code = json(&code),
            reason = reason,
            prompt_hash = json(&prompt.map(|prompt| &prompt.hash)),
            prompt_hash_kind = json(&prompt.map(|prompt| &prompt.kind))
        )
    }

    /// A submission is about to be sent. Without this entry it must not be.
    pub(crate) fn task_submitted(
        &self,
        subject: Subject<'_>,
        path: &str,
        submission: &Submission,
        key: Option<&PromptKey>,
    ) -> PendingReceipt<NotRecorded> {
        let (prompt, negative) = (submission.prompt(key), submission.negative_prompt(key));
        let (prompt, negative) = (prompt.as_ref(), negative.as_ref());
        let some = |filled: bool| filled.then_some(());
        try_audit_async!(
            log: &self.firm,
            "task_submitted",
            actor = %self.actor,
            action = subject.action,
            path = path,
            external_task_id = json(&subject.external_task_id),
            model = json(&submission.model),
            duration = json(&submission.duration),
            mode = json(&submission.mode),
            prompt_hash = json(&prompt.map(|prompt| &prompt.hash)),
            prompt_hash_kind = json(&prompt.map(|prompt| &prompt.kind)),
            prompt_length = json(&prompt.map(|prompt| prompt.length)),
            negative_prompt_hash = negative.map(|prompt| prompt.hash.as_str()),
            negative_prompt_length = negative.map(|prompt| prompt.length),
            aspect_ratio = submission.aspect_ratio.as_deref(),
            sound = submission.sound.as_deref(),
            cfg_scale = submission.cfg_scale,
            camera = submission.camera.as_deref(),
            shot_type = submission.shot_type.as_deref(),
            shots = submission.shots,
            watermark = submission.watermark,
            callback_host = submission.callback_host.as_deref(),
            body_hash = submission.body_hash(key),
            media = some(!submission.media.is_empty()).map(|()| json(&submission.media)),
            parameters = some(!submission.parameters.is_empty()).map(|()| json(&submission.parameters)),
            estimated_credits = submission.estimate.as_deref(),
            warnings = some(!submission.warnings.is_empty()).map(|()| json(&submission.warnings))
        )
    }

    /// The vendor was too busy; `delay` is until it is asked again, `None` where it is not.
    pub(crate) fn throttled(
        &self,
        subject: Subject<'_>,
        reply: Reply<'_>,
        attempt: u32,
        delay: Option<Duration>,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "throttled",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            attempt = attempt,
            delay_ms = json(&delay.map(milliseconds)),
            gave_up = delay.is_none()
        )
    }

    /// A submission is sent once more, since the vendor has not known its id for so long.
    pub(crate) fn task_resubmitted(
        &self,
        subject: Subject<'_>,
        lookups: u32,
        unknown_for: Duration,
        reason: &str,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.firm,
            "task_resubmitted",
            actor = %self.actor,
            action = subject.action,
            external_task_id = json(&subject.external_task_id),
            lookups = lookups,
            unknown_for_ms = milliseconds(unknown_for),
            reason = reason
        )
    }

    /// The vendor made a task; `resolved_by` says how that is known, where it was not by the answer itself.
    pub(crate) fn task_accepted(
        &self,
        subject: Subject<'_>,
        status: &TaskStatus,
        reply: Reply<'_>,
        latency: Duration,
        resolved_by: Option<&'static str>,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "task_accepted",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            status = status.as_str(),
            http = json(&reply.http),
            request_id = json(&reply.request_id),
            latency_ms = milliseconds(latency),
            resolved_by = resolved_by
        )
    }

    /// The vendor certainly made no task. `latency` is since the request was first sent, `None` where it was not.
    pub(crate) fn task_refused(
        &self,
        subject: Subject<'_>,
        reply: Reply<'_>,
        latency: Option<Duration>,
        reason: &str,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "task_refused",
            actor = %self.actor,
            action = subject.action,
            external_task_id = json(&subject.external_task_id),
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            latency_ms = json(&latency.map(milliseconds)),
            reason = reason
        )
    }

    /// Nobody knows what became of the task. `stage` is `submit` or `wait`; `reply` is the answer that left it open,
    /// `latency` since the request was first sent, or since the wait began.
    pub(crate) fn task_ambiguous(
        &self,
        subject: Subject<'_>,
        stage: &'static str,
        reply: Reply<'_>,
        latency: Option<Duration>,
        reason: &str,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "task_ambiguous",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            stage = stage,
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            latency_ms = json(&latency.map(milliseconds)),
            reason = reason
        )
    }

    /// A look-up found the task of a submission.
    pub(crate) fn task_resolved(
        &self,
        subject: Subject<'_>,
        status: &TaskStatus,
        reply: Reply<'_>,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "task_resolved",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            status = status.as_str(),
            http = json(&reply.http),
            request_id = json(&reply.request_id)
        )
    }
}
