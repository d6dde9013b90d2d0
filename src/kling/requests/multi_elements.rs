//! The request for an edit of a video with selected parts.

use crate::kling::{
    error::RequestError,
    outputs::video::Videos,
    requests::{
        defaults::Defaults,
        duration::Duration,
        endpoint::endpoint,
        media::Media,
        model_support::{LENGTHS_5_10, length_warning},
        references::ListedImage,
        validation::{MAX_PROMPT_CHARS, all, at_most, count, text, word},
        vocabulary::{EditMode, Mode, Model},
    },
};

endpoint! {
    /// An edit of the video of a session, which [`InitSelection`](super::InitSelection) opened: with 1 or 2 images for
    /// an addition, 1 for a swap, none for a removal.
    MultiElements: task("multi_elements", "/v1/videos/multi-elements") -> Videos {
        /// An edit in this session.
        new {
            session_id: String => word,
            edit_mode: EditMode => word,
            prompt: String => text(MAX_PROMPT_CHARS),
        }
        optional {
            model_name: Model => word,
            /// Content that the video should not show.
            negative_prompt: String => at_most(MAX_PROMPT_CHARS),
            mode: Mode => word,
            duration: Duration => Duration::check,
        }
        lists {
            /// Images of the content to add or to swap in.
            image_list: ListedImage => all(ListedImage::check, "image_list.image"),
        }
        with callback, watermark;
        also MultiElements::check_image_count;
    }

    fn defaults(&self) -> Defaults {
        Defaults::default().model(Model::V1_6).duration("5").mode(Mode::Std)
    }

    fn warnings(&self) -> Vec<String> {
        let subject = "an edit of what was selected";
        length_warning(subject, self.duration.as_ref(), LENGTHS_5_10).into_iter().collect()
    }
}

impl MultiElements {
    /// Sets `image_list`.
    pub fn images(self, images: impl IntoIterator<Item = impl Into<Media>>) -> MultiElements {
        self.image_list(images.into_iter().map(Into::<Media>::into))
    }

    fn check_image_count(&self) -> Result<(), RequestError> {
        let images = match self.edit_mode {
            EditMode::Addition => 1..=2,
            EditMode::Swap => 1..=1,
            EditMode::Removal => 0..=0,
            EditMode::Other(_) => 0..=2,
        };
        count("image_list", self.image_list.len(), images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kling::requests::request::Request;

    #[test]
    fn another_length_is_a_warning() {
        let removal = || MultiElements::new("session", "removal", "no hat");

        assert!(removal().duration(Duration::S5).warnings().is_empty());
        assert_eq!(
            removal().duration(Duration::Seconds(7)).warnings(),
            ["an edit of what was selected was not seen to take a duration of 7 s"]
        );
    }
}
