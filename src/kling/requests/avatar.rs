//! The request for a picture that speaks.

use super::{fields, task, text_to_video::PROMPT_LIMIT};
use crate::kling::{
    media::{IMAGE_LIMIT, Media, SOUND_LIMIT},
    request::RequestError,
    rules,
    submission::Defaults,
    video::Videos,
    vocabulary::Mode,
};

fields! {
    /// The figure of a picture speaks a sound: one of the vendor's by id, or one that is brought along (mp3, wav, m4a or
    /// aac, at most 5 MB, 2 to 300 seconds).
    Avatar {
        must { image: Media, }
        may {
            audio_id: String,
            sound_file: Media,
            /// How it looks and moves.
            prompt: String,
            mode: Mode,
        }
        lists {}
    }
    watermarked
}

impl Avatar {
    /// The figure of this picture. Either [`audio_id`](Avatar::audio_id) or [`sound_file`](Avatar::sound_file) has to
    /// be set.
    pub fn new(image: impl Into<Media>) -> Avatar {
        Avatar::bare(image.into())
    }

    fn rules(&self) -> Result<(), RequestError> {
        self.image.check("image", IMAGE_LIMIT)?;
        rules::one_of(("audio_id", self.audio_id.is_some()), ("sound_file", self.sound_file.is_some()))?;
        rules::words([
            ("audio_id", self.audio_id.as_deref()),
            ("mode", self.mode.as_ref().map(Mode::as_str)),
        ])?;
        if let Some(sound) = &self.sound_file {
            sound.check("sound_file", SOUND_LIMIT)?;
        }
        rules::at_most("prompt", self.prompt.as_deref(), PROMPT_LIMIT)
    }
}

task! {
    Avatar, "avatar", "/v1/videos/avatar/image2video", Videos;

    fn defaults(&self) -> Defaults {
        Defaults { mode: Some("std".to_owned()), ..Defaults::default() }
    }
}
