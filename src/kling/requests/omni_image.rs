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
    submission::{Defaults, SERIES},
    vocabulary::{ImageModel, ImageRatio, Resolution},
};

/// How many pictures a series has at most.
const LONGEST_SERIES: u32 = 9;

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
            /// How many in a series, where `n` says nothing: `2` to `9`, or `auto`. The vendor's default is 4.
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

    /// Of a series whose length is left to the vendor all that it may have: how long it gets is known at the end alone.
    fn slots(&self) -> u32 {
        match (self.result_type.as_deref(), self.series_amount.as_deref()) {
            (Some("series"), Some(amount)) => amount.parse().unwrap_or(LONGEST_SERIES),
            (Some("series"), None) => SERIES,
            _ => self.n.unwrap_or(1),
        }
    }

    fn defaults(&self) -> Defaults {
        Defaults { model: Some(ImageModel::O1.to_string()), ..Defaults::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kling::{Price, Prices, Request, request::submission};

    #[test]
    fn a_series_takes_as_many_slots_as_it_has_pictures_and_costs_as_many_times() {
        let prices = Prices::new().first(Price::each("kling-v3-omni", "2"));
        let image = || OmniImage::new("a fox").model_name("kling-v3-omni");
        let series = || image().result_type("series");

        for (request, slots, units) in [
            (image(), 1, Some("2")),
            (image().n(3_u32), 3, Some("6")),
            (image().n(3_u32).result_type("single").series_amount("9"), 3, Some("6")),
            (series(), 4, Some("8")),
            (series().n(3_u32).series_amount("9"), 9, Some("18")),
            (series().series_amount("auto"), 9, None),
        ] {
            let taken = request.slots();

            let estimate = prices.estimate(&submission(request, "e"));

            assert_eq!((taken, estimate.as_deref()), (slots, units));
        }
    }
}
