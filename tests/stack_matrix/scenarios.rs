//! The scenarios: uses of events and spans, which do not depend on the stack.

use std::{cell::RefCell, io, sync::Arc, thread};

use kling_audit::{audit_span, try_audit};
use tracing::{Instrument as _, Level, Span, enabled, field::Empty, info, info_span};

use crate::{
    record::{self, Opened, Way, calm, next, sent},
    support::noisy::Noisy,
};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
    /// `true` if the scenario takes long.
    pub(crate) heavy: bool,
    /// `true` if the scenario calls `tracing::enabled!` without sending an event. After such a call, a layer with a
    /// filter of its own can miss the next event. Beside the audit layer, it can miss fewer.
    pub(crate) asks: bool,
}

const USUAL: Scenario = Scenario { name: "", run: || {}, heavy: false, asks: false };

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "nested", run: nested, ..USUAL },
    Scenario { name: "debug", run: debug_that_emits, ..USUAL },
    Scenario { name: "panic", run: debug_that_panics, ..USUAL },
    Scenario { name: "threads", run: spans_over_threads, ..USUAL },
    Scenario { name: "tokio", run: || spans_over_workers(40), ..USUAL },
    Scenario { name: "parents", run: parents, ..USUAL },
    Scenario { name: "record", run: fields_later, ..USUAL },
    Scenario { name: "ending", run: thread_ends, ..USUAL },
    Scenario { name: "instrument", run: instrumented_functions, ..USUAL },
    Scenario { name: "enabled", run: questions, asks: true, ..USUAL },
    Scenario { name: "log", run: log_records, ..USUAL },
    Scenario { name: "40000", run: forty_thousand, heavy: true, ..USUAL },
    Scenario { name: "10000", run: || spans_over_workers(10_000), heavy: true, ..USUAL },
];

/// Sends an event of this type by `audit!`, and returns its number.
macro_rules! by_macro {
    ($type:literal $(, $($fields:tt)+)?) => {{
        let n = next();
        if let Some(answer) = calm(|| try_audit!($type, n, $($($fields)+)?)) {
            record::answer(&answer);
        }
        sent(Way::Macro, $type, Some(n));
        n
    }};
}

/// Sends an event of this type by `tracing::info!`, and returns its number.
macro_rules! by_event {
    ($type:literal $(, $($fields:tt)+)?) => {{
        let n = next();
        calm(|| info!(name: $type, target: "audit", n, $($($fields)+)?));
        sent(Way::Event, $type, Some(n));
        n
    }};
}

macro_rules! by_span {
    ($name:literal $(, $($fields:tt)+)?) => {{
        let n = next();
        let span = calm(|| audit_span!($name, n, $($($fields)+)?)).unwrap_or_else(Span::none);
        Opened::new(Way::Span, $name, n, span)
    }};
}

macro_rules! by_foreign_span {
    ($name:literal $(, $($fields:tt)+)?) => {{
        let n = next();
        let span = calm(|| info_span!(target: "audit", $name, n, $($($fields)+)?)).unwrap_or_else(Span::none);
        Opened::new(Way::ForeignSpan, $name, n, span)
    }};
}

/// Sends events and spans that are not audited.
fn others() {
    calm(|| info!(target: "unaudited", "not audited"));
    calm(|| info!(name: "other", "of another target"));
    calm(|| tracing::trace!(name: "a_trace", "of another level"));
    calm(|| tracing::warn!(name: "a_warning", "of another level"));
    drop(calm(|| info_span!("other_span").entered()));
}

fn nested() {
    for _ in 0..5 {
        by_macro!("outer", inner = by_macro!("in_field"), other = by_event!("in_field"));
        by_event!("outer", inner = by_macro!("in_field"), other = by_event!("in_field"));
        let span = by_span!("outer", inner = by_macro!("in_field"), other = by_event!("in_field"));
        let entered = span.span.enter();
        let inner = by_foreign_span!("inner", inner = by_macro!("in_field", deeper = by_event!("in_field")));
        inner.span.in_scope(|| {
            by_macro!(
                "inside",
                other = {
                    others();
                    1
                }
            )
        });
        drop(inner);
        drop(entered);
        others();
    }
}

