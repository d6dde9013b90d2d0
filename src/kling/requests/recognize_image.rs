//! The request for what is in a picture.

use serde_json::Value;

use super::{fields, immediate};
use crate::kling::{
    envelope::text,
    media::{IMAGE_LIMIT, Media},
    output::{items, without_query},
    request::RequestError,
};

fields! {
    /// The parts of a picture: object, head, face, clothes.
    RecognizeImage {
        must { image: Media, }
        may {}
        lists {}
    }
}

/// The parts of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segments {
    /// One for each kind that was looked for.
    pub segments: Vec<Segment>,
}

/// A part of a picture.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// `object_seg`, `head_seg`, `face_seg`, `cloth_seg`, or another of the vendor's words.
    pub kind: String,
    /// Whether the picture has one.
    pub is_contained: Option<bool>,
    /// The URL of its mask.
    pub url: Option<String>,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment")
            .field("kind", &self.kind)
            .field("is_contained", &self.is_contained)
            .field("url", &self.url.as_deref().map(without_query))
            .finish()
    }
}

impl RecognizeImage {
    /// The parts of this picture.
    pub fn new(image: impl Into<Media>) -> RecognizeImage {
        RecognizeImage::bare(image.into())
    }

    fn rules(&self) -> Result<(), RequestError> {
        self.image.check("image", IMAGE_LIMIT)
    }
}

immediate! {
    RecognizeImage, "recognize_image", "/v1/videos/image-recognize", Segments;

    fn decode(data: &Value) -> Option<Segments> {
        let result = data.get("task_result")?;
        result.get("images")?.as_array()?;
        Some(Segments {
            segments: items(result, "images", |segment| {
                Some(Segment {
                    kind: text(segment, "type")?,
                    is_contained: segment["is_contain"].as_bool(),
                    url: text(segment, "url"),
                })
            }),
        })
    }
}
