//! The older request for lips that move as a sound or a text says.

use serde::Serialize;

use super::{fields, task};
use crate::kling::{
    media::{Media, SOUND_LIMIT},
    request::RequestError,
    rules,
    video::Videos,
    vocabulary::VoiceLanguage,
};

fields! {
    /// A video whose figure speaks a text or a sound, by the vendor's older endpoint.
    /// [`AdvancedLipSync`](crate::kling::requests::AdvancedLipSync) is the newer one.
    LipSync {
        must { input: LipSyncInput, }
        may {}
        lists {}
    }
    named
}

/// What the vendor nests.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct LipSyncInput {
    #[serde(skip_serializing_if = "Option::is_none")]
    video_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_url: Option<String>,
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_language: Option<VoiceLanguage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_speed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_file: Option<Media>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_url: Option<String>,
}

impl LipSync {
    /// The figure speaks `text`, at most 120 characters, in this voice.
    pub fn speaking(
        text: impl Into<String>,
        voice_id: impl Into<String>,
        language: impl Into<VoiceLanguage>,
    ) -> LipSync {
        LipSync::bare(LipSyncInput {
            mode: "text2video",
            text: Some(text.into()),
            voice_id: Some(voice_id.into()),
            voice_language: Some(language.into()),
            ..LipSyncInput::default()
        })
    }

    /// The figure speaks the sound at this URL.
    pub fn sound_url(url: impl Into<String>) -> LipSync {
        LipSync::bare(LipSyncInput {
            mode: "audio2video",
            audio_type: Some("url"),
            audio_url: Some(url.into()),
            ..LipSyncInput::default()
        })
    }

    /// The figure speaks this sound.
    pub fn sound_bytes(bytes: impl AsRef<[u8]>) -> LipSync {
        LipSync::bare(LipSyncInput {
            mode: "audio2video",
            audio_type: Some("file"),
            audio_file: Some(Media::from_bytes(bytes)),
            ..LipSyncInput::default()
        })
    }

    /// Sets `video_id`: a video that the vendor made.
    pub fn video_id(mut self, id: impl Into<String>) -> LipSync {
        self.input.video_id = Some(id.into());
        self
    }

    /// Sets `video_url`: a video that the vendor fetches.
    pub fn video_url(mut self, url: impl Into<String>) -> LipSync {
        self.input.video_url = Some(url.into());
        self
    }

    /// Sets `voice_speed`, 0.8 to 2.
    pub fn voice_speed(mut self, speed: f64) -> LipSync {
        self.input.voice_speed = Some(speed);
        self
    }

    fn rules(&self) -> Result<(), RequestError> {
        let input = &self.input;
        rules::one_of(
            ("input.video_id", input.video_id.is_some()),
            ("input.video_url", input.video_url.is_some()),
        )?;
        rules::words([
            ("input.video_id", input.video_id.as_deref()),
            ("input.voice_id", input.voice_id.as_deref()),
            ("input.voice_language", input.voice_language.as_ref().map(VoiceLanguage::as_str)),
        ])?;
        rules::url("input.video_url", input.video_url.as_deref())?;
        rules::url("input.audio_url", input.audio_url.as_deref())?;
        if let Some(text) = &input.text {
            rules::text("input.text", text, 120)?;
        }
        if let Some(sound) = &input.audio_file {
            sound.check("input.audio_file", SOUND_LIMIT)?;
        }
        rules::within("input.voice_speed", input.voice_speed, 0.8..=2.0)
    }
}

task! {
    LipSync, "lip_sync", "/v1/videos/lip-sync", Videos;
}
