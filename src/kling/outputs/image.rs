//! Images that a task made.

use std::fmt;

use serde_json::Value;

use crate::kling::{
    api::{json_fields::text, urls::without_query},
    outputs::output::output_list,
};

/// An image that a task made.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// Number among the images of the task, if Kling gave one.
    pub index: Option<String>,
    /// URL of the download. Kling keeps it for 30 days. Its query string may grant access: treat it as a secret.
    pub url: String,
    /// URL of the image with a watermark, if one was requested.
    pub watermark_url: Option<String>,
    /// URLs of further views of the same object, from the endpoint that makes several.
    pub other_urls: Vec<String>,
    /// Group of the image, if it belongs to a series.
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

output_list! {
    /// Images of a task that succeeded, one or more.
    Images of Image at "images" counted as images
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_image_has_one_url_or_three() {
        let one =
            Images::decode(&json!({"images": [{"index": 0, "url": "https://a/1?k", "watermark_url": ""}]}));
        let three = Images::decode(&json!({"images": [
            {"index": "2", "url_1": "https://a/1", "url_2": "https://a/2", "url_3": "https://a/3"}]}));

        let (one, three) = (one.expect("a picture"), three.expect("a picture"));
        assert_eq!((one.first().index.as_deref(), one.first().url.as_str()), (Some("0"), "https://a/1?k"));
        assert_eq!(three.first().other_urls, ["https://a/2", "https://a/3"]);
        assert!(!format!("{one:?}").contains("?k"));
    }
}
