//! Files of a trail: opening, listing, locking, reading.

pub(crate) mod backend;
pub(crate) mod block_reader;
pub(crate) mod durable;
pub(crate) mod head_file;
pub(crate) mod line_reader;
pub(crate) mod lock;
pub(crate) mod lookup;
pub(crate) mod open;
pub(crate) mod permissions;
pub(crate) mod private_reader;
pub(crate) mod private_values;
pub(crate) mod process;
pub(crate) mod prune_record;
pub(crate) mod segments;
pub(crate) mod tail;
