//! Entries about files that tasks made, and about callbacks.

use crate::{kling::events::recorder::events, layer::values::json};

/// A file that a task made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset<'a> {
    pub(crate) task_id: &'a str,
    pub(crate) output_id: Option<&'a str>,
    pub(crate) host: &'a str,
    /// The path of the URL, without its query.
    pub(crate) path: &'a str,
    /// The host that answered, if it is not `host`.
    pub(crate) redirected_to: Option<&'a str>,
}

/// The part of a callback that is recorded even if the callback is refused.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallbackSummary<'a> {
    pub(crate) webhook_id: Option<&'a str>,
    pub(crate) timestamp: Option<&'a str>,
    pub(crate) bytes: usize,
}

/// The part of an accepted callback that is recorded. Each text has passed the rules for its kind of callback.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AcceptedCallback<'a> {
    pub(crate) is_new: bool,
    pub(crate) is_signed: bool,
    pub(crate) task_id: &'a str,
    pub(crate) external_task_id: Option<&'a str>,
    pub(crate) status: Option<&'a str>,
    pub(crate) credits: Option<&'a str>,
}

events! {
    /// A file that a task made was downloaded completely.
    fn asset_downloaded(asset: Asset<'_>, sha256: &str, bytes: u64, content_type: Option<&str>) {
        durable_log: "asset_downloaded";
        task_id = asset.task_id,
        output_id = json(&asset.output_id),
        host = asset.host,
        path = asset.path,
        redirected_to = asset.redirected_to,
        sha256 = sha256,
        bytes = bytes,
        content_type = json(&content_type)
    }

    /// Kling no longer has a file, or not at this URL.
    fn asset_expired(asset: Asset<'_>, http: u16, content_type: Option<&str>) {
        log: "asset_expired";
        task_id = asset.task_id,
        output_id = json(&asset.output_id),
        host = asset.host,
        path = asset.path,
        redirected_to = asset.redirected_to,
        http = http,
        content_type = json(&content_type)
    }

    /// A downloaded file is about to be removed.
    fn asset_deleted(task_id: &str, name: &str, sha256: &str, bytes: u64) {
        durable_log: "asset_deleted";
        task_id = task_id,
        name = name,
        sha256 = sha256,
        bytes = bytes
    }

    /// A callback was accepted.
    fn callback_received(summary: CallbackSummary<'_>, callback: AcceptedCallback<'_>) {
        durable_log: "callback_received";
        result = if callback.is_new { "ok" } else { "replayed" },
        signed = callback.is_signed,
        webhook_id = json(&summary.webhook_id),
        webhook_timestamp = json(&summary.timestamp),
        bytes = summary.bytes,
        task_id = callback.task_id,
        external_task_id = json(&callback.external_task_id),
        status = json(&callback.status),
        credits = json(&callback.credits)
    }

    /// A callback was refused.
    fn callback_rejected(summary: CallbackSummary<'_>, reason: &str) {
        log: "callback_rejected";
        reason = reason,
        webhook_id = json(&summary.webhook_id),
        webhook_timestamp = json(&summary.timestamp),
        bytes = summary.bytes
    }
}
