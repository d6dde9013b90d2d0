//! The request for images from a text that refers to images and elements.

use serde::{Serialize, Serializer};

use crate::kling::{
    error::RequestError,
    outputs::image_set::ImageSet,
    requests::{
        defaults::Defaults,
        endpoint::endpoint,
        media::Media,
        pack::Pack,
        prepared_request::DEFAULT_SERIES_IMAGES,
        references::{ElementId, ListedImage},
        validation::{MAX_PROMPT_CHARS, all, count, image_count, require, text, word},
        vocabulary::{ImageModel, ImageRatio, Resolution},
    },
};

/// Most images of a series.
const MAX_SERIES_IMAGES: u32 = 9;

endpoint! {
    /// Images of a text that refers to at most 10 images and elements: single images, or a series.
    OmniImage: task("omni_image", "/v1/images/omni-image") -> ImageSet {
        /// An image of `prompt`.
        new { prompt: String => text(MAX_PROMPT_CHARS), }
        optional {
            model_name: ImageModel => word,
            resolution: Resolution => word,
            /// Number of single images, 1 to 9.
            n: u32 => image_count,
            aspect_ratio: ImageRatio => word,
            /// `single` or `series`.
            result_type: String => word,
            /// Number of images in a series, for which `n` has no effect: `2` to `9`, or `auto`. Kling's default is 4.
            series_amount: SeriesAmount => SeriesAmount::check,
        }
        lists {
            /// Images to refer to.
            image_list: ListedImage => all(ListedImage::check, "image_list.image"),
            /// Elements, by their ids.
            element_list: ElementId => all(ElementId::check, "element_list.element_id"),
        }
        with callback, watermark;
        also OmniImage::check_reference_count;
    }

    const PACK: Pack = Pack::Image;

    /// A series whose length Kling chooses takes as many permits as the longest series. Its length is known only at the
    /// end.
    fn permits(&self) -> u32 {
        match (self.result_type.as_deref(), &self.series_amount) {
            (Some("series"), Some(amount)) => amount.number().unwrap_or(MAX_SERIES_IMAGES),
            (Some("series"), None) => DEFAULT_SERIES_IMAGES,
            _ => self.n.unwrap_or(1),
        }
    }

    fn defaults(&self) -> Defaults {
        Defaults::default().model(ImageModel::O1)
    }
}

/// Number of images in a series. In the body it is a number, or the word `auto`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesAmount(String);

impl SeriesAmount {
    fn number(&self) -> Option<u32> {
        self.0.parse().ok()
    }

    fn check(&self, field: &'static str) -> Result<(), RequestError> {
        let is_in_range = self.number().is_some_and(|amount| (2..=MAX_SERIES_IMAGES).contains(&amount));
        require(self.0 == "auto" || is_in_range, field, "must be 2 to 9 or auto")
    }
}

impl From<&str> for SeriesAmount {
    fn from(amount: &str) -> SeriesAmount {
        SeriesAmount(amount.to_owned())
    }
}

impl From<u32> for SeriesAmount {
    fn from(amount: u32) -> SeriesAmount {
        SeriesAmount(amount.to_string())
    }
}

impl Serialize for SeriesAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.number() {
            Some(amount) => serializer.serialize_u32(amount),
            None => serializer.serialize_str(&self.0),
        }
    }
}

impl OmniImage {
    /// Sets `image_list`.
    pub fn images(self, images: impl IntoIterator<Item = impl Into<Media>>) -> OmniImage {
        self.image_list(images.into_iter().map(Into::<Media>::into))
    }

    fn check_reference_count(&self) -> Result<(), RequestError> {
        count("image_list", self.image_list.len() + self.element_list.len(), 0..=10)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kling::{
        billing::prices::{Price, Prices},
        requests::{prepared_request::PreparedRequest, request::Request},
    };

    #[test]
    fn the_length_of_a_series_is_a_number_or_auto() {
        let image =
            |amount: SeriesAmount| OmniImage::new("a fox").result_type("series").series_amount(amount);
        let wire = |amount: SeriesAmount| -> Value {
            serde_json::from_slice(&PreparedRequest::of_task(image(amount), "e").body).expect("JSON")
        };

        assert_eq!(wire("9".into())["series_amount"], json!(9));
        assert_eq!(wire(2.into())["series_amount"], json!(2));
        assert_eq!(wire("auto".into())["series_amount"], json!("auto"));
        for (amount, fits) in
            [("2", true), ("9", true), ("auto", true), ("1", false), ("10", false), ("", false)]
        {
            assert_eq!(image(amount.into()).check().is_ok(), fits, "{amount}");
        }
    }

    #[test]
    fn a_series_takes_and_costs_as_much_as_its_images() {
        let prices = Prices::new().first(Price::each("kling-v3-omni", "2"));
        let image = || OmniImage::new("a fox").model_name("kling-v3-omni");
        let series = || image().result_type("series");

        for (request, permits, units) in [
            (image(), 1, Some("2")),
            (image().n(3_u32), 3, Some("6")),
            (image().n(3_u32).result_type("single").series_amount("9"), 3, Some("6")),
            (series(), 4, Some("8")),
            (series().n(3_u32).series_amount("9"), 9, Some("18")),
            (series().series_amount("auto"), 9, None),
        ] {
            let taken = request.permits();

            let estimate = prices.estimate(&PreparedRequest::of_task(request, "e"));

            assert_eq!((taken, estimate.as_deref()), (permits, units));
        }
    }
}
