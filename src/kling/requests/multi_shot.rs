//! The request for further views of an object.

use crate::kling::{
    outputs::image::Images,
    requests::{endpoint::endpoint, media::Media, pack::Pack},
};

endpoint! {
    /// Further views of the object that an image shows from the front.
    MultiShot: task("multi_shot", "/v1/general/ai-multi-shot") -> Images {
        /// Further views of the object in this image.
        new { element_frontal_image: Media => Media::check_image, }
        with callback;
    }

    const PACK: Pack = Pack::Image;
}
