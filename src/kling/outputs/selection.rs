//! Answers to the requests that select parts of a video.

use std::fmt;

use serde_json::Value;

use crate::kling::api::{json_fields::text, urls::without_query};

/// A session in which parts of one video are selected.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Session {
    /// Id for the other requests, valid for 24 hours.
    pub session_id: String,
    /// Frames a second.
    pub fps: Option<f64>,
    /// Length of the video in milliseconds.
    pub original_duration: Option<u64>,
    /// Width in pixels.
    pub width: Option<u64>,
    /// Height in pixels.
    pub height: Option<u64>,
    /// Number of frames.
    pub total_frame: Option<u64>,
}

impl Session {
    pub(crate) fn decode(data: &Value) -> Option<Session> {
        Some(Session {
            session_id: text(data, "session_id")?,
            fps: data["fps"].as_f64(),
            original_duration: data["original_duration"].as_u64(),
            width: data["width"].as_u64(),
            height: data["height"].as_u64(),
            total_frame: data["total_frame"].as_u64(),
        })
    }
}

/// Selected parts of one frame.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Selection {
    /// Number of the frame.
    pub frame_index: Option<u64>,
    /// Masks in Kling's own format.
    pub masks: Value,
}

impl Selection {
    pub(crate) fn decode(data: &Value) -> Option<Selection> {
        let result = data.get("res")?;
        Some(Selection {
            frame_index: result["frame_index"].as_u64(),
            masks: result["rle_mask_list"].clone(),
        })
    }
}

/// URLs that show the selected parts.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preview {
    /// URL of the video with the selection marked.
    pub video: String,
    /// URL of its first frame.
    pub video_cover: Option<String>,
    /// URL of the masks.
    pub tracking_output: Option<String>,
}

impl Preview {
    pub(crate) fn decode(data: &Value) -> Option<Preview> {
        let result = data.get("res")?;
        Some(Preview {
            video: text(result, "video")?,
            video_cover: text(result, "video_cover"),
            tracking_output: text(result, "tracking_output"),
        })
    }
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preview").field("video", &without_query(&self.video)).finish_non_exhaustive()
    }
}
