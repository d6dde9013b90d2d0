//! Bytes to values and back: JSON, hexadecimal digits, time, SHA-256, Merkle trees. Uses no other folder.
//!
//! | file | owns |
//! |---|---|
//! | `json` | canonical JSON text: reading, writing and validating it |
//! | `digest` | the printed hash of an entry, and an entry's link to its predecessor |
//! | `timestamp` | the 27 characters of an entry's time |
//! | `sha256` | the hash of an entry, computed where its bytes lie |
//! | `merkle` | the RFC 6962 tree over the hashes of a trail |
//! | `simd`, `word` | many bytes per instruction: vectors, and eight bytes in a `u64` |
//! | `buffer_pool` | buffers that a thread uses again |
//! | `terminal` | text made harmless for a terminal |

pub(crate) mod buffer_pool;
pub(crate) mod digest;
pub(crate) mod json;
pub(crate) mod merkle;
pub(crate) mod sha256;
pub(crate) mod simd;
pub(crate) mod terminal;
pub(crate) mod timestamp;
mod word;
