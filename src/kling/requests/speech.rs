//! The request for a text read aloud.

use serde_json::Value;

use crate::kling::{
    outputs::audio::Audios,
    requests::{
        endpoint::endpoint,
        validation::{between, text, word},
        vocabulary::VoiceLanguage,
    },
};

endpoint! {
    /// A text of at most 1000 characters, read aloud. Kling answers at once, and gives the sound no id and no callback.
    Speech: immediate("speech", "/v1/audio/tts") -> Audios {
        /// The text, in this voice and language.
        new {
            text: String => text(1000),
            voice_id: String => word,
            voice_language: VoiceLanguage => word,
        }
        optional {
            /// Speed, 0.8 to 2.
            voice_speed: f64 => between(0.8..=2.0),
        }
    }

    fn decode(data: &Value) -> Option<Audios> {
        Audios::decode(data.get("task_result")?)
    }

    fn refusal(data: &Value) -> Option<String> {
        match data["task_status"] == "failed" {
            true => Some(data["task_status_msg"].as_str().unwrap_or("the task failed").to_owned()),
            false => None,
        }
    }
}
