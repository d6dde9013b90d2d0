//! Guarantee that a submission whose intent is in the trail gets exactly one outcome there.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use crate::{
    kling::{
        api::reply::Reply,
        error::Error,
        events::{
            recorder::Recorder,
            subject::Subject,
            submissions::{self, TaskStage},
        },
    },
    log::{not_recorded::NotRecorded, pending_receipt::PendingReceipt},
};

/// A submission without a recorded outcome. If it is dropped in this state, for example with its future, it records the
/// outcome that its [`Stage`] permits.
pub(crate) struct OutcomeGuard<'a> {
    pub(crate) recorder: &'a Recorder,
    pub(crate) subject: Subject<'a>,
    pub(crate) stage: Stage,
    /// Set when Kling may have made a task for which the caller got no [`Task`](crate::kling::Task).
    pub(crate) task_may_exist: &'a AtomicBool,
    /// Time of the first send.
    pub(crate) sent: Option<Instant>,
}

/// Knowledge about a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Kling has certainly not accepted the request.
    NotAccepted,
    /// The request was sent, and Kling may have accepted it.
    InFlight,
    /// Its outcome has a position in the trail, or its intent never will.
    Closed,
}

impl OutcomeGuard<'_> {
    /// Returns the time since the first send.
    pub(crate) fn latency(&self) -> Option<Duration> {
        self.sent.map(|sent| sent.elapsed())
    }

    /// Gives the outcome its position in the trail. From here on this guard records nothing.
    pub(crate) fn link(
        &mut self,
        record: impl FnOnce() -> PendingReceipt<NotRecorded>,
    ) -> PendingReceipt<NotRecorded> {
        self.stage = Stage::Closed;
        record()
    }

    /// Records the outcome and waits until it is durable.
    ///
    /// A failure is returned and not retried. If this future is dropped after its first poll, the outcome keeps its
    /// position and remains the only one.
    pub(crate) async fn close(
        mut self,
        task_id: Option<&str>,
        event: &'static str,
        record: impl FnOnce(&Recorder, Subject<'_>) -> PendingReceipt<NotRecorded>,
    ) -> Result<(), Error> {
        let subject = self.subject.with_task(task_id);
        let recorder = self.recorder;
        self.link(|| record(recorder, subject)).await.map_err(subject.outcome_not_recorded(event))?;
        Ok(())
    }
}

impl Drop for OutcomeGuard<'_> {
    fn drop(&mut self) {
        let recorded = match self.stage {
            Stage::Closed => return,
            Stage::NotAccepted => submissions::task_refused(
                self.recorder,
                self.subject,
                Reply::default(),
                self.latency(),
                "given up before the vendor accepted",
            ),
            Stage::InFlight => {
                self.task_may_exist.store(true, Ordering::Relaxed);
                submissions::task_ambiguous(
                    self.recorder,
                    self.subject,
                    TaskStage::Submit,
                    Reply::default(),
                    self.latency(),
                    "given up before the vendor answered",
                )
            }
        };
        // The entry has its position. No caller is left to receive a failure, so the log counts it as not recorded.
        drop(recorded);
    }
}
