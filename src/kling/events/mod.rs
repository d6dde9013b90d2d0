//! Entries that the client records: one function for each type of event.

pub(crate) mod account;
pub(crate) mod assets;
pub(crate) mod outcomes;
pub(crate) mod recorder;
pub(crate) mod subject;
pub(crate) mod submissions;
