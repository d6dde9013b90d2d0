//! A tamper-evident audit trail for `tracing`, and an audited client for Kling AI.
//!
//! An [`AuditLog`] writes entries into the files of one directory: a *trail*. Each entry states the hash of the entry
//! before it. An entry that is changed, removed or moved is therefore found, and the check needs neither a key nor this
//! crate. To detect a trail that was rewritten as a whole, sign [checkpoints](mod@checkpoint) and keep them elsewhere.
//!
//! Entries come from [`audit!`], from every event or span with the target `audit` or `audit::*` by way of
//! [`AuditLog::layer`], or from [`AuditLog::append`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path().join("audit");
//! use kling_audit::{AuditLog, audit, try_audit};
//! use tracing_subscriber::prelude::*;
//!
//! let log = AuditLog::open(&directory)?;
//! tracing_subscriber::registry().with(log.layer()).with(tracing_subscriber::fmt::layer()).init();
//!
//! audit!("config_changed", actor = "alice", key = "quota", value = 5);
//! let receipt = try_audit!("export_requested", actor = "alice", rows = 1200)?; // no record, no export
//! log.close()?;
//!
//! let verified = kling_audit::verify(&directory)?; // an error unless the trail is intact
//! assert_eq!(verified.last().and_then(|last| last.seq), Some(receipt.seq + 1));
//! println!("{}", kling_audit::report(&directory, 30)?);
//! # Ok(())
//! # }
//! ```
//!
//! | module | for |
//! |---|---|
//! | the root | recording: the log, the layer, the macros, receipts |
//! | [`verify`](mod@verify) | verifying a trail with keys, checkpoints, receipts |
//! | [`report`](mod@report) | counting what a trail says about a period |
//! | [`read`] | reading entries one by one |
//! | [`checkpoint`](mod@checkpoint) | signing a trail, proving entries to a third party |
//! | [`self_test`] | the result of checking the subscriber at the start |
//! | `kling` | the audited client for Kling AI |
//! | [`manual`] | format, durability, stacks, report, privacy, retention, trust, architecture |
//!
//! | feature | adds |
//! |---|---|
//! | `kling` | the audited client for Kling AI |
//! | `axum` | callbacks of Kling AI as a route of axum; includes `kling` |
//! | `cli` | the command `kling-audit` |

// # The life of an entry
//
// From a macro in a caller's thread to the signed entry, in nine steps with one file each:
//
// 1. `layer/callsite.rs`: builds the event and chooses the log. It records before any other layer sees the event.
// 2. `layer/fields.rs`: formats the fields, once, in the caller's thread and without a lock.
// 3. `log/open_log.rs`: chooses the durability to wait for, refuses a fork, calls steps 4 and 5, and counts the result.
// 4. `format/prepared_entry.rs`: redacts, renders and hashes everything that does not depend on the entry's place.
// 5. `write/commit/linker.rs`: gives the entry its number, time and previous hash, under the queue's lock.
// 6. `write/commit/queue.rs`, `wait`: the caller leads the next commit, or sleeps until another thread has led it.
// 7. `write/commit/queue.rs`, `commit`: the leader takes the writer. Without the lock, `write/trail_writer.rs` writes
//    the lines, syncs them, checks the files and writes the head.
// 8. `write/commit/apply.rs`: moves the watermarks, or fails the entries; the callers wake.
// 9. `write/commit/checkpointer.rs`: signs the entries, in a thread of its own.
//
// # The folders
//
// Each uses the folders below it in this table, and none above. `tests/architecture.rs` checks it.
//
// | folder | owns |
// |---|---|
// | `kling/` | the audited Kling AI client |
// | `layer/` | the integration with `tracing`: layer, macros, fields, self-test |
// | `log/` | `AuditLog`: the handle that users hold, its builder, results |
// | `write/` | the single writer: open, recover, link, commit, sign |
// | `report/` | what a trail says about a period |
// | `read/` | entries one by one |
// | `verify/` | is every entry present and unchanged |
// | `checkpoint/` | signed notes and proofs (C2SP, RFC 6962), keys, sinks |
// | `storage/` | files: open, list, lock, replace durably, read |
// | `format/` | format 1 as types, without I/O: draft, entry, line, chain, head |
// | `error.rs` | a job that could not be done |
// | `findings/` | what verification can report, as plain data |
// | `codec/` | bytes to values and back: JSON, hexadecimal digits, time, SHA-256, Merkle tree, SIMD |
//
// `bin/` is the command over the public API, `manual/` the manual. `manual/architecture.md` has the picture, the
// threads and locks, and the file to open for a change.

pub mod checkpoint;
mod codec;
mod error;
mod findings;
mod format;
#[cfg(feature = "kling")]
pub mod kling;
mod layer;
mod log;
pub mod manual;
pub mod read;
pub mod report;
mod storage;
pub mod verify;
mod write;

#[doc(hidden)]
pub use crate::layer::macros::__private;
pub use crate::{
    codec::digest::{Digest, HashLength, ParseDigestError},
    error::{DraftError, Error, Operation},
    format::{
        draft::Draft,
        receipt::{ParseReceiptError, ParseTrailIdError, Receipt, TrailId},
    },
    layer::{
        AuditFilter, AuditLayer, self_test,
        values::{erasable, json},
    },
    log::{
        AuditLog, AuditLogBuilder, Counters,
        not_recorded::NotRecorded,
        outcome::Outcome,
        pending_receipt::PendingReceipt,
        prune::{Pruning, Retention},
    },
    report::report,
    verify::verify,
    write::{
        health::Health,
        settings::{Durability, OnFailure},
        signing::checkpoint::checkpoint,
    },
};

// Features such as `release_max_level_off` of `tracing` take audit events out while a program is compiled.
const _: () = assert!(
    matches!(
        tracing::level_filters::STATIC_MAX_LEVEL,
        tracing::level_filters::LevelFilter::INFO
            | tracing::level_filters::LevelFilter::DEBUG
            | tracing::level_filters::LevelFilter::TRACE
    ),
    "a feature of `tracing` (`max_level_*`, `release_max_level_*`) compiles events of level INFO out, and audit events \
     with them"
);

/// The code in the README compiles.
#[cfg(all(doctest, feature = "kling"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
