//! The layer and the macros in stacks of all kinds, each under a global subscriber in a process of its own.

use std::{
    cell::RefCell,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use kling_audit::{
    AuditFilter, AuditLayer, Draft, Durability, NotRecorded, audit, audit_span, json, try_audit,
};
use parking_lot::Mutex;
use serde_json::json as value;
use tracing::{Event, Metadata, Subscriber, info, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::filter_fn,
    fmt as fmt_layer,
    layer::{Context, Filter},
    prelude::*,
    reload,
};

use crate::support::{
    log::TestLog,
    noisy::{Noisy, Panics},
    printed::Printed,
    process::{isolated, isolated_after, isolated_with, test_path},
};

/// A layer with fixed answers for `enabled` and `event_enabled`.
struct Refuses {
    enabled: bool,
    event_enabled: bool,
}

impl<S: Subscriber> Layer<S> for Refuses {
    fn enabled(&self, _: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.enabled
    }

    fn event_enabled(&self, _: &Event<'_>, _: Context<'_, S>) -> bool {
        self.event_enabled
    }
}

/// A layer that counts the events it receives.
#[derive(Clone, Default)]
struct Counts(Arc<AtomicUsize>);

impl Counts {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl<S: Subscriber> Layer<S> for Counts {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A filter that decides for each event again, as `EnvFilter` does with span directives.
struct Dynamic(fn(&Metadata<'_>) -> bool);

impl<S> Filter<S> for Dynamic {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        (self.0)(metadata)
    }
}

/// Fails unless three events of the macros are recorded: every stack must record them.
fn assert_macro_events_are_recorded(trail: &TestLog) {
    let first = try_audit!("first", n = 1).unwrap();
    audit!("second", n = 2);
    audit!("third", level: ERROR, n = 3);

    assert_eq!(trail.event_types(), ["first", "second", "third"]);
    assert_eq!(trail.entries()[0]["seq"], first.seq);
    trail.close_and_verify();
}

#[test]
fn macros_pass_a_global_filter_that_is_off() {
    isolated_with(test_path!(), &[("RUST_LOG", "off")], || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).with(EnvFilter::from_default_env()).init();

        assert_macro_events_are_recorded(&trail);
    });
}

#[test]
fn macros_pass_the_default_env_filter() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let printed = Printed::default();
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(printed.layer())
            .with(EnvFilter::from_default_env())
            .init();

        assert_macro_events_are_recorded(&trail);

        assert!(!printed.text().contains("second"));
        assert!(printed.text().contains("third"));
    });
}

#[test]
fn filter_of_another_layer_does_not_apply_to_the_audit_layer() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let printed = Printed::default();
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(printed.layer().with_filter(EnvFilter::from_default_env()))
            .init();

        info!(name: "foreign", target: "audit", n = 0);

        assert_eq!(trail.event_types(), ["foreign"]);
        assert_eq!(printed.text(), "");
    });
}

#[test]
fn macros_pass_a_layer_that_disables_everything() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let refuses = Refuses { enabled: false, event_enabled: true };
        tracing_subscriber::registry().with(trail.log.layer()).with(refuses).init();

        assert_macro_events_are_recorded(&trail);
    });
}

#[test]
fn macros_pass_a_layer_that_disables_each_event() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let refuses = Refuses { enabled: true, event_enabled: false };
        tracing_subscriber::registry().with(trail.log.layer()).with(refuses).init();

        assert_macro_events_are_recorded(&trail);
    });
}

#[test]
fn event_is_recorded_though_an_earlier_layer_panics() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(Panics).with(trail.log.layer()).init();

        assert_events_are_recorded_and_panics_passed_on(&trail);
    });
}

#[test]
fn event_is_recorded_though_a_later_layer_panics() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).with(Panics).init();

        assert_events_are_recorded_and_panics_passed_on(&trail);
    });
}

fn assert_events_are_recorded_and_panics_passed_on(trail: &TestLog) {
    catch_unwind(|| audit!("first")).unwrap_err();
    catch_unwind(|| audit!("second")).unwrap_err();

    assert_eq!(trail.event_types(), ["first", "second"]);
    trail.close_and_verify();
}

#[test]
fn macros_pass_a_filter_around_the_layer() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer().with_filter(LevelFilter::OFF)).init();

        assert_macro_events_are_recorded(&trail);
    });
}

