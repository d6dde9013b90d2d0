//! An audited client for Kling AI. It records each submission, query, status change, callback, download and use of a
//! credential as an entry.
//!
//! The log is required, and the client fails closed: it does not send a submission whose intent cannot be recorded. The
//! intent is as durable as the log's [`Durability`](crate::Durability) promises. Even with a `Buffered` log it is
//! written to the file before the request leaves. No worker of the runtime waits for the disk.
//!
//! The client does not send a request twice if Kling may have accepted the first one, unless
//! [`resend_unknown_after`](Builder::resend_unknown_after) permits it.
//!
//! | module | contents |
//! |---|---|
//! | this one | [`Client`], its settings, [`Task`]s, errors, [`reconcile`] |
//! | [`requests`] | the requests, one type for each endpoint, and the types of their fields |
//! | [`outputs`] | results of tasks and answers to immediate calls |
//! | [`billing`] | price lists, charges, the account's ledgers |
//! | [`callback`] | receipt of callbacks |
//!
//! # Events
//!
//! Each entry has an actor, and these members in its details:
//!
//! - `auth_event`: a token was minted, Kling refused a token (codes 1000 to 1004), or credentials or callback secrets
//!   were changed. Members: `event` (`token_minted`, `token_rejected`, `credential_changed`), `success`,
//!   `access_key_prefix`, `reason`. A minted token adds `expires` (Unix seconds). A rejected one adds `endpoint`,
//!   `http`, `code`, `request_id` and, for code 1003, `skew_seconds`. A change adds `from_access_key_prefix` and
//!   `credential_kind` (`access_key`, `api_key`, `webhook_secret`). A secret is named `whsec:` and 8 hexadecimal digits
//!   of its SHA-256.
//! - `access_denied`: Kling does not permit the account an action (1103), or not from this address (1304). Members:
//!   `action`, `endpoint`, `model` (of a submission), `external_task_id`, `http`, `code`, `request_id`, `reason`.
//! - `account_blocked`: Kling permits the account no action for now (1100 to 1102). Members: `action`, `http`, `code`,
//!   `request_id`, `reason`.
//! - `content_blocked`: Kling refuses a content, either at once (1300, 1301) or by the reason of a failure. Members:
//!   `action`, `task_id`, `external_task_id`, `stage` (`submit`, `result`), `code`, `reason`. If this client submitted
//!   the request: `prompt_hash`, `prompt_hash_kind`.
//! - `config_changed`: the server was changed or a change was refused, also while the client is built; or a client is
//!   built with `http` to another machine. Members: `setting` (`base_url`, `region`, `plain_http`), `from` (null while
//!   the client is built), `to`, `success`, `reason`.
//! - `task_submitted`: a submission is about to be sent. Members: `action`, `path`, `model`, `duration`, `mode`,
//!   `prompt_hash`, `prompt_length`, `prompt_hash_kind`, `external_task_id`, `body_hash`. If they are set:
//!   `negative_prompt_hash`, `negative_prompt_length`, `aspect_ratio`, `sound`, `cfg_scale`, `camera`, `shot_type`,
//!   `shots`, `watermark`, `callback_host`, `media`, `parameters`, `warnings`, `estimated_credits`.
//! - `throttled`: Kling was too busy for a submission (1302, 1303, 5001), or for a query, a lookup, a list or a ledger
//!   (1302, 1303). Members: `action`, `task_id`, `external_task_id`, `code`, `http`, `request_id`, `attempt` (number of
//!   the request within this submission, wait or list), `delay_ms`, `gave_up`.
//! - `task_resubmitted`: a submission is sent once more, because Kling has not known its id for long enough. Members:
//!   `action`, `external_task_id`, `lookups`, `unknown_for_ms`, `reason`.
//! - `task_accepted`: Kling made a task. Members: `action`, `task_id`, `external_task_id`, `status`, `http`,
//!   `request_id`, `latency_ms`. If the answer was lost and a lookup found the task: `resolved_by` (`lookup`).
//! - `task_refused`: Kling certainly made no task. Members: `action`, `external_task_id`, `http`, `code`, `request_id`,
//!   `latency_ms`, `reason`.
//! - `task_ambiguous`: the outcome is unknown. Members: `action`, `task_id`, `external_task_id`, `stage` (`submit`,
//!   `wait`), `http`, `code`, `request_id`, `latency_ms`, `reason`. `http`, `code` and `request_id` are those of the
//!   last answer.
//! - `task_resolved`: [`Client::look_up`] found the task of a submission. Members: `action`, `task_id`,
//!   `external_task_id`, `status`, `http`, `request_id`.
//! - `api_call`: a query, a lookup, or a request for a list or a ledger was sent. Members: `action`, `purpose`
//!   (`query`, `lookup`, `list`, `account`), `method`, `path`, `task_id`, `external_task_id`, `http`, `code`,
//!   `request_id`, `duration_ms`, and `reason` if the answer has no code.
//! - `task_status_changed`: a task has another status than before. Members: `action`, `task_id`, `external_task_id`,
//!   `from`, `to`, `source` (`poll`, `callback`), `request_id` (of the query).
//! - `task_completed`: a task succeeded. Members: `action`, `task_id`, `external_task_id`, `status` (`succeed`),
//!   `credits`, `billing`, `estimated_credits`, `video_count`, `image_count`, `audio_count`, `element_count`,
//!   `voice_count`.
//! - `task_failed`: a task failed. Members: `action`, `task_id`, `external_task_id`, `status` (`failed`), `reason`,
//!   `credits`, `billing`, `estimated_credits`.
//! - `element_created` and `voice_created`: the account has a new element or voice. Members: `action`, `task_id`,
//!   `element_id` or `voice_id`.
//! - `element_deleted` and `voice_deleted`: an element or a voice of the account was deleted. Members: `action`,
//!   `element_id` or `voice_id`.
//! - `asset_downloaded`: a file was downloaded completely, and does not have its name yet. Members: `task_id`,
//!   `output_id` (if the caller set it), `host`, `path`, `redirected_to` (if another host answered), `sha256`, `bytes`,
//!   `content_type`.
//! - `asset_expired`: a file is gone (403, 404, 410), or a page is in its place. Members: `task_id`, `output_id`,
//!   `host`, `path`, `redirected_to`, `http`, `content_type`.
//! - `asset_deleted`: a downloaded file is about to be removed, by the caller or because its rename failed. Members:
//!   `task_id`, `name`, `sha256`, `bytes`.
//! - `callback_received`: a callback was accepted. Members: `result` (`ok`, `replayed`), `signed`, `webhook_id`,
//!   `webhook_timestamp`, `bytes`, `task_id`, `external_task_id`. If they are single words: `status`, `credits`, and
//!   for an unsigned callback `external_task_id`.
//! - `callback_rejected`: a callback was refused. Members: `reason` (a word of
//!   [`RejectReason`](callback::RejectReason)), `webhook_id`, `webhook_timestamp`, `bytes`.
//! - `processing_activity`: [`Client::record_processing_activity`] was called. Members: `subject`, `purpose`,
//!   `legal_basis`.
//! - `deletion_request`: [`Client::record_deletion_request`] was called. Members: `subject`, `scope`.
//! - `audit_verified`: [`AuditLog::record_verification`](crate::AuditLog::record_verification) was called. Members:
//!   `verdict` (`intact`, `tampered`, `unverifiable`), `entries`, `first_seq`, `last_seq`, `last_hash`, `findings`,
//!   `by`.
//! - `audit_reconciled`: the trail was compared with Kling's ledgers and lists. Members: `verdict`, `at_vendor`,
//!   `booked`, `in_trail`, `matched`, `not_compared`, `ambiguous`, `findings`, `unexplained` (the first 100 findings).
//!
//! An immediate call, such as [`Speech`](requests::Speech), is recorded as `task_submitted` and then `task_completed`,
//! `task_refused` or `task_ambiguous`. It has no `task_accepted`.
//!
//! Some records that other systems keep have other names here: a status of a task is `task_status_changed`, consumed
//! credits are members of `task_completed` and `task_failed`, a reconciled ledger is `audit_reconciled`, and a verified
//! or broken log is `audit_verified`. A rotated log has no entry: each file holds one day (UTC), and its first entry
//! has the hash of the last entry before it.
//!
//! The log's other events, such as `audit_pruned`, are listed with [the
//! format](crate::manual::format).
//!
//! # Members
//!
//! - `model`, `duration` and `mode`: for a field that the request leaves out, Kling's documented default, such as
//!   `kling-v1`, `5` and `std` for a video from a text. A model without modes has `mode` null.
//! - `prompt_hash`: the hash of the prompt. A video of several shots without a prompt of its own has the hash of the
//!   shots' prompts, joined by line feeds.
//! - `prompt_hash_kind`: the method. `sha256-16` is the first 16 hexadecimal digits of the SHA-256, which protects a
//!   short prompt poorly. `hmac-sha256:KEYID` was made with a [`PromptKey`], and cannot be checked against guesses
//!   without it.
//! - `prompt_length`: the number of Unicode scalar values.
//! - `body_hash`: the hash of the whole body, made by the same method.
//! - `media`: images, sounds and videos in the request: the host of a URL, or SHA-256 and size of bytes.
//! - `parameters`: further fields with Kling's own words, ids and numbers. A text under an unknown name is not
//!   recorded.
//! - `credits` and the amounts in `billing`: Kling's own text.
//! - `estimated_credits`: the expected cost by the client's [`Prices`](billing::Prices), if one of them fits.
//!
//! # Spans
//!
//! If the log's layer is installed, the spans `kling.submit`, `kling.query` and `kling.wait` have entries of their own
//! around these. Such an entry has a position in the trail like all others, but no call waits for it. The opening is
//! durable when the first entry inside the span is, and the closing soon after.
//!
//! # Examples
//!
//! ```no_run
//! use kling_audit::{AuditLog, kling};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let log = AuditLog::open("audit")?;
//! let client = kling::Client::builder(kling::Credentials::from_env()?, log.clone()).actor("alice").build()?;
//!
//! let task = client.submit(kling::requests::TextToVideo::new("a red fox in snow")).await?;
//! let done = client.wait(&task).await?;
//! println!("{}", done.output.first().url);
//!
//! log.close()?;
//! # Ok(())
//! # }
//! ```

pub mod billing;
pub mod callback;
pub mod outputs;
pub mod requests;

mod api;
mod auth;
mod client;
mod error;
mod events;
mod privacy;
mod reconcile;
#[cfg(test)]
mod tests;

pub use self::{
    api::{region::Region, status::TaskStatus},
    auth::credentials::Credentials,
    client::{
        Builder, Client,
        answered::Answered,
        download::{Download, Downloaded},
        list::ListedTask,
        progress::{Completed, TaskProgress},
        task::Task,
        task_query::TaskQuery,
    },
    error::{CredentialsError, Error, RequestError},
    privacy::prompt_hash::{PromptKey, unkeyed_prompt_hash},
    reconcile::{
        discrepancy::{Discrepancy, DiscrepancyKind},
        reconcile,
        reconciliation::Reconciliation,
    },
};
