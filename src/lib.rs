//! A tamper-evident audit trail for `tracing`, and an audited client for Kling AI.

mod access;
mod builder;
mod canonical;
mod cut;
mod digest;
mod directory;
mod draft;
mod entry;
mod error;
mod escape;
mod line;
mod lines;
mod log;
pub mod manual;
mod members;
mod receipt;
mod redaction;
mod report;
mod segment;
mod settings;
mod timestamp;
mod trail;
mod verify;

pub use self::{
    builder::AuditLogBuilder,
    digest::{Digest, HashLength},
    draft::Draft,
    error::{DraftError, Error},
    log::{AuditLog, Counters},
    receipt::{ParseTrailIdError, Receipt, TrailId},
    report::{Report, Reporter, report},
    settings::Durability,
    verify::{Finding, FindingKind, Notice, Place, Verdict, Verification, Verified, Verifier, verify},
};
