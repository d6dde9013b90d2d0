//! The request for images made from a text, or from a text and an image.

use crate::kling::{
    error::RequestError,
    outputs::image::Images,
    requests::{
        endpoint::endpoint,
        media::Media,
        pack::Pack,
        references::ElementId,
        validation::{MAX_PROMPT_CHARS, all, at_most, between, count, exclusive, image_count, text, word},
        vocabulary::{ImageModel, ImageRatio, ImageReference, Resolution},
    },
};

endpoint! {
    /// 1 to 9 images of a text. Beside a reference image there is no `negative_prompt`. Elements and images together
    /// are at most 10.
    GenerateImage: task("generate_image", "/v1/images/generations") -> Images {
        /// An image of `prompt`.
        new { prompt: String => text(MAX_PROMPT_CHARS), }
        optional {
            model_name: ImageModel => word,
            /// Content that the images should not show. Not together with `image`.
            negative_prompt: String => at_most(MAX_PROMPT_CHARS),
            /// Reference image.
            image: Media => Media::check_image,
            image_reference: ImageReference => word,
            /// Similarity to the reference image, 0 to 1.
            image_fidelity: f64 => between(0.0..=1.0),
            /// Similarity to the face in the reference image, 0 to 1.
            human_fidelity: f64 => between(0.0..=1.0),
            resolution: Resolution => word,
            /// Number of images, 1 to 9.
            n: u32 => image_count,
            aspect_ratio: ImageRatio => word,
        }
        lists {
            /// Elements, by their ids.
            element_list: ElementId => all(ElementId::check, "element_list.element_id"),
        }
        with callback, watermark;
        also GenerateImage::check_references;
    }

    const PACK: Pack = Pack::Image;

    fn permits(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    // `defaults` names no model: Kling's pages disagree about the default.
}

impl GenerateImage {
    fn check_references(&self) -> Result<(), RequestError> {
        let negative_prompt = ("negative_prompt", self.negative_prompt.is_some());
        exclusive(("image", self.image.is_some()), negative_prompt)?;
        count("element_list", self.element_list.len() + usize::from(self.image.is_some()), 0..=10)
    }
}
