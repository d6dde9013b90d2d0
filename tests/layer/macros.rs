//! The macros: accepted forms, order of evaluation, results. Most tests name the log, so they need no subscriber.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use kling_audit::{AuditLog, NotRecorded, Receipt, audit, audit_span, json, try_audit, try_audit_async};
use serde_json::{Value, json as value};

use crate::support::log::TestLog;

/// Details of the only entry.
fn details(trail: &TestLog) -> Value {
    let mut entries = trail.entries();
    assert_eq!(entries.len(), 1);
    entries.remove(0)["details"].take()
}

struct User {
    name: String,
    address: Address,
}

struct Address {
    city: &'static str,
}

impl User {
    fn audit(&self, log: &AuditLog) {
        audit!(log: log, "moved", self.name, %self.address.city, user.city = self.address.city);
    }
}

#[test]
fn fields_of_every_form_are_recorded() {
    const NAME: &str = "constant";
    const fn computed() -> &'static str {
        "computed"
    }
    let trail = TestLog::new();
    let (bare, debug, display) = (1, Some(2), "three");
    let user = User { name: "alice".to_owned(), address: Address { city: "Kyoto" } };
    let r#type = "raw";

    audit!(
        log: trail.log,
        "forms",
        bare,
        ?debug,
        %display,
        user.name,
        %user.address.city,
        r#type,
        a = 1,
        b = ?Some("x"),
        c = %format!("{}{}", 1, 2),
        d.e.f = 1.5,
        r#match.r#fn = true,
        "quoted" = 2,
        "quoted debug" = ?vec![1],
        "quoted display" = %'x',
        "é \"\u{1f600}\"" = "any text",
        {NAME} = 3,
        {computed()} = ?(),
        {concat!("concat", "enated")} = %4,
        none = None::<u8>,
        some = Some(5),
        empty = tracing::field::Empty,
        structure = json(&value!({"a": [1, 2]})),
        optional = Some(json(&[1, 2])),
    );

    let expected = value!({
        "bare": 1, "debug": "Some(2)", "display": "three", "user.name": "alice", "user.address.city": "Kyoto",
        "type": "raw", "a": 1, "b": "Some(\"x\")", "c": "12", "d.e.f": 1.5, "match.fn": true, "quoted": 2,
        "quoted debug": "[1]", "quoted display": "x", "é \"\u{1f600}\"": "any text", "constant": 3, "computed": "()",
        "concatenated": "4", "some": 5, "structure": {"a": [1, 2]}, "optional": [1, 2],
    });
    assert_eq!(details(&trail), expected);
}

#[test]
fn fields_of_self_have_dotted_names() {
    let trail = TestLog::new();

    User { name: "alice".to_owned(), address: Address { city: "Kyoto" } }.audit(&trail.log);

    assert_eq!(
        details(&trail),
        value!({"self.name": "alice", "self.address.city": "Kyoto", "user.city": "Kyoto"})
    );
}

#[test]
fn messages_of_every_form_are_recorded() {
    let trail = TestLog::new();
    let (log, user) = (&trail.log, "alice");

    audit!(log: log, "m", "plain");
    audit!(log: log, "m", "{user} and {}", 1);
    audit!(log: log, "m", "{user:?} and {other}", other = 2,);
    audit!(log: log, "m", a = 1, "after a field {user}");
    audit!(log: log, "m", { a = 1, ?user }, "braces {}", 2);
    audit!(log: log, "m", { a = 1, }, "braces");
    audit!(log: log, "m", concat!("con", "cat"));
    audit!(log: log, "m", message = "as a field", a = 1);
    audit!(log: log, "m", { a = 1 });

    let messages: Vec<_> = trail.entries().iter().map(|entry| entry["details"]["message"].clone()).collect();
    let expected = [
        "plain",
        "alice and 1",
        "\"alice\" and 2",
        "after a field alice",
        "braces 2",
        "braces",
        "concat",
        "as a field",
    ];
    assert_eq!(messages[..8], expected);
    assert_eq!(messages[8], value!(null));
    assert_eq!(trail.entries()[4]["details"]["user"], "\"alice\"");
}

