//! The request for the faces in a video, which a lip sync starts with.

use serde_json::Value;

use crate::kling::{
    outputs::faces::Faces,
    requests::{
        endpoint::endpoint,
        validation::{url, word},
    },
};

endpoint! {
    /// The faces in a video of 2 to 60 seconds: one of Kling's by its id, or one by its URL.
    IdentifyFace: immediate("identify_face", "/v1/videos/identify-face") -> Faces {
        optional {
            video_id: String => word,
            video_url: String => url,
        }
        one_of(video_id, video_url);
    }

    fn decode(data: &Value) -> Option<Faces> {
        Faces::decode(data)
    }
}

impl IdentifyFace {
    /// The faces in a video that Kling made.
    pub fn of_id(video_id: impl Into<String>) -> IdentifyFace {
        IdentifyFace::bare().video_id(video_id)
    }

    /// The faces in a video that Kling downloads.
    pub fn of_url(video_url: impl Into<String>) -> IdentifyFace {
        IdentifyFace::bare().video_url(video_url)
    }
}
