//! The request for an element: what the vendor keeps of a person or a thing to show it again.

use serde::Serialize;

use super::{
    fields,
    part::{ReferImage, ReferVideo, TagId, ids},
    task,
};
use crate::kling::{
    element::Elements,
    media::{IMAGE_LIMIT, Media},
    request::RequestError,
    rules,
};

fields! {
    /// An element of the account, from pictures or from a video. Of a person it is biometric data.
    CustomElement {
        must {
            element_name: String,
            element_description: String,
            reference_type: &'static str,
        }
        may {
            #[doc(hidden)]
            element_image_list: ElementImages,
            #[doc(hidden)]
            element_video_list: ElementVideos,
            element_voice_id: String,
        }
        lists {
            /// What it is, by the ids of the vendor's tags, such as `o_102` for a character.
            tag_list: TagId,
        }
    }
    named
}

/// What the vendor nests. Public in a private module.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ElementImages {
    frontal_image: Media,
    refer_images: Vec<ReferImage>,
}

/// What the vendor nests. Public in a private module.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ElementVideos {
    refer_videos: Vec<ReferVideo>,
}

impl CustomElement {
    /// From a picture of its front and 1 to 3 others.
    pub fn of_images(
        name: impl Into<String>,
        description: impl Into<String>,
        frontal_image: impl Into<Media>,
        others: impl IntoIterator<Item = impl Into<Media>>,
    ) -> CustomElement {
        let refer_images = others.into_iter().map(|image| ReferImage { image_url: image.into() }).collect();
        CustomElement::bare(name.into(), description.into(), "image_refer")
            .element_image_list(ElementImages { frontal_image: frontal_image.into(), refer_images })
    }

    /// From a video of 3 to 8 seconds.
    pub fn of_video(
        name: impl Into<String>,
        description: impl Into<String>,
        video_url: impl Into<String>,
    ) -> CustomElement {
        CustomElement::bare(name.into(), description.into(), "video_refer").element_video_list(
            ElementVideos { refer_videos: vec![ReferVideo { video_url: video_url.into() }] },
        )
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::text("element_name", &self.element_name, 20)?;
        rules::text("element_description", &self.element_description, 100)?;
        rules::words([("element_voice_id", self.element_voice_id.as_deref())])?;
        if let Some(images) = &self.element_image_list {
            images.frontal_image.check("element_image_list.frontal_image", IMAGE_LIMIT)?;
            rules::count("element_image_list.refer_images", images.refer_images.len(), 1..=3)?;
            for image in &images.refer_images {
                image.image_url.check("element_image_list.refer_images.image_url", IMAGE_LIMIT)?;
            }
        }
        for video in self.element_video_list.iter().flat_map(|videos| &videos.refer_videos) {
            rules::url("element_video_list.refer_videos.video_url", Some(&video.video_url))?;
        }
        ids("tag_list.tag_id", self.tag_list.iter().map(|tag| tag.tag_id.as_str()))
    }
}

task! {
    CustomElement, "custom_element", "/v1/general/advanced-custom-elements", Elements;
}
