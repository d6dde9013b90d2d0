//! An event gives the same entry as a draft with the same details, even if events or panics occur while it is rendered.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kling_audit::{Draft, audit, json};
use serde_json::Value;
use tracing::{Dispatch, dispatcher, info};
use tracing_subscriber::prelude::*;

use crate::support::{
    log::TestLog,
    noisy::Noisy,
    process::{isolated, test_path},
};

fn with_layer_of(trail: &TestLog, emit: impl FnOnce()) {
    let stack = Dispatch::new(tracing_subscriber::registry().with(trail.log.layer()));
    dispatcher::with_default(&stack, emit);
}

/// Event types and details, in the order of the entries.
fn recorded(trail: &TestLog) -> Vec<(String, Value)> {
    let entries = trail.entries().into_iter();
    entries
        .map(|mut entry| (entry["event_type"].as_str().unwrap().to_owned(), entry["details"].take()))
        .collect()
}

#[test]
fn event_of_any_size_equals_its_draft() {
    // Lengths near the one from which the log moves a line instead of copying it, and near the maximum of an entry.
    let lengths = (900..1_200).chain(65_000..65_700).step_by(23);
    let (by_event, by_macro, by_draft) = (TestLog::new(), TestLog::new(), TestLog::new());
    let lengths: Vec<usize> = lengths.collect();
    for &length in &lengths {
        let text = "é\"x".repeat(length / 9);
        let short = &text[..0];
        with_layer_of(&by_event, || {
            info!(name: "sized", target: "audit", actor = "al\"ice", z = length, text = text.as_str(), a = 1.5, short);
        });
        with_layer_of(&by_macro, || {
            drop(audit!("sized", actor = "al\"ice", z = length, text = text.as_str(), a = 1.5, short))
        });
        let draft = Draft::new("sized").actor("al\"ice").detail("z", length).detail("text", &text);
        by_draft.log.append(draft.detail("a", 1.5).detail("short", short)).unwrap();
    }

    let [event, by_macro, draft] = [&by_event, &by_macro, &by_draft].map(|trail| {
        let mut entries = trail.entries();
        for entry in &mut entries {
            for member in ["timestamp", "hash", "prev_hash"] {
                entry[member].take();
            }
        }
        entries
    });
    assert_eq!(event.len(), lengths.len());
    assert!(event.iter().any(|entry| !entry["context"]["cut"].is_null()));
    assert!(event == draft && by_macro == draft);
    by_event.close_and_verify();
}

#[test]
fn nested_events_keep_their_own_values() {
    // Under a scoped subscriber, `tracing` drops an event that is emitted inside another one.
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        let inner = Noisy(|| info!(name: "inner", target: "audit", b = "of the inner", a = 3));
        let middle = Noisy(|| info!(name: "middle", target: "audit", z = "before", inner = ?inner, a = 2));
        info!(name: "outer", target: "audit", z = "first", middle = ?middle, a = 1, y = "last");
        info!(name: "after", target: "audit", a = 4);

        let expected = [
            ("inner", serde_json::json!({"a": 3, "b": "of the inner"})),
            ("middle", serde_json::json!({"a": 2, "inner": "noisy", "z": "before"})),
            ("outer", serde_json::json!({"a": 1, "middle": "noisy", "y": "last", "z": "first"})),
            ("after", serde_json::json!({"a": 4})),
        ];
        assert_eq!(recorded(&trail), expected.map(|(name, details)| (name.to_owned(), details)));
    });
}

#[test]
fn fields_of_a_panicked_event_are_in_no_later_event() {
    let trail = TestLog::new();
    with_layer_of(&trail, || {
        for number in 0..3 {
            let panics = Noisy(|| panic!("while it is rendered"));
            let emit =
                || info!(name: "lost", target: "audit", secret = "of the lost", panics = ?panics, a = 1);
            assert!(catch_unwind(AssertUnwindSafe(emit)).is_err());
            info!(name: "kept", target: "audit", number);
        }
    });

    let expected: Vec<_> =
        (0..3).map(|number| ("kept".to_owned(), serde_json::json!({"number": number}))).collect();
    assert_eq!(recorded(&trail), expected);
    assert!(!trail.text().contains("of the lost"));
}

#[test]
fn two_logs_apply_their_own_settings_to_a_callsite() {
    let plain = TestLog::new();
    let strict = TestLog::with(|builder| builder.redact(["account"]).source_location().actor("service"));
    let emit = || {
        info!(name: "opened", target: "audit", account = 42, plan = json(&["a", "b"]));
        info!(name: "closed", target: "audit", account = 42);
    };
    let [one, other] = [&plain, &strict].map(|trail| {
        for _ in 0..2 {
            with_layer_of(trail, emit);
        }
        trail.entries()
    });
    let both = Dispatch::new(tracing_subscriber::registry().with(plain.log.layer()).with(strict.log.layer()));
    dispatcher::with_default(&both, emit);

    for entry in one.iter().chain(&plain.entries()) {
        assert_eq!((&entry["details"]["account"], &entry["actor"]), (&42.into(), &"system".into()));
        assert!(entry["context"].is_null());
    }
    assert_eq!((other.len(), strict.entries().len()), (4, 6));
    for entry in strict.entries() {
        assert_eq!(
            (&entry["details"]["account"], &entry["actor"]),
            (&"[redacted]".into(), &"service".into())
        );
        assert_eq!(entry["context"]["redacted"], serde_json::json!(["account"]));
        assert_eq!(entry["context"]["source"]["via"], "event");
    }
}
