//! The answer to a request for the parts of an image.

use std::fmt;

use serde_json::Value;

use crate::kling::api::{
    json_fields::{items, text},
    urls::without_query,
};

/// Parts of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segments {
    /// One part for each kind that Kling looks for.
    pub segments: Vec<Segment>,
}

/// A part of an image.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// `object_seg`, `head_seg`, `face_seg`, `cloth_seg`, or another of Kling's words.
    pub kind: String,
    /// `true` if the image has such a part.
    pub is_contained: Option<bool>,
    /// URL of the mask.
    pub url: Option<String>,
}

impl Segments {
    pub(crate) fn decode(data: &Value) -> Option<Segments> {
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

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("kind", &self.kind)
            .field("is_contained", &self.is_contained)
            .field("url", &self.url.as_deref().map(without_query))
            .finish()
    }
}
