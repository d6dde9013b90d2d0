//! Allocations of an event: none, once its thread has recorded some.
//!
//! A test binary of its own: the allocator counts for the whole process, and no other log may have a layer in it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test is meant to panic")]

use std::sync::Mutex;

use allocation_counter::measure;
use kling_audit::{AuditLog, Durability, audit};
use tracing::{Dispatch, dispatcher, info};
use tracing_subscriber::prelude::*;

#[path = "support"]
mod support {
    pub(crate) mod files;
    pub(crate) mod log;
}

use support::log::TestLog;

fn event(number: u64) {
    info!(
        name: "task_submitted",
        target: "audit",
        actor = "alice",
        model = "kling-v2-6",
        prompt_length = number,
        ratio = 1.5,
        cached = false,
        "submitted"
    );
}

fn event_by_macro(number: u64) {
    audit!("task_submitted", actor = "alice", model = "kling-v2-6", prompt_length = number, cached = false);
}

/// Held by each test: if two logs have layers in one process, a macro copies its event for the second.
static ONE_LOG: Mutex<()> = Mutex::new(());

/// Allocations of `count` events, after `count` events have warmed the thread. Takes the fewest of 100 tries, because
/// other work of the log can occur in between on a busy machine.
fn allocations_of(log: &AuditLog, count: u64, emit: fn(u64)) -> u64 {
    let stack = Dispatch::new(tracing_subscriber::registry().with(log.layer()));
    dispatcher::with_default(&stack, || {
        (0..count).for_each(emit);
        log.flush().expect("flushed");
        (0..100).map(|_| measure(|| (0..count).for_each(emit)).count_total).min().unwrap_or_default()
    })
}

#[test]
fn event_of_a_warm_thread_allocates_nothing() {
    let _alone = ONE_LOG.lock();
    const COUNT: u64 = 20;
    for durability in [Durability::Written, Durability::Buffered] {
        for (way, emit) in [("event", event as fn(u64)), ("macro", event_by_macro)] {
            let trail = TestLog::with(|builder| builder.durability(durability));

            let allocations = allocations_of(&trail.log, COUNT, emit);

            assert_eq!(allocations, 0, "{durability:?}, {way}: of {COUNT} events");
        }
    }
}

/// Emits one event at each of fifty callsites.
fn fifty_callsites(number: u64) {
    macro_rules! events {
        ($($digit:literal)*) => {$(
            info!(name: "one", target: "audit", digit = $digit, number);
            info!(name: "two", target: "audit", digit = $digit, number);
            info!(name: "three", target: "audit", digit = $digit, number);
            info!(name: "four", target: "audit", digit = $digit, number);
            info!(name: "five", target: "audit", digit = $digit, number);
        )*};
    }
    events!(0 1 2 3 4 5 6 7 8 9);
}

#[test]
fn fifty_callsites_allocate_nothing() {
    let _alone = ONE_LOG.lock();
    let trail = TestLog::with(|builder| builder.durability(Durability::Buffered));

    let allocations = allocations_of(&trail.log, 20, fifty_callsites);

    assert_eq!(allocations, 0, "of 1,000 events");
}
