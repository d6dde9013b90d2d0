//! The three headers of a signed callback.

use crate::kling::{api::json_fields::is_word, callback::signature::Proof, events::assets::CallbackSummary};

/// Headers of Standard Webhooks, as far as a callback has them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WebhookHeaders<'a> {
    id: Option<&'a str>,
    timestamp: Option<&'a str>,
    signatures: Option<&'a str>,
}

/// Completeness of the headers of a signature.
#[derive(Debug)]
pub(super) enum Signing<'a> {
    Signed(Proof<'a>),
    /// Only some of the headers are there.
    Incomplete,
    Unsigned,
}

impl<'a> WebhookHeaders<'a> {
    pub(super) fn of(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> WebhookHeaders<'a> {
        let mut found = WebhookHeaders::default();
        for (name, value) in headers {
            match name.to_ascii_lowercase().as_str() {
                "webhook-id" => found.id = Some(value),
                "webhook-timestamp" => found.timestamp = Some(value),
                "webhook-signature" => found.signatures = Some(value),
                _ => {}
            }
        }
        found
    }

    pub(super) fn signing(&self) -> Signing<'a> {
        match (self.id, self.timestamp, self.signatures) {
            (None, None, None) => Signing::Unsigned,
            (Some(id), Some(timestamp), Some(signatures)) => {
                Signing::Signed(Proof { id, timestamp, signatures })
            }
            _ => Signing::Incomplete,
        }
    }

    /// Returns the part that is recorded even if the callback is refused. The headers are not verified yet, so the
    /// sender chooses them, and only single words reach an entry.
    pub(super) fn summary(&self, bytes: usize) -> CallbackSummary<'a> {
        let word = |value: Option<&'a str>| value.filter(|value| is_word(value));
        CallbackSummary { webhook_id: word(self.id), timestamp: word(self.timestamp), bytes }
    }
}
