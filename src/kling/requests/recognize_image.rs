//! The request for the parts of an image.

use serde_json::Value;

use crate::kling::{
    outputs::segments::Segments,
    requests::{endpoint::endpoint, media::Media},
};

endpoint! {
    /// The parts of an image: object, head, face, clothes.
    RecognizeImage: immediate("recognize_image", "/v1/videos/image-recognize") -> Segments {
        /// The parts of this image.
        new { image: Media => Media::check_image, }
    }

    fn decode(data: &Value) -> Option<Segments> {
        Segments::decode(data)
    }
}
