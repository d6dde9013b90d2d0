//! The self-test: does what has to be recorded get through the subscriber that is installed?
//!
//! It sends one probe on each way, and says which did not arrive, the likely culprit and the mend. The probes are not
//! recorded, the outcome is.

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
        self, AuditLayer,
        callsite::{self, CallsiteState},
        probe::{self, Probe, Watch},
    },
    log::{AuditLog, not_recorded::NotRecorded},
};

/// Why [`AuditLog::self_test`] failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelfTestError {
    /// Something that was sent through the subscriber did not arrive.
    #[error("self-test of {}: {} would not be recorded: {culprit}", Escaped(path.as_path()), listed(lost))]
    Lost {
        /// The trail.
        path: PathBuf,
        /// What did not arrive: `macro` (events of [`audit!`](crate::audit)), `event` (all others with target
        /// `audit`), `span`.
        lost: Vec<&'static str>,
        /// What most likely kept it back.
        culprit: Cause,
    },

    /// The outcome could not be recorded, so nothing else can.
    #[error("self-test of {}: {source}", Escaped(path.as_path()))]
    NotRecorded {
        /// The trail.
        path: PathBuf,
        /// Why not.
        source: NotRecorded,
    },
}

/// What most likely keeps audit events and spans from a log. Its text says what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// No subscriber is set for this thread.
    #[error("no subscriber is installed here: install one that has `AuditLog::layer`, before the self-test")]
    NoSubscriber,

    /// The current subscriber has no layer of this log.
    #[error(
        "no layer of this log is in the current subscriber: add `AuditLog::layer` to it, before all others"
    )]
    NoLayer,

    /// A filter that holds for the whole subscriber, such as an `EnvFilter` that was added as a layer.
    #[error(
        "a filter of the whole subscriber drops INFO for target `audit`{}: give it to the layer it is meant for \
         (`layer.with_filter(filter)`), or add `audit=info` to it", if *passes_errors { " and lets ERROR through" } else { "" }
    )]
    Filter {
        /// Whether it lets ERROR through, as `EnvFilter` does where `RUST_LOG` is not set.
        passes_errors: bool,
    },

    /// The subscriber takes them, and they don't reach the layer.
    #[error(
        "another layer's `event_enabled`, or a filter around this log's own layer, keeps back what the subscriber lets \
         through: add `AuditLog::layer` as it is, before all others"
    )]
    Layer,

    /// A layer panicked, and so will whoever sends an audit event. Standard error has its message.
    #[error(
        "another layer panics when it is given an audit event or span: take it out of the subscriber, or mend it"
    )]
    Panic,
}

/// A probe as the entry tells of it.
#[derive(Serialize)]
struct Probed {
    what: &'static str,
    passed: bool,
}

/// What became of a probe.
struct Sent {
    probe: Probe,
    passed: bool,
    panicked: bool,
    /// Whether the subscriber took it.
    taken: bool,
}

impl AuditLog {
    /// Finds out whether all that is to be recorded gets through the current subscriber; records the outcome as
    /// `audit_self_test`.
    ///
    /// Call it once at start, when the subscriber is installed. It sends an event as [`audit!`](crate::audit) does, one
    /// as `tracing::info!` does, and opens and closes a span, all with target `audit` and level INFO. Other layers
    /// are given them like any others; this log recognises them and records nothing of them.
    ///
    /// What it can't find out: whether events below INFO arrive, which a log does not ask for.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use kling_audit::AuditLog;
    /// use tracing_subscriber::{filter::LevelFilter, prelude::*};
    ///
    /// let log = AuditLog::open(directory)?;
    /// tracing_subscriber::registry().with(log.layer()).with(LevelFilter::WARN).init();
    ///
    /// let error = log.self_test().unwrap_err();
    /// assert!(error.to_string().contains("a filter of the whole subscriber drops INFO for target `audit`"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SelfTestError::Lost`] with the likely [`Cause`]; [`SelfTestError::NotRecorded`] if the log can't record.
    pub fn self_test(&self) -> Result<Receipt, SelfTestError> {
        let watch = Watch::start(self.trail_id());
        let sent = Probe::ALL.map(|probe| send(probe, &watch));
        drop(watch);

        let passed = sent.iter().all(|sent| sent.passed);
        let probes = sent.each_ref().map(|sent| Probed { what: name(sent.probe), passed: sent.passed });
        let outcome = Draft::from_origin("audit_self_test", Origin::Log)
            .detail("passed", passed)
            .detail("probes", probes);
        let receipt = layer::record_draft(self, outcome, false)
            .map_err(|source| SelfTestError::NotRecorded { path: self.directory().to_owned(), source })?;
        if passed {
            return Ok(receipt);
        }
        Err(SelfTestError::Lost {
            path: self.directory().to_owned(),
            lost: sent.iter().filter(|sent| !sent.passed).map(|sent| name(sent.probe)).collect(),
            culprit: self.culprit(&sent),
        })
    }

