//! The log and the actor that every entry of the client goes to, and the macro that declares one function for each type
//! of event.
//!
//! An entry has its position in the trail when such a function returns. It is as durable as the log promises when the
//! returned future is ready. The functions do not decide which entry is due.

use std::{sync::Arc, time::Duration};

use tracing::Span;

use crate::{
    audit_span,
    kling::events::subject::Subject,
    layer::dispatch_frame::no_wait,
    log::{AuditLog, not_recorded::NotRecorded},
};

/// Records entries on behalf of one actor.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    pub(super) log: AuditLog,
    /// The same log, with entries that are at least written to the file.
    ///
    /// A `Buffered` log may lose entries in a crash. Entries that must precede an effect (the intent of a submission, a
    /// new token, a deleted file) use this handle, so that the effect never exists without its entry.
    pub(super) durable_log: AuditLog,
    pub(super) actor: Arc<str>,
}

impl Recorder {
    pub(crate) fn new(log: AuditLog, actor: &str) -> Recorder {
        Recorder { durable_log: log.at_least_written(), log, actor: actor.into() }
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

    /// Returns `true` if the log may still write an entry whose recording failed with `error`.
    pub(crate) fn may_come_later(&self, error: &NotRecorded) -> bool {
        self.log.keeps_lines() && matches!(error, NotRecorded::WriteFailed(_))
    }

    /// The span of a submission. No caller waits for the entries of a span, only for those inside it.
    pub(crate) fn submit_span(&self, subject: Subject<'_>) -> Span {
        no_wait(|| {
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
        no_wait(|| {
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

    /// The span of a wait for a task.
    pub(crate) fn wait_span(&self, subject: Subject<'_>) -> Span {
        no_wait(|| {
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

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Declares functions that each record one type of event in `log` or `durable_log` of a [`Recorder`].
///
/// Every entry gets the actor. Parts add the members that many entries share: `action(subject)` adds `action`,
/// `submission(subject)` adds `action` and `external_task_id`, `task(subject)` adds `task_id` to these two, and
/// `reply(reply)` adds `http`, `code` and `request_id`. After the semicolon come fields as in
/// [`audit!`](crate::audit).
macro_rules! events {
    ($(
        $(#[$about:meta])*
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) {
            $log:ident: $event:literal $(, $part:ident($value:ident))*; $($fields:tt)*
        }
    )*) => {$(
        $(#[$about])*
        pub(crate) fn $name(
            recorder: &$crate::kling::events::recorder::Recorder,
            $($argument: $type),*
        ) -> $crate::log::pending_receipt::PendingReceipt<$crate::log::not_recorded::NotRecorded> {
            events!(@parts recorder $log $event [] [$($part($value))*] $($fields)*)
        }
    )*};
    // These arms replace the first part by its members, until no part is left.
    (@parts $recorder:ident $log:ident $event:literal [$($done:tt)*] [action($of:ident) $($more:tt)*]
        $($fields:tt)*) => {
        events!(@parts $recorder $log $event [$($done)* action = $of.action,] [$($more)*] $($fields)*)
    };
    (@parts $recorder:ident $log:ident $event:literal [$($done:tt)*] [submission($of:ident) $($more:tt)*]
        $($fields:tt)*) => {
        events!(@parts $recorder $log $event
            [$($done)* external_task_id = $crate::json(&$of.external_task_id),] [action($of) $($more)*] $($fields)*)
    };
    (@parts $recorder:ident $log:ident $event:literal [$($done:tt)*] [task($of:ident) $($more:tt)*]
        $($fields:tt)*) => {
        events!(@parts $recorder $log $event
            [$($done)* task_id = $crate::json(&$of.task_id),] [submission($of) $($more)*] $($fields)*)
    };
    (@parts $recorder:ident $log:ident $event:literal [$($done:tt)*] [reply($of:ident) $($more:tt)*]
        $($fields:tt)*) => {
        events!(@parts $recorder $log $event [
            $($done)* http = $crate::json(&$of.http), code = $crate::json(&$of.code),
            request_id = $crate::json(&$of.request_id),
        ] [$($more)*] $($fields)*)
    };
    (@parts $recorder:ident $log:ident $event:literal [$($done:tt)*] [] $($fields:tt)*) => {
        $crate::try_audit_async!(log: &$recorder.$log, $event, actor = %$recorder.actor, $($done)* $($fields)*)
    };
}
pub(super) use events;
