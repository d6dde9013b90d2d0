//! The request for a person in other clothes.

use crate::kling::{
    outputs::image::Images,
    requests::{
        defaults::Defaults, endpoint::endpoint, media::Media, pack::Pack, validation::word,
        vocabulary::ImageModel,
    },
};

endpoint! {
    /// A person in other clothes: an image of the person and one of the clothes.
    TryOn: task("try_on", "/v1/images/kolors-virtual-try-on") -> Images {
        /// The person of the first image in the clothes of the second one.
        new {
            human_image: Media => Media::check_image,
            cloth_image: Media => Media::check_image,
        }
        optional { model_name: ImageModel => word, }
        with callback;
    }

    const PACK: Pack = Pack::TryOn;

    fn defaults(&self) -> Defaults {
        Defaults::default().model(ImageModel::TryOnV1)
    }
}
