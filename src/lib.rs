//! A tamper-evident audit trail for `tracing`, and an audited client for Kling AI.

mod canonical;
mod cut;
mod digest;
mod draft;
mod entry;
mod error;
mod escape;
mod members;
mod receipt;
mod redaction;
mod timestamp;
