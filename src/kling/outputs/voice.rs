//! Voices that Kling stores to speak with them again. A voice of a person is biometric data.

use std::fmt;

use serde_json::Value;

use crate::kling::{
    api::{
        json_fields::{either, text},
        urls::without_query,
    },
    outputs::output::output_list,
};

/// A voice of the account, or one of Kling's own.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Voice {
    /// Kling's id of the voice.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// URL of a sample. Its query string may grant access: treat it as a secret.
    pub trial_url: Option<String>,
    /// Owner: `kling`, or the account that made it.
    pub owned_by: Option<String>,
    /// Kling's word for its state.
    pub status: Option<String>,
}

impl Voice {
    pub(crate) fn decode(voice: &Value) -> Option<Voice> {
        Some(Voice {
            id: either(voice, &["voice_id", "id"])?,
            name: either(voice, &["voice_name", "name"]),
            trial_url: either(voice, &["trial_url", "url"]),
            owned_by: text(voice, "owned_by"),
            status: text(voice, "status"),
        })
    }
}

/// Does not show the name, which is a free text of a user.
impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voice")
            .field("id", &self.id)
            .field("trial_url", &self.trial_url.as_deref().map(without_query))
            .finish_non_exhaustive()
    }
}

output_list! {
    /// Voices, one or more.
    Voices of Voice at "voices" counted as voices resource Voice
}
