//! The result of a task of unknown kind.

use serde_json::Value;

use crate::kling::{
    api::json_fields::items,
    outputs::{
        audio::Audio,
        element::Element,
        image::Image,
        output::{Counts, Output},
        video::Video,
        voice::Voice,
    },
};

/// Result of a task whose kind is not known beforehand, such as a task of a callback.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Made {
    /// Videos.
    pub videos: Vec<Video>,
    /// Images.
    pub images: Vec<Image>,
    /// Sounds.
    pub audios: Vec<Audio>,
    /// Elements.
    pub elements: Vec<Element>,
    /// Voices.
    pub voices: Vec<Voice>,
}

impl Output for Made {
    fn decode(task_result: &Value) -> Option<Made> {
        let made = Made {
            videos: items(task_result, "videos", Video::decode),
            images: items(task_result, "images", Image::decode),
            audios: items(task_result, "audios", Audio::decode),
            elements: items(task_result, "elements", Element::decode),
            voices: items(task_result, "voices", Voice::decode),
        };
        (made != Made::default()).then_some(made)
    }

    fn counts(&self) -> Counts {
        let count = |count: usize| (count > 0).then_some(count as u64);
        Counts {
            videos: count(self.videos.len()),
            images: count(self.images.len()),
            audios: count(self.audios.len()),
            elements: count(self.elements.len()),
            voices: count(self.voices.len()),
        }
    }
}
