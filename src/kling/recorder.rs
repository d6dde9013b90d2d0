//! Every entry that the client makes: one function for each type of event. Its promise: each goes to the log that the
//! client was given, names its actor, and holds no prompt, key or token. A call waits for the disk as the log's
//! durability says. It does not know when to record what.

use std::{sync::Arc, time::Duration};

use tracing::Span;

use super::{
    callback::{Callback, Notice},
    charge::Charge,
    output::{Counts, Resource},
    prompt_key::PromptKey,
    status::TaskStatus,
    submission::Submission,
    token::{Reason, Token},
};
use crate::{AuditLog, NotRecorded, audit_span, json, try_audit};

/// Records what the client does, on behalf of one actor.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    log: AuditLog,
    actor: Arc<str>,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) action: &'static str,
    pub(crate) task_id: Option<&'a str>,
    pub(crate) external_task_id: Option<&'a str>,
}

/// What the vendor answered, as far as it did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reply<'a> {
    pub(crate) http: Option<u16>,
    pub(crate) code: Option<i64>,
    pub(crate) request_id: Option<&'a str>,
}

/// A file that a task made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset<'a> {
    pub(crate) task_id: &'a str,
    pub(crate) host: &'a str,
    /// Without a query.
    pub(crate) path: &'a str,
}

impl Recorder {
    pub(crate) fn new(log: AuditLog, actor: &str) -> Recorder {
        Recorder { log, actor: actor.into() }
    }

    /// The same log for another actor.
    pub(crate) fn acting_as(&self, actor: &str) -> Recorder {
        Recorder { log: self.log.clone(), actor: actor.into() }
    }

    pub(crate) fn log(&self) -> &AuditLog {
        &self.log
    }

    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// The span of a submission.
    pub(crate) fn submit_span(&self, subject: Subject<'_>) -> Span {
        audit_span!(
            "kling.submit",
            log: &self.log,
            actor = %self.actor,
            action = subject.action,
            external_task_id = subject.external_task_id
        )
    }

    /// The span of one query.
    pub(crate) fn query_span(&self, subject: Subject<'_>) -> Span {
        audit_span!(
            "kling.query",
            log: &self.log,
            actor = %self.actor,
            action = subject.action,
            task_id = subject.task_id,
            external_task_id = subject.external_task_id
        )
    }

    /// The span of waiting for a task.
    pub(crate) fn wait_span(&self, subject: Subject<'_>) -> Span {
        audit_span!(
            "kling.wait",
            log: &self.log,
            actor = %self.actor,
            action = subject.action,
            task_id = subject.task_id,
            external_task_id = subject.external_task_id
        )
    }

