//! An audited client for Kling AI: each submission, query, status change and use of a credential is an entry.
//!
//! The log is required, and the client fails closed: a submission whose intent can't be recorded is not sent.
//! Requests are never sent twice where the vendor may have accepted the first one.
//!
//! | event | when | members |
//! |---|---|---|
//! | `auth_event` | a token was minted, or refused by the vendor | `event` (`token_minted`, `token_rejected`), `success`, `access_key_prefix`, `reason`; minted: `expires` (Unix seconds); rejected: `http`, `code`, `request_id` |
//! | `task_submitted` | before a submission leaves | `action`, `model`, `duration`, `mode`, `prompt_hash`, `prompt_length`, `prompt_hash_kind`, `external_task_id`, `path`, and those that are set of `negative_prompt_hash`, `negative_prompt_length`, `aspect_ratio`, `sound`, `cfg_scale`, `camera`, `shot_type`, `shots`, `watermark`, `callback_host` |
//! | `throttled` | the vendor was too busy (1302, 1303, 5001) | `action`, `external_task_id`, `code`, `http`, `request_id`, `attempt`, `delay_ms`, `gave_up` |
//! | `task_accepted` | the vendor made a task | `action`, `task_id`, `external_task_id`, `status`, `http`, `request_id`, `latency_ms`; `resolved_by` `lookup` where the answer itself was lost |
//! | `task_refused` | the vendor certainly made no task | `action`, `external_task_id`, `http`, `code`, `request_id`, `reason` |
//! | `task_ambiguous` | nobody knows what became of it | `action`, `task_id`, `external_task_id`, `stage` (`submit`, `wait`), `reason` |
//! | `api_call` | a query or a look-up was sent | `action`, `purpose` (`query`, `lookup`), `method`, `path`, `task_id`, `external_task_id`, `http`, `code`, `request_id`, `duration_ms`; `reason` where there is no code |
//! | `task_status_changed` | a status other than the last one was seen | `action`, `task_id`, `external_task_id`, `from`, `to` |
//! | `task_completed` | the task succeeded | `action`, `task_id`, `external_task_id`, `status` (`succeed`), `video_count`, `credits` |
//! | `task_failed` | the task failed | `action`, `task_id`, `external_task_id`, `status` (`failed`), `reason`, `credits` |
//!
//! What a submission leaves out is recorded as the vendor's default (`kling-v1`, `5`, `std`); a model without modes has
//! `mode` null. `prompt_hash` is the first 16 hexadecimal digits of the prompt's SHA-256 (`prompt_hash_kind`
//! `sha256-16`) and `prompt_length` counts Unicode scalar values; of a video of several shots without a prompt for the
//! whole both are of the shots' prompts, joined by line feeds. A short prompt can be guessed from the two: whoever reads
//! the trail can check a guess. `credits` are the vendor's own text.
//!
//! Each entry names its actor. Where the log's layer is installed, the spans `kling.submit`, `kling.query` and `kling.wait`
//! have entries of their own around these.
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
//! let task = client.submit(kling::TextToVideo::new("a red fox in snow")).await?;
//! let done = client.wait(&task).await?;
//! println!("{}", done.output.first().url);
//!
//! log.close()?;
//! # Ok(())
//! # }
//! ```

mod account;
mod audio;
mod backoff;
mod builder;
pub mod callback;
mod camera;
mod capability;
mod charge;
mod client;
mod credentials;
mod delivery;
mod download;
mod duration;
mod element;
mod envelope;
mod error;
mod exchange;
mod image;
mod listing;
mod media;
mod options;
mod output;
mod prompt_key;
mod reconcile;
mod recorder;
mod region;
mod request;
mod requests;
mod rules;
mod screen;
mod slots;
pub mod standard;
mod status;
mod submission;
mod task;
mod token;
mod video;
mod vocabulary;
mod watch;

pub use account::{Deduction, LedgerQuery, Period, ResourcePack};
pub use audio::{Audio, Audios, Soundtrack};
pub use builder::Builder;
pub use camera::{CameraConfig, CameraControl};
pub use charge::Charge;
pub use client::{Answered, Client};
pub use credentials::{Credentials, CredentialsError};
pub use download::{Download, Downloaded};
pub use duration::Duration;
pub use element::{Element, Elements, Voice, Voices};
pub use error::Error;
pub use image::{Image, ImageSet, Images};
pub use listing::{Listed, TaskQuery};
pub use media::Media;
pub use output::{Made, Output};
pub use prompt_key::{PromptKey, unkeyed_prompt_hash};
pub use reconcile::{Discrepancy, DiscrepancyKind, Reconciliation, reconcile};
pub use region::Region;
pub use request::{Immediate, Pack, Request, RequestError};
pub use requests::*;
pub use status::TaskStatus;
pub use task::{Completed, Progress, Task};
pub use video::{Video, Videos};
pub use vocabulary::{
    AspectRatio, AudioTrack, EditMode, ImageModel, ImageRatio, ImageReference, Mode, Model, Orientation,
    OriginalSound, Resolution, ShotType, Sound, VoiceLanguage,
};
