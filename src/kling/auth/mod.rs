//! Credentials, and the bearer tokens that are minted from them.

pub(crate) mod credentials;
pub(crate) mod token;
pub(crate) mod token_cache;
