//! Settings of a video of the new design.

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    requests::{
        validation::{require, words},
        vocabulary::{AspectRatio, AudioTrack, Orientation, Resolution},
    },
};

/// Settings of a video. The requests have the setters.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct VideoSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resolution: Option<Resolution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aspect_ratio: Option<AspectRatio>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audio: Option<AudioTrack>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) multi_shot: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) character_orientation: Option<Orientation>,
}

impl VideoSettings {
    pub(super) fn check(&self) -> Result<(), RequestError> {
        words([
            ("settings.resolution", self.resolution.as_ref().map(Resolution::as_str)),
            ("settings.aspect_ratio", self.aspect_ratio.as_ref().map(AspectRatio::as_str)),
            ("settings.audio", self.audio.as_ref().map(AudioTrack::as_str)),
            ("settings.character_orientation", self.character_orientation.as_ref().map(Orientation::as_str)),
        ])?;
        let fits = self.duration.is_none_or(|duration| (3..=15).contains(&duration));
        require(fits, "settings.duration", "must be 3 to 15 seconds")
    }
}
