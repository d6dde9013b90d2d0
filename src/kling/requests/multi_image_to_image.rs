//! The request for a picture of what several pictures show.

use super::{fields, generate_image::pictures, part::SubjectImage, task, text_to_video::PROMPT_LIMIT};
use crate::kling::{
    image::Images,
    media::{IMAGE_LIMIT, Media},
    request::{Pack, RequestError},
    rules,
    submission::Defaults,
    vocabulary::{ImageModel, ImageRatio},
};

fields! {
    /// A picture of what 1 to 4 others show, in a scene and a style of yet others.
    MultiImageToImage {
        must { subject_image_list: Vec<SubjectImage>, }
        may {
            model_name: ImageModel,
            /// What the picture shows.
            prompt: String,
            /// Where.
            scene_image: Media,
            /// In which style.
            style_image: Media,
            /// How many, 1 to 9.
            n: u32,
            aspect_ratio: ImageRatio,
        }
        lists {}
    }
    watermarked
}

impl MultiImageToImage {
    /// A picture of what these show.
    pub fn new(subjects: impl IntoIterator<Item = impl Into<Media>>) -> MultiImageToImage {
        let subjects = subjects.into_iter().map(Into::<Media>::into);
        MultiImageToImage::bare(subjects.map(Into::into).collect())
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([
            ("model_name", self.model_name.as_ref().map(ImageModel::as_str)),
            ("aspect_ratio", self.aspect_ratio.as_ref().map(ImageRatio::as_str)),
        ])?;
        rules::count("subject_image_list", self.subject_image_list.len(), 1..=4)?;
        for subject in &self.subject_image_list {
            subject.subject_image.check("subject_image_list.subject_image", IMAGE_LIMIT)?;
        }
        for (field, image) in [("scene_image", &self.scene_image), ("style_image", &self.style_image)] {
            image.as_ref().map_or(Ok(()), |image| image.check(field, IMAGE_LIMIT))?;
        }
        rules::at_most("prompt", self.prompt.as_deref(), PROMPT_LIMIT)?;
        pictures(self.n)
    }
}

task! {
    MultiImageToImage, "multi_image_to_image", "/v1/images/multi-image2image", Images;

    const PACK: Pack = Pack::Image;

    fn slots(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    fn defaults(&self) -> Defaults {
        Defaults { model: Some(ImageModel::V2.to_string()), ..Defaults::default() }
    }
}
