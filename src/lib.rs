//! A tamper-evident audit trail for `tracing`, and an audited client for Kling AI.