#[test]
fn options_are_accepted_at_every_position() {
    let trail = TestLog::new();
    let shared = Arc::new(trail.log.clone());

    audit!("a", log: trail.log);
    audit!("b", log: &trail.log, level: WARN);
    audit!(level: ERROR, log: shared, parent: None, "c");
    audit!(level: tracing::Level::WARN, "d", log: &&trail.log, parent: None, n = 1);
    audit!(log: trail.log.clone(), "e", n = 1, "said");
    audit!(log: trail.log, event_type = "f");
    audit!(event_type = %"g", log: trail.log, n = 1);
    let event_type = "h";
    audit!(log: trail.log, event_type, n = 1);
    audit!(log: trail.log, %event_type, n = 1,);

    assert_eq!(trail.event_types(), ["a", "b", "c", "d", "e", "f", "g", "h", "h"]);
}

#[test]
fn fields_are_evaluated_once_and_in_order() {
    let trail = TestLog::new();
    let order = RefCell::new(Vec::new());
    let note = |n: u8| {
        order.borrow_mut().push(n);
        n
    };

    audit!(
        log: { note(0); &trail.log },
        "x",
        a = note(1),
        b = ?note(2),
        parent: { note(3); None },
        c = %note(4),
        "d" = note(5),
        "{} {}",
        note(6),
        note(7)
    );

    assert_eq!(*order.borrow(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(details(&trail), value!({"a": 1, "b": "2", "c": "4", "d": 5, "message": "6 7"}));
}

#[test]
fn field_expression_can_return_break_or_panic() {
    fn question(log: &AuditLog, text: &str) -> Result<Receipt, Box<dyn std::error::Error>> {
        Ok(try_audit!(log: log, "x", n = text.parse::<u8>()?, text)?)
    }
    fn early(log: &AuditLog, n: Option<u8>) -> u8 {
        audit!(log: log, "x", n = match n {
            Some(n) => n,
            None => return 0,
        });
        1
    }
    let trail = TestLog::new();

    question(&trail.log, "1").unwrap();
    question(&trail.log, "none").unwrap_err();
    assert_eq!((early(&trail.log, Some(2)), early(&trail.log, None)), (1, 0));
    for n in 0..10 {
        audit!(log: trail.log, "x", n = if n == 3 { break } else if n < 2 { continue } else { n });
    }
    catch_unwind(AssertUnwindSafe(|| {
        audit!(log: trail.log, "x", n = if trail.event_types().is_empty() { 1 } else { panic!("as it is meant to") });
    }))
    .unwrap_err();

    let numbers: Vec<_> = trail.entries().iter().map(|entry| entry["details"]["n"].clone()).collect();
    assert_eq!(numbers, [1, 2, 2]);
}

#[test]
fn futures_with_macros_are_send() {
    async fn number(n: u8) -> u8 {
        tokio::task::yield_now().await;
        n
    }
    async fn work(log: AuditLog) -> Result<Receipt, NotRecorded> {
        let _span = audit_span!("span", n = number(0).await, m = ?number(1).await);
        audit!(log: log, "first", a = number(1).await, b = ?number(2).await, "{} {}", number(3).await, "x");
        try_audit!(log: log, "second", a = %number(1).await, text = "x", c = number(2).await)
    }
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let trail = TestLog::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();

    let receipt =
        runtime.block_on(async { tokio::spawn(is_send(work(trail.log.clone()))).await.unwrap().unwrap() });

    assert_eq!(trail.entry("first")["details"], value!({"a": 1, "b": "2", "message": "3 x"}));
    assert_eq!(trail.entry("second")["seq"], receipt.seq);
}

#[test]
fn temporaries_live_until_the_entry_is_recorded() {
    let trail = TestLog::new();
    let shared = parking_lot::Mutex::new(vec![1, 2]);
    let mut counter = 0;
    let mut next = || {
        counter += 1;
        counter
    };

    audit!(log: trail.log, "x", text = String::from("owned").as_str(), length = shared.lock().len(), n = next(), m = next());
    audit!(log: trail.log, "y", last = *shared.lock().last().unwrap(), boxed = Box::new(1), unit = &mut 2);

    assert_eq!(trail.entry("x")["details"], value!({"text": "owned", "length": 2, "n": 1, "m": 2}));
    assert_eq!(trail.entry("y")["details"], value!({"last": 2, "boxed": 1, "unit": 2}));
}

#[test]
fn macros_work_in_generic_functions() {
    fn generic<T: std::fmt::Debug + tracing::Value, const N: usize>(log: &AuditLog, value: T) -> Receipt {
        try_audit!(log: log, "generic", value, debug = ?[&value; N], n = N).unwrap()
    }
    let trail = TestLog::new();

    generic::<_, 1>(&trail.log, "x");
    generic::<_, 2>(&trail.log, 5);

    assert_eq!(trail.entries()[1]["details"], value!({"value": 5, "debug": "[5, 5]", "n": 2}));
}

#[test]
fn event_can_have_110_fields() {
    let trail = TestLog::new();
    macro_rules! many {
        ($($name:ident)*) => { audit!(log: trail.log, "many", $($name = 1),*) };
    }
    many!(
        a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 c6 c7 c8 c9
        d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 f0 f1 f2 f3 f4 f5 f6 f7 f8 f9
        g0 g1 g2 g3 g4 g5 g6 g7 g8 g9 h0 h1 h2 h3 h4 h5 h6 h7 h8 h9 i0 i1 i2 i3 i4 i5 i6 i7 i8 i9
        j0 j1 j2 j3 j4 j5 j6 j7 j8 j9 k0 k1 k2 k3 k4 k5 k6 k7 k8 k9
    );

    assert_eq!(details(&trail).as_object().unwrap().len(), 110);
}

/// Names of a caller that would change the expansion of a macro which uses a path without `::` or `$crate`.
#[allow(dead_code, non_camel_case_types, non_upper_case_globals, unused_macros, reason = "they are bait")]
mod hostile {
    use super::TestLog;

    mod core {}
    mod std {}
    mod tracing {}
    mod tracing_core {}
    enum Option {}
    enum Result {}
    struct Some;
    struct None;
    struct Ok;
    struct Err;
    struct str;
    struct bool;
    struct Value;
    const value: u8 = 1;
    const name: u8 = 1;
    static META: u8 = 1;
    macro_rules! assert {
        ($($any:tt)*) => {
            compile_error!("hijacked")
        };
    }
    macro_rules! concat {
        ($($any:tt)*) => {
            compile_error!("hijacked")
        };
    }
    macro_rules! format_args {
        ($($any:tt)*) => {
            compile_error!("hijacked")
        };
    }
    macro_rules! panic {
        ($($any:tt)*) => {
            compile_error!("hijacked")
        };
    }

    #[test]
    fn caller_names_do_not_shadow_macro_names() {
        let trail = TestLog::new();
        let (debug, display, message, event, log) = (1, 2, 3, 4, 5);

        kling_audit::audit!(log: trail.log, "x", debug, display, message, event, log, level = 6, parent = 7, a = ?debug);
        kling_audit::audit!(log: trail.log, event_type = "y", parent: ::core::option::Option::None, "said {}", debug);
        ::core::mem::drop(
            kling_audit::audit_span!("span", parent: ::core::option::Option::None, debug, span = 1),
        );

        assert_eq!(trail.event_types(), ["x", "y"]);
    }

    use ::std::assert_eq;
}

/// A caller that denies all warnings. The expansion of the macros must cause none.
#[deny(warnings, clippy::all, clippy::pedantic)]
mod strict {
    use kling_audit::{AuditLog, NotRecorded, audit, audit_span, try_audit, try_audit_async};

    pub(super) fn uses(log: &AuditLog, user: &str, n: u64) -> Result<u64, NotRecorded> {
        let _span = audit_span!("span", user, n, later = tracing::field::Empty).entered();
        audit!(log: log, "one", actor = user, n, text = "x", float = 1.5, ?user, sum = n + 1);
        audit!(log: log, "two", actor = %user, list = ?[1, 2], "said {user} {}", n);
        audit!(log: log, event_type = user);
        Ok(try_audit!(log: log, "three", level: ERROR, n)?.seq)
    }

    pub(super) async fn awaits(log: &AuditLog, user: &str, n: u64) -> Result<u64, NotRecorded> {
        let first = try_audit_async!(log: log, "four", actor = %user, n, "said {user}");
        first.await?;
        try_audit_async!(log: log, event_type = user).await?;
        Ok(try_audit_async!(log: log, "five", level: ERROR, n).await?.seq)
    }
}

#[test]
fn macros_cause_no_warnings_for_strict_callers() {
    let trail = TestLog::new();

    let seq = strict::uses(&trail.log, "alice", 3).unwrap();
    let awaited = block_on(strict::awaits(&trail.log, "alice", 3)).unwrap();

    assert_eq!(trail.entry("three")["seq"], seq);
    assert_eq!(trail.entry("five")["seq"], awaited);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn awaited_events_of_every_form_are_recorded() {
    const NAME: &str = "constant";
    let trail = TestLog::new();
    let (bare, debug, event_type) = (1, Some(2), "by_value");
    let user = User { name: "alice".to_owned(), address: Address { city: "Kyoto" } };

    let receipts = block_on(async {
        [
            try_audit_async!(log: trail.log, "fields", bare, ?debug, %user.address.city, a.b = 1.5, "quoted" = ?'x',
                {NAME} = 3, none = None::<u8>, structure = json(&[1, 2]), actor = %user.name)
            .await,
            try_audit_async!("message", log: &trail.log, level: WARN, { bare, ?debug }, "{} and {bare}", user.name)
                .await,
            try_audit_async!(log: trail.log, event_type, parent: None, bare,).await,
            try_audit_async!(log: trail.log, %event_type).await,
        ]
        .map(|result| result.unwrap())
    });

    let entries = trail.entries();
    let seqs: Vec<u64> = receipts.iter().map(|receipt| receipt.seq).collect();
    let (types, there): (Vec<_>, Vec<_>) = entries
        .iter()
        .map(|entry| (entry["event_type"].as_str().unwrap(), entry["seq"].as_u64().unwrap()))
        .unzip();
    assert_eq!((types, there), (vec!["fields", "message", "by_value", "by_value"], seqs));
    let expected = value!({
        "bare": 1, "debug": "Some(2)", "user.address.city": "Kyoto", "a.b": 1.5, "quoted": "'x'", "constant": 3,
        "structure": [1, 2],
    });
    assert_eq!((&entries[0]["details"], &entries[0]["actor"]), (&expected, &value!("alice")));
    assert_eq!(entries[1]["details"], value!({"bare": 1, "debug": "Some(2)", "message": "alice and 1"}));
}

#[test]
fn borrows_end_before_the_future_is_awaited() {
    /// The fields borrow values that are not `Send`, and that end with the statement before the `await`.
    async fn work(log: AuditLog, shared: Arc<std::sync::Mutex<Vec<u8>>>) -> Result<Receipt, NotRecorded> {
        let length = async || shared.lock().unwrap().len();
        try_audit_async!(
            log: log,
            "x",
            awaited = length().await,
            last = *shared.lock().unwrap().last().unwrap(),
            text = String::from("owned").as_str(),
            local = std::rc::Rc::new(1).as_ref()
        )
        .await
    }
    fn is_send_and_static<T: Send + 'static>(value: T) -> T {
        value
    }
    let trail = TestLog::new();
    let shared = Arc::new(std::sync::Mutex::new(vec![1, 2]));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();

    let receipt = runtime.block_on(async {
        let text = String::from("gone before it is awaited");
        let recording = is_send_and_static(try_audit_async!(log: trail.log, "y", text = text.as_str()));
        drop(text);
        recording.await.unwrap();
        tokio::spawn(is_send_and_static(work(trail.log.clone(), shared))).await.unwrap().unwrap()
    });

    let expected = value!({"last": 2, "text": "owned", "local": 1, "awaited": 2});
    assert_eq!(trail.entry("x")["details"], expected);
    assert_eq!(trail.entry("x")["seq"], receipt.seq);
    assert_eq!(trail.entry("y")["details"], value!({"text": "gone before it is awaited"}));
}

#[test]
fn awaited_event_is_linked_before_it_is_awaited() {
    let trail = TestLog::new();

    let first = try_audit_async!(log: trail.log, "first");
    drop(try_audit_async!(log: trail.log, "dropped"));
    audit!(log: trail.log, "last");
    let receipt = block_on(first).unwrap();

    assert_eq!(trail.event_types(), ["first", "dropped", "last"]);
    assert_eq!(trail.entry("first")["seq"], receipt.seq);
    assert_eq!(trail.log.counters().recorded, 3);
}

#[test]
fn awaited_event_reaches_other_layers_and_names_its_spans() {
    use tracing_subscriber::prelude::*;

    #[derive(Clone, Default)]
    struct Names(Arc<parking_lot::Mutex<Vec<String>>>);
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Names {
        fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            self.0.lock().push(event.metadata().name().to_owned());
        }
    }
    let (trail, names) = (TestLog::new(), Names::default());
    let subscriber = tracing_subscriber::registry().with(trail.log.layer()).with(names.clone());

    let receipt = tracing::subscriber::with_default(subscriber, || {
        let _span = audit_span!("job", actor = "cron").entered();
        let recording = try_audit_async!("step", n = 1);
        assert_eq!(*names.0.lock(), ["step"], "before it is awaited");
        block_on(recording).unwrap()
    });

    let entry = trail.entry("step");
    assert_eq!((&entry["seq"], &entry["actor"]), (&value!(receipt.seq), &value!("cron")));
    assert_eq!(entry["context"]["span"], "job");
    assert_eq!(trail.event_types(), ["job.opened", "step", "job.closed"], "recorded once");
}

#[test]
fn awaited_event_finds_a_layer_under_reload() {
    use kling_audit::{AuditFilter, AuditLayer};
    use tracing_subscriber::{prelude::*, reload};

    let trail = TestLog::new();
    let (layer, _handle) = reload::Layer::new(AuditLayer::new(&trail.log));
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(AuditFilter::new()));

    let receipt =
        tracing::subscriber::with_default(subscriber, || block_on(try_audit_async!("x", n = 1)).unwrap());

    assert_eq!(trail.entry("x")["seq"], receipt.seq);
}

