//! The older request for lips that move with a sound or a text.

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    outputs::video::Videos,
    requests::{
        endpoint::endpoint,
        media::Media,
        validation::{between, one_of, text, url, words},
        vocabulary::VoiceLanguage,
    },
};

endpoint! {
    /// A video whose figure speaks a text or a sound, by Kling's older endpoint. The newer one is
    /// [`AdvancedLipSync`](crate::kling::requests::AdvancedLipSync).
    LipSync: task("lip_sync", "/v1/videos/lip-sync") -> Videos {
        required { input: LipSyncInput => LipSyncInput::check, }
        with callback;
    }
}

/// Nested part of the body.
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

impl LipSyncInput {
    fn check(&self, _field: &'static str) -> Result<(), RequestError> {
        one_of(("input.video_id", self.video_id.is_some()), ("input.video_url", self.video_url.is_some()))?;
        words([
            ("input.video_id", self.video_id.as_deref()),
            ("input.voice_id", self.voice_id.as_deref()),
            ("input.voice_language", self.voice_language.as_ref().map(VoiceLanguage::as_str)),
        ])?;
        self.video_url.iter().try_for_each(|video| url(video, "input.video_url"))?;
        self.audio_url.iter().try_for_each(|audio| url(audio, "input.audio_url"))?;
        self.text.iter().try_for_each(|words| text(120)(words, "input.text"))?;
        self.audio_file.iter().try_for_each(|sound| sound.check_sound("input.audio_file"))?;
        self.voice_speed.iter().try_for_each(|speed| between(0.8..=2.0)(speed, "input.voice_speed"))
    }
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

    /// Sets `video_id`, a video that Kling made.
    pub fn video_id(mut self, id: impl Into<String>) -> LipSync {
        self.input.video_id = Some(id.into());
        self
    }

    /// Sets `video_url`, a video that Kling downloads.
    pub fn video_url(mut self, url: impl Into<String>) -> LipSync {
        self.input.video_url = Some(url.into());
        self
    }

    /// Sets `voice_speed`, 0.8 to 2.
    pub fn voice_speed(mut self, speed: f64) -> LipSync {
        self.input.voice_speed = Some(speed);
        self
    }
}