#[test]
fn reloaded_layer_records_in_the_current_log() {
    isolated(test_path!(), || {
        let (before, after) = (TestLog::new(), TestLog::new());
        let (layer, handle) = reload::Layer::new(AuditLayer::new(&before.log));
        tracing_subscriber::registry().with(layer.with_filter(AuditFilter::new())).init();
        let span = audit_span!("span");

        let receipt = try_audit!("first", n = 1).unwrap();
        handle.reload(AuditLayer::new(&after.log)).unwrap();
        let elsewhere = span.in_scope(|| try_audit!("second").unwrap());
        info!(name: "third", target: "audit", n = 1);
        before.log.close().unwrap();
        handle.reload(AuditLayer::new(&before.log)).unwrap();
        let failure = try_audit!("late").unwrap_err();

        assert_eq!(before.entry("first")["seq"], receipt.seq);
        assert_eq!(before.event_types(), ["span.opened", "first"]);
        assert_eq!(after.event_types(), ["second", "third"]);
        assert_eq!(after.entry("second")["seq"], elsewhere.seq);
        assert!(after.entry("second").get("context").is_none());
        assert!(matches!(failure, NotRecorded::Closed(_)), "{failure:?}");
    });
}

#[test]
fn global_log_replaces_a_hidden_filtered_layer() {
    isolated_with(test_path!(), &[("RUST_LOG", "off")], || {
        let trail = TestLog::new();
        let (layer, _handle) = reload::Layer::new(trail.log.layer());
        tracing_subscriber::registry().with(layer).with(EnvFilter::from_default_env()).init();

        let failure = try_audit!("too early").unwrap_err();
        trail.log.set_global();

        assert!(matches!(failure, NotRecorded::NoLog));
        assert_macro_events_are_recorded(&trail);
    });
}

#[test]
fn reload_and_global_log_record_an_event_once() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let (layer, _handle) = reload::Layer::new(trail.log.layer());
        tracing_subscriber::registry().with(layer).init();
        trail.log.set_global();

        assert_macro_events_are_recorded(&trail);
    });
}

#[test]
fn wrapped_layers_record() {
    isolated(test_path!(), || {
        let trails: Vec<_> = (0..4).map(|_| TestLog::new()).collect();
        tracing_subscriber::registry()
            .with(Some(trails[0].log.layer()))
            .with(vec![trails[1].log.layer().boxed()])
            .with(trails[2].log.layer().and_then(Counts::default()))
            .with(None::<Counts>)
            .with(trails[3].log.layer())
            .init();

        audit!("macro");
        info!(name: "foreign", target: "audit", n = 1);
        drop(audit_span!("span"));

        for trail in &trails {
            assert_eq!(trail.event_types(), ["macro", "foreign", "span.opened", "span.closed"]);
            trail.close_and_verify();
        }
    });
}

#[test]
fn event_in_a_field_is_recorded_first() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(fmt_layer::layer().with_writer(io::sink))
            .init();

        audit!("outer", inner = try_audit!("inner", n = 1).unwrap().seq);

        assert_eq!(trail.event_types(), ["inner", "outer"]);
        assert_eq!(trail.entry("outer")["details"], value!({"inner": 1}));
    });
}

#[test]
fn events_of_a_debug_implementation_are_recorded() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        audit!("outer", noisy = ?Noisy(|| drop(audit!("inner"))));
        info!(name: "foreign", target: "audit", noisy = ?Noisy(|| info!(name: "nested", target: "audit", n = 1)));
        let span =
            audit_span!("span", noisy = ?Noisy(|| drop(audit!("opening"))), later = tracing::field::Empty);
        span.record("later", tracing::field::debug(Noisy(|| drop(audit!("recording")))));
        drop(span);

        let expected =
            ["inner", "outer", "nested", "foreign", "opening", "span.opened", "recording", "span.closed"];
        assert_eq!(trail.event_types(), expected);
        trail.close_and_verify();
    });
}

