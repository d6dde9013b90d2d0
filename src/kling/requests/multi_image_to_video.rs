//! The request for a video of the subjects of several images.

use crate::kling::{
    outputs::video::Videos,
    requests::{
        defaults::Defaults,
        duration::Duration,
        endpoint::endpoint,
        media::Media,
        model_support::{LENGTHS_5_10, length_warning},
        references::ListedImage,
        validation::{MAX_PROMPT_CHARS, at_most, each, text, word},
        vocabulary::{AspectRatio, Mode, Model},
    },
};

endpoint! {
    /// A video of the subjects of 1 to 4 images. Kling makes it with `kling-v1-6`, 5 or 10 seconds long.
    MultiImageToVideo: task("multi_image_to_video", "/v1/videos/multi-image2video") -> Videos {
        required {
            prompt: String => text(MAX_PROMPT_CHARS),
            image_list: Vec<ListedImage> => each(1..=4, ListedImage::check, "image_list.image"),
        }
        optional {
            model_name: Model => word,
            /// Content that the video should not show.
            negative_prompt: String => at_most(MAX_PROMPT_CHARS),
            mode: Mode => word,
            duration: Duration => Duration::check,
            aspect_ratio: AspectRatio => word,
        }
        with callback, watermark;
    }

    fn defaults(&self) -> Defaults {
        Defaults::default().model(Model::V1_6).duration("5").mode(Mode::Std)
    }

    fn warnings(&self) -> Vec<String> {
        let other = self.model_name.as_ref().filter(|model| **model != Model::V1_6);
        let model = other.map(|model| format!("{model} was not seen to do a video from several pictures"));
        let length = length_warning("a video from several pictures", self.duration.as_ref(), LENGTHS_5_10);
        model.into_iter().chain(length).collect()
    }
}

impl MultiImageToVideo {
    /// A video of `prompt` with the subjects of these images.
    pub fn new(
        prompt: impl Into<String>,
        images: impl IntoIterator<Item = impl Into<Media>>,
    ) -> MultiImageToVideo {
        let images = images.into_iter().map(|image| ListedImage::from(image.into())).collect();
        MultiImageToVideo::bare(prompt.into(), images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kling::requests::request::Request;

    #[test]
    fn another_model_and_another_length_are_warnings() {
        let foxes = || MultiImageToVideo::new("foxes", ["https://a.example/1.png"]);

        assert!(foxes().model_name(Model::V1_6).duration(Duration::S10).warnings().is_empty());
        assert_eq!(
            foxes().model_name(Model::V3).duration(Duration::Seconds(7)).warnings(),
            [
                "kling-v3 was not seen to do a video from several pictures",
                "a video from several pictures was not seen to take a duration of 7 s",
            ]
        );
    }
}
