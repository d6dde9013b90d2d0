//! The request for more of a picture around it.

use super::{fields, generate_image::pictures, task, text_to_video::PROMPT_LIMIT};
use crate::kling::{
    image::Images,
    media::{IMAGE_LIMIT, Media},
    request::{Pack, RequestError},
    rules,
};

fields! {
    /// A picture with more around it. What is added to each side is a fraction of the picture, 0 to 2, and the whole has
    /// at most 3 times the area.
    ExpandImage {
        must {
            image: Media,
            up_expansion_ratio: f64,
            down_expansion_ratio: f64,
            left_expansion_ratio: f64,
            right_expansion_ratio: f64,
        }
        may {
            /// What is around it.
            prompt: String,
            /// How many, 1 to 9.
            n: u32,
        }
        lists {}
    }
    watermarked
}

impl ExpandImage {
    /// This picture, with so much added above, below, to the left and to the right.
    pub fn new(image: impl Into<Media>, up: f64, down: f64, left: f64, right: f64) -> ExpandImage {
        ExpandImage::bare(image.into(), up, down, left, right)
    }

    fn rules(&self) -> Result<(), RequestError> {
        self.image.check("image", IMAGE_LIMIT)?;
        for (field, ratio) in [
            ("up_expansion_ratio", self.up_expansion_ratio),
            ("down_expansion_ratio", self.down_expansion_ratio),
            ("left_expansion_ratio", self.left_expansion_ratio),
            ("right_expansion_ratio", self.right_expansion_ratio),
        ] {
            rules::within(field, Some(ratio), 0.0..=2.0)?;
        }
        let height = 1.0 + self.up_expansion_ratio + self.down_expansion_ratio;
        let width = 1.0 + self.left_expansion_ratio + self.right_expansion_ratio;
        let rule = "must not make the area more than 3 times as large";
        rules::require(height * width <= 3.0 + 1e-9, "up_expansion_ratio", rule)?;
        rules::at_most("prompt", self.prompt.as_deref(), PROMPT_LIMIT)?;
        pictures(self.n)
    }
}

task! {
    ExpandImage, "expand_image", "/v1/images/editing/expand", Images;

    const PACK: Pack = Pack::Image;

    fn slots(&self) -> u32 {
        self.n.unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kling::Request;

    #[test]
    fn the_whole_is_at_most_3_times_as_large() {
        let expand = |up, down, left, right| {
            ExpandImage::new("https://a/i.png", up, down, left, right).check().map_err(|error| error.field())
        };

        assert_eq!(expand(1.0, 1.0, 0.0, 0.0), Ok(()));
        assert_eq!(expand(1.0, 1.0, 0.1, 0.0), Err("up_expansion_ratio"));
        assert_eq!(expand(0.0, 0.0, 2.1, 0.0), Err("left_expansion_ratio"));
        assert_eq!(expand(0.0, f64::NAN, 0.0, 0.0), Err("down_expansion_ratio"));
    }
}
