//! What several requests are made of: shots, and references to elements, voices and pictures.

use std::fmt;

use serde::Serialize;

use crate::kling::{duration::Duration, media::Media, request::RequestError, rules, vocabulary::ShotType};

/// The longest prompt of a shot, in characters.
const SHOT_PROMPT_LIMIT: usize = 512;

/// One shot of a video of several.
///
/// `Debug` does not show its prompt.
#[derive(Clone, PartialEq, Serialize)]
pub struct Shot {
    index: u32,
    prompt: String,
    duration: Duration,
}

impl Shot {
    /// A shot of `prompt`, 1 to 512 characters, that takes so many whole seconds.
    pub fn new(prompt: impl Into<String>, seconds: u8) -> Shot {
        Shot { index: 0, prompt: prompt.into(), duration: Duration::Seconds(seconds) }
    }
}

/// Whether and how a video is cut.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct ShotPlan {
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_shot: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shot_type: Option<ShotType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    multi_prompt: Vec<Shot>,
}

impl ShotPlan {
    pub(super) fn cut(&mut self, shot_type: ShotType) {
        self.multi_shot = Some(true);
        self.shot_type = Some(shot_type);
    }

    pub(super) fn list(&mut self, shots: impl IntoIterator<Item = Shot>) {
        self.cut(ShotType::Customize);
        self.multi_prompt = shots.into_iter().zip(1..).map(|(shot, index)| Shot { index, ..shot }).collect();
    }

    /// Whether the request lists the shots, so that it needs no prompt for the whole.
    pub(super) fn customized(&self) -> bool {
        self.shot_type == Some(ShotType::Customize)
    }

    /// Whether the video has several shots.
    pub(super) fn is_cut(&self) -> bool {
        self.multi_shot == Some(true)
    }

    pub(super) fn check(&self, duration: &Duration) -> Result<(), RequestError> {
        rules::words([("shot_type", self.shot_type.as_ref().map(ShotType::as_str))])?;
        let shots = &self.multi_prompt;
        if shots.is_empty() {
            let rule = "must have 1 to 6 shots when shot_type is customize";
            return rules::require(!self.customized(), "multi_prompt", rule);
        }
        rules::require(self.customized(), "multi_prompt", "needs shot_type customize")?;
        rules::require(shots.len() <= 6, "multi_prompt", "must have 1 to 6 shots")?;
        let mut sum = 0;
        for shot in shots {
            rules::text("multi_prompt.prompt", &shot.prompt, SHOT_PROMPT_LIMIT)?;
            match shot.duration.seconds() {
                Some(seconds @ 1..=15) => sum += seconds,
                _ => return Err(RequestError::new("multi_prompt.duration", "must be 1 to 15 whole seconds")),
            }
        }
        let together = duration.seconds() == Some(sum);
        rules::require(together, "multi_prompt.duration", "must add up to the video's duration")
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

/// A reference to something by its id, or a picture, in an object of its own.
macro_rules! reference {
    ($(#[$about:meta])* $name:ident { $field:ident: $type:ty }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[allow(unreachable_pub, reason = "setters take some of them, and others stay inside")]
        pub struct $name {
            pub(crate) $field: $type,
        }

        impl<T: Into<$type>> From<T> for $name {
            fn from(value: T) -> $name {
                $name { $field: value.into() }
            }
        }
    };
}

reference! {
    /// An element, by its id. Public in a private module: setters take the id itself.
    ElementId { element_id: String }
}
reference! {
    /// A voice, by its id.
    VoiceId { voice_id: String }
}
reference! {
    /// A tag of an element, by its id.
    TagId { tag_id: String }
}
reference! {
    /// A picture among several.
    ListedImage { image: Media }
}
reference! {
    /// A picture of a subject among several.
    SubjectImage { subject_image: Media }
}
reference! {
    /// A picture of an element among several.
    ReferImage { image_url: Media }
}
reference! {
    /// A video of an element.
    ReferVideo { video_url: String }
}

/// The ids in a list must say something.
pub(super) fn ids<'a>(
    field: &'static str,
    ids: impl IntoIterator<Item = &'a str>,
) -> Result<(), RequestError> {
    rules::words(ids.into_iter().map(|id| (field, Some(id))))
}
