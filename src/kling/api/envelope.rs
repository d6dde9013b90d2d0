//! The envelope around Kling's answers. Any bytes decode to an envelope or to `None`, without a panic, and unknown
//! members are ignored.

use serde_json::Value;

use crate::kling::{
    api::json_fields::{is_word, text},
    privacy::scrub::Scrubber,
};

/// Kling's envelope around every answer: `{code, message, request_id, data}`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) request_id: Option<String>,
    pub(crate) data: Value,
    /// Time of the answer by Kling's clock, in Unix seconds.
    pub(crate) date: Option<i64>,
}

impl Envelope {
    /// Returns `None` for anything but an object with a `code`. The message is scrubbed.
    pub(crate) fn decode(body: &[u8], scrubber: &Scrubber) -> Option<Envelope> {
        let mut body: Value = serde_json::from_slice(body).ok()?;
        let code = match body.get("code")? {
            Value::Number(code) => code.as_i64()?,
            Value::String(code) => code.parse().ok()?,
            _ => return None,
        };
        Some(Envelope {
            code,
            message: scrubber.scrub(&text(&body, "message").unwrap_or_default()),
            request_id: text(&body, "request_id").filter(|id| is_word(id)),
            data: body.get_mut("data").map(Value::take).unwrap_or_default(),
            date: None,
        })
    }
}
