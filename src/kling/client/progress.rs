//! State of a task as an answer reports it, and the result of a task that succeeded.

use std::fmt;

use crate::kling::{
    api::status::TaskStatus,
    outputs::{charge::Charge, video::Video},
};

/// State of a task, from [`Client::query`](crate::kling::Client::query).
///
/// `Debug` does not show the message: for a task from a list the client does not know the prompt, which the message may
/// quote.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskProgress<O> {
    /// Status of the task.
    pub status: TaskStatus,
    /// Kling's text about the status. For a failed task it is the reason.
    pub message: Option<String>,
    /// Cost in credits, in Kling's spelling. Present only after the task ended.
    pub credits: Option<String>,
    /// Cost item by item, if Kling lists it.
    pub billing: Vec<Charge>,
    /// Video that the task was made from, if Kling names it.
    pub parent_video: Option<Video>,
    /// Result of the task. Present only after the task succeeded.
    pub output: Option<O>,
}

impl<O: fmt::Debug> fmt::Debug for TaskProgress<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskProgress")
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
    /// Kling's id of the task.
    pub task_id: String,
    /// Cost in credits, in Kling's spelling.
    pub credits: Option<String>,
    /// Cost item by item, if Kling lists it.
    pub billing: Vec<Charge>,
    /// Video that the task was made from, if Kling names it.
    pub parent_video: Option<Video>,
    /// Result of the task.
    pub output: O,
}
