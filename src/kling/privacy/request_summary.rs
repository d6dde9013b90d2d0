//! The part of a submitted request that later entries about it repeat.

use crate::kling::privacy::prompt_hash::PromptHash;

/// Model and hashes of a submitted request.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestSummary {
    pub(crate) model: Option<String>,
    pub(crate) prompt: Option<PromptHash>,
    pub(crate) negative_prompt: Option<PromptHash>,
    /// Hash of the whole body, made by the same method as `prompt`.
    pub(crate) body_hash: String,
}

impl RequestSummary {
    pub(crate) fn prompt_hash(&self) -> Option<&str> {
        self.prompt.as_ref().map(|prompt| prompt.hash.as_str())
    }

    pub(crate) fn prompt_hash_kind(&self) -> Option<&str> {
        self.prompt.as_ref().map(|prompt| prompt.kind.as_str())
    }
}
