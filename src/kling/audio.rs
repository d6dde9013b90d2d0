//! The sounds that a task made. Its promise: [`Audios`] holds one at least, each with a URL.

use std::fmt;

use serde_json::Value;

use super::{
    envelope::text,
    output::{Counts, Output, Resource, either, items, output, without_query},
    video::Video,
};

/// A sound that a task made.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audio {
    /// The vendor's id of the sound; empty where the vendor gave none.
    pub id: String,
    /// Where to download it: as MP3 where there are several. The vendor keeps it for 30 days. Its query string may be a
    /// key: treat it as a secret.
    pub url: String,
    /// Where to download it as WAV, where that is offered.
    pub wav_url: Option<String>,
    /// Its length in seconds, in the vendor's own spelling.
    pub duration: Option<String>,
    /// That of the WAV, where it is said.
    pub wav_duration: Option<String>,
}

impl Audio {
    pub(crate) fn decode(audio: &Value) -> Option<Audio> {
        let wav_url = either(audio, &["url_wav", "wav_url"]);
        Some(Audio {
            id: text(audio, "id").unwrap_or_default(),
            url: either(audio, &["url", "url_mp3", "mp3_url"]).or_else(|| wav_url.clone())?,
            wav_url,
            duration: either(audio, &["duration", "duration_mp3", "mp3_duration"]),
            wav_duration: either(audio, &["duration_wav", "wav_duration"]),
        })
    }

    fn resource(&self) -> Option<(Resource, String)> {
        None
    }
}

impl fmt::Debug for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audio")
            .field("id", &self.id)
            .field("url", &without_query(&self.url))
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}

output! {
    /// The sounds of a task that succeeded: one at least.
    Audios of Audio at "audios" counted as audios
}

/// What [`VideoToAudio`](crate::kling::VideoToAudio) makes: the video with its sound, and the sound alone.
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
    fn a_sound_is_read_in_each_of_the_vendors_shapes() {
        for audio in [
            json!({"id": "1", "url": "https://a/1.mp3", "duration": "5"}),
            json!({"id": "1", "url_mp3": "https://a/1.mp3", "url_wav": "https://a/1.wav", "duration_mp3": "5"}),
            json!({"id": "1", "mp3_url": "https://a/1.mp3", "wav_url": "https://a/1.wav", "mp3_duration": 5}),
        ] {
            let audios = Audios::decode(&json!({"audios": [audio]})).expect("a sound");

            let audio = audios.first();
            assert_eq!((audio.url.as_str(), audio.duration.as_deref()), ("https://a/1.mp3", Some("5")));
        }
    }

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
