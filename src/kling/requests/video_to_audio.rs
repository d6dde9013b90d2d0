//! The request for a sound that fits a video.

use crate::kling::{
    outputs::soundtrack::Soundtrack,
    requests::{
        endpoint::endpoint,
        validation::{any, at_most, url, word},
    },
};

endpoint! {
    /// The sound of a video: one of Kling's by its id, or one by its URL (mp4 or mov, at most 100 MB, 3 to 20 seconds).
    VideoToAudio: task("video_to_audio", "/v1/audio/video-to-audio") -> Soundtrack {
        optional {
            video_id: String => word,
            video_url: String => url,
            /// Sound effects, at most 200 characters.
            sound_effect_prompt: String => at_most(200),
            /// Music, at most 200 characters.
            bgm_prompt: String => at_most(200),
            asmr_mode: bool => any,
        }
        with callback;
        one_of(video_id, video_url);
    }
}

impl VideoToAudio {
    /// The sound of a video that Kling made.
    pub fn of_id(video_id: impl Into<String>) -> VideoToAudio {
        VideoToAudio::bare().video_id(video_id)
    }

    /// The sound of a video that Kling downloads.
    pub fn of_url(video_url: impl Into<String>) -> VideoToAudio {
        VideoToAudio::bare().video_url(video_url)
    }
}