#[test]
fn nested_event_is_recorded_once_in_each_of_two_logs() {
    isolated(test_path!(), || {
        let (a, b) = (TestLog::new(), TestLog::new());
        tracing_subscriber::registry().with(a.log.layer()).with(b.log.layer()).init();

        audit!("outer", noisy = ?Noisy(|| drop(audit!("inner"))));

        assert_eq!(a.event_types(), ["inner", "outer"]);
        assert_eq!(b.event_types(), ["inner", "outer"]);
    });
}

#[test]
fn panic_in_debug_leaves_the_layer_usable() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();
        let span = audit_span!("span", later = tracing::field::Empty);
        let _entered = span.enter();

        for _ in 0..3 {
            catch_unwind(|| audit!("lost", noisy = ?Noisy(|| panic!("as it is meant to")))).unwrap_err();
            catch_unwind(|| info!(target: "audit", noisy = ?Noisy(|| panic!("as it is meant to"))))
                .unwrap_err();
            let record = || {
                span.record("later", tracing::field::debug(Noisy(|| panic!("as it is meant to"))));
            };
            catch_unwind(AssertUnwindSafe(record)).unwrap_err();
        }
        audit!("macro");
        info!(name: "foreign", target: "audit", n = 1);

        assert_eq!(trail.event_types(), ["span.opened", "macro", "foreign"]);
        assert_eq!(trail.entry("macro")["context"]["span"], "span");
    });
}

#[test]
fn calls_of_enabled_lose_no_event() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let dynamic = Dynamic(|metadata| metadata.target() == "other");
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(Counts::default().with_filter(dynamic))
            .init();

        let question = Noisy(|| {
            tracing::enabled!(target: "unaudited", tracing::Level::INFO);
            info!(target: "unaudited", "not audited");
        });
        for _ in 0..10 {
            tracing::enabled!(target: "unaudited", tracing::Level::INFO);
            info!(name: "a", target: "audit", question = ?question);
            tracing::enabled!(target: "other", tracing::Level::INFO);
            let _span = tracing::info_span!(target: "audit", "b", question = ?question).entered();
            info!(name: "c", target: "audit", n = { info!(target: "unaudited", "not audited either"); 1 });
        }

        let expected: Vec<_> =
            std::iter::repeat_n(["a", "b.opened", "c", "b.closed"], 10).flatten().collect();
        assert_eq!(trail.event_types(), expected);
    });
}

#[test]
fn two_logs_in_one_stack_record_the_same() {
    isolated(test_path!(), || {
        let (a, b) = (TestLog::new(), TestLog::new());
        audit!(log: a.log, "only here");
        tracing_subscriber::registry().with(a.log.layer()).with(b.log.layer()).init();

        let span = audit_span!("span", actor = "alice");
        let receipt = span.in_scope(|| {
            info!(name: "foreign", target: "audit", n = 1);
            try_audit!("macro", n = 2).unwrap()
        });
        drop(span);

        assert_eq!(a.event_types()[1..], b.event_types());
        assert_eq!(b.event_types(), ["span.opened", "foreign", "macro", "span.closed"]);
        for trail in [&a, &b] {
            let opened = trail.entry("span.opened")["seq"].clone();
            for event_type in ["foreign", "macro", "span.closed"] {
                assert_eq!(trail.entry(event_type)["context"], value!({"span": "span", "span_seq": opened}));
                assert_eq!(trail.entry(event_type)["actor"], "alice");
            }
        }
        assert_eq!(b.entry("macro")["hash"], receipt.hash.to_string());
    });
}

#[test]
fn two_layers_of_one_log_record_once() {
    isolated(test_path!(), || {
        let (trail, other) = (TestLog::new(), TestLog::new());
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(other.log.layer())
            .with(trail.log.layer())
            .init();

        audit!("macro");
        info!(name: "foreign", target: "audit", n = 1);
        drop(audit_span!("span"));

        assert_eq!(trail.event_types(), ["macro", "foreign", "span.opened", "span.closed"]);
        assert_eq!(other.event_types(), trail.event_types());
    });
}