    fn culprit(&self, sent: &[Sent]) -> Cause {
        let taken = sent.iter().any(|sent| sent.taken && !sent.passed);
        // Never sent: it shows what a filter thinks of its level.
        let error = probe::ERROR_CALLSITE.interest();
        dispatcher::get_default(|dispatch| {
            let visible = dispatch
                .downcast_ref::<AuditLayer>()
                .is_some_and(|layer| layer.log().trail_id() == self.trail_id());
            if sent.iter().any(|sent| sent.panicked) {
                Cause::Panic
            } else if dispatch.is::<NoSubscriber>() {
                Cause::NoSubscriber
            } else if !self.has_layer() || taken && !visible {
                Cause::NoLayer
            } else if taken {
                Cause::Layer
            } else {
                Cause::Filter { passes_errors: error.is_always() }
            }
        })
    }
}

/// Sends one probe. A panic of a layer counts as a failure: callers would have it too.
fn send(probe: Probe, watch: &Watch) -> Sent {
    let taken = catch_unwind(AssertUnwindSafe(|| offer(probe)));
    Sent {
        probe,
        passed: taken.is_ok() && watch.saw(probe),
        panicked: taken.is_err(),
        taken: taken.unwrap_or(true),
    }
}

/// Hands a probe to the current subscriber; `false` if it is not wanted there.
fn offer(probe: Probe) -> bool {
    static MACRO: CallsiteState = CallsiteState::new(&probe::MACRO_CALLSITE, &probe::MACRO, false);
    static EVENT: CallsiteState = CallsiteState::new(&probe::EVENT_CALLSITE, &probe::EVENT, false);
    static SPAN: CallsiteState = CallsiteState::new(&probe::SPAN_CALLSITE, &probe::SPAN, false);

    let metadata = probe.metadata();
    let values: [Option<&dyn Value>; 1] = [Some(&"self-test of the audit log")];
    let values = metadata.fields().value_set_all(&values);
    let site = match probe {
        Probe::Macro => {
            if let Some(log) = dispatcher::get_default(callsite::reached) {
                probe.arrive(log.trail_id());
            }
            &MACRO
        }
        Probe::Event => &EVENT,
        Probe::Span => &SPAN,
    };
    let wanted = site.is_wanted_here();
    if wanted {
        match probe {
            Probe::Macro | Probe::Event => Event::dispatch(metadata, &values),
            Probe::Span => drop(Span::new(metadata, &values)),
        }
    }
    wanted
}

fn name(probe: Probe) -> &'static str {
    match probe {
        Probe::Macro => "macro",
        Probe::Event => "event",
        Probe::Span => "span",
    }
}

/// What `lost` means, in words.
fn listed(lost: &[&str]) -> String {
    let words = lost.iter().map(|what| match *what {
        "macro" => "events of `audit!`",
        "event" => "other events with target `audit`",
        _ => "audit spans",
    });
    words.collect::<Vec<_>>().join(", ")
}
