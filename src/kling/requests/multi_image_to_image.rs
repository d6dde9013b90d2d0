//! The request for an image of the subjects of several images.

use crate::kling::{
    outputs::image::Images,
    requests::{
        defaults::Defaults,
        endpoint::endpoint,
        media::Media,
        pack::Pack,
        references::SubjectImage,
        validation::{MAX_PROMPT_CHARS, at_most, each, image_count, word},
        vocabulary::{ImageModel, ImageRatio},
    },
};

endpoint! {
    /// An image of the subjects of 1 to 4 images, in the scene and the style of further images.
    MultiImageToImage: task("multi_image_to_image", "/v1/images/multi-image2image") -> Images {
        required {
            subject_image_list: Vec<SubjectImage> =>
                each(1..=4, SubjectImage::check, "subject_image_list.subject_image"),
        }
        optional {
            model_name: ImageModel => word,
            /// Content of the image.
            prompt: String => at_most(MAX_PROMPT_CHARS),
            /// Image of the scene.
            scene_image: Media => Media::check_image,
            /// Image of the style.
            style_image: Media => Media::check_image,
            /// Number of images, 1 to 9.
            n: u32 => image_count,
            aspect_ratio: ImageRatio => word,
        }
        with callback, watermark;
    }

    const PACK: Pack = Pack::Image;

    fn permits(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    fn defaults(&self) -> Defaults {
        Defaults::default().model(ImageModel::V2)
    }
}

impl MultiImageToImage {
    /// An image of the subjects of these images.
    pub fn new(subjects: impl IntoIterator<Item = impl Into<Media>>) -> MultiImageToImage {
        let subjects = subjects.into_iter().map(|image| SubjectImage::from(image.into())).collect();
        MultiImageToImage::bare(subjects)
    }
}
