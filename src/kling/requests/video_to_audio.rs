//! The request for the sound of a video.

use super::{fields, task};
use crate::kling::{audio::Soundtrack, request::RequestError, rules};

fields! {
    /// The sound of a video: one of the vendor's by id, or one by URL (mp4 or mov, at most 100 MB, 3 to 20 seconds).
    VideoToAudio {
        must {}
        may {
            video_id: String,
            video_url: String,
            /// What is heard, at most 200 characters.
            sound_effect_prompt: String,
            /// The music, at most 200 characters.
            bgm_prompt: String,
            asmr_mode: bool,
        }
        lists {}
    }
    named
}

impl VideoToAudio {
    /// Of a video that the vendor made.
    pub fn of_id(video_id: impl Into<String>) -> VideoToAudio {
        VideoToAudio::bare().video_id(video_id)
    }

    /// Of a video that the vendor fetches.
    pub fn of_url(video_url: impl Into<String>) -> VideoToAudio {
        VideoToAudio::bare().video_url(video_url)
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::one_of(("video_id", self.video_id.is_some()), ("video_url", self.video_url.is_some()))?;
        rules::words([("video_id", self.video_id.as_deref())])?;
        rules::url("video_url", self.video_url.as_deref())?;
        rules::at_most("sound_effect_prompt", self.sound_effect_prompt.as_deref(), 200)?;
        rules::at_most("bgm_prompt", self.bgm_prompt.as_deref(), 200)
    }
}

task! {
    VideoToAudio, "video_to_audio", "/v1/audio/video-to-audio", Soundtrack;
}
