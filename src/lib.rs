//! A tamper-evident audit trail for `tracing`, and an audited client for Kling AI.
//!
//! An [`AuditLog`] writes entries into the files of one directory: a *trail*. Each entry states the hash of the one
//! before it, so nobody can change, remove or reorder entries unseen, and anybody can check that without this crate.
//! Entries come from [`audit!`], from any event or span with the target `audit` by way of [`AuditLog::layer`], or from
//! [`AuditLog::append`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path().join("audit");
//! use kling_audit::{AuditLog, audit, try_audit};
//! use tracing_subscriber::prelude::*;
//!
//! let log = AuditLog::open(&directory)?;
//! tracing_subscriber::registry().with(log.layer()).with(tracing_subscriber::fmt::layer()).init();
//!
//! audit!("config_changed", actor = "alice", key = "quota", value = 5);
//! let receipt = try_audit!("export_requested", actor = "alice", rows = 1200)?; // no record, no export
//! log.close()?;
//!
//! let verified = kling_audit::verify(&directory)?; // an error unless the trail is intact
//! assert_eq!(verified.last().and_then(|last| last.seq), Some(receipt.seq + 1));
//! println!("{}", kling_audit::report(&directory, 30)?);
//! # Ok(())
//! # }
//! ```
//!
//! The [`manual`] has the format on disk, what a receipt promises, what a trail proves, and what a report says.
//!
//! | feature | adds |
//! |---|---|
//! | `kling` | an audited client for Kling AI |
//! | `cli` | the command `kling-audit` |

pub mod checkpoint;
mod codec;
mod error;
mod findings;
mod format;
#[cfg(feature = "kling")]
pub mod kling;
mod layer;
mod log;
pub mod manual;
pub mod read;
pub mod report;
mod storage;
pub mod verify;
mod write;

#[doc(hidden)]
pub use crate::layer::macros::__private;
pub use crate::{
    codec::digest::{Digest, HashLength, ParseDigestError},
    error::{DraftError, Error, Operation},
    format::{
        draft::Draft,
        receipt::{ParseTrailIdError, Receipt, TrailId},
    },
    layer::{
        AuditFilter, AuditLayer, self_test,
        values::{erasable, json},
    },
    log::{
        AuditLog, AuditLogBuilder, Counters,
        event_recording::EventRecording,
        not_recorded::NotRecorded,
        outcome::Outcome,
        prune::{Pruning, Retention},
    },
    report::report,
    verify::verify,
    write::{
        commit::pending::Recording,
        health::Health,
        settings::{Durability, OnFailure},
        signing::checkpoint,
    },
};

// Features such as `release_max_level_off` of `tracing` take audit events out while a program is compiled.
const _: () = assert!(
    matches!(
        tracing::level_filters::STATIC_MAX_LEVEL,
        tracing::level_filters::LevelFilter::INFO
            | tracing::level_filters::LevelFilter::DEBUG
            | tracing::level_filters::LevelFilter::TRACE
    ),
    "a feature of `tracing` (`max_level_*`, `release_max_level_*`) compiles events of level INFO out, and audit events \
     with them"
);

/// The code in the README compiles.
#[cfg(all(doctest, feature = "kling"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
