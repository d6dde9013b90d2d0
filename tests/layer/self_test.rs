//! The self-test: losses that it finds in a stack, the causes that it names, and the entry that it records.

use std::{
    panic::{RefUnwindSafe, UnwindSafe},
    thread,
};

use kling_audit::{
    AuditFilter, AuditLayer, AuditLog, NotRecorded, audit,
    self_test::{Cause, SelfTestError},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tracing::{Event, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, fmt as fmt_layer, layer::Context, prelude::*, reload,
};

use crate::support::{
    log::TestLog,
    noisy::Panics,
    process::{isolated, isolated_with, test_path},
};

/// Probes that the self-test of this log lost, and their cause.
fn loss(log: &AuditLog) -> (Vec<&'static str>, Cause) {
    match log.self_test().unwrap_err() {
        SelfTestError::Lost { lost, cause, .. } => (lost, cause),
        other => panic!("{other:?}"),
    }
}

/// Details of the only `audit_self_test` entry.
fn outcome(trail: &TestLog) -> Value {
    let own: Vec<_> =
        trail.all_entries().into_iter().filter(|entry| entry["event_type"] == "audit_self_test").collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["context"], json!({"source": {"via": "log"}}));
    assert_eq!(own[0]["actor"], "system");
    own[0]["details"].clone()
}

#[test]
fn self_test_passes_in_a_stack_without_loss() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(fmt_layer::layer().with_writer(std::io::sink).with_filter(EnvFilter::from_default_env()))
            .init();

        let receipt = trail.log.self_test().unwrap();
        audit!("after");

        let probe = |case| json!({"what": case, "passed": true});
        let expected = json!({"passed": true, "probes": [probe("macro"), probe("event"), probe("span")]});
        assert_eq!(outcome(&trail), expected);
        assert_eq!(receipt.seq, 1, "the probes themselves are not recorded");
        assert_eq!(trail.event_types(), ["after"]);
        assert_eq!((trail.log.counters().recorded, trail.log.counters().not_recorded), (1, 0));
        trail.close_and_verify();
    });
}

#[test]
fn self_test_names_a_global_filter_that_is_off() {
    isolated_with(test_path!(), &[("RUST_LOG", "off")], || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).with(EnvFilter::from_default_env()).init();

        let error = trail.log.self_test().unwrap_err();

        let text = error.to_string();
        assert!(text.starts_with(&format!("self-test of {}: ", trail.log.directory().display())), "{text}");
        assert!(
            text.contains("other events with target `audit`, audit spans would not be recorded"),
            "{text}"
        );
        assert!(text.contains("drops INFO for target `audit`: give it to the layer"), "{text}");
        assert!(text.ends_with("or add `audit=info` to it"), "{text}");
        let expected = json!({"passed": false, "probes": [
            {"what": "macro", "passed": true}, {"what": "event", "passed": false}, {"what": "span", "passed": false}
        ]});
        assert_eq!(outcome(&trail), expected);
    });
}

#[test]
fn self_test_names_a_global_filter_without_rust_log() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(EnvFilter::from_default_env()).with(trail.log.layer()).init();

        let (lost, cause) = loss(&trail.log);

        assert_eq!(lost, ["event", "span"]);
        assert_eq!(cause, Cause::Filter { passes_errors: true });
        assert!(cause.to_string().contains("and lets ERROR through"));
    });
}

#[test]
fn remedy_named_by_the_self_test_works() {
    isolated_with(test_path!(), &[("RUST_LOG", "off,audit=info")], || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).with(EnvFilter::from_default_env()).init();

        trail.log.self_test().unwrap();
    });
}

#[test]
fn self_test_names_a_global_level() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).with(LevelFilter::OFF).init();

        assert_eq!(loss(&trail.log), (vec!["event", "span"], Cause::Filter { passes_errors: false }));
    });
}

#[test]
fn self_test_names_a_filter_of_spans_alone() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry()
            .with(trail.log.layer())
            .with(filter_fn(|metadata| metadata.is_event()))
            .init();

        let (lost, cause) = loss(&trail.log);

        assert_eq!(lost, ["span"]);
        assert!(matches!(cause, Cause::Filter { .. }), "{cause:?}");
    });
}

