//! A task that the vendor has accepted. Its promise: clones are one task, so that each change of it is recorded once
//! whoever sees it first. It does not know how to ask the vendor.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

use tokio::sync::Mutex;

use super::{
    charge::Charge,
    envelope::is_segment,
    request::{Request, RequestError},
    requests::TextToVideo,
    screen::Screen,
    slots::Held,
    status::TaskStatus,
    submission::Asked,
    video::Video,
};

/// A task that the vendor has accepted, from [`Client::submit`](crate::kling::Client::submit).
///
/// A clone is a few pointers, and the same task.
pub struct Task<R = TextToVideo> {
    inner: Arc<Inner>,
    request: PhantomData<fn() -> R>,
}

struct Inner {
    id: String,
    external_task_id: Option<String>,
    screen: Screen,
    /// The units that it was expected to cost.
    estimate: Option<String>,
    /// Set where this client submitted it.
    asked: OnceLock<Asked>,
    seen: Mutex<Seen>,
    /// The slots that it holds until it ends.
    held: parking_lot::Mutex<Option<Held>>,
}

/// What was observed and recorded of a task.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) status: Option<TaskStatus>,
    /// Whether its end was recorded.
    pub(crate) ended: bool,
}

impl<R: Request> Task<R> {
    /// A task that was accepted earlier, such as before this program was started again.
    ///
    /// The prompt is not known here, and the vendor may quote it in the reason of a failure. So a reason that is not
    /// known to repeat nothing is withheld, unless [`with_prompt`](Task::with_prompt) says what it must not repeat.
    ///
    /// # Errors
    ///
    /// [`RequestError`] for an id that can't be one: blank, `.` or `..`, with control characters, or longer than 256
    /// bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use kling_audit::kling::{Task, TextToVideo};
    ///
    /// let task = Task::<TextToVideo>::resume("866889456698785798")?;
    /// assert_eq!(task.id(), "866889456698785798");
    /// # Ok::<(), kling_audit::kling::RequestError>(())
    /// ```
    pub fn resume(id: impl Into<String>) -> Result<Task<R>, RequestError> {
        let id = id.into();
        match is_segment(&id) {
            true => Ok(Task::new(id, None, Screen::blind(), None, None)),
            false => Err(RequestError::new("task_id", "must be an id that the vendor gave")),
        }
    }

    /// The same task, of which the prompt is known that entries and errors must not repeat.
    ///
    /// What was seen of the task so far is forgotten: say it before anything is asked.
    pub fn with_prompt(self, prompt: impl Into<String>) -> Task<R> {
        let screen = Screen::new([prompt.into()]);
        let task = Task::new(
            self.inner.id.clone(),
            self.inner.external_task_id.clone(),
            screen,
            self.inner.estimate.clone(),
            None,
        );
        task.hold(self.inner.held.lock().take());
        if let Some(asked) = self.asked() {
            task.remember(asked.clone());
        }
        task
    }

    /// `id` is one that [`is_segment`].
    pub(crate) fn new(
        id: String,
        external_task_id: Option<String>,
        screen: Screen,
        estimate: Option<String>,
        status: Option<TaskStatus>,
    ) -> Task<R> {
        let seen = Mutex::new(Seen { status, ended: false });
        let held = parking_lot::Mutex::new(None);
        Task {
            inner: Arc::new(Inner {
                id,
                external_task_id,
                screen,
                estimate,
                asked: OnceLock::new(),
                seen,
                held,
            }),
            request: PhantomData,
        }
    }

    /// The vendor's id of the task.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The id that the task was submitted under, where it is known.
    pub fn external_task_id(&self) -> Option<&str> {
        self.inner.external_task_id.as_deref()
    }

    /// Holds these slots until it ends.
    pub(crate) fn hold(&self, held: Option<Held>) {
        *self.inner.held.lock() = held;
    }

    /// Gives its slots back.
    pub(crate) fn release(&self) {
        self.hold(None);
    }

    /// Keeps what it was asked for by. What it was first told stays.
    pub(crate) fn remember(&self, asked: Asked) {
        self.inner.asked.get_or_init(|| asked);
    }

    pub(crate) fn asked(&self) -> Option<&Asked> {
        self.inner.asked.get()
    }

    pub(crate) fn estimate(&self) -> Option<&str> {
        self.inner.estimate.as_deref()
    }

    pub(crate) fn screen(&self) -> &Screen {
        &self.inner.screen
    }

    pub(crate) fn seen(&self) -> &Mutex<Seen> {
        &self.inner.seen
    }
}

impl<R> Clone for Task<R> {
    fn clone(&self) -> Task<R> {
        Task { inner: Arc::clone(&self.inner), request: PhantomData }
    }
}

impl<R: Request> fmt::Debug for Task<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("action", &R::ACTION)
            .field("id", &self.inner.id)
            .field("external_task_id", &self.inner.external_task_id)
            .finish_non_exhaustive()
    }
}

/// Where a task stands, from [`Client::query`](crate::kling::Client::query).
///
/// `Debug` does not show the message: of a task on a list nobody knows the prompt that it may quote.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress<O> {
    /// The task's status.
    pub status: TaskStatus,
    /// What the vendor says about the status, which of a failed task is the reason.
    pub message: Option<String>,
    /// What the task cost in units, in the vendor's own spelling; only of a task that has ended.
    pub credits: Option<String>,
    /// What the task cost, item by item, where the vendor says it so.
    pub billing: Vec<Charge>,
    /// The video that it was made from, where the vendor names it.
    pub parent_video: Option<Video>,
    /// What the task made; only of a task that succeeded.
    pub output: Option<O>,
}

impl<O: fmt::Debug> fmt::Debug for Progress<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("status", &self.status)
            .field("credits", &self.credits)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

/// A task that succeeded, from [`Client::wait`](crate::kling::Client::wait).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completed<O> {
    /// The vendor's id of the task.
    pub task_id: String,
    /// What the task cost in units, in the vendor's own spelling.
    pub credits: Option<String>,
    /// What the task cost, item by item, where the vendor says it so.
    pub billing: Vec<Charge>,
    /// The video that it was made from, where the vendor names it.
    pub parent_video: Option<Video>,
    /// What the task made.
    pub output: O,
}
