//! What most requests can be given besides their own fields: a name, a callback, a watermark. Its promise: the three
//! have the same rules wherever they stand.

use serde::Serialize;

use super::{request::RequestError, rules};

/// The fields that requests have in common. Public in a private module: requests hold it, the client reads it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) callback_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) watermark_info: Option<Watermark>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Watermark {
    pub(crate) enabled: bool,
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), RequestError> {
        rules::url("callback_url", self.callback_url.as_deref())?;
        let Some(id) = self.external_task_id.as_deref() else { return Ok(()) };
        let field = "external_task_id";
        rules::require(!id.trim().is_empty(), field, "must not be blank")?;
        // It becomes a segment of a path, where these two mean other paths even when they are escaped.
        rules::require(!matches!(id, "." | ".."), field, "must not be . or ..")?;
        rules::require(id.len() <= 256, field, "must have at most 256 bytes")?;
        // The newer design looks ids up by a list of them with commas between, whether they are escaped or not.
        rules::require(!id.contains(','), field, "must not have a comma")?;
        rules::require(!id.chars().any(char::is_control), field, "must not have control characters")
    }
}
