//! Videos of several shots.

use std::fmt;

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    requests::{
        duration::Duration,
        validation::{MAX_PROMPT_CHARS, at_most, require, text, word},
        vocabulary::ShotType,
    },
};

/// Longest prompt of a shot, in characters.
const MAX_SHOT_PROMPT_CHARS: usize = 512;
/// Most shots of a video.
const MAX_SHOTS: usize = 6;

/// One shot of a video.
///
/// `Debug` does not show its prompt.
#[derive(Clone, PartialEq, Serialize)]
pub struct Shot {
    index: u32,
    prompt: String,
    duration: Duration,
}

impl Shot {
    /// A shot of `prompt` (1 to 512 characters) that takes this many whole seconds.
    pub fn new(prompt: impl Into<String>, seconds: u8) -> Shot {
        Shot { index: 0, prompt: prompt.into(), duration: Duration::Seconds(seconds) }
    }
}

/// Division of a video into shots.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct ShotPlan {
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_shot: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shot_type: Option<ShotType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    multi_prompt: Vec<Shot>,
}

impl ShotPlan {
    pub(crate) fn set_shot_type(&mut self, shot_type: ShotType) {
        self.multi_shot = Some(true);
        self.shot_type = Some(shot_type);
    }

    pub(crate) fn set_shots(&mut self, shots: impl IntoIterator<Item = Shot>) {
        self.set_shot_type(ShotType::Customize);
        self.multi_prompt = shots.into_iter().zip(1..).map(|(shot, index)| Shot { index, ..shot }).collect();
    }

    /// Returns `true` if the request lists the shots. It then needs no prompt for the whole video.
    fn has_listed_shots(&self) -> bool {
        self.shot_type == Some(ShotType::Customize)
    }

    pub(crate) fn has_several_shots(&self) -> bool {
        self.multi_shot == Some(true)
    }

    /// Checks the prompts of the whole video.
    pub(crate) fn check_prompt(&self, prompt: &String) -> Result<(), RequestError> {
        // An empty prompt is left out of the body. A blank one is not, so it must not be blank even beside listed
        // shots.
        let is_left_out = prompt.is_empty() && self.has_listed_shots();
        require(is_left_out || !prompt.trim().is_empty(), "prompt", "must not be empty")?;
        at_most(MAX_PROMPT_CHARS)(prompt, "prompt")
    }

    /// Checks the shots against the length of the video.
    pub(crate) fn check(&self, duration: &Duration) -> Result<(), RequestError> {
        if let Some(shot_type) = &self.shot_type {
            word(shot_type, "shot_type")?;
        }
        let shots = &self.multi_prompt;
        if shots.is_empty() {
            let rule = "must have 1 to 6 shots when shot_type is customize";
            return require(!self.has_listed_shots(), "multi_prompt", rule);
        }
        require(self.has_listed_shots(), "multi_prompt", "needs shot_type customize")?;
        require(shots.len() <= MAX_SHOTS, "multi_prompt", "must have 1 to 6 shots")?;
        let mut sum = 0;
        for shot in shots {
            text(MAX_SHOT_PROMPT_CHARS)(&shot.prompt, "multi_prompt.prompt")?;
            match shot.duration.seconds() {
                Some(seconds @ 1..=15) => sum += seconds,
                _ => return Err(RequestError::new("multi_prompt.duration", "must be 1 to 15 whole seconds")),
            }
        }
        let together = duration.seconds() == Some(sum);
        require(together, "multi_prompt.duration", "must add up to the video's duration")
    }
}

impl fmt::Debug for Shot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shot")
            .field("index", &self.index)
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}
