//! Entries about what became of a task, and about asking for it.

use std::time::Duration;

use super::{Cost, Recorder, Reply, Subject, milliseconds};
use crate::{
    kling::{
        output::{Counts, Resource},
        status::TaskStatus,
    },
    layer::values::json,
    log::{not_recorded::NotRecorded, pending_receipt::PendingReceipt},
    try_audit_async,
};

impl Recorder {
    /// A request other than a submission was sent; `reason` says why there is no code, where there is none.
    pub(crate) fn api_call(
        &self,
        subject: Subject<'_>,
        purpose: &'static str,
        (method, path): (&'static str, &str),
        reply: Reply<'_>,
        took: Duration,
        reason: Option<&str>,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "api_call",
            actor = %self.actor,
            action = subject.action,
            purpose = purpose,
            method = method,
            path = path,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            duration_ms = milliseconds(took),
            reason = reason
        )
    }

    /// The task's status is another than when it was last seen, says `source`, which is `poll`, with the vendor's id of
    /// the query, or `callback`.
    pub(crate) fn task_status_changed(
        &self,
        subject: Subject<'_>,
        from: Option<&TaskStatus>,
        to: &TaskStatus,
        (source, request_id): (&'static str, Option<&str>),
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "task_status_changed",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            from = json(&from.map(TaskStatus::as_str)),
            to = to.as_str(),
            source = source,
            request_id = json(&request_id)
        )
    }

    /// The task succeeded.
    pub(crate) fn task_completed(
        &self,
        subject: Subject<'_>,
        counts: Counts,
        cost: Cost<'_>,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "task_completed",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            status = TaskStatus::Succeed.as_str(),
            video_count = counts.videos,
            image_count = counts.images,
            audio_count = counts.audios,
            element_count = counts.elements,
            voice_count = counts.voices,
            credits = json(&cost.credits),
            billing = (!cost.billing.is_empty()).then(|| json(cost.billing)),
            estimated_credits = cost.estimated
        )
    }

    /// The task failed.
    pub(crate) fn task_failed(
        &self,
        subject: Subject<'_>,
        reason: &str,
        cost: Cost<'_>,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "task_failed",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            status = TaskStatus::Failed.as_str(),
            reason = reason,
            credits = json(&cost.credits),
            billing = (!cost.billing.is_empty()).then(|| json(cost.billing)),
            estimated_credits = cost.estimated
        )
    }

    /// An element or a voice is in the account from now on.
    pub(crate) fn resource_created(
        &self,
        subject: Subject<'_>,
        resource: Resource,
        id: &str,
    ) -> PendingReceipt<NotRecorded> {
        match resource {
            Resource::Element => try_audit_async!(
                log: &self.log,
                "element_created",
                actor = %self.actor,
                action = subject.action,
                task_id = json(&subject.task_id),
                element_id = id
            ),
            Resource::Voice => try_audit_async!(
                log: &self.log,
                "voice_created",
                actor = %self.actor,
                action = subject.action,
                task_id = json(&subject.task_id),
                voice_id = id
            ),
        }
    }

    /// An element or a voice is not in the account any more.
    pub(crate) fn resource_deleted(
        &self,
        subject: Subject<'_>,
        resource: Resource,
        id: &str,
    ) -> PendingReceipt<NotRecorded> {
        match resource {
            Resource::Element => try_audit_async!(
                log: &self.log,
                "element_deleted",
                actor = %self.actor,
                action = subject.action,
                element_id = id
            ),
            Resource::Voice => try_audit_async!(
                log: &self.log,
                "voice_deleted",
                actor = %self.actor,
                action = subject.action,
                voice_id = id
            ),
        }
    }
}
