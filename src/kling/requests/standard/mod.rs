//! The new design of Kling's endpoints: the path names the model, the input is a list of contents, and an API key is
//! required.
//!
//! ```
//! use kling_audit::kling::requests::{
//!     AudioTrack, Request, Resolution,
//!     standard::{Content, StandardImageToVideo},
//! };
//!
//! let fox = StandardImageToVideo::new("kling-3.0", [
//!     Content::prompt("it runs"),
//!     Content::first_frame("https://example.com/fox.png"),
//! ])
//! .resolution(Resolution::P1080)
//! .duration(10_u32)
//! .audio(AudioTrack::Off);
//!
//! assert!(fox.check().is_ok());
//! ```

pub(crate) mod content;
mod endpoint;
mod model_support;
pub(crate) mod requests;
mod settings;

pub use self::{
    content::Content,
    requests::{StandardImageToVideo, StandardMotionControl, StandardOmniVideo, StandardTextToVideo},
};
