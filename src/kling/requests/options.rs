//! Fields that most requests share: external task id, callback and watermark.

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    requests::validation::{self, require},
};

/// Fields that requests share. Public in a private module: requests hold it, the client reads it.
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
        if let Some(url) = &self.callback_url {
            validation::url(url, "callback_url")?;
        }
        let Some(id) = self.external_task_id.as_deref() else { return Ok(()) };
        let field = "external_task_id";
        require(!id.trim().is_empty(), field, "must not be blank")?;
        // The id becomes a segment of a path, where even the escaped forms of these two denote other paths.
        require(!matches!(id, "." | ".."), field, "must not be . or ..")?;
        require(id.len() <= 256, field, "must have at most 256 bytes")?;
        // Queries of the new design separate ids by commas, and treat an escaped comma in the same way.
        require(!id.contains(','), field, "must not have a comma")?;
        require(!id.chars().any(char::is_control), field, "must not have control characters")
    }
}