#[test]
fn named_log_receives_the_event() {
    isolated(test_path!(), || {
        let (installed, other) = (TestLog::new(), TestLog::new());
        tracing_subscriber::registry().with(installed.log.layer()).init();
        let span = audit_span!("span", actor = "alice").entered();

        let receipt = try_audit!(log: installed.log, "installed", n = 1).unwrap();
        let elsewhere = try_audit!(log: &other.log, "elsewhere", n = 1).unwrap();
        drop(span);

        assert_eq!(installed.event_types(), ["span.opened", "installed", "elsewhere", "span.closed"]);
        assert_eq!(installed.entry("installed")["seq"], receipt.seq);
        assert_eq!(installed.entry("installed")["context"]["span"], "span");
        assert_eq!(other.event_types(), ["elsewhere"]);
        assert_eq!(other.entry("elsewhere")["seq"], elsewhere.seq);
        assert!(other.entry("elsewhere").get("context").is_none());
    });
}

#[test]
fn scoped_subscriber_records_only_its_own_events() {
    isolated(test_path!(), || {
        let (global, scoped) = (TestLog::new(), TestLog::new());
        tracing_subscriber::registry().with(global.log.layer()).init();

        audit!("before");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(scoped.log.layer()), || {
            audit!("inside", noisy = ?Noisy(|| drop(audit!("nested"))));
            info!(name: "foreign", target: "audit", n = 1);
            drop(audit_span!("span"));
            thread::scope(|scope| drop(scope.spawn(|| audit!("other thread")).join().unwrap()));
        });
        audit!("after");

        assert_eq!(global.event_types(), ["before", "other thread", "after"]);
        assert_eq!(scoped.event_types(), ["nested", "inside", "foreign", "span.opened", "span.closed"]);
    });
}

#[test]
fn macro_without_subscriber_uses_the_global_log() {
    isolated(test_path!(), || {
        let (first, second) = (TestLog::new(), TestLog::new());

        let failure = try_audit!("nowhere").unwrap_err();
        assert!(audit!("nowhere").receipt().is_none());
        first.log.set_global();
        let receipt = try_audit!("first", actor = "alice").unwrap();
        second.log.set_global();
        audit!("second");

        assert!(matches!(failure, NotRecorded::NoLog), "{failure:?}");
        assert_eq!(first.entry("first")["hash"], receipt.hash.to_string());
        assert_eq!(first.event_types(), ["first"]);
        assert_eq!(second.event_types(), ["second"]);
    });
}

#[test]
fn global_log_records_beside_a_subscriber_without_layer() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let counts = Counts::default();
        trail.log.set_global();
        tracing_subscriber::registry().with(counts.clone()).init();

        assert_macro_events_are_recorded(&trail);

        assert_eq!(counts.get(), 3);
    });
}

#[test]
fn event_of_a_closed_log_is_an_error() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let counts = Counts::default();
        tracing_subscriber::registry().with(trail.log.layer()).with(counts.clone()).init();
        trail.log.close().unwrap();

        let failure = try_audit!("late").unwrap_err();
        info!(target: "audit", "late as well");

        assert!(matches!(failure, NotRecorded::Closed(_)), "{failure:?}");
        assert_eq!(counts.get(), 2);
        assert_eq!(trail.event_types(), [""; 0]);
    });
}

#[test]
fn reserved_type_at_run_time_is_refused_or_renamed() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        let reserved = try_audit!(event_type = "audit_started", n = 1).unwrap_err();
        let empty = try_audit!(event_type = "", n = 1).unwrap_err();
        info!(target: "audit", event_type = "audit_started", n = 1);

        assert!(matches!(reserved, NotRecorded::Reserved(_)), "{reserved:?}");
        assert!(matches!(empty, NotRecorded::Invalid(_)), "{empty:?}");
        assert_eq!(trail.event_types(), ["event"]);
        assert_eq!(trail.entry("event")["context"], value!({"wanted_type": "audit_started"}));
    });
}

#[test]
fn macro_in_a_span_dropped_by_a_filter_is_recorded() {
    isolated_with(test_path!(), &[("RUST_LOG", "off")], || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).with(EnvFilter::from_default_env()).init();

        let span = audit_span!("span", actor = "alice");
        span.in_scope(|| audit!("inside"));

        assert!(span.is_disabled());
        assert_eq!(trail.event_types(), ["inside"]);
    });
}

