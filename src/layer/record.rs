//! The functions through which layer and macros record in a log.
//!
//! Each of them holds the reentrancy guard. Events that the thread emits meanwhile come from the log itself, for
//! instance from its hook, and are not recorded.

use crate::{
    format::{draft::Draft, receipt::Receipt},
    layer::{dispatch_frame::DispatchFrame, fields::RenderedEvent, span_state::EnclosingSpans},
    log::{AuditLog, not_recorded::NotRecorded, pending_receipt::PendingReceipt},
    write::reentrancy::ReentrancyGuard,
};

/// Records an event and waits until it is as durable as the log promises.
#[inline]
pub(crate) fn record_event(
    log: &AuditLog,
    event: RenderedEvent,
    spans: EnclosingSpans,
) -> Result<Receipt, NotRecorded> {
    let Some(_guard) = ReentrancyGuard::enter() else { return Err(NotRecorded::Reentered) };
    log.record_event(|defaults| spans.prepare(event, defaults)).map_err(NotRecorded::from)
}

/// Records an event without waiting for the disk.
#[inline]
pub(crate) fn record_event_async(
    log: &AuditLog,
    event: RenderedEvent,
    spans: EnclosingSpans,
) -> PendingReceipt<NotRecorded> {
    match ReentrancyGuard::enter() {
        Some(_guard) => log.append_event_async(|defaults| spans.prepare(event, defaults)),
        None => Err(NotRecorded::Reentered).into(),
    }
}

/// Records a draft. With `no_wait`, returns as soon as the entry has its place in the trail; the log writes it later.
#[inline]
pub(crate) fn record_draft(log: &AuditLog, draft: Draft, no_wait: bool) -> Result<Receipt, NotRecorded> {
    let Some(_guard) = ReentrancyGuard::enter() else { return Err(NotRecorded::Reentered) };
    let recorded = if no_wait { log.append_in_background(draft) } else { log.append(draft) };
    recorded.map_err(NotRecorded::from)
}

/// Passes a result to the macro that waits for it. Without such a macro, prints a loss. Returns the receipt, if there
/// is one.
#[inline]
pub(crate) fn settle(frame: Option<DispatchFrame>, result: Result<Receipt, NotRecorded>) -> Option<Receipt> {
    let receipt = result.as_ref().ok().copied();
    match (frame, result) {
        (Some(frame), result) if !frame.is_settled() => frame.settle(result),
        (_, Err(failure)) => failure.print_once(),
        (_, Ok(_)) => {}
    }
    receipt
}
