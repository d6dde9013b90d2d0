//! The request for the faces in a video, which a lip-sync begins with.

use serde_json::Value;

use super::{fields, immediate};
use crate::kling::{
    envelope::text,
    output::{items, without_query},
    request::RequestError,
    rules,
};

fields! {
    /// The faces in a video: one of the vendor's by id, or one by URL. 2 to 60 seconds.
    IdentifyFace {
        must {}
        may {
            video_id: String,
            video_url: String,
        }
        lists {}
    }
}

/// The faces in a video, and the session in which they are known for 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faces {
    /// What [`AdvancedLipSync`](crate::kling::requests::AdvancedLipSync) names it by.
    pub session_id: String,
    /// None, one or more.
    pub faces: Vec<Face>,
}

/// A face in a video.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Face {
    /// Its id within the session.
    pub face_id: String,
    /// The URL of a picture of it.
    pub face_image: Option<String>,
    /// From when on it is seen, in milliseconds.
    pub start_time: Option<u64>,
    /// Until when it is seen, in milliseconds.
    pub end_time: Option<u64>,
}

impl std::fmt::Debug for Face {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Face")
            .field("face_id", &self.face_id)
            .field("face_image", &self.face_image.as_deref().map(without_query))
            .finish_non_exhaustive()
    }
}

impl IdentifyFace {
    /// In a video that the vendor made.
    pub fn of_id(video_id: impl Into<String>) -> IdentifyFace {
        IdentifyFace::bare().video_id(video_id)
    }

    /// In a video that the vendor fetches.
    pub fn of_url(video_url: impl Into<String>) -> IdentifyFace {
        IdentifyFace::bare().video_url(video_url)
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::one_of(("video_id", self.video_id.is_some()), ("video_url", self.video_url.is_some()))?;
        rules::words([("video_id", self.video_id.as_deref())])?;
        rules::url("video_url", self.video_url.as_deref())
    }
}

immediate! {
    IdentifyFace, "identify_face", "/v1/videos/identify-face", Faces;

    fn decode(data: &Value) -> Option<Faces> {
        Some(Faces {
            session_id: text(data, "session_id")?,
            faces: items(data, "face_data", |face| {
                Some(Face {
                    face_id: text(face, "face_id")?,
                    face_image: text(face, "face_image"),
                    start_time: face["start_time"].as_u64(),
                    end_time: face["end_time"].as_u64(),
                })
            }),
        })
    }
}
