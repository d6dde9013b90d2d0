//! A report: the entries of a trail in a period, counted, with the verdict on the trail.
//!
//! Each file of the period is read once and verified on the way. Memory grows with the number of different actors,
//! types and models, and with the number of tasks and spans open at the same time.
//!
//! | file | owns |
//! |---|---|
//! | `reporter` | [`Reporter`]: the settings, and the pass over the files |
//! | `summary` | [`Report`]: the result as data, JSON and text |
//! | `counters` | the counts of one pass, shared out to the parts below |
//! | `tasks`, `spans`, `credentials`, `log_events` | one part of a report each |
//! | `fields`, `capped_list` | members of an entry's text; lists that stop at 1,000 |

pub(crate) mod capped_list;
pub(crate) mod counters;
pub(crate) mod credentials;
pub(crate) mod fields;
pub(crate) mod log_events;
pub(crate) mod reporter;
pub(crate) mod spans;
pub(crate) mod summary;
pub(crate) mod tasks;

use std::path::Path;

use crate::error::Error;
pub use crate::report::{
    capped_list::Capped,
    credentials::CredentialUse,
    log_events::{LogEvent, Runs},
    reporter::Reporter,
    spans::OpenSpan,
    summary::Report,
    tasks::{Durations, OpenTask, Reason, TaskCounts},
};

/// Reports on the last `days` days of the trail at `path`.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("audit");
/// # kling_audit::AuditLog::open(&directory)?.close()?;
/// let report = kling_audit::report(&directory, 30)?;
///
/// println!("{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`Reporter::run`].
pub fn report(path: impl AsRef<Path>, days: u32) -> Result<Report, Error> {
    Reporter::new(path).days(days).run()
}
