//! The context of an entry: fields inherited from spans, and the source location.

use kling_audit::{AuditFilter, AuditLayer, AuditLog, Draft, audit, audit_span, json, try_audit};
use serde_json::json as value;
use sha2::{Digest as _, Sha256};
use tracing::{field::Empty, info};
use tracing_subscriber::prelude::*;

use crate::support::{
    log::TestLog,
    process::{isolated, test_path},
};

#[test]
fn entries_inherit_the_named_span_fields() {
    isolated(test_path!(), || {
        let trail = TestLog::with(|builder| builder.inherit_fields(["request_id", "tenant", "absent"]));
        tracing_subscriber::registry().with(trail.log.layer()).init();

        audit!("outside", request_id = 1);
        let request = audit_span!("request", request_id = "r1", tenant = "acme", path = "/").entered();
        let between = tracing::info_span!("not audited", tenant = "other").entered();
        audit!("macro");
        info!(name: "foreign", target: "audit", tenant = "its own");
        let inner = audit_span!("inner", actor = "alice", tenant = Empty);
        inner.record("tenant", "nearer");
        inner.in_scope(|| audit!("inside"));
        drop(inner);
        audit!(parent: None, "root");
        drop((between, request));

        let fields = |event_type: &str| trail.entry(event_type)["context"]["fields"].clone();
        let outer = value!({"request_id": "r1", "tenant": "acme"});
        assert_eq!(fields("outside"), value!(null));
        assert_eq!(fields("request.opened"), value!(null));
        assert_eq!(fields("macro"), outer);
        assert_eq!(fields("foreign"), outer);
        assert_eq!(fields("inner.opened"), outer);
        assert_eq!(fields("inside"), value!({"request_id": "r1", "tenant": "nearer"}));
        assert_eq!(fields("inner.closed"), outer);
        assert_eq!(fields("root"), value!(null));
        assert_eq!(trail.entry("foreign")["details"], value!({"tenant": "its own"}));
        assert_eq!(trail.entry("inside")["actor"], "alice");
        trail.close_and_verify();
    });
}

#[test]
fn inherited_fields_are_redacted_and_truncated() {
    isolated(test_path!(), || {
        let trail = TestLog::with(|builder| builder.inherit_fields(["token", "scope", "text"]));
        tracing_subscriber::registry().with(trail.log.layer()).init();
        let long = "é".repeat(40_000);
        let scope = value!({"cookie": "hidden", "role": "x"});

        let span = audit_span!("span", token = "hidden", scope = json(&scope), text = long);
        span.in_scope(|| audit!("inside", text = long));
        drop(span);

        let inside = trail.entry("inside");
        let context = &inside["context"];
        assert_eq!(context["fields"]["token"], "[redacted]");
        assert_eq!(context["fields"]["scope"], value!({"cookie": "[redacted]", "role": "x"}));
        assert_eq!(context["redacted"], value!(["context.fields.scope.cookie", "context.fields.token"]));
        let sha256: String = Sha256::digest(&long).iter().map(|byte| format!("{byte:02x}")).collect();
        let whole = value!({"length": 80_000, "sha256": sha256});
        assert_eq!(context["cut"]["context.fields.text"], whole);
        assert_eq!(context["cut"]["text"], whole);
        assert!(context["fields"]["text"].as_str().is_some_and(|text| long.starts_with(text)));
        trail.close_and_verify();
    });
}

#[test]
fn deeply_nested_inherited_fields_become_text() {
    isolated(test_path!(), || {
        let trail = TestLog::with(|builder| builder.inherit_fields(["deep", "deepest"]));
        tracing_subscriber::registry().with(trail.log.layer()).init();
        let deep = (0..125).fold(value!(1), |inner, _| value!([inner]));
        let deepest = value!([deep]);

        let span = audit_span!("span", deep = json(&deep), deepest = json(&deepest));
        span.in_scope(|| audit!("inside"));
        drop(span);

        let lines = trail.text();
        let fields = format!("\"context\": {{\"fields\": {{\"deep\": {deep}, \"deepest\": \"{deepest}\"}}");
        assert!(lines.lines().any(|line| line.contains(&fields)), "{lines}");
        trail.close_and_verify();
    });
}

#[test]
fn oversized_inherited_fields_are_replaced() {
    isolated(test_path!(), || {
        let trail = TestLog::with(|builder| builder.inherit_fields(["numbers"]));
        tracing_subscriber::registry().with(trail.log.layer()).init();
        let numbers: Vec<_> = (0..20_000).collect();

        let span = audit_span!("span", numbers = json(&numbers));
        span.in_scope(|| audit!("inside", n = 1));
        drop(span);

        let inside = trail.entry("inside");
        let length = value!(numbers).to_string().len() + numbers.len() - 1 + "{\"numbers\": }".len();
        assert_eq!(inside["context"]["fields"]["oversized"]["length"], length);
        assert_eq!(inside["context"]["span"], "span");
        trail.close_and_verify();
    });
}

#[test]
fn source_location_is_recorded_when_enabled() {
    isolated(test_path!(), || {
        let trail = TestLog::with(|builder| builder.source_location());
        tracing_subscriber::registry()
            .with(AuditLayer::new(&trail.log).with_log_records().with_filter(AuditFilter::new()))
            .init();

        let at = line!();
        audit!("macro");
        info!(name: "foreign", target: "audit", n = 1);
        drop(audit_span!("span"));
        log::info!(target: "audit", "record");
        trail.log.append(Draft::new("appended")).unwrap();
        trail.log.self_test().unwrap();

        let source = |event_type: &str| trail.entry(event_type)["context"]["source"].clone();
        let place = |via, line| value!({"via": via, "module": module_path!(), "line": line});
        assert_eq!(source("macro"), place("macro", at + 1));
        assert_eq!(source("foreign"), place("event", at + 2));
        assert_eq!(source("span.opened"), place("span", at + 3));
        assert_eq!(source("span.closed"), place("span", at + 3));
        assert_eq!(source("event"), place("event", at + 4));
        assert_eq!(source("appended"), value!({"via": "append"}));
        let own = trail.all_entries().into_iter().filter(|entry| entry["context"]["source"]["via"] == "log");
        assert!(
            own.clone().count() == 2
                && own.clone().all(|entry| entry["context"]["source"].as_object().unwrap().len() == 1)
        );
        trail.close_and_verify();
    });
}

#[test]
fn source_location_is_not_recorded_by_default() {
    let trail = TestLog::new();

    try_audit!(log: trail.log, "macro").unwrap();

    assert!(trail.entry("macro").get("context").is_none());
}

#[test]
fn log_can_be_used_after_a_caught_panic() {
    let trail = TestLog::new();
    let log: &AuditLog = &trail.log;

    std::panic::catch_unwind(|| {
        audit!(log: log, "before");
        panic!("as it is meant to");
    })
    .unwrap_err();
    audit!(log: log, "after");

    assert_eq!(trail.event_types(), ["before", "after"]);
    trail.close_and_verify();
}