#[test]
fn only_the_target_audit_is_recorded() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(fmt_layer::layer().with_writer(io::sink))
            .init();

        info!(target: "audit", n = 1);
        info!(target: "audit::x", n = 2);
        info!(target: "auditor", n = 3);
        info!(target: "audit:", n = 4);
        info!(target: "my::audit", n = 5);
        info!(target: "Audit", n = 6);
        info!(target: "", n = 7);
        info!(n = 8);
        let _span = tracing::info_span!(target: "auditor", "span").entered();
        info!(name: "named", target: "audit::x::y", actor = 5, event_type = "typed", n = 9, "said {}", 1);

        let details: Vec<_> = trail.entries().iter().map(|entry| entry["details"].clone()).collect();
        assert_eq!(details, [value!({"n": 1}), value!({"n": 2}), value!({"n": 9, "message": "said 1"})]);
        assert_eq!(trail.event_types(), ["event", "event", "typed"]);
        assert_eq!(trail.entry("typed")["actor"], "5");
        assert!(trail.entry("typed").get("context").is_none());
    });
}

#[test]
fn audit_layer_takes_no_event_from_other_layers() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let (printed, unfiltered, warnings) = (Printed::default(), Counts::default(), Counts::default());
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(printed.layer())
            .with(unfiltered.clone())
            .with(warnings.clone().with_filter(LevelFilter::WARN))
            .init();

        tracing::trace!("a trace");
        tracing::debug!("a debug");
        info!("an info");
        tracing::warn!("a warning");
        audit!("a_macro", rows = 2);
        audit!("a_warning", level: WARN, "with a message");

        for text in ["TRACE", "DEBUG", "a trace", "a debug", "audit: a_macro rows=2", "audit: with a message"]
        {
            assert!(printed.text().contains(text), "{text} in {}", printed.text());
        }
        assert_eq!(unfiltered.get(), 6);
        assert_eq!(warnings.get(), 2);
    });
}

#[test]
fn audit_layer_alone_enables_only_audit_events() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        assert!(!tracing::enabled!(tracing::Level::ERROR));
        assert!(!tracing::enabled!(target: "auditor", tracing::Level::ERROR));
        assert!(tracing::enabled!(target: "audit", tracing::Level::INFO));
        assert_eq!(LevelFilter::current(), LevelFilter::INFO);
    });
}

#[test]
fn values_of_every_kind_are_recorded() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();
        let low = io::Error::other("no space");
        let error = Wrapped("export failed", io::Error::other(Wrapped("write rows.csv", low)));
        let error: &(dyn std::error::Error + 'static) = &error;
        let deep = (0..200).fold(value!(1), |inner, _| value!([inner]));

        info!(
            name: "kinds",
            target: "audit",
            text = "a\u{2028}b",
            yes = true,
            small = -1i8,
            large = u64::MAX,
            low = i128::MIN,
            high = u128::MAX,
            half = 0.5,
            nan = f64::NAN,
            infinite = f32::NEG_INFINITY,
            bytes = &[0u8, 255, 16][..],
            error,
            debug = ?Some(1),
            display = %"shown",
            none = None::<u8>,
            empty = tracing::field::Empty,
            some = Some("text"),
            structure = json(&value!({"b": [1, null, "x"], "a": {"token": "hidden"}})),
            deep = json(&deep),
            password = "hidden",
        );

        let mut details = trail.entry("kinds")["details"].clone();
        let deep = details["deep"].take();
        assert!(deep.as_str().is_some_and(|text| text.starts_with("[not serialisable: ")), "{deep}");
        let expected = value!({
            "text": "a\u{2028}b", "yes": true, "small": -1, "large": u64::MAX, "half": 0.5,
            "low": details["low"], "high": details["high"],
            "nan": "NaN", "infinite": "-Infinity", "bytes": "00ff10",
            "error": "export failed: write rows.csv: no space", "debug": "Some(1)", "display": "shown", "some": "text",
            "structure": {"b": [1, null, "x"], "a": {"token": "[redacted]"}}, "deep": null, "password": "[redacted]",
        });
        assert_eq!(details, expected);
        assert_eq!(trail.entry("kinds")["context"], value!({"redacted": ["password", "structure.a.token"]}));
    });
}

/// An error with a source.
#[derive(Debug)]
struct Wrapped<E>(&'static str, E);

impl<E> fmt::Display for Wrapped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Wrapped<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.1)
    }
}

