//! What an event costs in allocations: nothing, once its thread is warm.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test is meant to panic")]

mod stack;

use allocation_counter::measure;
use kling_audit::{AuditLog, Durability, audit};
use stack::Trail;
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::prelude::*;

fn event(number: u64) {
    tracing::info!(
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

/// Allocations of so many events, after as many.
fn of(log: &AuditLog, count: u64, emit: fn(u64)) -> u64 {
    let stack = Dispatch::new(tracing_subscriber::registry().with(log.layer()));
    dispatcher::with_default(&stack, || {
        (0..count).for_each(emit);
        log.flush().expect("flushed");
        measure(|| (0..count).for_each(emit)).count_total
    })
}

#[test]
fn an_event_allocates_nothing_once_its_thread_is_warm() {
    const COUNT: u64 = 200;
    for durability in [Durability::Written, Durability::Buffered] {
        for (way, emit) in [("event", event as fn(u64)), ("macro", event_by_macro)] {
            let trail = Trail::of(|builder| builder.durability(durability));

            let allocations = of(&trail.log, COUNT, emit);

            // The head is written now and then, and what is linked meanwhile may ask for more memory than ever before.
            assert!(allocations < COUNT / 2, "{durability:?}, {way}: {allocations} of {COUNT} events");
        }
    }
}
