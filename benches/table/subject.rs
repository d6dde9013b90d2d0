//! The measured event, with eight fields like the entry of an API call, and trails of such events.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kling_audit::{AuditLog, Draft, Durability, audit};
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::prelude::*;

pub(crate) fn log(directory: &Path, durability: Durability) -> AuditLog {
    AuditLog::builder(directory).durability(durability).open().expect("a log")
}

/// Returns a stack with the audit layer only.
pub(crate) fn stack(log: &AuditLog) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(log.layer()))
}

pub(crate) fn event(number: u64) {
    tracing::info!(
        name: "task_submitted",
        target: "audit",
        actor = "alice",
        action = "text_to_video",
        model = "kling-v2-6",
        duration = "5",
        mode = "std",
        prompt_length = number,
        attempt = 1_u64,
        cached = false,
    );
}

/// Emits the same event as [`event`], by the macro.
pub(crate) fn event_by_macro(number: u64) {
    audit!(
        "task_submitted",
        actor = "alice",
        action = "text_to_video",
        model = "kling-v2-6",
        duration = "5",
        mode = "std",
        prompt_length = number,
        attempt = 1_u64,
        cached = false,
    );
}

/// Returns the same event as a draft, without `tracing`.
pub(crate) fn draft(number: u64) -> Draft {
    Draft::new("task_submitted")
        .actor("alice")
        .detail("action", "text_to_video")
        .detail("model", "kling-v2-6")
        .detail("duration", "5")
        .detail("mode", "std")
        .detail("prompt_length", number)
        .detail("attempt", 1_u64)
        .detail("cached", false)
}

/// Emits `count` events to `stack`.
pub(crate) fn emit(stack: &Dispatch, count: u64) {
    dispatcher::with_default(stack, || (0..count).for_each(event));
}

/// Adds `count` entries to a trail.
pub(crate) fn write(trail: &Path, count: u64) {
    let log = log(trail, Durability::Buffered);
    for number in 0..count {
        log.append(draft(number)).expect("appended");
    }
    log.close().expect("closes");
}

/// Returns the files with entries, oldest first.
pub(crate) fn files(trail: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(trail)
        .expect("a directory")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    files
}

/// Returns the size of all entries in bytes.
pub(crate) fn bytes(trail: &Path) -> u64 {
    files(trail).iter().map(|path| fs::metadata(path).expect("there").len()).sum()
}
