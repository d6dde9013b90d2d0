//! The answer to an immediate call.

/// Answer to an immediate call, from [`Client::call`](crate::kling::Client::call).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered<O> {
    /// Kling's id of the task that this call was, if Kling made one.
    pub task_id: Option<String>,
    /// Cost in credits, in Kling's spelling.
    pub credits: Option<String>,
    /// Decoded content of the answer.
    pub output: O,
}
