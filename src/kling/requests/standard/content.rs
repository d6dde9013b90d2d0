//! The parts of a request of the new design: prompts, images, videos, elements and voices.

use std::fmt;

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    requests::{
        media::Media,
        validation::{require, text, words},
    },
};

/// Longest prompt of the 3.x models, in characters.
pub(super) const MAX_LONG_PROMPT_CHARS: usize = 3072;

/// One part of the input of a video. The prompt refers to a part with an `id` as `@id`.
#[derive(Clone, PartialEq, Serialize)]
pub struct Content {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Media>,
    #[serde(skip_serializing_if = "Option::is_none")]
    element_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

impl Content {
    fn bare(kind: &'static str) -> Content {
        Content { kind, text: None, url: None, element_id: None, voice_id: None, id: None }
    }

    fn at(kind: &'static str, url: impl Into<Media>) -> Content {
        Content { url: Some(url.into()), ..Content::bare(kind) }
    }

    /// Prompt of the video.
    pub fn prompt(text: impl Into<String>) -> Content {
        Content { text: Some(text.into()), ..Content::bare("prompt") }
    }

    /// First image of the video.
    pub fn first_frame(url: impl Into<Media>) -> Content {
        Content::at("first_frame", url)
    }

    /// Last image of the video.
    pub fn last_frame(url: impl Into<Media>) -> Content {
        Content::at("last_frame", url)
    }

    /// Image to refer to.
    pub fn refer_image(url: impl Into<Media>) -> Content {
        Content::at("refer_image", url)
    }

    /// Video to refer to.
    pub fn feature_video(url: impl Into<String>) -> Content {
        Content::at("feature_video", url.into())
    }

    /// Video to edit.
    pub fn base_video(url: impl Into<String>) -> Content {
        Content::at("base_video", url.into())
    }

    /// Figure of a motion control.
    pub fn image(url: impl Into<Media>) -> Content {
        Content::at("image", url)
    }

    /// Movement of a motion control.
    pub fn video(url: impl Into<String>) -> Content {
        Content::at("video", url.into())
    }

    /// Element, by its id.
    pub fn element(element_id: impl Into<String>) -> Content {
        Content { element_id: Some(element_id.into()), ..Content::bare("element") }
    }

    /// Voice, by its id.
    pub fn voice(voice_id: impl Into<String>) -> Content {
        Content { voice_id: Some(voice_id.into()), ..Content::bare("voice") }
    }

    /// Sets the `id` by which the prompt can refer to this part.
    pub fn named(mut self, id: impl Into<String>) -> Content {
        self.id = Some(id.into());
        self
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("kind", &self.kind).field("url", &self.url).finish_non_exhaustive()
    }
}

/// Returns the number of contents of one kind.
pub(super) fn count_of(contents: &[Content], kind: &str) -> usize {
    contents.iter().filter(|content| content.kind == kind).count()
}

/// Checks the rules that all endpoints with contents share. `accepted` are the kinds that the endpoint accepts.
pub(super) fn check_contents(
    contents: &[Content],
    accepted: &[&str],
    prompt_limit: usize,
) -> Result<(), RequestError> {
    for content in contents {
        let is_accepted = accepted.contains(&content.kind);
        require(is_accepted, "contents.type", "must be one that the endpoint takes")?;
        if let Some(prompt) = &content.text {
            text(prompt_limit)(prompt, "contents.text")?;
        }
        if let Some(url) = &content.url {
            url.check_content("contents.url")?;
        }
        words([
            ("contents.element_id", content.element_id.as_deref()),
            ("contents.voice_id", content.voice_id.as_deref()),
            ("contents.id", content.id.as_deref()),
        ])?;
    }
    for kind in ["prompt", "first_frame", "last_frame", "image", "video", "base_video", "feature_video"] {
        require(count_of(contents, kind) <= 1, "contents", "must have at most one of a kind")?;
    }
    let is_alone = count_of(contents, "last_frame") == 1 && count_of(contents, "first_frame") == 0;
    require(!is_alone, "contents", "must have a first_frame beside a last_frame")
}
