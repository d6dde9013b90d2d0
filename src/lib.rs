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

mod access;
mod adopt;
mod batch;
mod blocks;
mod boot;
mod builder;
mod canonical;
mod chain;
mod checkpoint;
mod clock;
mod commit;
mod commitment;
mod cut;
mod digest;
mod directory;
mod draft;
mod ending;
mod entry;
mod erasable;
mod erase;
mod erasure;
mod error;
mod escape;
mod event_recording;
mod fields;
mod global;
mod head;
mod health;
mod json;
#[cfg(feature = "kling")]
pub mod kling;
mod layer;
mod line;
mod lines;
mod lock;
mod log;
mod lookup;
mod macros;
pub mod manual;
mod members;
mod not_recorded;
mod outcome;
mod private;
mod private_file;
mod process;
mod prune;
mod pruned;
mod receipt;
mod redaction;
mod regular;
mod report;
mod segment;
mod self_test;
mod settings;
mod sha256;
mod show;
mod signing;
mod sink;
mod site;
mod spare;
mod template;
mod timestamp;
mod torn;
mod trail;
mod vector;
mod verify;
mod withhold;
mod writer;

#[doc(hidden)]
pub use self::macros::__private;
pub use self::{
    builder::AuditLogBuilder,
    checkpoint::{
        ConsistencyProof, EntryProof, ParseCheckpointError, ParseKeyError, ProvenEntry, SignedCheckpoint,
        TreeHash, Unproven, VerifyingKey, prove, prove_consistency,
    },
    commit::Recording,
    digest::{Digest, HashLength, ParseDigestError},
    draft::Draft,
    erasable::erasable,
    error::{DraftError, Error},
    event_recording::EventRecording,
    health::Health,
    json::json,
    layer::{AuditFilter, AuditLayer},
    log::{AuditLog, Counters},
    not_recorded::NotRecorded,
    outcome::Outcome,
    prune::{Pruning, Retention},
    receipt::{ParseTrailIdError, Receipt, TrailId},
    report::{
        CredentialUse, Durations, Listed, OpenSpan, OpenTask, Reason, Remark, Report, Reporter, Runs,
        TaskCounts, report,
    },
    self_test::{Culprit, SelfTestError},
    settings::{Durability, OnFailure},
    show::{DamagedLine, Entries, Reader, Shown, ShownEntry, WithheldValue},
    signing::{CheckpointSink, Checkpoints, Signer, SigningKey, checkpoint},
    verify::{
        Finding, FindingKind, Notice, Place, Progress, Verdict, Verification, Verified, Verifier, Withheld,
        verify,
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
