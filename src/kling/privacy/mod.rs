//! Hashing of prompts, and removal of secret texts from what Kling answers, before either reaches an entry or an error.

pub(crate) mod prompt_hash;
pub(crate) mod request_summary;
pub(crate) mod scrub;
