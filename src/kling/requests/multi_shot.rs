//! The request for further views of something.

use super::{fields, task};
use crate::kling::{
    image::Images,
    media::{IMAGE_LIMIT, Media},
    request::{Pack, RequestError},
};

fields! {
    /// Further views of what a picture shows from the front.
    MultiShot {
        must { element_frontal_image: Media, }
        may {}
        lists {}
    }
    named
}

impl MultiShot {
    /// Further views of what this picture shows.
    pub fn new(frontal_image: impl Into<Media>) -> MultiShot {
        MultiShot::bare(frontal_image.into())
    }

    fn rules(&self) -> Result<(), RequestError> {
        self.element_frontal_image.check("element_frontal_image", IMAGE_LIMIT)
    }
}

task! {
    MultiShot, "multi_shot", "/v1/general/ai-multi-shot", Images;

    const PACK: Pack = Pack::Image;
}
