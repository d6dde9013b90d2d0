//! The request for an image that speaks.

use crate::kling::{
    outputs::video::Videos,
    requests::{
        defaults::Defaults,
        endpoint::endpoint,
        media::Media,
        validation::{MAX_PROMPT_CHARS, at_most, word},
        vocabulary::Mode,
    },
};

endpoint! {
    /// The figure of an image speaks a sound: one of Kling's by its id, or one that the request contains (mp3, wav, m4a
    /// or aac, at most 5 MB, 2 to 300 seconds).
    Avatar: task("avatar", "/v1/videos/avatar/image2video") -> Videos {
        /// The figure of this image. Either [`audio_id`](Avatar::audio_id) or [`sound_file`](Avatar::sound_file) must
        /// be set.
        new { image: Media => Media::check_image, }
        optional {
            audio_id: String => word,
            sound_file: Media => Media::check_sound,
            /// Looks and movements of the figure.
            prompt: String => at_most(MAX_PROMPT_CHARS),
            mode: Mode => word,
        }
        with callback, watermark;
        one_of(audio_id, sound_file);
    }

    fn defaults(&self) -> Defaults {
        Defaults::default().mode(Mode::Std)
    }
}
