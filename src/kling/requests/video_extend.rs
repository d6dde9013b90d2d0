//! The request that makes a video longer.

use crate::kling::{
    outputs::video::Videos,
    requests::{
        endpoint::endpoint,
        validation::{MAX_PROMPT_CHARS, at_most, between, word},
    },
};

endpoint! {
    /// A video that Kling made, 4 to 5 seconds longer. It becomes at most 3 minutes long, and must not be older than 30
    /// days.
    ///
    /// `video_id` is the id of the video, not that of its task.
    VideoExtend: task("video_extend", "/v1/videos/video-extend") -> Videos {
        /// The video with this id, made longer.
        new { video_id: String => word, }
        optional {
            /// Content of the added part.
            prompt: String => at_most(MAX_PROMPT_CHARS),
            /// Content that the video should not show.
            negative_prompt: String => at_most(MAX_PROMPT_CHARS),
            /// Similarity to the prompt, 0 to 1.
            cfg_scale: f64 => between(0.0..=1.0),
        }
        with callback, watermark;
    }
}
