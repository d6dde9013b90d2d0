//! Every entry that the client makes: one function for each type of event. Its promise: each goes to the log that the
//! client was given, names its actor, and holds no prompt, key or token. It has its place in the trail when the function
//! returns, and is as durable as the log promises when the future is through; an intent is at least written, whatever
//! the log promises. It does not know when to record what.

mod account;
mod aside;
mod progress;
mod task;

use std::{sync::Arc, time::Duration};

use tracing::Span;

use crate::{
    audit_span,
    kling::charge::Charge,
    layer,
    log::{AuditLog, not_recorded::NotRecorded},
};

/// Records what the client does, on behalf of one actor.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    log: AuditLog,
    /// The same log, for what must not be in memory only when it takes effect.
    firm: AuditLog,
    actor: Arc<str>,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) action: &'static str,
    pub(crate) task_id: Option<&'a str>,
    pub(crate) external_task_id: Option<&'a str>,
}

/// What the vendor answered, as far as it did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reply<'a> {
    pub(crate) http: Option<u16>,
    pub(crate) code: Option<i64>,
    pub(crate) request_id: Option<&'a str>,
}

/// What a task cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost<'a> {
    /// Units, in the vendor's words.
    pub(crate) credits: Option<&'a str>,
    pub(crate) billing: &'a [Charge],
    /// The units that were expected.
    pub(crate) estimated: Option<&'a str>,
}

/// A file that a task made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset<'a> {
    pub(crate) task_id: &'a str,
    pub(crate) output_id: Option<&'a str>,
    pub(crate) host: &'a str,
    /// Without a query.
    pub(crate) path: &'a str,
    /// The host that answered, where it is another one.
    pub(crate) redirected_to: Option<&'a str>,
}

impl Recorder {
    pub(crate) fn new(log: AuditLog, actor: &str) -> Recorder {
        Recorder { firm: log.at_least_written(), log, actor: actor.into() }
    }

    /// The same log for another actor.
    pub(crate) fn acting_as(&self, actor: &str) -> Recorder {
        Recorder { actor: actor.into(), ..self.clone() }
    }

    pub(crate) fn log(&self) -> &AuditLog {
        &self.log
    }

    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// Whether an entry that was refused with `error` may still be written.
    pub(crate) fn may_come_later(&self, error: &NotRecorded) -> bool {
        self.log.keeps_lines() && matches!(error, NotRecorded::WriteFailed(_))
    }

    /// The span of a submission. Nobody waits for its entries; those inside of it are awaited.
    pub(crate) fn submit_span(&self, subject: Subject<'_>) -> Span {
        layer::no_wait(|| {
            audit_span!(
                "kling.submit",
                log: &self.log,
                actor = %self.actor,
                action = subject.action,
                external_task_id = subject.external_task_id
            )
        })
    }

    /// The span of one query.
    pub(crate) fn query_span(&self, subject: Subject<'_>) -> Span {
        layer::no_wait(|| {
            audit_span!(
                "kling.query",
                log: &self.log,
                actor = %self.actor,
                action = subject.action,
                task_id = subject.task_id,
                external_task_id = subject.external_task_id
            )
        })
    }

    /// The span of waiting for a task.
    pub(crate) fn wait_span(&self, subject: Subject<'_>) -> Span {
        layer::no_wait(|| {
            audit_span!(
                "kling.wait",
                log: &self.log,
                actor = %self.actor,
                action = subject.action,
                task_id = subject.task_id,
                external_task_id = subject.external_task_id
            )
        })
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
