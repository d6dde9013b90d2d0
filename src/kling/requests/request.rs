//! The trait of requests for tasks.

use std::borrow::Cow;

use serde::Serialize;

use crate::kling::{
    api::design::ApiDesign,
    error::RequestError,
    outputs::output::Output,
    requests::{defaults::Defaults, options::Options, pack::Pack},
};

/// Request for a task: its action, its path and the type of its result.
///
/// Implemented by this crate's requests, such as [`TextToVideo`](super::TextToVideo). It cannot be implemented
/// elsewhere.
pub trait Request: sealed::Sealed + Serialize + Clone + Send + Sync + 'static {
    /// Name of the action in entries and errors, such as `text_to_video`.
    const ACTION: &'static str;
    /// Path of the POST request, such as `/v1/videos/text2video`. Tasks of the legacy design are found below it.
    ///
    /// For an endpoint of the new design it is the part before the model.
    const PATH: &'static str;
    /// Result of a task that succeeded.
    type Output: Output;

    /// Design of the endpoint.
    #[doc(hidden)]
    const DESIGN: ApiDesign = ApiDesign::Legacy;
    /// Resource pack that limits the concurrent tasks.
    #[doc(hidden)]
    const PACK: Pack = Pack::Video;

    /// Checks Kling's documented rules that can be checked before sending. The client checks each request.
    ///
    /// # Errors
    ///
    /// The first broken rule, and the field that breaks it.
    fn check(&self) -> Result<(), RequestError>;

    /// Describes parts that Kling is unlikely to accept, such as a mode that the model was not seen to have.
    ///
    /// Kling changes faster than its clients, so the request is sent all the same. Its entry has the warnings.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Path of this request.
    #[doc(hidden)]
    fn path(&self) -> Cow<'static, str> {
        Cow::Borrowed(Self::PATH)
    }

    #[doc(hidden)]
    fn options(&self) -> &Options;

    #[doc(hidden)]
    fn options_mut(&mut self) -> &mut Options;

    /// Kling's defaults for the fields that were left out.
    #[doc(hidden)]
    fn defaults(&self) -> Defaults {
        Defaults::default()
    }

    /// Number of concurrency permits that the task takes.
    #[doc(hidden)]
    fn permits(&self) -> u32 {
        1
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}