/// A layer that refuses all events with target `audit` in `event_enabled`, after the filters.
struct Refuses;

impl<S: Subscriber> Layer<S> for Refuses {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        event.metadata().target() != "audit"
    }
}

#[test]
fn self_test_names_a_layer_that_refuses_events() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).with(Refuses).init();

        assert_eq!(loss(&trail.log), (vec!["event"], Cause::Layer));
    });
}

#[test]
fn self_test_names_a_filter_around_the_layer() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry()
            .with(fmt_layer::layer().with_writer(std::io::sink))
            .with(trail.log.layer().with_filter(LevelFilter::WARN))
            .init();

        assert_eq!(loss(&trail.log), (vec!["event", "span"], Cause::Layer));
    });
}

#[test]
fn self_test_names_a_missing_layer() {
    isolated(test_path!(), || {
        let (trail, installed) = (TestLog::new(), TestLog::new());
        let nowhere = loss(&trail.log);
        tracing_subscriber::registry().with(installed.log.layer()).init();
        let _not_added: Box<dyn Layer<tracing_subscriber::Registry>> = trail.log.layer().boxed();

        assert_eq!(nowhere, (vec!["macro", "event", "span"], Cause::NoSubscriber));
        assert_eq!(loss(&trail.log), (vec!["macro", "event", "span"], Cause::NoLayer));
        installed.log.self_test().unwrap();
        assert_eq!(installed.log.counters().recorded, 0);
    });
}

#[test]
fn self_test_names_a_missing_subscriber() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        trail.log.set_global();

        assert_eq!(loss(&trail.log), (vec!["event", "span"], Cause::NoSubscriber));
    });
}

#[test]
fn self_test_names_a_layer_that_panics() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).with(Panics).init();

        assert_eq!(loss(&trail.log), (vec!["macro", "event"], Cause::Panic));
    });
}

#[test]
fn self_test_finds_hidden_and_repeated_layers() {
    isolated(test_path!(), || {
        let (a, b) = (TestLog::new(), TestLog::new());
        let (hidden, _handle) = reload::Layer::new(AuditLayer::new(&a.log));
        tracing_subscriber::registry()
            .with(hidden.with_filter(AuditFilter::new()))
            .with(Some(b.log.layer()))
            .with(a.log.layer())
            .init();

        a.log.self_test().unwrap();
        b.log.self_test().unwrap();
        thread::scope(|scope| scope.spawn(|| a.log.self_test().unwrap()).join()).unwrap();

        assert_eq!(a.all_entries().len(), 3);
        assert_eq!(b.all_entries().len(), 2);
    });
}

#[test]
fn self_test_uses_a_scoped_subscriber() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let subscriber = tracing_subscriber::registry().with(trail.log.layer());

        tracing::subscriber::with_default(subscriber, || trail.log.self_test().unwrap());

        assert_eq!(loss(&trail.log).1, Cause::NoSubscriber);
    });
}

/// A layer that collects the messages of all events.
#[derive(Default)]
struct Collects(Mutex<Vec<String>>);

impl<S: Subscriber> Layer<S> for &'static Collects {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Message(String);
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().push(message.0);
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "audit"
    }
}

#[test]
fn other_layers_see_two_events_of_the_self_test() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let collects: &'static Collects = Box::leak(Box::default());
        tracing_subscriber::registry().with(trail.log.layer()).with(collects).init();

        trail.log.self_test().unwrap();

        assert_eq!(*collects.0.lock(), ["\"self-test of the audit log\""; 2]);
    });
}

#[test]
fn self_test_of_a_closed_log_is_an_error() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        tracing_subscriber::registry().with(trail.log.layer()).init();
        trail.log.close().unwrap();

        let error = trail.log.self_test().unwrap_err();

        let SelfTestError::NotRecorded { source, .. } = &error else { panic!("{error:?}") };
        assert!(matches!(source, NotRecorded::Closed(_)), "{source:?}");
        assert!(error.to_string().ends_with("the log was closed"), "{error}");
    });
}

#[test]
fn handles_are_unwind_safe() {
    fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

    is_unwind_safe::<AuditLog>();
    is_unwind_safe::<AuditLayer>();
}
