//! The request for a text read aloud.

use serde_json::Value;

use super::{fields, immediate};
use crate::kling::{audio::Audios, request::RequestError, rules, vocabulary::VoiceLanguage};

fields! {
    /// A text of at most 1000 characters, read aloud at once. The vendor gives it no name and no callback.
    Speech {
        must {
            text: String,
            voice_id: String,
            voice_language: VoiceLanguage,
        }
        may {
            /// 0.8 to 2.
            voice_speed: f64,
        }
        lists {}
    }
}

impl Speech {
    /// `text` in this voice and language.
    pub fn new(
        text: impl Into<String>,
        voice_id: impl Into<String>,
        language: impl Into<VoiceLanguage>,
    ) -> Speech {
        Speech::bare(text.into(), voice_id.into(), language.into())
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::text("text", &self.text, 1000)?;
        rules::words([
            ("voice_id", Some(self.voice_id.as_str())),
            ("voice_language", Some(self.voice_language.as_str())),
        ])?;
        rules::within("voice_speed", self.voice_speed, 0.8..=2.0)
    }
}

immediate! {
    Speech, "speech", "/v1/audio/tts", Audios;

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
