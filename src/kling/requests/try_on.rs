//! The request for somebody in other clothes.

use super::{fields, task};
use crate::kling::{
    image::Images,
    media::{IMAGE_LIMIT, Media},
    request::{Pack, RequestError},
    rules,
    submission::Defaults,
    vocabulary::ImageModel,
};

fields! {
    /// Somebody in other clothes: a picture of the person and one of the clothes.
    TryOn {
        must {
            human_image: Media,
            cloth_image: Media,
        }
        may { model_name: ImageModel, }
        lists {}
    }
    named
}

impl TryOn {
    /// The person of one picture in the clothes of the other.
    pub fn new(human_image: impl Into<Media>, cloth_image: impl Into<Media>) -> TryOn {
        TryOn::bare(human_image.into(), cloth_image.into())
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([("model_name", self.model_name.as_ref().map(ImageModel::as_str))])?;
        self.human_image.check("human_image", IMAGE_LIMIT)?;
        self.cloth_image.check("cloth_image", IMAGE_LIMIT)
    }
}

task! {
    TryOn, "try_on", "/v1/images/kolors-virtual-try-on", Images;

    const PACK: Pack = Pack::TryOn;

    fn defaults(&self) -> Defaults {
        Defaults { model: Some(ImageModel::TryOnV1.to_string()), ..Defaults::default() }
    }
}
