//! The request for an image with more around it.

use crate::kling::{
    error::RequestError,
    outputs::image::Images,
    requests::{
        endpoint::endpoint,
        media::Media,
        pack::Pack,
        validation::{MAX_PROMPT_CHARS, at_most, between, image_count, require},
    },
};

endpoint! {
    /// An image with more around it. The addition to each side is a fraction of the image, 0 to 2. The result has at
    /// most 3 times the area.
    ExpandImage: task("expand_image", "/v1/images/editing/expand") -> Images {
        /// The image, with these additions above, below, to the left and to the right.
        new {
            image: Media => Media::check_image,
            up_expansion_ratio: f64 => between(0.0..=2.0),
            down_expansion_ratio: f64 => between(0.0..=2.0),
            left_expansion_ratio: f64 => between(0.0..=2.0),
            right_expansion_ratio: f64 => between(0.0..=2.0),
        }
        optional {
            /// Content of the additions.
            prompt: String => at_most(MAX_PROMPT_CHARS),
            /// Number of images, 1 to 9.
            n: u32 => image_count,
        }
        with callback, watermark;
        also ExpandImage::check_area;
    }

    const PACK: Pack = Pack::Image;

    fn permits(&self) -> u32 {
        self.n.unwrap_or(1)
    }
}

impl ExpandImage {
    fn check_area(&self) -> Result<(), RequestError> {
        let height = 1.0 + self.up_expansion_ratio + self.down_expansion_ratio;
        let width = 1.0 + self.left_expansion_ratio + self.right_expansion_ratio;
        let rule = "must not make the area more than 3 times as large";
        require(height * width <= 3.0 + 1e-9, "up_expansion_ratio", rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kling::requests::request::Request;

    #[test]
    fn the_area_grows_at_most_3_times() {
        let expand = |up, down, left, right| {
            ExpandImage::new("https://a/i.png", up, down, left, right).check().map_err(|error| error.field())
        };

        assert_eq!(expand(1.0, 1.0, 0.0, 0.0), Ok(()));
        assert_eq!(expand(1.0, 1.0, 0.1, 0.0), Err("up_expansion_ratio"));
        assert_eq!(expand(0.0, 0.0, 2.1, 0.0), Err("left_expansion_ratio"));
        assert_eq!(expand(0.0, f64::NAN, 0.0, 0.0), Err("down_expansion_ratio"));
    }
}
