//! The self-test: checks that audit events and spans get through the installed subscriber to their log.
//!
//! [`AuditLog::self_test`] sends one probe on each way, and reports probes that did not arrive, the likely cause and
//! the remedy. Probes are not recorded. The result is.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use serde::Serialize;
use tracing::{Event, Span, dispatcher, field::Value, subscriber::NoSubscriber};

use crate::{
    codec::terminal::Escaped,
    format::{
        draft::{Draft, Origin},
        receipt::Receipt,
    },
    layer::{
        audit_layer::AuditLayer,
        callsite::{self, CallsiteState},
        probe::{self, Probe, ProbeRun},
        record::record_draft,
    },
    log::{AuditLog, not_recorded::NotRecorded},
};

/// Failure of [`AuditLog::self_test`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelfTestError {
    /// A probe that was sent through the subscriber did not arrive.
    #[error("self-test of {}: {} would not be recorded: {cause}", Escaped(path.as_path()), in_words(lost))]
    Lost {
        /// Directory of the trail.
        path: PathBuf,
        /// Ways on which events or spans get lost: `macro` (events of [`audit!`](crate::audit)), `event` (all other
        /// events with target `audit`), `span`.
        lost: Vec<&'static str>,
        /// The most likely cause.
        cause: Cause,
    },

    /// The log could not record the result of the self-test, so it can record nothing else.
    #[error("self-test of {}: {source}", Escaped(path.as_path()))]
    NotRecorded {
        /// Directory of the trail.
        path: PathBuf,
        /// The reason.
        source: NotRecorded,
    },
}

/// Most likely cause of lost audit events and spans. Its text contains the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// No subscriber is set for this thread.
    #[error(
        "no subscriber is set on this thread: install one with `AuditLog::layer`, and run the self-test afterwards"
    )]
    NoSubscriber,

    /// The current subscriber has no layer of this log.
    #[error(
        "the current subscriber has no layer of this log: add `AuditLog::layer` to it, before all other layers"
    )]
    NoLayer,

    /// A filter of the whole subscriber stack drops them. An `EnvFilter` that was added as a layer is such a filter.
    #[error(
        "a filter of the whole subscriber drops INFO for target `audit`{}: give it to the layer that it is meant for \
         (`layer.with_filter(filter)`), or add `audit=info` to it",
        if *passes_errors { " and lets ERROR through" } else { "" }
    )]
    Filter {
        /// `true` if the filter passes ERROR, as `EnvFilter` does if `RUST_LOG` is not set.
        passes_errors: bool,
    },

    /// The subscriber accepts them, but they do not reach the layer.
    #[error(
        "another layer's `event_enabled`, or a filter around the layer of this log, drops what the subscriber accepts: \
         add `AuditLog::layer` without a filter, before all other layers"
    )]
    Layer,

    /// A layer panics when it receives an audit event. Any thread that emits an audit event will panic. Standard error
    /// has the message of the panic.
    #[error("another layer panics when it receives an audit event or span: remove that layer, or fix it")]
    Panic,
}

/// Result of one probe in the entry `audit_self_test`.
#[derive(Serialize)]
struct ProbeDetail {
    what: &'static str,
    passed: bool,
}

/// Result of one probe.
struct ProbeResult {
    probe: Probe,
    passed: bool,
    panicked: bool,
    /// `true` if the subscriber accepted the probe.
    accepted: bool,
}

/// Runs the self-test of `log` on the calling thread.
pub(super) fn run(log: &AuditLog) -> Result<Receipt, SelfTestError> {
    let run = ProbeRun::start(log.trail_id());
    let results = Probe::ALL.map(|probe| send(probe, &run));
    drop(run);

    let passed = results.iter().all(|result| result.passed);
    let probes =
        results.each_ref().map(|result| ProbeDetail { what: name(result.probe), passed: result.passed });
    let entry =
        Draft::from_origin("audit_self_test", Origin::Log).detail("passed", passed).detail("probes", probes);
    let receipt = record_draft(log, entry, false)
        .map_err(|source| SelfTestError::NotRecorded { path: log.directory().to_owned(), source })?;
    if passed {
        return Ok(receipt);
    }
    Err(SelfTestError::Lost {
        path: log.directory().to_owned(),
        lost: results.iter().filter(|result| !result.passed).map(|result| name(result.probe)).collect(),
        cause: likely_cause(log, &results),
    })
}

fn likely_cause(log: &AuditLog, results: &[ProbeResult]) -> Cause {
    let lost_after_acceptance = results.iter().any(|result| result.accepted && !result.passed);
    let error = probe::ERROR_CALLSITE.interest();
    dispatcher::get_default(|dispatch| {
        let has_visible_layer = dispatch
            .downcast_ref::<AuditLayer>()
            .is_some_and(|layer| layer.log().trail_id() == log.trail_id());
        if results.iter().any(|result| result.panicked) {
            Cause::Panic
        } else if dispatch.is::<NoSubscriber>() {
            Cause::NoSubscriber
        } else if !log.has_layer() || lost_after_acceptance && !has_visible_layer {
            Cause::NoLayer
        } else if lost_after_acceptance {
            Cause::Layer
        } else {
            Cause::Filter { passes_errors: error.is_always() }
        }
    })
}

/// Sends one probe. A layer that panics is a failure of the self-test, because it would panic in callers as well.
fn send(probe: Probe, run: &ProbeRun) -> ProbeResult {
    let accepted = catch_unwind(AssertUnwindSafe(|| dispatch(probe)));
    ProbeResult {
        probe,
        passed: accepted.is_ok() && run.has_arrived(probe),
        panicked: accepted.is_err(),
        accepted: accepted.unwrap_or(true),
    }
}

/// Passes a probe to the current subscriber. Returns `false` if the subscriber does not accept it.
fn dispatch(probe: Probe) -> bool {
    static MACRO: CallsiteState = CallsiteState::new(&probe::MACRO_CALLSITE, &probe::MACRO, false);
    static EVENT: CallsiteState = CallsiteState::new(&probe::EVENT_CALLSITE, &probe::EVENT, false);
    static SPAN: CallsiteState = CallsiteState::new(&probe::SPAN_CALLSITE, &probe::SPAN, false);

    let metadata = probe.metadata();
    let values: [Option<&dyn Value>; 1] = [Some(&"self-test of the audit log")];
    let values = metadata.fields().value_set_all(&values);
    let site = match probe {
        Probe::Macro => {
            // A macro finds its log without the subscriber's filters, so the probe arrives before it is dispatched.
            if let Some(log) = dispatcher::get_default(callsite::default_log) {
                probe.note_arrival(log.trail_id());
            }
            &MACRO
        }
        Probe::Event => &EVENT,
        Probe::Span => &SPAN,
    };
    let is_accepted = site.is_enabled_here();
    if is_accepted {
        match probe {
            Probe::Macro | Probe::Event => Event::dispatch(metadata, &values),
            Probe::Span => drop(Span::new(metadata, &values)),
        }
    }
    is_accepted
}

fn name(probe: Probe) -> &'static str {
    match probe {
        Probe::Macro => "macro",
        Probe::Event => "event",
        Probe::Span => "span",
    }
}

/// Returns the names in `lost` as words of an error text.
fn in_words(lost: &[&str]) -> String {
    let words = lost.iter().map(|name| match *name {
        "macro" => "events of `audit!`",
        "event" => "other events with target `audit`",
        _ => "audit spans",
    });
    words.collect::<Vec<_>>().join(", ")
}
