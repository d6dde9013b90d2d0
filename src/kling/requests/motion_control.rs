//! The request for a figure that moves like another one in a video.

use crate::kling::{
    outputs::video::Videos,
    requests::{
        defaults::Defaults,
        endpoint::endpoint,
        media::Media,
        references::ElementId,
        validation::{MAX_PROMPT_CHARS, at_most, each, url, word},
        vocabulary::{Mode, Model, Orientation, OriginalSound},
    },
};

endpoint! {
    /// The figure of an image, moving like the one in a video. The cost depends on the length of the result.
    MotionControl: task("motion_control", "/v1/videos/motion-control") -> Videos {
        /// The figure of the image, moving as in the video.
        new {
            image_url: Media => Media::check_image,
            video_url: String => url,
            character_orientation: Orientation => word,
            mode: Mode => word,
        }
        optional {
            model_name: Model => word,
            /// Further content of the video.
            prompt: String => at_most(MAX_PROMPT_CHARS),
            keep_original_sound: OriginalSound => word,
        }
        lists {
            /// An element, by its id.
            element_list: ElementId => each(0..=1, ElementId::check, "element_list.element_id"),
        }
        with callback, watermark;
    }

    fn defaults(&self) -> Defaults {
        Defaults::default().model(Model::V2_6)
    }
}
