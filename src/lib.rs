//! A tamper-evident audit trail for `tracing`, and an audited client for Kling AI.

#[allow(dead_code, unused_imports)]
mod canonical;
