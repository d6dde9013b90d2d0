//! What the client can send. Its promise: a new endpoint is one struct that implements [`Request`] or [`Immediate`], and
//! what the vendor is known to refuse is a [`RequestError`] before anything is sent. It does not know HTTP.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::{
    options::Options,
    output::{Output, Resource},
    submission::{Defaults, Submission},
};

/// A task that the vendor can be asked to do: the action's name, its path and what comes out.
///
/// Implemented by this crate's requests, such as [`TextToVideo`](crate::kling::TextToVideo); it can't be implemented
/// elsewhere.
pub trait Request: sealed::Sealed + Serialize + Clone + Send + Sync + 'static {
    /// The action's name in entries and errors: `text_to_video`.
    const ACTION: &'static str;
    /// The path that the request is posted to, and below which its task is found: `/v1/videos/text2video`.
    ///
    /// Of an endpoint whose path names the model it is what stands before that.
    const PATH: &'static str;
    /// What a task that succeeded gives.
    type Output: Output;

    /// The design that the endpoint follows.
    #[doc(hidden)]
    const STANDARD: Standard = Standard::Legacy;
    /// What the vendor counts its tasks among.
    #[doc(hidden)]
    const PACK: Pack = Pack::Video;

    /// Checks what the vendor documents and can be known before sending. The client does it for each request.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, and the field that breaks it.
    fn check(&self) -> Result<(), RequestError>;

    /// What is unlikely to be taken, such as a mode that the model did not have when this crate was made. The vendor
    /// moves faster than its clients, so it is sent all the same, and the entry says so.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The path that this request is posted to.
    #[doc(hidden)]
    fn path(&self) -> Cow<'static, str> {
        Cow::Borrowed(Self::PATH)
    }

    #[doc(hidden)]
    fn options(&self) -> &Options;

    #[doc(hidden)]
    fn options_mut(&mut self) -> &mut Options;

    /// What the vendor takes for what is left out.
    #[doc(hidden)]
    fn defaults(&self) -> Defaults {
        Defaults::default()
    }

    /// How many of the account's slots its task takes.
    #[doc(hidden)]
    fn slots(&self) -> u32 {
        1
    }
}

/// Something that the vendor does while it is waited for, without a task that could be asked for later.
///
/// Implemented by this crate's requests, such as [`IdentifyFace`](crate::kling::IdentifyFace); it can't be implemented
/// elsewhere.
pub trait Immediate: sealed::Sealed + Serialize + Clone + Send + Sync + 'static {
    /// The action's name in entries and errors: `identify_face`.
    const ACTION: &'static str;
    /// The path that the request is posted to.
    const PATH: &'static str;
    /// What comes back.
    type Output: Send + Sync + 'static;

    /// Checks what the vendor documents and can be known before sending. The client does it for each request.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, and the field that breaks it.
    fn check(&self) -> Result<(), RequestError>;

    /// Reads `data`; `None` where what matters is not in it.
    #[doc(hidden)]
    fn decode(data: &Value) -> Option<Self::Output>;

    /// A refusal that hides in an answer that says that all is well.
    #[doc(hidden)]
    fn refusal(_data: &Value) -> Option<String> {
        None
    }

    /// What was made that is a resource of the account, by id.
    #[doc(hidden)]
    fn made(_output: &Self::Output) -> Vec<(Resource, String)> {
        Vec::new()
    }

    /// What was removed, where that is what it does and the vendor says that it is done.
    #[doc(hidden)]
    fn removed(&self, _output: &Self::Output) -> Option<(Resource, &str)> {
        None
    }
}

/// The two designs of the vendor's endpoints. Public in a private module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standard {
    /// Below `/v1`: the model stands in the body, a task is found below the path that it was posted to.
    Legacy,
    /// The model stands in the path, tasks are found at `/tasks`, and an API key is needed.
    New,
}

/// What the vendor counts concurrent tasks by, besides the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pack {
    /// Videos and sounds: a task takes one slot.
    Video,
    /// Pictures: a task takes as many slots as it makes pictures.
    Image,
    /// Virtual try-on: a task takes one slot.
    TryOn,
}

impl Pack {
    /// `video`, `image` or `try-on`.
    pub fn as_str(self) -> &'static str {
        match self {
            Pack::Video => "video",
            Pack::Image => "image",
            Pack::TryOn => "try-on",
        }
    }
}

/// `request` made ready to be sent under this id.
pub(crate) fn submission<R: Request>(mut request: R, external_task_id: &str) -> Submission {
    request.options_mut().external_task_id = Some(external_task_id.to_owned());
    let mut submission = Submission::of(&request, request.defaults());
    submission.warnings = request.warnings();
    submission
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
    rule: Cow<'static, str>,
}

impl RequestError {
    pub(crate) fn new(field: &'static str, rule: &'static str) -> RequestError {
        RequestError { field, rule: Cow::Borrowed(rule) }
    }

    pub(crate) fn of(field: &'static str, rule: String) -> RequestError {
        RequestError { field, rule: Cow::Owned(rule) }
    }

    /// The field at fault, as the vendor spells it; nested ones with dots.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The rule that it breaks.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}