#[test]
fn awaited_event_returns_why_it_was_not_recorded() {
    let trail = TestLog::new();

    let no_log = block_on(try_audit_async!("x", n = 1)).unwrap_err();
    trail.log.close().unwrap();
    let closed = try_audit_async!(log: trail.log, "x");
    drop(try_audit_async!(log: trail.log, "y"));

    assert!(matches!(no_log, NotRecorded::NoLog), "{no_log:?}");
    assert!(matches!(block_on(closed).unwrap_err(), NotRecorded::Closed(_)));
    assert_eq!(trail.log.counters().not_recorded, 2, "the one that was dropped too");
}

#[test]
fn outcome_holds_the_receipt_or_the_error() {
    let trail = TestLog::new();

    let recorded = audit!(log: trail.log, "x");
    trail.log.close().unwrap();
    let lost = audit!(log: trail.log, "y");

    assert_eq!(recorded.receipt().unwrap().seq, trail.entry("x")["seq"].as_u64().unwrap());
    assert!(recorded.into_result().is_ok());
    assert!(lost.receipt().is_none());
    let failure = lost.into_result().unwrap_err();
    assert!(matches!(failure, NotRecorded::Closed(_)), "{failure:?}");
    let text = failure.to_string();
    assert!(
        text.starts_with("an audit event was not recorded: ") && text.ends_with(": the log was closed"),
        "{text}"
    );
    assert_eq!(trail.log.counters().not_recorded, 1);
}