fn debug_that_emits() {
    let noisy = Noisy(|| {
        by_macro!("in_debug");
        by_event!("in_debug", deeper = ?Noisy(|| { by_macro!("in_debug"); }));
        calm(|| info!(name: "in_debug of others", target: "unaudited", "in_debug of others"));
        enabled!(target: "unaudited", Level::INFO);
    });
    for _ in 0..5 {
        by_macro!("outer", noisy = ?noisy);
        by_event!("outer", noisy = ?noisy);
        let span = by_span!("outer", noisy = ?noisy);
        span.span.in_scope(|| {
            let inner = by_foreign_span!("inner", noisy = ?noisy);
            inner.span.in_scope(|| by_event!("inside", noisy = ?noisy));
        });
        others();
    }
}

fn debug_that_panics() {
    let panics = Noisy(|| panic!("as it is meant to"));
    // Catches the panic of the field `panics`, which occurs in every stack.
    let doomed = |work: &dyn Fn()| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        drop(caught);
    };
    for _ in 0..3 {
        doomed(&|| drop(try_audit!("doomed", panics = ?panics)));
        by_macro!("after");
        doomed(&|| info!(name: "doomed", target: "audit", panics = ?panics));
        by_event!("after");
        // No field of a span panics: `fmt` and other layers leave such a span unusable.
        let span = by_span!("outer");
        span.span.in_scope(|| {
            doomed(&|| drop(try_audit!("doomed", panics = ?panics)));
            doomed(&|| info!(name: "doomed", target: "audit", panics = ?panics));
            by_macro!("inside");
            by_event!("inside");
        });
        others();
    }
}

fn spans_over_threads() {
    let span = Arc::new(by_span!("outer", actor = "alice"));
    thread::scope(|scope| {
        for _ in 0..6 {
            let span = Arc::clone(&span);
            scope.spawn(move || {
                let entered = span.span.enter();
                for _ in 0..5 {
                    by_macro!("inside");
                    by_event!("inside");
                    let inner = by_foreign_span!("inner");
                    inner.span.in_scope(|| by_macro!("deep"));
                }
                drop(entered);
            });
        }
    });
}

fn spans_over_workers(tasks: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let task = by_span!("task", actor = "alice");
                let span = task.span.clone();
                let work = async move {
                    by_macro!("before");
                    tokio::task::yield_now().await;
                    by_event!("after");
                    drop(task);
                };
                tokio::spawn(work.instrument(span))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn parents() {
    let outer = by_span!("outer", actor = "alice");
    let between = info_span!(parent: &outer.span, "not audited");
    let n = next();
    let inner = Opened::new(Way::Span, "inner", n, audit_span!("inner", parent: &between, n));
    let n = next();
    let apart = Opened::new(Way::Span, "apart", n, audit_span!(parent: None, "apart", n));
    apart.span.follows_from(&outer.span);
    inner.span.follows_from(&apart.span);
    let entered = apart.span.enter();
    for _ in 0..3 {
        by_macro!("current");
        by_event!("current");
        by_macro!("child", parent: &inner.span);
        by_macro!("of_id", parent: inner.span.id());
        by_macro!("root", parent: None);
        for parent in [inner.span.id(), None] {
            let n = next();
            calm(|| info!(name: "foreign", target: "audit", parent: parent.clone(), n));
            sent(Way::Event, "foreign", Some(n));
        }
        others();
    }
    drop(entered);
}

fn fields_later() {
    for _ in 0..3 {
        let span = by_span!("outer", actor = Empty, rows = Empty);
        span.span.in_scope(|| by_macro!("before"));
        span.span.record("actor", "alice");
        for rows in 0..100 {
            span.span.record("rows", rows);
        }
        span.span.record("undeclared", 1);
        let entered = span.span.enter();
        span.span.record("rows", "many");
        by_event!("after");
        drop(entered);
        others();
    }
    let never = by_span!("never_closed");
    let entered = never.span.clone().entered();
    by_macro!("inside");
    std::mem::forget(entered);
    std::mem::forget(never);
    by_event!("inside");
}

fn thread_ends() {
    struct AtTheEnd {
        event: bool,
    }
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            by_macro!("at_the_end");
            if self.event {
                by_event!("at_the_end");
            }
        }
    }
    thread_local!(static END: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) });
    // `fmt` panics for an event of an ending thread. The macros have recorded the event by then.
    record::expect_panics();
    for _ in 0..3 {
        // The thread-local that was initialised first is dropped last, after those of all layers.
        let early = thread::spawn(|| {
            END.set(Some(AtTheEnd { event: false }));
            by_macro!("before");
        });
        early.join().unwrap();
        let late = thread::spawn(|| {
            by_event!("before");
            by_macro!("before");
            END.set(Some(AtTheEnd { event: true }));
        });
        late.join().unwrap();
    }
}