#[test]
fn repeated_field_keeps_its_last_value() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        info!(name: "twice", target: "audit", n = 1, actor = "a", m = 2, n = 3, actor = "b");

        let entry = trail.entry("twice");
        assert_eq!(entry["details"], value!({"n": 3, "m": 2}));
        assert_eq!(entry["actor"], "b");
        assert_eq!(entry["context"], value!({"duplicate_fields": ["n", "actor"]}));
    });
}

#[tracing::instrument(target = "audit", err, ret, skip(_skipped))]
fn instrumented(account: &str, password: &str, _skipped: u8) -> Result<usize, io::Error> {
    audit!("inside");
    if account == "unknown" {
        Err(io::Error::other("no such account"))
    } else {
        Ok(account.len() + password.len())
    }
}

#[test]
fn instrumented_functions_are_recorded() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        instrumented("alice", "hunter2", 1).unwrap();
        instrumented("unknown", "hunter2", 2).unwrap_err();

        let entries = trail.entries();
        let types = ["instrumented.opened", "inside", "event", "instrumented.closed"];
        assert_eq!(trail.event_types(), [types, types].concat());
        assert_eq!(entries[0]["details"], value!({"account": "alice", "password": "[redacted]"}));
        assert_eq!(entries[0]["context"], value!({"redacted": ["password"]}));
        assert_eq!(entries[2]["details"], value!({"return": "12"}));
        assert_eq!(entries[6]["details"], value!({"error": "no such account"}));
        assert_eq!(entries[7]["details"]["password"], "[redacted]");
        assert_eq!(entries[6]["context"]["span_seq"], entries[4]["seq"]);
        assert!(!entries.iter().any(|entry| entry.to_string().contains("hunter2")));
    });
}

#[test]
fn fields_recorded_later_appear_in_later_entries() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();
        let empty = tracing::field::Empty;

        let span = audit_span!("span", actor = empty, rows = empty, tables = 1, busy_us = "theirs");
        span.in_scope(|| audit!("before"));
        span.record("actor", "alice");
        for rows in 0..100_000 {
            span.record("rows", rows);
        }
        span.record("undeclared", 1);
        span.in_scope(|| audit!("after"));
        drop(span);

        assert_eq!(trail.entry("span.opened")["actor"], "system");
        assert_eq!(trail.entry("span.opened")["details"], value!({"tables": 1, "busy_us": "theirs"}));
        assert_eq!(trail.entry("before")["actor"], "system");
        assert_eq!(trail.entry("after")["actor"], "alice");
        let closed = trail.entry("span.closed");
        assert_eq!(closed["actor"], "alice");
        assert_eq!(closed["details"]["rows"], 99_999);
        assert_eq!(closed["details"]["tables"], 1);
        assert!(closed["details"]["busy_us"].is_u64() && closed["details"]["idle_us"].is_u64());
        assert_eq!(closed["context"]["duplicate_fields"], value!(["busy_us"]));
        assert_eq!(closed["context"]["span_seq"], trail.entry("span.opened")["seq"]);
    });
}

#[test]
fn explicit_parent_replaces_the_current_span() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(fmt_layer::layer().with_writer(io::sink))
            .init();

        let outer = audit_span!("outer", actor = "alice");
        let between = tracing::info_span!(parent: &outer, "not audited");
        let inner = audit_span!("inner", parent: &between, n = 1);
        let apart = audit_span!(parent: None, "apart", n = 2);
        apart.follows_from(&outer);
        {
            let _entered = apart.enter();
            audit!("current");
            audit!("child", parent: &inner, n = 3);
            audit!(parent: inner.id(), "of_id");
            audit!(parent: None, "root");
            info!(name: "foreign", target: "audit", parent: &inner, n = 4);
            info!(name: "foreign_root", target: "audit", parent: None, n = 5);
        }

        let span_of = |event_type: &str| trail.entry(event_type)["context"]["span"].clone();
        assert_eq!(span_of("outer.opened"), value!(null));
        assert_eq!(span_of("inner.opened"), "outer");
        assert_eq!(trail.entry("inner.opened")["actor"], "alice");
        assert_eq!(span_of("apart.opened"), value!(null));
        assert_eq!(span_of("current"), "apart");
        assert_eq!(trail.entry("current")["actor"], "system");
        for event_type in ["child", "of_id", "foreign"] {
            assert_eq!(span_of(event_type), "inner");
            assert_eq!(trail.entry(event_type)["actor"], "alice");
        }
        assert_eq!(span_of("root"), value!(null));
        assert_eq!(span_of("foreign_root"), value!(null));
    });
}

