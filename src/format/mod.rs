//! Format 1 of an entry as types, without I/O.

pub(crate) mod chain;
pub(crate) mod commitment;
pub(crate) mod draft;
pub(crate) mod entry_commitments;
pub(crate) mod file_name;
pub(crate) mod head;
pub(crate) mod line;
pub(crate) mod prepared_entry;
pub(crate) mod private_record;
pub(crate) mod receipt;
pub(crate) mod redaction;
pub(crate) mod render;
pub(crate) mod truncate;
pub(crate) mod withhold;
