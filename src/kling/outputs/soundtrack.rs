//! The result of adding sound to a video.

use serde_json::Value;

use crate::kling::{
    api::json_fields::items,
    outputs::{
        audio::Audio,
        output::{Counts, Output},
        video::Video,
    },
};

/// Result of a [`VideoToAudio`](crate::kling::requests::VideoToAudio): the video with its sound, and the sound alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Soundtrack {
    /// The video with its new sound.
    pub videos: Vec<Video>,
    /// The sound alone.
    pub audios: Vec<Audio>,
}

impl Output for Soundtrack {
    fn decode(task_result: &Value) -> Option<Soundtrack> {
        let videos = items(task_result, "videos", Video::decode);
        let audios = items(task_result, "audios", Audio::decode);
        (!videos.is_empty() || !audios.is_empty()).then_some(Soundtrack { videos, audios })
    }

    fn counts(&self) -> Counts {
        let (videos, audios) = (Some(self.videos.len() as u64), Some(self.audios.len() as u64));
        Counts { videos, audios, ..Counts::default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_soundtrack_has_a_video_or_a_sound() {
        let both = json!({"videos": [{"id": "v", "url": "https://a/v"}],
            "audios": [{"id": "a", "url_mp3": "https://a/a", "duration_mp3": "5.146", "duration_wav": "5.08"}]});

        let soundtrack = Soundtrack::decode(&both).expect("both");

        assert_eq!(soundtrack.audios[0].duration.as_deref(), Some("5.146"));
        assert_eq!((soundtrack.counts().videos, soundtrack.counts().audios), (Some(1), Some(1)));
        assert_eq!(Soundtrack::decode(&json!({})), None);
    }
}
