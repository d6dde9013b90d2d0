//! The two designs that Kling's endpoints follow.

/// Design of an endpoint. Public in a private module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiDesign {
    /// Endpoints below `/v1`. The body names the model, and a task is found below the path it was posted to.
    Legacy,
    /// Endpoints that name the model in their path. Tasks are found at `/tasks`, and an API key is required.
    New,
}
