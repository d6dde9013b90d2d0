//! A task that Kling has accepted. Clones share what was observed of it, so that each change is recorded once.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

use tokio::sync::{Mutex, OwnedSemaphorePermit};

use crate::kling::{
    api::{status::TaskStatus, urls::is_segment},
    error::RequestError,
    events::subject::Subject,
    privacy::{request_summary::RequestSummary, scrub::Scrubber},
    requests::{request::Request, text_to_video::TextToVideo},
};

/// A task that Kling has accepted, from [`Client::submit`](crate::kling::Client::submit).
///
/// A clone is a few pointers to the same task.
pub struct Task<R = TextToVideo> {
    shared: Arc<Shared>,
    request: PhantomData<fn() -> R>,
}

struct Shared {
    id: String,
    external_task_id: Option<String>,
    scrubber: Scrubber,
    /// Expected cost in credits.
    estimate: Option<String>,
    /// Set if this client submitted the task.
    summary: OnceLock<RequestSummary>,
    seen: Mutex<Seen>,
    /// Permit that the task holds until it ends.
    permit: parking_lot::Mutex<Option<OwnedSemaphorePermit>>,
}

/// Part of a task's state that was observed and recorded.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) status: Option<TaskStatus>,
    /// `true` after the end was recorded.
    pub(crate) ended: bool,
}

impl<R: Request> Task<R> {
    /// Returns a task that was accepted earlier, for example before a restart of this program.
    ///
    /// The client does not know its prompt, which Kling may quote in the reason of a failure. A reason is therefore
    /// withheld unless it is a known text without quotes. [`with_prompt`](Task::with_prompt) supplies the prompt.
    ///
    /// # Errors
    ///
    /// [`RequestError`] for an invalid id: blank, `.` or `..`, with control characters, or longer than 256 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use kling_audit::kling::{Task, requests::TextToVideo};
    ///
    /// let task = Task::<TextToVideo>::resume("866889456698785798")?;
    /// assert_eq!(task.id(), "866889456698785798");
    /// # Ok::<(), kling_audit::kling::RequestError>(())
    /// ```
    pub fn resume(id: impl Into<String>) -> Result<Task<R>, RequestError> {
        let id = id.into();
        match is_segment(&id) {
            true => Ok(Task::new(id, None, Scrubber::without_prompt(), None, None)),
            false => Err(RequestError::new("task_id", "must be an id that Kling gave")),
        }
    }

    /// Returns the same task with its prompt, which entries and errors must not repeat.
    ///
    /// The returned task has no observed state. Call this before the first query.
    pub fn with_prompt(self, prompt: impl Into<String>) -> Task<R> {
        let task = Task::new(
            self.shared.id.clone(),
            self.shared.external_task_id.clone(),
            Scrubber::new([prompt.into()]),
            self.shared.estimate.clone(),
            None,
        );
        task.hold(self.shared.permit.lock().take());
        if let Some(summary) = self.summary() {
            task.set_summary(summary.clone());
        }
        task
    }

    /// Returns a task without a permit and a summary. The caller has checked `id` with [`is_segment`].
    pub(crate) fn new(
        id: String,
        external_task_id: Option<String>,
        scrubber: Scrubber,
        estimate: Option<String>,
        status: Option<TaskStatus>,
    ) -> Task<R> {
        let shared = Shared {
            id,
            external_task_id,
            scrubber,
            estimate,
            summary: OnceLock::new(),
            seen: Mutex::new(Seen { status, ended: false }),
            permit: parking_lot::Mutex::new(None),
        };
        Task { shared: Arc::new(shared), request: PhantomData }
    }

    /// Kling's id of the task.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Id that the task was submitted under, if it is known.
    pub fn external_task_id(&self) -> Option<&str> {
        self.shared.external_task_id.as_deref()
    }

    /// Subject of entries about the task.
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject { action: R::ACTION, task_id: Some(self.id()), external_task_id: self.external_task_id() }
    }

    /// Holds `permit` until the task ends.
    pub(crate) fn hold(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.shared.permit.lock() = permit;
    }

    /// Releases the permit.
    pub(crate) fn release(&self) {
        self.hold(None);
    }

    /// Sets the summary of the task's request. Only the first call has an effect.
    pub(crate) fn set_summary(&self, summary: RequestSummary) {
        self.shared.summary.get_or_init(|| summary);
    }

    pub(crate) fn summary(&self) -> Option<&RequestSummary> {
        self.shared.summary.get()
    }

    pub(crate) fn estimate(&self) -> Option<&str> {
        self.shared.estimate.as_deref()
    }

    pub(crate) fn scrubber(&self) -> &Scrubber {
        &self.shared.scrubber
    }

    pub(crate) fn seen(&self) -> &Mutex<Seen> {
        &self.shared.seen
    }
}

impl<R> Clone for Task<R> {
    fn clone(&self) -> Task<R> {
        Task { shared: Arc::clone(&self.shared), request: PhantomData }
    }
}

impl<R: Request> fmt::Debug for Task<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("action", &R::ACTION)
            .field("id", &self.shared.id)
            .field("external_task_id", &self.shared.external_task_id)
            .finish_non_exhaustive()
    }
}
