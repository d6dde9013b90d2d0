//! What verification can report, as plain data.

pub(crate) mod finding;
pub(crate) mod notice;
pub(crate) mod verification;
