//! The request for a video of what several pictures show.

use super::{fields, part::ListedImage, task, text_to_video::PROMPT_LIMIT};
use crate::kling::{
    capability::{FIVE_TEN, doubtful_length},
    duration::Duration,
    media::{IMAGE_LIMIT, Media},
    request::RequestError,
    rules,
    submission::Defaults,
    video::Videos,
    vocabulary::{AspectRatio, Mode, Model},
};

fields! {
    /// A video of what 1 to 4 pictures show. The vendor makes it with `kling-v1-6`, 5 or 10 seconds long.
    MultiImageToVideo {
        must {
            prompt: String,
            image_list: Vec<ListedImage>,
        }
        may {
            model_name: Model,
            /// What the video should not show.
            negative_prompt: String,
            mode: Mode,
            duration: Duration,
            aspect_ratio: AspectRatio,
        }
        lists {}
    }
    watermarked
}

impl MultiImageToVideo {
    /// A video of `prompt` with what these pictures show.
    pub fn new(
        prompt: impl Into<String>,
        images: impl IntoIterator<Item = impl Into<Media>>,
    ) -> MultiImageToVideo {
        MultiImageToVideo::bare(
            prompt.into(),
            images.into_iter().map(|image| ListedImage { image: image.into() }).collect(),
        )
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([
            ("model_name", self.model_name.as_ref().map(Model::as_str)),
            ("mode", self.mode.as_ref().map(Mode::as_str)),
            ("aspect_ratio", self.aspect_ratio.as_ref().map(AspectRatio::as_str)),
        ])?;
        rules::text("prompt", &self.prompt, PROMPT_LIMIT)?;
        rules::at_most("negative_prompt", self.negative_prompt.as_deref(), PROMPT_LIMIT)?;
        rules::count("image_list", self.image_list.len(), 1..=4)?;
        self.image_list.iter().try_for_each(|image| image.image.check("image_list.image", IMAGE_LIMIT))?;
        self.duration.as_ref().map_or(Ok(()), |duration| duration.check(3..=15))
    }
}

task! {
    MultiImageToVideo, "multi_image_to_video", "/v1/videos/multi-image2video", Videos;

    fn defaults(&self) -> Defaults {
        Defaults {
            model: Some(Model::V1_6.to_string()),
            duration: Some("5".to_owned()),
            mode: Some("std".to_owned()),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let other = self.model_name.as_ref().filter(|model| **model != Model::V1_6);
        let model = other.map(|model| format!("{model} was not seen to do a video from several pictures"));
        let length = doubtful_length("a video from several pictures", self.duration.as_ref(), FIVE_TEN);
        model.into_iter().chain(length).collect()
    }
}
