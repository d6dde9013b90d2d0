//! Bytes to values and back: JSON, hexadecimal digits, time, SHA-256, Merkle trees.

pub(crate) mod buffer_pool;
pub(crate) mod digest;
pub(crate) mod json;
pub(crate) mod merkle;
pub(crate) mod sha256;
pub(crate) mod simd;
pub(crate) mod terminal;
pub(crate) mod timestamp;
