//! The single writer of a trail.

pub(crate) mod adopt;
pub(crate) mod batch;
pub(crate) mod clock;
pub(crate) mod commit;
pub(crate) mod erasure;
pub(crate) mod health;
pub(crate) mod open;
pub(crate) mod private_file;
pub(crate) mod reentrancy;
pub(crate) mod segment;
pub(crate) mod settings;
pub(crate) mod signing;
pub(crate) mod torn_tail;
pub(crate) mod trail_writer;
