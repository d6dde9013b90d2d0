//! An audited client for Kling AI: each submission, query, status change, callback, download and use of a credential is
//! an entry.
//!
//! The log is required, and the client fails closed: a submission whose intent can't be recorded is not sent. The intent
//! is as durable as the log's [`Durability`](crate::Durability) promises, and at least handed to the system when the
//! request leaves, also where the log is `Buffered`. No thread of the runtime waits for the disk meanwhile.
//! A request is not sent twice where the vendor may have accepted the first one, unless the caller
//! [says when it may be](Builder::resend_unknown_after).
//!
//! | event | when | members |
//! |---|---|---|
//! | `auth_event` | a token was minted, or refused by the vendor (1000 to 1004), or the client was given other credentials, or the receiver of callbacks other secrets | `event` (`token_minted`, `token_rejected`, `credential_changed`), `success`, `access_key_prefix`, `reason`; minted: `expires` (Unix seconds); rejected: `endpoint`, `http`, `code`, `request_id`, of 1003 `skew_seconds`; changed: `from_access_key_prefix`, `credential_kind` (`access_key`, `api_key`, `webhook_secret`; secrets are named `whsec:` and 8 hexadecimal digits of their SHA-256) |
//! | `access_denied` | the account may not do that (1103), or not from here (1304) | `action`, `endpoint`, `model` (of a submission), `external_task_id`, `http`, `code`, `request_id`, `reason` |
//! | `account_blocked` | the account can't do anything for now (1100 to 1102) | `action`, `http`, `code`, `request_id`, `reason` |
//! | `content_blocked` | the vendor does not make that: at once (1300, 1301), or late, by the reason of a failure | `action`, `task_id`, `external_task_id`, `stage` (`submit`, `result`), `code`, `reason`, and of what this client submitted `prompt_hash`, `prompt_hash_kind` |
//! | `config_changed` | requests go to another server from now on, or one was refused, also when the client is built; or a client is built that goes elsewhere over `http` | `setting` (`base_url`, `region`, `plain_http`), `from` (null when the client is built), `to`, `success`, `reason` |
//! | `task_submitted` | before a submission leaves | `action`, `path`, `model`, `duration`, `mode`, `prompt_hash`, `prompt_length`, `prompt_hash_kind`, `external_task_id`, `body_hash`, and those that are set of `negative_prompt_hash`, `negative_prompt_length`, `aspect_ratio`, `sound`, `cfg_scale`, `camera`, `shot_type`, `shots`, `watermark`, `callback_host`, `media`, `parameters`, `warnings`, `estimated_credits` |
//! | `throttled` | the vendor was too busy for a submission (1302, 1303, 5001), or for a query, a look-up, a list or the books (1302, 1303) | `action`, `task_id`, `external_task_id`, `code`, `http`, `request_id`, `attempt` (the how-manieth request of this submission, wait or list), `delay_ms`, `gave_up` |
//! | `task_resubmitted` | a submission is sent once more, since the vendor has not known it for long enough | `action`, `external_task_id`, `lookups`, `unknown_for_ms`, `reason` |
//! | `task_accepted` | the vendor made a task | `action`, `task_id`, `external_task_id`, `status`, `http`, `request_id`, `latency_ms`; `resolved_by` `lookup` where the answer itself was lost |
//! | `task_refused` | the vendor certainly made no task | `action`, `external_task_id`, `http`, `code`, `request_id`, `latency_ms`, `reason` |
//! | `task_ambiguous` | nobody knows what became of it | `action`, `task_id`, `external_task_id`, `stage` (`submit`, `wait`), `http`, `code`, `request_id`, `latency_ms`, `reason`: of the answer that left it open, where there was one |
//! | `task_resolved` | [`Client::look_up`] found the task of a submission | `action`, `task_id`, `external_task_id`, `status`, `http`, `request_id` |
//! | `api_call` | a query, a look-up or a list was sent | `action`, `purpose` (`query`, `lookup`, `list`, `account`), `method`, `path`, `task_id`, `external_task_id`, `http`, `code`, `request_id`, `duration_ms`; `reason` where there is no code |
//! | `task_status_changed` | a status other than the last one was seen | `action`, `task_id`, `external_task_id`, `from`, `to`, `source` (`poll`, `callback`), `request_id` (of the query) |
//! | `task_completed` | the task succeeded | `action`, `task_id`, `external_task_id`, `status` (`succeed`), `credits`, `billing`, `estimated_credits`, and of what it made `video_count`, `image_count`, `audio_count`, `element_count`, `voice_count` |
//! | `task_failed` | the task failed | `action`, `task_id`, `external_task_id`, `status` (`failed`), `reason`, `credits`, `billing`, `estimated_credits` |
//! | `element_created`, `voice_created` | one is in the account from now on | `action`, `task_id`, `element_id` or `voice_id` |
//! | `element_deleted`, `voice_deleted` | one was removed from the account | `action`, `element_id` or `voice_id` |
//! | `asset_downloaded` | a file was fetched whole, before it has its name | `task_id`, `output_id` (where the caller gave it), `host`, `path`, `redirected_to` (the host that answered, where it is another one), `sha256`, `bytes`, `content_type` |
//! | `asset_expired` | a file is not there any more (403, 404, 410), or a page is where it was | `task_id`, `output_id`, `host`, `path`, `redirected_to`, `http`, `content_type` |
//! | `asset_deleted` | before a file that was fetched is removed, also since it could not get its name | `task_id`, `name`, `sha256`, `bytes` |
//! | `callback_received` | a callback was accepted | `result` (`ok`, `replayed`), `signed`, `webhook_id`, `webhook_timestamp`, `bytes`, `task_id`, `external_task_id`, `status` and `credits` where they are words; of an unsigned one `external_task_id` too |
//! | `callback_rejected` | a callback was refused | `reason` (`missing_headers`, `bad_signature`, `stale`, `unsigned_by_policy`, `malformed`, `too_long`, `incomplete`, `unknown_task`), `webhook_id`, `webhook_timestamp`, `bytes` |
//! | `processing_activity` | [`Client::record_processing_activity`] was called | `subject`, `purpose`, `legal_basis` |
//! | `deletion_request` | [`Client::record_deletion_request`] was called | `subject`, `scope` |
//! | `audit_verified` | the log's own: [`AuditLog::record_verification`](crate::AuditLog::record_verification) was called | `verdict` (`intact`, `tampered`, `unverifiable`), `entries`, `first_seq`, `last_seq`, `last_hash`, `findings`, `by` |
//! | `audit_reconciled` | the trail was compared with the vendor's books | `verdict`, `at_vendor`, `booked`, `in_trail`, `matched`, `not_compared`, `ambiguous`, `findings`, `unexplained` (the first 100) |
//!
//! Others go by other names for what is in this table:
//!
//! | elsewhere | here |
//! |---|---|
//! | a token minted, a token rejected, a credential changed | `auth_event`, by its `event` |
//! | a task attempted; its status | `task_submitted`; `task_status_changed` |
//! | credits consumed | no entry by itself: `credits`, `billing` and `estimated_credits` of `task_completed` and `task_failed` |
//! | a ledger reconciled | `audit_reconciled` |
//! | a log verified, a log broken | `audit_verified`, by its `verdict`; the report of the verification names file, line and byte |
//! | a log rotated | no entry: a file is that of one day (UTC), named for it, and its first entry has the hash of the last one before. Files that leave the trail for their age are `audit_pruned` |
//!
//! The log's own entries of other kinds are listed with [the format](crate::manual::format).
//!
//! What is answered at once, such as [`Speech`], is `task_submitted` and then `task_completed`, `task_refused` or
//! `task_ambiguous`: there is nothing to accept in between.
//!
//! What a submission leaves out is recorded as the vendor's default where the vendor says which that is (of a text to
//! video: `kling-v1`, `5`, `std`); a model without modes has `mode` null. `prompt_length` counts Unicode scalar values;
//! of a video of several shots without a prompt for the whole both it and the hash are of the shots' prompts, joined by
//! line feeds. `prompt_hash_kind` names how the hash was made: `sha256-16` is the first 16 hexadecimal digits of the
//! prompt's SHA-256, and hides little; `hmac-sha256:KEYID` is made with a [`PromptKey`], and hides a prompt from
//! everybody who has not the key. `body_hash` is made in the same way, of all that was sent. `media` names pictures,
//! sounds and videos that a request brought along: the host of a URL, or SHA-256 and size of bytes in full. `parameters`
//! are further fields with the vendor's own words and numbers; a text under a name that is not known here is not
//! recorded. `credits` and the amounts in `billing` are the vendor's own text; `estimated_credits` is what the client
//! expected by the [`Prices`] that it was given, and is there where one of them fits.
//!
//! Each entry names its actor. Where the log's layer is installed, the spans `kling.submit`, `kling.query` and `kling.wait`
//! have entries of their own around these. They have their places in the trail like all others, but nobody waits until
//! they are durable: that of the opening is when the first entry inside is, that of the closing soon after.
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
