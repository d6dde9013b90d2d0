//! The request for pictures made from a text, and from a picture.

use super::{
    fields,
    part::{ElementId, ids},
    task,
    text_to_video::PROMPT_LIMIT,
};
use crate::kling::{
    image::Images,
    media::{IMAGE_LIMIT, Media},
    request::{Pack, RequestError},
    rules,
    submission::Defaults,
    vocabulary::{ImageModel, ImageRatio, ImageReference, Resolution},
};

fields! {
    /// 1 to 9 pictures of a text. With a picture to go by there is no `negative_prompt`; at most 10 elements and
    /// pictures together.
    GenerateImage {
        must { prompt: String, }
        may {
            model_name: ImageModel,
            /// What the pictures should not show; not with `image`.
            negative_prompt: String,
            /// A picture to go by.
            image: Media,
            image_reference: ImageReference,
            /// How closely they follow the picture, 0 to 1.
            image_fidelity: f64,
            /// How closely they follow the face, 0 to 1.
            human_fidelity: f64,
            resolution: Resolution,
            /// How many, 1 to 9.
            n: u32,
            aspect_ratio: ImageRatio,
        }
        lists {
            /// Elements, by their ids.
            element_list: ElementId,
        }
    }
    watermarked
}

impl GenerateImage {
    /// A picture of `prompt`.
    pub fn new(prompt: impl Into<String>) -> GenerateImage {
        GenerateImage::bare(prompt.into())
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([
            ("model_name", self.model_name.as_ref().map(ImageModel::as_str)),
            ("image_reference", self.image_reference.as_ref().map(ImageReference::as_str)),
            ("resolution", self.resolution.as_ref().map(Resolution::as_str)),
            ("aspect_ratio", self.aspect_ratio.as_ref().map(ImageRatio::as_str)),
        ])?;
        rules::text("prompt", &self.prompt, PROMPT_LIMIT)?;
        rules::at_most("negative_prompt", self.negative_prompt.as_deref(), PROMPT_LIMIT)?;
        rules::exclusive(
            ("image", self.image.is_some()),
            ("negative_prompt", self.negative_prompt.is_some()),
        )?;
        self.image.as_ref().map_or(Ok(()), |image| image.check("image", IMAGE_LIMIT))?;
        rules::within("image_fidelity", self.image_fidelity, 0.0..=1.0)?;
        rules::within("human_fidelity", self.human_fidelity, 0.0..=1.0)?;
        pictures(self.n)?;
        rules::count("element_list", self.element_list.len() + usize::from(self.image.is_some()), 0..=10)?;
        ids("element_list.element_id", self.element_list.iter().map(|element| element.element_id.as_str()))
    }
}

/// How many pictures may be asked for.
pub(super) fn pictures(n: Option<u32>) -> Result<(), RequestError> {
    rules::require(n.is_none_or(|n| (1..=9).contains(&n)), "n", "must be between 1 and 9")
}

task! {
    GenerateImage, "generate_image", "/v1/images/generations", Images;

    const PACK: Pack = Pack::Image;

    fn slots(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    fn defaults(&self) -> Defaults {
        // The vendor's pages disagree about the model that is taken.
        Defaults::default()
    }
}
