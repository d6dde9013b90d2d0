//! The request for a voice of the account.

use crate::kling::{
    outputs::voice::Voices,
    requests::{
        endpoint::endpoint,
        validation::{text, url, word},
    },
};

endpoint! {
    /// A voice of the account, made from a sound (mp3, wav, mp4 or mov, 5 to 30 seconds, one voice) or from a video
    /// that Kling made. It is biometric data.
    CustomVoice: task("custom_voice", "/v1/general/custom-voices") -> Voices {
        required { voice_name: String => text(20), }
        optional {
            voice_url: String => url,
            video_id: String => word,
        }
        with callback;
        one_of(voice_url, video_id);
    }
}

impl CustomVoice {
    /// A voice from the sound at this URL.
    pub fn of_url(name: impl Into<String>, voice_url: impl Into<String>) -> CustomVoice {
        CustomVoice::bare(name.into()).voice_url(voice_url)
    }

    /// A voice from a video that Kling made.
    pub fn of_video(name: impl Into<String>, video_id: impl Into<String>) -> CustomVoice {
        CustomVoice::bare(name.into()).video_id(video_id)
    }
}
