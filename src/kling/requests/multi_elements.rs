//! The request for an edit of a video in which something was selected.

use super::{fields, part::ListedImage, task, text_to_video::PROMPT_LIMIT};
use crate::kling::{
    capability::{FIVE_TEN, doubtful_length},
    duration::Duration,
    media::{IMAGE_LIMIT, Media},
    request::RequestError,
    rules,
    submission::Defaults,
    video::Videos,
    vocabulary::{EditMode, Mode, Model},
};

fields! {
    /// An edit of the video of a session, which [`InitSelection`](crate::kling::requests::InitSelection) opened: 1 or 2 pictures for an
    /// addition, 1 for a swap, none for a removal.
    MultiElements {
        must {
            session_id: String,
            edit_mode: EditMode,
            prompt: String,
        }
        may {
            model_name: Model,
            /// What the video should not show.
            negative_prompt: String,
            mode: Mode,
            duration: Duration,
        }
        lists {
            /// What is added or swapped in.
            image_list: ListedImage,
        }
    }
    watermarked
}

impl MultiElements {
    /// An edit in this session.
    pub fn new(
        session_id: impl Into<String>,
        edit_mode: impl Into<EditMode>,
        prompt: impl Into<String>,
    ) -> MultiElements {
        MultiElements::bare(session_id.into(), edit_mode.into(), prompt.into())
    }

    /// An edit that adds or swaps in what these pictures show.
    pub fn images(self, images: impl IntoIterator<Item = impl Into<Media>>) -> MultiElements {
        self.image_list(images.into_iter().map(Into::<Media>::into))
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([
            ("session_id", Some(self.session_id.as_str())),
            ("edit_mode", Some(self.edit_mode.as_str())),
            ("model_name", self.model_name.as_ref().map(Model::as_str)),
            ("mode", self.mode.as_ref().map(Mode::as_str)),
        ])?;
        rules::text("prompt", &self.prompt, PROMPT_LIMIT)?;
        rules::at_most("negative_prompt", self.negative_prompt.as_deref(), PROMPT_LIMIT)?;
        let images = match self.edit_mode {
            EditMode::Addition => 1..=2,
            EditMode::Swap => 1..=1,
            EditMode::Removal => 0..=0,
            EditMode::Other(_) => 0..=2,
        };
        rules::count("image_list", self.image_list.len(), images)?;
        self.image_list.iter().try_for_each(|image| image.image.check("image_list.image", IMAGE_LIMIT))?;
        self.duration.as_ref().map_or(Ok(()), |duration| duration.check(3..=15))
    }
}

task! {
    MultiElements, "multi_elements", "/v1/videos/multi-elements", Videos;

    fn defaults(&self) -> Defaults {
        Defaults {
            model: Some(Model::V1_6.to_string()),
            duration: Some("5".to_owned()),
            mode: Some("std".to_owned()),
        }
    }

    fn warnings(&self) -> Vec<String> {
        doubtful_length("an edit of what was selected", self.duration.as_ref(), FIVE_TEN).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kling::Request;

    #[test]
    fn another_length_is_warned_about() {
        let removal = || MultiElements::new("session", "removal", "no hat");

        assert!(removal().duration(Duration::S5).warnings().is_empty());
        assert_eq!(
            removal().duration(Duration::Seconds(7)).warnings(),
            ["an edit of what was selected was not seen to take a duration of 7 s"]
        );
    }
}