#[test]
fn span_entered_by_several_threads_is_one_span() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        let begun = std::time::Instant::now();
        let span = audit_span!("span", actor = "alice");
        thread::scope(|scope| {
            for n in 0..8 {
                let span = span.clone();
                scope.spawn(move || {
                    span.in_scope(|| {
                        thread::sleep(std::time::Duration::from_millis(5));
                        audit!("inside", n);
                    })
                });
            }
        });
        drop(span);
        let most = u64::try_from(begun.elapsed().as_micros()).expect("not that long");

        let entries = trail.entries();
        assert_eq!(entries.len(), 10);
        for entry in &entries[1..] {
            assert_eq!(entry["context"], value!({"span": "span", "span_seq": entries[0]["seq"]}));
            assert_eq!(entry["actor"], "alice");
        }
        // The span is busy while at least one thread is inside. Threads that are inside together count once.
        let details = &entries[9]["details"];
        assert!(details["busy_us"].as_u64().unwrap() <= most, "{details}");
    });
}

#[test]
fn event_of_an_ending_thread_is_recorded() {
    isolated(test_path!(), || {
        struct AtTheEnd;
        impl Drop for AtTheEnd {
            fn drop(&mut self) {
                audit!("at the end", n = 1);
            }
        }
        thread_local!(static END: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) });
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        let early = thread::spawn(|| {
            END.set(Some(AtTheEnd));
            audit!("before");
        });
        early.join().unwrap();
        let late = thread::spawn(|| {
            audit!("before");
            END.set(Some(AtTheEnd));
        });
        late.join().unwrap();

        assert_eq!(trail.event_types(), ["before", "at the end", "before", "at the end"]);
    });
}

#[test]
fn span_that_is_never_closed_has_only_an_opening() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();

        std::mem::forget(audit_span!("span"));
        audit!("after");

        assert_eq!(trail.event_types(), ["span.opened", "after"]);
        trail.close_and_verify();
    });
}

#[test]
fn filter_by_target_of_other_layers_keeps_working() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let (audited, others) = (Counts::default(), Counts::default());
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(audited.clone().with_filter(filter_fn(|metadata| metadata.target() == "audit")))
            .with(others.clone().with_filter(filter_fn(|metadata| metadata.target() != "audit")))
            .init();

        for n in 0..10 {
            audit!("macro", n);
            info!(name: "foreign", target: "audit", n);
            info!(n);
        }

        assert_eq!(trail.event_types().len(), 20);
        assert_eq!(audited.get(), 20);
        assert_eq!(others.get(), 10);
    });
}

#[test]
fn log_crate_records_are_recorded_only_if_enabled() {
    isolated(test_path!(), || {
        let (not_asked, asked) = (TestLog::new(), TestLog::new());
        tracing_subscriber::registry()
            .with(not_asked.log.layer())
            .with(AuditLayer::new(&asked.log).with_log_records().with_filter(AuditFilter::new()))
            .init();

        log::info!(target: "audit", "said {}", 1);
        log::warn!(target: "auditor", "said {}", 2);
        log::error!("said {}", 3);
        audit_span!("span", actor = "alice").in_scope(|| log::info!(target: "audit::x", "said {}", 4));

        assert_eq!(not_asked.event_types(), ["span.opened", "span.closed"]);
        assert_eq!(asked.event_types(), ["event", "span.opened", "event", "span.closed"]);
        assert_eq!(asked.entries()[0]["details"], value!({"message": "said 1"}));
        assert_eq!(asked.entries()[2]["details"], value!({"message": "said 4"}));
        assert_eq!(asked.entries()[2]["actor"], "alice");
    });
}

#[test]
fn events_below_info_need_another_layer() {
    isolated(test_path!(), || {
        let (alone, beside) = (TestLog::new(), TestLog::new());
        let emit = || {
            tracing::debug!(name: "low", target: "audit", n = 1);
            tracing::trace!(name: "lower", target: "audit", n = 1);
            info!(name: "promised", target: "audit", n = 1);
        };

        tracing::subscriber::with_default(tracing_subscriber::registry().with(alone.log.layer()), emit);
        tracing_subscriber::registry().with(beside.log.layer()).with(Counts::default()).init();
        emit();

        assert_eq!(alone.event_types(), ["promised"]);
        assert_eq!(beside.event_types(), ["low", "lower", "promised"]);
    });
}

