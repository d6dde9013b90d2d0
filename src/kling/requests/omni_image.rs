//! The request for pictures from a text that refers to pictures and elements.

use super::{
    fields,
    generate_image::pictures,
    part::{ElementId, ListedImage, ids},
    task,
    text_to_video::PROMPT_LIMIT,
};
use crate::kling::{
    image::ImageSet,
    media::{IMAGE_LIMIT, Media},
    request::{Pack, RequestError},
    rules,
    submission::Defaults,
    vocabulary::{ImageModel, ImageRatio, Resolution},
};

fields! {
    /// Pictures of a text that refers to at most 10 pictures and elements; single ones, or a series.
    OmniImage {
        must { prompt: String, }
        may {
            model_name: ImageModel,
            resolution: Resolution,
            /// How many, 1 to 9.
            n: u32,
            aspect_ratio: ImageRatio,
            /// `single` or `series`.
            result_type: String,
            /// How many in a series: `2` to `9`, or `auto`.
            series_amount: String,
        }
        lists {
            /// Pictures to refer to.
            image_list: ListedImage,
            /// Elements, by their ids.
            element_list: ElementId,
        }
    }
    watermarked
}

impl OmniImage {
    /// A picture of `prompt`.
    pub fn new(prompt: impl Into<String>) -> OmniImage {
        OmniImage::bare(prompt.into())
    }

    /// Sets `image_list`.
    pub fn images(self, images: impl IntoIterator<Item = impl Into<Media>>) -> OmniImage {
        self.image_list(images.into_iter().map(Into::<Media>::into))
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([
            ("model_name", self.model_name.as_ref().map(ImageModel::as_str)),
            ("resolution", self.resolution.as_ref().map(Resolution::as_str)),
            ("aspect_ratio", self.aspect_ratio.as_ref().map(ImageRatio::as_str)),
            ("result_type", self.result_type.as_deref()),
        ])?;
        rules::text("prompt", &self.prompt, PROMPT_LIMIT)?;
        rules::count("image_list", self.image_list.len() + self.element_list.len(), 0..=10)?;
        self.image_list.iter().try_for_each(|image| image.image.check("image_list.image", IMAGE_LIMIT))?;
        ids("element_list.element_id", self.element_list.iter().map(|element| element.element_id.as_str()))?;
        pictures(self.n)?;
        let fits = self.series_amount.as_deref().is_none_or(|amount| {
            amount == "auto" || amount.parse().is_ok_and(|amount: u32| (2..=9).contains(&amount))
        });
        rules::require(fits, "series_amount", "must be 2 to 9 or auto")
    }
}

task! {
    OmniImage, "omni_image", "/v1/images/omni-image", ImageSet;

    const PACK: Pack = Pack::Image;

    fn slots(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    fn defaults(&self) -> Defaults {
        Defaults { model: Some(ImageModel::O1.to_string()), ..Defaults::default() }
    }
}
