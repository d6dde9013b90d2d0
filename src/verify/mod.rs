//! Verification: is every entry of a trail present and unchanged?
//!
//! Nothing that is read is trusted: neither the directory, nor file names, nor lines. Verification never writes and
//! never panics, and its memory is bounded whatever the bytes are.
//!
//! A verification has five steps:
//!
//! 1. Read the head and the evidence (checkpoints, receipts), then list the files. In this order, an entry that either
//!    covers is in the list. Files: `verifier`, `evidence`, `checkpoint_check`, `receipt_check`.
//! 2. Read the files in blocks on several threads, and parse and hash each line on its own. Files: `parallel_read`,
//!    `format1`, `python_tool`.
//! 3. Scan the parsed lines in order: follow the chain, and compare each entry with the evidence. Files: `scan`,
//!    `sequence`.
//! 4. Compare the end with the head, and check the files beside the trail's own: adopted trails, erasable values.
//!    Files: `head_check`, `adopted_trail`, `private_values`.
//! 5. Form the verdict and its basis from the findings. Files: `run`, `verdict`.
//!
//! The other files are parts of these:
//!
//! | file | content |
//! |---|---|
//! | `line_checker` | The interface between the scan and the two formats. |
//! | `scan_state` | Findings and counts of a scan. |
//! | `position`, `entry_view` | One line of a trail: its place, and its content. |
//! | `observer` | Callbacks of a scan. |
//! | `anchor` | The search for the entry at which [`Verifier::since`] begins. |
//! | `torn_tail_check` | The explanation of unfinished lines. |
//! | `verified` | [`Verified`], the proof that a trail is intact. |

pub(crate) mod anchor;
pub(crate) mod entry_view;
pub(crate) mod evidence;
pub(crate) mod head_check;
pub(crate) mod observer;
pub(crate) mod parallel_read;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod scan_state;
pub(crate) mod verdict;
pub(crate) mod verified;
pub(crate) mod verifier;

mod adopted_trail;
mod checkpoint_check;
mod format1;
mod line_checker;
mod position;
mod private_values;
mod python_tool;
mod receipt_check;
mod sequence;
mod torn_tail_check;

use std::path::Path;

use crate::error::Error;

pub use crate::{
    findings::{
        erasable_counts::ErasableCounts,
        finding::{Finding, FindingKind},
        notice::Notice,
        progress::Progress,
        verification::{EntryRef, Verdict, Verification},
    },
    verify::{verified::Verified, verifier::Verifier},
};

/// Verifies the trail at `path`: a directory, or a single file of a trail. Returns `Ok` only if it is intact.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("audit");
/// # kling_audit::AuditLog::open(&directory)?.close()?;
/// let verified = kling_audit::verify(&directory)?;
///
/// println!("{verified}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::NotIntact`] for a trail with findings, or without a verdict. [`Error::Io`] and [`Error::Unreadable`] if a
/// file is unreadable.
pub fn verify(path: impl AsRef<Path>) -> Result<Verified, Error> {
    Verified::try_from(Verifier::new(path).run()?)
}