    /// A token was minted and will be used.
    pub(crate) fn token_minted(&self, token: &Token, reason: Reason) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "auth_event",
            actor = %self.actor,
            event = "token_minted",
            success = true,
            access_key_prefix = token.prefix(),
            reason = reason.as_str(),
            expires = token.expires()
        )
        .map(drop)
    }

    /// The vendor refused the token.
    pub(crate) fn token_rejected(
        &self,
        prefix: &str,
        reply: Reply<'_>,
        endpoint: &str,
        skew: Option<i64>,
        reason: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "auth_event",
            actor = %self.actor,
            event = "token_rejected",
            success = false,
            access_key_prefix = prefix,
            reason = reason,
            endpoint = endpoint,
            skew_seconds = skew,
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id)
        )
        .map(drop)
    }

    /// The client uses other credentials from now on.
    pub(crate) fn credential_changed(&self, from: &str, to: &str, kind: &str) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "auth_event",
            actor = %self.actor,
            event = "credential_changed",
            success = true,
            access_key_prefix = to,
            from_access_key_prefix = from,
            credential_kind = kind
        )
        .map(drop)
    }

    /// A setting of the client is another from now on, or was refused.
    pub(crate) fn config_changed(
        &self,
        setting: &str,
        from: &str,
        to: &str,
        reason: Option<&str>,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "config_changed",
            actor = %self.actor,
            setting = setting,
            from = from,
            to = to,
            success = reason.is_none(),
            reason = reason
        )
        .map(drop)
    }

    /// The vendor does not let the account do something.
    pub(crate) fn access_denied(
        &self,
        subject: Subject<'_>,
        reply: Reply<'_>,
        endpoint: &str,
        reason: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "access_denied",
            actor = %self.actor,
            action = subject.action,
            endpoint = endpoint,
            external_task_id = json(&subject.external_task_id),
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            reason = reason
        )
        .map(drop)
    }

    /// The account can't do anything for now.
    pub(crate) fn account_blocked(
        &self,
        subject: Subject<'_>,
        reply: Reply<'_>,
        reason: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "account_blocked",
            actor = %self.actor,
            action = subject.action,
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            reason = reason
        )
        .map(drop)
    }

    /// The vendor does not make what was asked for. `stage` is `submit` or `result`.
    pub(crate) fn content_blocked(
        &self,
        subject: Subject<'_>,
        stage: &'static str,
        code: Option<i64>,
        reason: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "content_blocked",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            stage = stage,
            code = json(&code),
            reason = reason
        )
        .map(drop)
    }

    /// A request other than a submission was sent; `reason` says why there is no code, where there is none.
    pub(crate) fn api_call(
        &self,
        subject: Subject<'_>,
        purpose: &'static str,
        (method, path): (&'static str, &str),
        reply: Reply<'_>,
        took: Duration,
        reason: Option<&str>,
    ) -> Result<(), NotRecorded> {
        try_audit!(
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
        .map(drop)
    }

    /// A submission is about to be sent. Without this entry it must not be.
    pub(crate) fn task_submitted(
        &self,
        subject: Subject<'_>,
        path: &str,
        submission: &Submission,
        key: Option<&PromptKey>,
    ) -> Result<(), NotRecorded> {
        let (prompt, negative) = (submission.prompt(key), submission.negative_prompt(key));
        let (prompt, negative) = (prompt.as_ref(), negative.as_ref());
        let some = |filled: bool| filled.then_some(());
        try_audit!(
            log: &self.log,
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
            warnings = some(!submission.warnings.is_empty()).map(|()| json(&submission.warnings))
        )
        .map(drop)
    }

    /// The vendor was too busy; `delay` is until it is asked again, `None` where it is not.
    pub(crate) fn throttled(
        &self,
        subject: Subject<'_>,
        reply: Reply<'_>,
        attempt: u32,
        delay: Option<Duration>,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "throttled",
            actor = %self.actor,
            action = subject.action,
            external_task_id = json(&subject.external_task_id),
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            attempt = attempt,
            delay_ms = json(&delay.map(milliseconds)),
            gave_up = delay.is_none()
        )
        .map(drop)
    }

    /// A submission is sent once more, since the vendor has not known its id for so long.
    pub(crate) fn task_resubmitted(
        &self,
        subject: Subject<'_>,
        lookups: u32,
        unknown_for: Duration,
        reason: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "task_resubmitted",
            actor = %self.actor,
            action = subject.action,
            external_task_id = json(&subject.external_task_id),
            lookups = lookups,
            unknown_for_ms = milliseconds(unknown_for),
            reason = reason
        )
        .map(drop)
    }

    /// The vendor made a task; `resolved_by` says how that is known, where it was not by the answer itself.
    pub(crate) fn task_accepted(
        &self,
        subject: Subject<'_>,
        status: &TaskStatus,
        reply: Reply<'_>,
        latency: Duration,
        resolved_by: Option<&'static str>,
    ) -> Result<(), NotRecorded> {
        try_audit!(
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
        .map(drop)
    }

    /// The vendor certainly made no task.
    pub(crate) fn task_refused(
        &self,
        subject: Subject<'_>,
        reply: Reply<'_>,
        reason: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "task_refused",
            actor = %self.actor,
            action = subject.action,
            external_task_id = json(&subject.external_task_id),
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            reason = reason
        )
        .map(drop)
    }

    /// Nobody knows what became of the task. `stage` is `submit` or `wait`.
    pub(crate) fn task_ambiguous(
        &self,
        subject: Subject<'_>,
        stage: &'static str,
        reason: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "task_ambiguous",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            stage = stage,
            reason = reason
        )
        .map(drop)
    }

    /// The task's status is another than when it was last seen.
    pub(crate) fn task_status_changed(
        &self,
        subject: Subject<'_>,
        from: Option<&TaskStatus>,
        to: &TaskStatus,
        source: &'static str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "task_status_changed",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            from = json(&from.map(TaskStatus::as_str)),
            to = to.as_str(),
            source = source
        )
        .map(drop)
    }

    /// The task succeeded.
    pub(crate) fn task_completed(
        &self,
        subject: Subject<'_>,
        counts: Counts,
        credits: Option<&str>,
        billing: &[Charge],
    ) -> Result<(), NotRecorded> {
        try_audit!(
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
            credits = json(&credits),
            billing = (!billing.is_empty()).then(|| json(billing))
        )
        .map(drop)
    }

    /// The task failed.
    pub(crate) fn task_failed(
        &self,
        subject: Subject<'_>,
        reason: &str,
        credits: Option<&str>,
        billing: &[Charge],
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "task_failed",
            actor = %self.actor,
            action = subject.action,
            task_id = json(&subject.task_id),
            external_task_id = json(&subject.external_task_id),
            status = TaskStatus::Failed.as_str(),
            reason = reason,
            credits = json(&credits),
            billing = (!billing.is_empty()).then(|| json(billing))
        )
        .map(drop)
    }

    /// An element or a voice is in the account from now on.
    pub(crate) fn resource_created(
        &self,
        subject: Subject<'_>,
        resource: Resource,
        id: &str,
    ) -> Result<(), NotRecorded> {
        match resource {
            Resource::Element => try_audit!(
                log: &self.log,
                "element_created",
                actor = %self.actor,
                action = subject.action,
                task_id = json(&subject.task_id),
                element_id = id
            ),
            Resource::Voice => try_audit!(
                log: &self.log,
                "voice_created",
                actor = %self.actor,
                action = subject.action,
                task_id = json(&subject.task_id),
                voice_id = id
            ),
        }
        .map(drop)
    }

    /// An element or a voice is not in the account any more.
    pub(crate) fn resource_deleted(
        &self,
        subject: Subject<'_>,
        resource: Resource,
        id: &str,
    ) -> Result<(), NotRecorded> {
        match resource {
            Resource::Element => try_audit!(
                log: &self.log,
                "element_deleted",
                actor = %self.actor,
                action = subject.action,
                element_id = id
            ),
            Resource::Voice => try_audit!(
                log: &self.log,
                "voice_deleted",
                actor = %self.actor,
                action = subject.action,
                voice_id = id
            ),
        }
        .map(drop)
    }

    /// A file that a task made was fetched whole.
    pub(crate) fn asset_downloaded(
        &self,
        asset: Asset<'_>,
        sha256: &str,
        bytes: u64,
        content_type: Option<&str>,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "asset_downloaded",
            actor = %self.actor,
            task_id = asset.task_id,
            host = asset.host,
            path = asset.path,
            sha256 = sha256,
            bytes = bytes,
            content_type = json(&content_type)
        )
        .map(drop)
    }

    /// The vendor does not have a file any more, or not for this URL.
    pub(crate) fn asset_expired(&self, asset: Asset<'_>, http: u16) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "asset_expired",
            actor = %self.actor,
            task_id = asset.task_id,
            host = asset.host,
            path = asset.path,
            http = http
        )
        .map(drop)
    }

    /// A file that was fetched is about to be removed.
    pub(crate) fn asset_deleted(
        &self,
        task_id: &str,
        name: &str,
        sha256: &str,
        bytes: u64,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "asset_deleted",
            actor = %self.actor,
            task_id = task_id,
            name = name,
            sha256 = sha256,
            bytes = bytes
        )
        .map(drop)
    }

    /// A callback was accepted.
    pub(crate) fn callback_received(
        &self,
        notice: Notice<'_>,
        callback: &Callback,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "callback_received",
            actor = %self.actor,
            result = if callback.is_new() { "ok" } else { "replayed" },
            signed = callback.is_signed(),
            webhook_id = json(&notice.webhook_id),
            webhook_timestamp = json(&notice.timestamp),
            bytes = notice.bytes,
            task_id = callback.task_id(),
            external_task_id = json(&callback.external_task_id()),
            status = callback.status().as_str(),
            credits = json(&callback.credits())
        )
        .map(drop)
    }

    /// A callback was refused.
    pub(crate) fn callback_rejected(&self, notice: Notice<'_>, reason: &str) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "callback_rejected",
            actor = %self.actor,
            reason = reason,
            webhook_id = json(&notice.webhook_id),
            webhook_timestamp = json(&notice.timestamp),
            bytes = notice.bytes
        )
        .map(drop)
    }

    /// Data of a person is processed.
    pub(crate) fn processing_activity(
        &self,
        subject: &str,
        purpose: &str,
        legal_basis: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "processing_activity",
            actor = %self.actor,
            subject = subject,
            purpose = purpose,
            legal_basis = legal_basis
        )
        .map(drop)
    }

    /// A person asks for data to be deleted.
    pub(crate) fn deletion_request(&self, subject: &str, scope: &str) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "deletion_request",
            actor = %self.actor,
            subject = subject,
            scope = scope
        )
        .map(drop)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
