//! The request to make a video longer.

use super::{fields, task, text_to_video::PROMPT_LIMIT};
use crate::kling::{request::RequestError, rules, video::Videos};

fields! {
    /// A video of the vendor's making, 4 to 5 seconds longer; up to 3 minutes, and not older than 30 days.
    ///
    /// `video_id` is the id of the video, and not that of the task that made it.
    VideoExtend {
        must { video_id: String, }
        may {
            /// How it goes on.
            prompt: String,
            /// What the video should not show.
            negative_prompt: String,
            /// How closely the video follows the prompt, 0 to 1.
            cfg_scale: f64,
        }
        lists {}
    }
    watermarked
}

impl VideoExtend {
    /// The video of this id, made longer.
    pub fn new(video_id: impl Into<String>) -> VideoExtend {
        VideoExtend::bare(video_id.into())
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([("video_id", Some(self.video_id.as_str()))])?;
        rules::at_most("prompt", self.prompt.as_deref(), PROMPT_LIMIT)?;
        rules::at_most("negative_prompt", self.negative_prompt.as_deref(), PROMPT_LIMIT)?;
        rules::within("cfg_scale", self.cfg_scale, 0.0..=1.0)
    }
}

task! {
    VideoExtend, "video_extend", "/v1/videos/video-extend", Videos;
}
