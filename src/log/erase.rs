//! The erasure of private values in an open trail.
//!
//! Erasures run one at a time. An erasure that was interrupted is completed before the next one begins.

use crate::{
    error::Error,
    format::receipt::Receipt,
    log::open_log::OpenLog,
    write::{commit::awaited_entry::WaitFor, erasure::Erasure},
};

/// The erasure that [`AuditLog::erase`](crate::AuditLog::erase) asks for.
pub(super) struct EraseRequest<'a> {
    pub(super) seq: u64,
    /// The field to erase; `None` for all values of the entry.
    pub(super) field: Option<&'a str>,
    pub(super) actor: &'a str,
    pub(super) reason: &'a str,
}

/// Erases the values that `request` names and records that as `audit_erased`.
pub(super) fn erase(log: &OpenLog, request: &EraseRequest<'_>) -> Result<Receipt, Error> {
    let EraseRequest { seq, field, actor, reason } = *request;
    // The search below reads the files, and a buffered entry is in no file yet. The flush also refuses a closed log
    // and a forked child with their own errors.
    log.flush()?;
    let _guard = log.lock_for_maintenance();
    let trail = log.directory();
    if let Some(pending) = Erasure::pending(trail)? {
        let receipt = complete(log, &pending)?;
        if pending.covers(seq, field) {
            return Ok(receipt);
        }
    }
    let erasure = Erasure::find(trail, seq, field, (actor, reason), log.next_seq())?;
    // From here on the erasure is noted on the device: a crash cannot lose it.
    erasure.begin(trail)?;
    complete(log, &erasure)
}

/// Records the erasure unless the trail already describes it, then overwrites the values.
///
/// The record comes first. If the order were reversed, a crash between the two would leave values that are gone
/// without an entry that explains it.
fn complete(log: &OpenLog, erasure: &Erasure) -> Result<Receipt, Error> {
    let receipt = match erasure.find_record(log.directory(), log.trail_id())? {
        Some(receipt) => receipt,
        None => log.append(erasure.draft(), WaitFor::Linked)?,
    };
    erasure.finish(log.directory())?;
    Ok(receipt)
}
