//! Settings that a client uses after it was built.

use std::time::Duration;

use crate::kling::{billing::prices::Prices, privacy::prompt_hash::PromptKey};

/// Settings of a client, apart from those that only its construction needs.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) deadline: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) backoff: Duration,
    pub(crate) retries: u32,
    pub(crate) resend_unknown_after: Option<Duration>,
    pub(crate) prompt_key: Option<PromptKey>,
    pub(crate) prices: Prices,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            deadline: Duration::from_secs(30 * 60),
            poll_interval: Duration::from_secs(2),
            backoff: Duration::from_secs(1),
            retries: 5,
            resend_unknown_after: None,
            prompt_key: None,
            prices: Prices::new(),
        }
    }
}
