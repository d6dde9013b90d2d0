//! What is measured: an event of eight fields, the size that an API call gives, and trails of such.

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

/// A stack of the log's layer alone.
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

/// The same, by the macro.
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

/// The same, without `tracing`.
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

/// The files with the entries, the oldest first.
pub(crate) fn files(trail: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(trail)
        .expect("a directory")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    files
}

/// The bytes of all entries.
pub(crate) fn bytes(trail: &Path) -> u64 {
    files(trail).iter().map(|path| fs::metadata(path).expect("there").len()).sum()
}