#[tracing::instrument(target = "audit", err, ret, skip(_password))]
fn instrumented(n: u64, account: &str, _password: &str) -> Result<usize, io::Error> {
    by_macro!("inside");
    by_event!("inside");
    if account == "unknown" { Err(io::Error::other("no such account")) } else { Ok(account.len()) }
}

#[tracing::instrument(target = "audit", name = "awaited", skip_all, fields(n = n), ret)]
async fn awaited(n: u64) -> u64 {
    by_macro!("inside");
    tokio::task::yield_now().await;
    n
}

fn instrumented_functions() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for account in ["alice", "unknown", "bob"] {
        let n = next();
        let opened = Opened::new(Way::ForeignSpan, "instrumented", n, Span::none());
        drop(calm(|| instrumented(n, account, "hunter2")));
        sent(if account == "unknown" { Way::Error } else { Way::Event }, "event", None);
        drop(opened);

        let n = next();
        let opened = Opened::new(Way::ForeignSpan, "awaited", n, Span::none());
        calm(|| runtime.block_on(awaited(n)));
        sent(Way::Event, "event", None);
        drop(opened);
        others();
    }
}

fn questions() {
    let question = Noisy(|| {
        enabled!(target: "unaudited", Level::INFO);
        calm(|| info!(name: "in_debug of others", target: "unaudited", "in_debug of others"));
    });
    for _ in 0..10 {
        enabled!(target: "unaudited", Level::INFO);
        by_event!("a", question = ?question);
        enabled!(target: "other", Level::TRACE);
        let span = by_foreign_span!("outer", question = ?question);
        let entered = span.span.enter();
        enabled!(Level::WARN);
        by_macro!("b", question = ?question);
        enabled!(target: "audit", Level::TRACE);
        by_event!(
            "c",
            m = {
                enabled!(target: "unaudited", Level::INFO);
                1
            }
        );
        drop(entered);
        others();
    }
}

fn log_records() {
    let span = by_span!("outer", actor = "alice");
    let entered = span.span.enter();
    for _ in 0..5 {
        calm(|| log::info!(target: "audit", "recorded where it is asked for"));
        sent(Way::Record, "event", None);
        calm(|| log::info!(target: "audit::below", "recorded where it is asked for"));
        sent(Way::Record, "event", None);
        calm(|| log::info!(target: "auditor", "recorded nowhere"));
        calm(|| log::error!("recorded nowhere"));
        by_macro!("between");
        by_event!("between");
    }
    drop(entered);
}

fn forty_thousand() {
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let span = by_span!("outer");
                    let entered = span.span.enter();
                    let noisy = Noisy(|| {
                        by_event!("in_debug");
                    });
                    by_macro!("inside", field = by_macro!("in_field"), noisy = ?noisy);
                    drop(entered);
                }
            });
        }
    });
}