#[test]
fn other_layers_print_structured_values_as_json() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let printed = Printed::default();
        tracing_subscriber::registry().with(trail.log.layer()).with(printed.layer()).init();

        audit!("structure", value = json(&value!({"a": [1, 2]})));

        assert!(printed.text().contains(r#"structure value={"a": [1, 2]}"#), "{}", printed.text());
    });
}

#[test]
fn events_of_the_clock_are_refused_as_reentered() {
    isolated(test_path!(), || {
        let losses: &'static Mutex<Vec<NotRecorded>> = Box::leak(Box::default());
        let trail = TestLog::with(|builder| {
            builder.clock(move || {
                if let Err(failure) = try_audit!("by_the_clock") {
                    losses.lock().push(failure);
                }
                info!(name: "by_the_clock", target: "audit", n = 1);
                drop(audit_span!("by_the_clock"));
                std::time::SystemTime::now().into()
            })
        });
        tracing_subscriber::registry().with(trail.log.layer()).init();

        audit!("macro");
        info!(name: "foreign", target: "audit", n = 1);
        drop(audit_span!("span"));

        assert_eq!(trail.event_types(), ["macro", "foreign", "span.opened", "span.closed"]);
        let losses = losses.lock();
        // The first loss is of the opening: no layer had the log yet.
        assert!(matches!(losses[0], NotRecorded::NoLog), "{losses:?}");
        assert!(losses[1..].iter().all(|loss| matches!(loss, NotRecorded::Reentered)), "{losses:?}");
        assert_eq!(losses.len(), 5);
    });
}

#[cfg(unix)]
#[test]
fn events_of_the_error_hook_are_refused() {
    isolated_after(test_path!(), "trap '' XFSZ; ulimit -f 32", || {
        let reports: &'static AtomicUsize = Box::leak(Box::default());
        let hook = move |_: &kling_audit::Error| {
            let failure = try_audit!("by_the_hook").unwrap_err();
            assert!(matches!(failure, NotRecorded::Reentered), "{failure:?}");
            tracing::error!(name: "by_the_hook", target: "audit", n = 1);
            drop(audit_span!("by_the_hook"));
            reports.fetch_add(1, Ordering::Relaxed);
        };
        let written = TestLog::with(|builder| builder.on_error(hook));
        let buffered = TestLog::with(|builder| builder.on_error(hook).durability(Durability::Buffered));
        tracing_subscriber::registry().with(written.log.layer()).with(buffered.log.layer()).init();
        let large = "x".repeat(40_000);

        audit!("before");
        info!(name: "too much", target: "audit", text = large);
        written.log.append(Draft::new("too much").detail("text", &large)).unwrap_err();
        audit!(log: written.log, "after");
        // The write of the buffered log fails in the flusher thread.
        while reports.load(Ordering::Relaxed) < 3 {
            thread::sleep(std::time::Duration::from_millis(1));
        }

        assert_eq!(written.event_types(), ["before", "after"]);
        written.close_and_verify();
    });
}

#[cfg(unix)]
#[test]
fn failed_write_is_returned_and_counted() {
    // Files of this process cannot grow beyond 16 or 32 KiB, depending on the unit of the shell. A longer write is an
    // error, because the shell ignores the signal that would end the process.
    isolated_after(test_path!(), "trap '' XFSZ; ulimit -f 32", || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();
        let large = "x".repeat(40_000);

        audit!("before");
        let failure = try_audit!("too much", text = large).unwrap_err();
        let lost = audit!("too much", text = large).receipt();
        info!(name: "too much", target: "audit", text = large);
        audit!("after");

        assert!(matches!(failure, NotRecorded::WriteFailed(_)), "{failure:?}");
        assert_eq!(lost, None);
        assert_eq!(trail.log.counters().not_recorded, 3);
        assert_eq!(trail.event_types(), ["before", "after"]);
        trail.close_and_verify();
    });
}
