//! The request for an element of the account.

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    outputs::element::Elements,
    requests::{
        endpoint::endpoint,
        media::Media,
        references::{ReferImage, ReferVideo, TagId},
        validation::{all, any, each, text, word},
    },
};

endpoint! {
    /// An element of the account, made from images or from a video. An element of a person is biometric data.
    CustomElement: task("custom_element", "/v1/general/advanced-custom-elements") -> Elements {
        required {
            element_name: String => text(20),
            element_description: String => text(100),
            reference_type: &'static str => any,
        }
        optional {
            #[doc(hidden)]
            element_image_list: ElementImages => ElementImages::check,
            #[doc(hidden)]
            element_video_list: ElementVideos => ElementVideos::check,
            element_voice_id: String => word,
        }
        lists {
            /// Kinds of the element, by the ids of Kling's tags, such as `o_102` for a character.
            tag_list: TagId => all(TagId::check, "tag_list.tag_id"),
        }
        with callback;
    }
}

/// Nested part of the body. Public in a private module.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ElementImages {
    frontal_image: Media,
    refer_images: Vec<ReferImage>,
}

impl ElementImages {
    fn check(&self, _field: &'static str) -> Result<(), RequestError> {
        self.frontal_image.check_image("element_image_list.frontal_image")?;
        let images = each(1..=3, ReferImage::check, "element_image_list.refer_images.image_url");
        images(&self.refer_images, "element_image_list.refer_images")
    }
}

/// Nested part of the body. Public in a private module.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ElementVideos {
    refer_videos: Vec<ReferVideo>,
}

impl ElementVideos {
    fn check(&self, _field: &'static str) -> Result<(), RequestError> {
        let field = "element_video_list.refer_videos.video_url";
        self.refer_videos.iter().try_for_each(|video| video.check(field))
    }
}

impl CustomElement {
    /// An element from an image of its front and 1 to 3 other images.
    pub fn of_images(
        name: impl Into<String>,
        description: impl Into<String>,
        frontal_image: impl Into<Media>,
        others: impl IntoIterator<Item = impl Into<Media>>,
    ) -> CustomElement {
        let refer_images = others.into_iter().map(|image| ReferImage::from(image.into())).collect();
        CustomElement::bare(name.into(), description.into(), "image_refer")
            .element_image_list(ElementImages { frontal_image: frontal_image.into(), refer_images })
    }

    /// An element from a video of 3 to 8 seconds.
    pub fn of_video(
        name: impl Into<String>,
        description: impl Into<String>,
        video_url: impl Into<String>,
    ) -> CustomElement {
        let refer_videos = vec![ReferVideo::from(video_url.into())];
        CustomElement::bare(name.into(), description.into(), "video_refer")
            .element_video_list(ElementVideos { refer_videos })
    }
}
