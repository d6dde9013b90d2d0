//! Entries about files, callbacks and people.

use super::{Asset, Recorder};
use crate::{
    kling::callback::{Callback, Notice},
    layer::values::json,
    log::{not_recorded::NotRecorded, pending_receipt::PendingReceipt},
    try_audit_async,
};

impl Recorder {
    /// A file that a task made was fetched whole.
    pub(crate) fn asset_downloaded(
        &self,
        asset: Asset<'_>,
        sha256: &str,
        bytes: u64,
        content_type: Option<&str>,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.firm,
            "asset_downloaded",
            actor = %self.actor,
            task_id = asset.task_id,
            output_id = json(&asset.output_id),
            host = asset.host,
            path = asset.path,
            redirected_to = asset.redirected_to,
            sha256 = sha256,
            bytes = bytes,
            content_type = json(&content_type)
        )
    }

    /// The vendor does not have a file any more, or not for this URL.
    pub(crate) fn asset_expired(
        &self,
        asset: Asset<'_>,
        http: u16,
        content_type: Option<&str>,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "asset_expired",
            actor = %self.actor,
            task_id = asset.task_id,
            output_id = json(&asset.output_id),
            host = asset.host,
            path = asset.path,
            redirected_to = asset.redirected_to,
            http = http,
            content_type = json(&content_type)
        )
    }

    /// A file that was fetched is about to be removed.
    pub(crate) fn asset_deleted(
        &self,
        task_id: &str,
        name: &str,
        sha256: &str,
        bytes: u64,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.firm,
            "asset_deleted",
            actor = %self.actor,
            task_id = task_id,
            name = name,
            sha256 = sha256,
            bytes = bytes
        )
    }

    /// A callback was accepted.
    pub(crate) fn callback_received(
        &self,
        notice: Notice<'_>,
        callback: &Callback,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.firm,
            "callback_received",
            actor = %self.actor,
            result = if callback.is_new() { "ok" } else { "replayed" },
            signed = callback.is_signed(),
            webhook_id = json(&notice.webhook_id),
            webhook_timestamp = json(&notice.timestamp),
            bytes = notice.bytes,
            task_id = callback.task_id(),
            external_task_id = json(&callback.recorded_external_task_id()),
            status = json(&callback.recorded_status()),
            credits = json(&callback.recorded_credits())
        )
    }

    /// A callback was refused.
    pub(crate) fn callback_rejected(&self, notice: Notice<'_>, reason: &str) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "callback_rejected",
            actor = %self.actor,
            reason = reason,
            webhook_id = json(&notice.webhook_id),
            webhook_timestamp = json(&notice.timestamp),
            bytes = notice.bytes
        )
    }

    /// Data of a person is processed.
    pub(crate) fn processing_activity(
        &self,
        subject: &str,
        purpose: &str,
        legal_basis: &str,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.firm,
            "processing_activity",
            actor = %self.actor,
            subject = subject,
            purpose = purpose,
            legal_basis = legal_basis
        )
    }

    /// A person asks for data to be deleted.
    pub(crate) fn deletion_request(&self, subject: &str, scope: &str) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.firm,
            "deletion_request",
            actor = %self.actor,
            subject = subject,
            scope = scope
        )
    }
}
