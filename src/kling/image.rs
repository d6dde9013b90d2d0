//! The pictures that a task made, in each of the vendor's shapes. Its promise: [`Images`] holds one at least, each with
//! a URL.

use std::fmt;

use serde_json::Value;

use super::{
    envelope::text,
    output::{Counts, Output, Resource, items, output, without_query},
};

/// A picture that a task made.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// Its number among the pictures of the task, where the vendor gave one.
    pub index: Option<String>,
    /// Where to download it. The vendor keeps it for 30 days. Its query string may be a key: treat it as a secret.
    pub url: String,
    /// Where to download the picture with a watermark, if one was asked for.
    pub watermark_url: Option<String>,
    /// Further views of the same thing, from the endpoint that makes several.
    pub other_urls: Vec<String>,
    /// The group that the picture belongs to, where it is one of a series.
    pub group_id: Option<String>,
}

impl Image {
    pub(crate) fn decode(image: &Value) -> Option<Image> {
        let mut urls = ["url", "url_1", "url_2", "url_3"].iter().filter_map(|name| text(image, name));
        Some(Image {
            index: text(image, "index"),
            url: urls.next()?,
            other_urls: urls.collect(),
            watermark_url: text(image, "watermark_url"),
            group_id: text(image, "group_id"),
        })
    }

    fn resource(&self) -> Option<(Resource, String)> {
        None
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("index", &self.index)
            .field("url", &without_query(&self.url))
            .field("other_urls", &self.other_urls.iter().map(|url| without_query(url)).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

output! {
    /// The pictures of a task that succeeded: one at least.
    Images of Image at "images" counted as images
}

/// The pictures of an [`OmniImage`](crate::kling::OmniImage): single ones, or those of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageSet {
    /// `single` or `series`, where the vendor said it.
    pub result_type: Option<String>,
    /// Single pictures.
    pub images: Vec<Image>,
    /// The pictures of a series, in order.
    pub series_images: Vec<Image>,
}

impl ImageSet {
    /// All pictures of both kinds.
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
    fn a_picture_comes_with_one_url_or_with_three() {
        let one =
            Images::decode(&json!({"images": [{"index": 0, "url": "https://a/1?k", "watermark_url": ""}]}));
        let three = Images::decode(&json!({"images": [
            {"index": "2", "url_1": "https://a/1", "url_2": "https://a/2", "url_3": "https://a/3"}]}));

        let (one, three) = (one.expect("a picture"), three.expect("a picture"));
        assert_eq!((one.first().index.as_deref(), one.first().url.as_str()), (Some("0"), "https://a/1?k"));
        assert_eq!(three.first().other_urls, ["https://a/2", "https://a/3"]);
        assert!(!format!("{one:?}").contains("?k"));
    }

    #[test]
    fn a_series_counts_as_well_as_single_pictures() {
        let set =
            ImageSet::decode(&json!({"result_type": "series", "series_images": [{"url": "https://a/1"}]}));

        assert_eq!(set.expect("a series").counts().images, Some(1));
        assert_eq!(ImageSet::decode(&json!({"images": []})), None);
    }
}
