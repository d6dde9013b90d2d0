//! The trait of requests that Kling answers at once.

use serde::Serialize;
use serde_json::Value;

use crate::kling::{error::RequestError, outputs::resource::Resource, requests::request::sealed};

/// Request that Kling answers at once, without a task that could be queried later.
///
/// Implemented by this crate's requests, such as [`IdentifyFace`](super::IdentifyFace). It cannot be implemented
/// elsewhere.
pub trait Immediate: sealed::Sealed + Serialize + Clone + Send + Sync + 'static {
    /// Name of the action in entries and errors, such as `identify_face`.
    const ACTION: &'static str;
    /// Path of the POST request.
    const PATH: &'static str;
    /// Content of the answer.
    type Output: Send + Sync + 'static;

    /// Checks Kling's documented rules that can be checked before sending. The client checks each request.
    ///
    /// # Errors
    ///
    /// The first broken rule, and the field that breaks it.
    fn check(&self) -> Result<(), RequestError>;

    /// Decodes `data`. Returns `None` if a necessary member is missing.
    #[doc(hidden)]
    fn decode(data: &Value) -> Option<Self::Output>;

    /// Returns the reason of a refusal inside a successful answer.
    #[doc(hidden)]
    fn refusal(_data: &Value) -> Option<String> {
        None
    }

    /// Returns the new resources of the account, by id.
    #[doc(hidden)]
    fn made(_output: &Self::Output) -> Vec<(Resource, String)> {
        Vec::new()
    }

    /// Returns the resource that was deleted, if Kling reports that the deletion is done.
    #[doc(hidden)]
    fn removed(&self, _output: &Self::Output) -> Option<(Resource, &str)> {
        None
    }
}
