//! A tamper-evident audit trail for `tracing`, and an audited client for Kling AI.

mod access;
mod adopt;
mod batch;
mod boot;
mod builder;
mod canonical;
mod chain;
mod commit;
mod cut;
mod digest;
mod directory;
mod draft;
mod ending;
mod entry;
mod error;
mod escape;
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
mod macros;
pub mod manual;
mod members;
mod not_recorded;
mod outcome;
mod receipt;
mod redaction;
mod regular;
mod report;
mod segment;
mod self_test;
mod settings;
mod sink;
mod site;
mod timestamp;
mod torn;
mod trail;
mod verify;
mod writer;

#[doc(hidden)]
pub use self::macros::__private;
pub use self::{
    builder::AuditLogBuilder,
    commit::Recording,
    digest::{Digest, HashLength},
    draft::Draft,
    error::{DraftError, Error},
    health::Health,
    json::json,
    layer::{AuditFilter, AuditLayer},
    log::{AuditLog, Counters},
    not_recorded::NotRecorded,
    outcome::Outcome,
    receipt::{ParseTrailIdError, Receipt, TrailId},
    report::{
        CredentialUse, Durations, Listed, OpenSpan, OpenTask, Reason, Remark, Report, Reporter, Runs,
        TaskCounts, report,
    },
    self_test::{Culprit, SelfTestError},
    settings::{Durability, OnFailure},
    verify::{Finding, FindingKind, Notice, Place, Verdict, Verification, Verified, Verifier, verify},
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
