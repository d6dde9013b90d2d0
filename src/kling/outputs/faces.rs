//! The answer to a request for the faces in a video.

use std::fmt;

use serde_json::Value;

use crate::kling::api::{
    json_fields::{items, text},
    urls::without_query,
};

/// Faces in a video, and the session that knows them for 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faces {
    /// Session, for [`AdvancedLipSync`](crate::kling::requests::AdvancedLipSync).
    pub session_id: String,
    /// Faces, possibly none.
    pub faces: Vec<Face>,
}

/// A face in a video.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Face {
    /// Id within the session.
    pub face_id: String,
    /// URL of an image of the face.
    pub face_image: Option<String>,
    /// Time of its first appearance, in milliseconds.
    pub start_time: Option<u64>,
    /// Time of its last appearance, in milliseconds.
    pub end_time: Option<u64>,
}

impl Faces {
    pub(crate) fn decode(data: &Value) -> Option<Faces> {
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

impl fmt::Debug for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Face")
            .field("face_id", &self.face_id)
            .field("face_image", &self.face_image.as_deref().map(without_query))
            .finish_non_exhaustive()
    }
}
