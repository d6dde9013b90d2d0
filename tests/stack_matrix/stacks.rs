//! The stacks: the layers of each, and the events that it must record.

use kling_audit::{AuditFilter, AuditLayer, AuditLog};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use tracing::{Event, Metadata, Subscriber};
use tracing_error::ErrorLayer;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{LevelFilter, filter_fn},
    fmt,
    layer::Context,
    prelude::*,
    registry::LookupSpan,
    reload,
};

use crate::{
    record::{Way, Witness, see},
    support::noisy::Panics,
};

/// A subscriber stack.
pub(crate) struct Stack {
    pub(crate) name: &'static str,
    /// Installs the stack with the layers of these logs, or without an audit layer.
    pub(crate) install: fn(&[AuditLog]),
    pub(crate) logs: usize,
    /// Value of `RUST_LOG`.
    pub(crate) directives: Option<&'static str>,
    /// Events and spans that are recorded in addition to the events of the macros.
    pub(crate) promise: Promise,
    /// Part of the error of the self-test. `None` if the self-test must pass.
    pub(crate) culprit: Option<&'static str>,
    /// `true` if one of the layers panics.
    pub(crate) panics: bool,
    /// `true` if the heavy scenarios run in this stack by default.
    pub(crate) heavy: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct Promise {
    events: bool,
    errors: bool,
    spans: bool,
    records: bool,
}

const ALL: Promise = Promise { events: true, errors: true, spans: true, records: false };
const MACROS: Promise = Promise { events: false, errors: false, spans: false, records: false };

const FILTERED: Option<&str> = Some("a filter of the whole subscriber drops INFO for target `audit`");

const USUAL: Stack = Stack {
    name: "",
    install: |_| {},
    logs: 1,
    directives: None,
    promise: ALL,
    culprit: None,
    panics: false,
    heavy: false,
};

impl Promise {
    /// Returns `true` if the stack must record events and spans that are sent this way.
    pub(crate) fn holds(self, way: Way) -> bool {
        match way {
            Way::Macro => true,
            Way::Event => self.events,
            Way::Error => self.errors,
            Way::Span | Way::ForeignSpan => self.spans,
            Way::Record => self.records,
        }
    }
}

/// Installs a registry with layers. The one in the middle is left out if there is no log.
macro_rules! install {
    ([$($before:expr),*], |$log:ident| $audit:expr, [$($after:expr),*]) => {
        |logs| match logs.first() {
            Some($log) => {
                tracing_subscriber::registry()$(.with($before))*.with($audit)$(.with($after))*.init();
            }
            None => tracing_subscriber::registry()$(.with($before))*$(.with($after))*.init(),
        }
    };
}

pub(crate) const STACKS: &[Stack] = &[
    Stack { name: "alone", install: install!([], |log| log.layer(), []), ..USUAL },
    Stack { name: "fmt", install: install!([], |log| log.layer(), [printing(), Witness("all")]), ..USUAL },
    Stack {
        name: "fmt, EnvFilter per layer",
        install: install!(
            [],
            |log| log.layer(),
            [
                printing().with_filter(EnvFilter::from_default_env()),
                Witness("filtered").with_filter(EnvFilter::from_default_env())
            ]
        ),
        directives: Some("info"),
        heavy: true,
        ..USUAL
    },
    Stack {
        name: "EnvFilter per layer, by span",
        install: install!(
            [],
            |log| log.layer(),
            [Witness("filtered").with_filter(EnvFilter::from_default_env())]
        ),
        directives: Some("off,[outer]=trace"),
        ..USUAL
    },
    Stack {
        name: "filters by target, per layer",
        install: install!(
            [],
            |log| log.layer(),
            [
                Witness("audit").with_filter(filter_fn(|metadata| metadata.target() == "audit")),
                Witness("others").with_filter(filter_fn(|metadata| metadata.target() != "audit")),
                Witness("warnings").with_filter(LevelFilter::WARN)
            ]
        ),
        ..USUAL
    },
    Stack {
        name: "global EnvFilter, RUST_LOG=off",
        install: install!([], |log| log.layer(), [Witness("all"), EnvFilter::from_default_env()]),
        directives: Some("off"),
        promise: MACROS,
        culprit: FILTERED,
        ..USUAL
    },
    Stack {
        name: "global EnvFilter, no RUST_LOG",
        install: install!([], |log| log.layer(), [printing(), Witness("all"), EnvFilter::from_default_env()]),
        promise: Promise { errors: true, ..MACROS },
        culprit: FILTERED,
        ..USUAL
    },
    Stack {
        name: "global EnvFilter, audit=info",
        install: install!([EnvFilter::from_default_env()], |log| log.layer(), [printing(), Witness("all")]),
        directives: Some("off,audit=info"),
        ..USUAL
    },
    Stack {
        name: "a layer enables some",
        install: install!([], |log| log.layer(), [Witness("all"), Enables(|target| target != "unaudited")]),
        ..USUAL
    },
    Stack {
        name: "a layer enables nothing",
        install: install!([], |log| log.layer(), [Witness("all"), Enables(|_| false)]),
        promise: MACROS,
        culprit: FILTERED,
        ..USUAL
    },
    Stack {
        name: "a layer refuses each event",
        install: install!([], |log| log.layer(), [Witness("all"), Refuses]),
        promise: Promise { spans: true, ..MACROS },
        culprit: Some("another layer's `event_enabled`"),
        ..USUAL
    },
    Stack {
        name: "a layer panics",
        install: install!([], |log| log.layer(), [Witness("all"), Panics]),
        culprit: Some("another layer panics"),
        panics: true,
        ..USUAL
    },
    Stack {
        name: "Option of layers",
        install: install!([None::<Witness>], |log| Some(log.layer()), [Some(Witness("all")), None::<Panics>]),
        ..USUAL
    },
    Stack {
        name: "Vec of layers",
        install: |logs| {
            let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> =
                logs.iter().map(|log| log.layer().boxed()).collect();
            layers.push(Witness("all").boxed());
            layers.push(Witness("warnings").with_filter(LevelFilter::WARN).boxed());
            tracing_subscriber::registry().with(layers).init();
        },
        ..USUAL
    },
    Stack {
        name: "boxed",
        install: install!([], |log| log.layer().boxed(), [printing().boxed(), Witness("all").boxed()]),
        ..USUAL
    },
    Stack {
        name: "and_then",
        install: |logs| match logs.first() {
            Some(log) => {
                let layers = log.layer().and_then(Witness("all")).and_then(printing());
                tracing_subscriber::registry().with(layers).init();
            }
            None => tracing_subscriber::registry().with(Witness("all").and_then(printing())).init(),
        },
        ..USUAL
    },
    Stack {
        name: "reload",
        install: install!(
            [],
            |log| reload::Layer::new(AuditLayer::new(log)).0.with_filter(AuditFilter::new()),
            [Witness("all")]
        ),
        ..USUAL
    },
    Stack {
        name: "two logs",
        install: |logs| match logs {
            [first, second] => tracing_subscriber::registry()
                .with(first.layer())
                .with(Witness("all"))
                .with(second.layer())
                .init(),
            _ => tracing_subscriber::registry().with(Witness("all")).init(),
        },
        logs: 2,
        ..USUAL
    },
    Stack {
        name: "audit last",
        install: install!(
            [printing(), Witness("all"), Witness("warnings").with_filter(LevelFilter::WARN)],
            |log| log.layer(),
            []
        ),
        ..USUAL
    },
    Stack {
        name: "tracing-error",
        install: install!([], |log| log.layer(), [ErrorLayer::default(), Witness("all")]),
        ..USUAL
    },
    Stack {
        name: "tracing-opentelemetry",
        install: install!([], |log| log.layer(), [exporting(), printing()]),
        heavy: true,
        ..USUAL
    },
    Stack {
        name: "log records",
        install: install!(
            [],
            |log| AuditLayer::new(log).with_log_records().with_filter(AuditFilter::new()),
            [printing(), Witness("all")]
        ),
        promise: Promise { records: true, ..ALL },
        ..USUAL
    },
];

fn printing<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    fmt::layer().with_writer(std::io::sink)
}

/// The layer of `tracing-opentelemetry`, with a processor that counts spans at their end.
fn exporting<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    let provider = SdkTracerProvider::builder().with_span_processor(Ends).build();
    let tracer = provider.tracer("stack_matrix");
    // Dropping the provider would shut it down.
    std::mem::forget(provider);
    tracing_opentelemetry::layer().with_tracer(tracer)
}

#[derive(Debug)]
struct Ends;

impl SpanProcessor for Ends {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.name.starts_with("audit_self_test") {
            see(format!("otel: span {}", span.name));
            for event in span.events.iter().filter(|event| event.name != "doomed") {
                see(format!("otel: event {}", event.name));
            }
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// A layer that filters for the whole stack by target.
struct Enables(fn(&str) -> bool);

impl<S: Subscriber> Layer<S> for Enables {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        (self.0)(metadata.target())
    }
}

/// A layer that refuses every event in `event_enabled`, after the filters.
struct Refuses;

impl<S: Subscriber> Layer<S> for Refuses {
    fn event_enabled(&self, _: &Event<'_>, _: Context<'_, S>) -> bool {
        false
    }
}
