//! The request for a figure that moves as another does in a video.

use super::{
    fields,
    part::{ElementId, ids},
    task,
    text_to_video::PROMPT_LIMIT,
};
use crate::kling::{
    media::{IMAGE_LIMIT, Media},
    request::RequestError,
    rules,
    submission::Defaults,
    video::Videos,
    vocabulary::{Mode, Model, Orientation, OriginalSound},
};

fields! {
    /// The figure of a picture, moving as the one in a video does. It costs by the length of what is made.
    MotionControl {
        must {
            image_url: Media,
            video_url: String,
            character_orientation: Orientation,
            mode: Mode,
        }
        may {
            model_name: Model,
            /// What the video shows besides.
            prompt: String,
            keep_original_sound: OriginalSound,
        }
        lists {
            /// An element, by its id.
            element_list: ElementId,
        }
    }
    watermarked
}

impl MotionControl {
    /// The figure of `image` moving as in the video at `video_url`.
    pub fn new(
        image: impl Into<Media>,
        video_url: impl Into<String>,
        orientation: impl Into<Orientation>,
        mode: impl Into<Mode>,
    ) -> MotionControl {
        MotionControl::bare(image.into(), video_url.into(), orientation.into(), mode.into())
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([
            ("model_name", self.model_name.as_ref().map(Model::as_str)),
            ("mode", Some(self.mode.as_str())),
            ("character_orientation", Some(self.character_orientation.as_str())),
            ("keep_original_sound", self.keep_original_sound.as_ref().map(OriginalSound::as_str)),
        ])?;
        self.image_url.check("image_url", IMAGE_LIMIT)?;
        rules::url("video_url", Some(&self.video_url))?;
        rules::at_most("prompt", self.prompt.as_deref(), PROMPT_LIMIT)?;
        rules::count("element_list", self.element_list.len(), 0..=1)?;
        ids("element_list.element_id", self.element_list.iter().map(|element| element.element_id.as_str()))
    }
}

task! {
    MotionControl, "motion_control", "/v1/videos/motion-control", Videos;

    fn defaults(&self) -> Defaults {
        Defaults { model: Some(Model::V2_6.to_string()), ..Defaults::default() }
    }
}
