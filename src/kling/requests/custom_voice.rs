//! The request for a voice of the account.

use super::{fields, task};
use crate::kling::{element::Voices, request::RequestError, rules};

fields! {
    /// A voice of the account, from a sound (mp3, wav, mp4 or mov, 5 to 30 seconds, one voice) or from a video that the
    /// vendor made. It is biometric data.
    CustomVoice {
        must { voice_name: String, }
        may {
            voice_url: String,
            video_id: String,
        }
        lists {}
    }
    named
}

impl CustomVoice {
    /// From the sound at this URL.
    pub fn of_url(name: impl Into<String>, voice_url: impl Into<String>) -> CustomVoice {
        CustomVoice::bare(name.into()).voice_url(voice_url)
    }

    /// From a video that the vendor made.
    pub fn of_video(name: impl Into<String>, video_id: impl Into<String>) -> CustomVoice {
        CustomVoice::bare(name.into()).video_id(video_id)
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::text("voice_name", &self.voice_name, 20)?;
        rules::one_of(("voice_url", self.voice_url.is_some()), ("video_id", self.video_id.is_some()))?;
        rules::url("voice_url", self.voice_url.as_deref())?;
        rules::words([("video_id", self.video_id.as_deref())])
    }
}

task! {
    CustomVoice, "custom_voice", "/v1/general/custom-voices", Voices;
}
