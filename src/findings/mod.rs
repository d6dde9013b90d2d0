//! What verification can report, as plain data.

pub(crate) mod finding;
pub(crate) mod notice;
pub(crate) mod progress;
pub(crate) mod verification;
pub(crate) mod withheld;
