//! Sounds that a task made.

use std::fmt;

use serde_json::Value;

use crate::kling::{
    api::{
        json_fields::{either, text},
        urls::without_query,
    },
    outputs::output::output_list,
};

/// A sound that a task made.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audio {
    /// Kling's id of the sound, or an empty text if Kling gave none.
    pub id: String,
    /// URL of the download, as MP3 if there are several formats. Kling keeps it for 30 days. Its query string may grant
    /// access: treat it as a secret.
    pub url: String,
    /// URL of the download as WAV, if Kling offers it.
    pub wav_url: Option<String>,
    /// Length in seconds, in Kling's spelling.
    pub duration: Option<String>,
    /// Length of the WAV in seconds, if Kling names it.
    pub wav_duration: Option<String>,
}

impl Audio {
    pub(crate) fn decode(audio: &Value) -> Option<Audio> {
        let wav_url = either(audio, &["url_wav", "wav_url"]);
        Some(Audio {
            id: text(audio, "id").unwrap_or_default(),
            url: either(audio, &["url", "url_mp3", "mp3_url"]).or_else(|| wav_url.clone())?,
            wav_url,
            duration: either(audio, &["duration", "duration_mp3", "mp3_duration"]),
            wav_duration: either(audio, &["duration_wav", "wav_duration"]),
        })
    }
}

impl fmt::Debug for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audio")
            .field("id", &self.id)
            .field("url", &without_query(&self.url))
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}

output_list! {
    /// Sounds of a task that succeeded, one or more.
    Audios of Audio at "audios" counted as audios
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sound_is_read_in_each_of_klings_formats() {
        for audio in [
            json!({"id": "1", "url": "https://a/1.mp3", "duration": "5"}),
            json!({"id": "1", "url_mp3": "https://a/1.mp3", "url_wav": "https://a/1.wav", "duration_mp3": "5"}),
            json!({"id": "1", "mp3_url": "https://a/1.mp3", "wav_url": "https://a/1.wav", "mp3_duration": 5}),
        ] {
            let audios = Audios::decode(&json!({"audios": [audio]})).expect("a sound");

            let audio = audios.first();
            assert_eq!((audio.url.as_str(), audio.duration.as_deref()), ("https://a/1.mp3", Some("5")));
        }
    }
}
