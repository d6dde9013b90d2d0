//! The request for lips that move with a sound.

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    outputs::video::Videos,
    requests::{
        endpoint::endpoint,
        media::Media,
        validation::{all, between, require, word, words},
    },
};

endpoint! {
    /// A video in which one face speaks. [`IdentifyFace`](super::IdentifyFace) returns the session and the faces.
    AdvancedLipSync: task("advanced_lip_sync", "/v1/videos/advanced-lip-sync") -> Videos {
        required {
            session_id: String => word,
            face_choose: Vec<FaceChoice> => all(FaceChoice::check, "face_choose"),
        }
        with callback, watermark;
    }
}

/// A face, the sound that it speaks, and the times of both in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaceChoice {
    face_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sound_file: Option<Media>,
    sound_start_time: u64,
    sound_end_time: u64,
    sound_insert_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sound_volume: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_audio_volume: Option<f64>,
}

impl FaceChoice {
    /// The face speaks the sound with this id: from `start` to `end` of the sound, from `insert` of the video on.
    pub fn audio(
        face_id: impl Into<String>,
        audio_id: impl Into<String>,
        start: u64,
        end: u64,
        insert: u64,
    ) -> FaceChoice {
        FaceChoice {
            face_id: face_id.into(),
            audio_id: Some(audio_id.into()),
            sound_file: None,
            sound_start_time: start,
            sound_end_time: end,
            sound_insert_time: insert,
            sound_volume: None,
            original_audio_volume: None,
        }
    }

    /// As [`audio`](FaceChoice::audio), with a sound that the request contains: mp3 or wav, at most 5 MB, 2 to 60
    /// seconds.
    pub fn sound(
        face_id: impl Into<String>,
        sound: impl Into<Media>,
        start: u64,
        end: u64,
        insert: u64,
    ) -> FaceChoice {
        let choice = FaceChoice::audio(face_id, "", start, end, insert);
        FaceChoice { audio_id: None, sound_file: Some(sound.into()), ..choice }
    }

    /// Sets `sound_volume`, 0 to 2.
    pub fn sound_volume(mut self, volume: f64) -> FaceChoice {
        self.sound_volume = Some(volume);
        self
    }

    /// Sets `original_audio_volume`, 0 to 2.
    pub fn original_audio_volume(mut self, volume: f64) -> FaceChoice {
        self.original_audio_volume = Some(volume);
        self
    }

    fn check(&self, _field: &'static str) -> Result<(), RequestError> {
        words([
            ("face_choose.face_id", Some(self.face_id.as_str())),
            ("face_choose.audio_id", self.audio_id.as_deref()),
        ])?;
        if let Some(sound) = &self.sound_file {
            sound.check_sound("face_choose.sound_file")?;
        }
        let is_long_enough = self.sound_end_time.saturating_sub(self.sound_start_time) >= 2000;
        let rule = "must be 2 seconds or more after sound_start_time";
        require(is_long_enough, "face_choose.sound_end_time", rule)?;
        if let Some(volume) = &self.sound_volume {
            between(0.0..=2.0)(volume, "face_choose.sound_volume")?;
        }
        match &self.original_audio_volume {
            Some(volume) => between(0.0..=2.0)(volume, "face_choose.original_audio_volume"),
            None => Ok(()),
        }
    }
}

impl AdvancedLipSync {
    /// One face of the session speaks.
    pub fn new(session_id: impl Into<String>, choice: FaceChoice) -> AdvancedLipSync {
        AdvancedLipSync::bare(session_id.into(), vec![choice])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kling::requests::request::Request;

    #[test]
    fn a_broken_rule_is_named_with_its_field() {
        let choice = || FaceChoice::audio("f", "a", 0, 2000, 0);
        let sync = |choice| AdvancedLipSync::new("s", choice).check().map_err(|error| error.field());

        assert_eq!(sync(choice()), Ok(()));
        assert_eq!(sync(FaceChoice::audio("f", "a", 0, 1999, 0)), Err("face_choose.sound_end_time"));
        assert_eq!(sync(FaceChoice::audio("f", "", 0, 2000, 0)), Err("face_choose.audio_id"));
        assert_eq!(sync(FaceChoice::sound("f", "data:x", 0, 2000, 0)), Err("face_choose.sound_file"));
        assert_eq!(sync(choice().sound_volume(2.1)), Err("face_choose.sound_volume"));
    }
}
