//! The single writer of a trail: it opens and recovers the trail, links entries, commits them in groups and signs checkpoints.
//!
//! | file or folder | what it owns |
//! |---|---|
//! | `settings`, `clock`, `health` | settings of a log, its clock, its state as users read it |
//! | `open` | opening a trail, step by step |
//! | `torn_tail` | unfinished lines at the ends of files |
//! | `adopt` | sealing a trail that cannot be continued |
//! | `commit/` | group commit: from the prepared entry to the receipt |
//! | `batch` | linked lines in memory |
//! | `trail_writer` | writing batches, rolling to new files, the head, checking the files |
//! | `segment`, `private_file` | the live file, and the file of private records beside it |
//! | `erasure` | erasing private values |
//! | `signing/` | which trails may be signed, and the signature |
//! | `reentrancy` | the guard against events from inside a log |

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
