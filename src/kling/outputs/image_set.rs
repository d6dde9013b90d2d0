//! The result of an omni image: single images or a series.

use serde_json::Value;

use crate::kling::{
    api::json_fields::{items, text},
    outputs::{
        image::Image,
        output::{Counts, Output},
    },
};

/// Images of an [`OmniImage`](crate::kling::requests::OmniImage): single ones, or a series.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageSet {
    /// `single` or `series`, if Kling names it.
    pub result_type: Option<String>,
    /// Single images.
    pub images: Vec<Image>,
    /// Images of a series, in order.
    pub series_images: Vec<Image>,
}

impl ImageSet {
    /// Returns the images of both kinds.
    pub fn iter(&self) -> impl Iterator<Item = &Image> {
        self.images.iter().chain(&self.series_images)
    }
}

impl Output for ImageSet {
    fn decode(task_result: &Value) -> Option<ImageSet> {
        let set = ImageSet {
            result_type: text(task_result, "result_type"),
            images: items(task_result, "images", Image::decode),
            series_images: items(task_result, "series_images", Image::decode),
        };
        set.iter().next()?;
        Some(set)
    }

    fn counts(&self) -> Counts {
        Counts { images: Some(self.iter().count() as u64), ..Counts::default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_series_is_counted_like_single_images() {
        let set =
            ImageSet::decode(&json!({"result_type": "series", "series_images": [{"url": "https://a/1"}]}));

        assert_eq!(set.expect("a series").counts().images, Some(1));
        assert_eq!(ImageSet::decode(&json!({"images": []})), None);
    }
}
