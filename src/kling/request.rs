//! What the client can send. Its promise: a new endpoint is one struct that implements [`Request`], and what the
//! vendor is known to refuse is a [`RequestError`] before anything is sent. It does not know HTTP.

use serde_json::Value;

use super::submission::Submission;

/// A task that the vendor can be asked to do: the action's name, its path and what comes out.
///
/// Implemented by this crate's requests, such as [`TextToVideo`](super::TextToVideo); it can't be implemented
/// elsewhere.
pub trait Request: sealed::Sealed + Send + Sync + 'static {
    /// The action's name in entries and errors: `text_to_video`.
    const ACTION: &'static str;
    /// The path that the request is posted to, and below which its task is found: `/v1/videos/text2video`.
    const PATH: &'static str;
    /// What a task that succeeded gives.
    type Output: Send + Sync + 'static;

    /// Checks what the vendor documents and can be known before sending. The client does it for each request.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, and the field that breaks it.
    fn check(&self) -> Result<(), RequestError>;

    /// The caller's own id for the task.
    #[doc(hidden)]
    fn external_task_id(&self) -> Option<&str>;

    /// The body as it goes on the wire, and what of it is recorded.
    #[doc(hidden)]
    fn submission(&self, external_task_id: &str) -> Submission;

    /// Reads `task_result`; `None` where nothing in it is usable.
    #[doc(hidden)]
    fn decode(task_result: &Value) -> Option<Self::Output>;

    /// How many videos (images, ...) the output has.
    #[doc(hidden)]
    fn count(output: &Self::Output) -> u64;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A request breaks a rule that the vendor documents; nothing was sent.
///
/// The rule never repeats what the request holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct RequestError {
    field: &'static str,
    rule: &'static str,
}

impl RequestError {
    pub(crate) fn new(field: &'static str, rule: &'static str) -> RequestError {
        RequestError { field, rule }
    }

    /// The field at fault, as the vendor spells it; nested ones with dots.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The rule that it breaks.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}
