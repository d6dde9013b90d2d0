//! Videos that a task made.

use std::fmt;

use serde_json::Value;

use crate::kling::{
    api::{json_fields::text, urls::without_query},
    outputs::output::output_list,
};

/// A video that a task made.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Video {
    /// Kling's id of the video, or an empty text if Kling gave none. It differs from the task's id.
    pub id: String,
    /// URL of the download. Kling keeps it for 30 days. Its query string may grant access: treat it as a secret.
    pub url: String,
    /// URL of the video with a watermark, if one was requested.
    pub watermark_url: Option<String>,
    /// Length in seconds, in Kling's spelling, such as `5` or `5.1`.
    pub duration: Option<String>,
    /// Session of the edit that made the video.
    pub session_id: Option<String>,
}

impl Video {
    pub(crate) fn decode(video: &Value) -> Option<Video> {
        Some(Video {
            id: text(video, "id").unwrap_or_default(),
            url: text(video, "url")?,
            watermark_url: text(video, "watermark_url"),
            duration: text(video, "duration"),
            session_id: text(video, "session_id"),
        })
    }
}

/// Shows URLs without their query strings, which may grant access.
impl fmt::Debug for Video {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Video")
            .field("id", &self.id)
            .field("url", &without_query(&self.url))
            .field("watermark_url", &self.watermark_url.as_deref().map(without_query))
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}

output_list! {
    /// Videos of a task that succeeded, one or more.
    Videos of Video at "videos" counted as videos
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_video_without_a_url_is_none() {
        for result in [
            json!(null),
            json!({}),
            json!({"videos": null}),
            json!({"videos": []}),
            json!({"videos": [{"id": "1"}, {"id": "2", "url": ""}, 7]}),
        ] {
            assert_eq!(Videos::decode(&result), None, "{result}");
        }
    }

    #[test]
    fn a_duration_may_be_a_string_or_a_number() {
        for (duration, read) in
            [(json!("5"), Some("5")), (json!(5), Some("5")), (json!(5.1), Some("5.1")), (json!(null), None)]
        {
            let result = json!({"videos": [{"id": 1, "url": "https://a/v.mp4", "duration": duration}]});

            let videos = Videos::decode(&result).expect("a video");

            assert_eq!((videos.len(), videos.first().duration.as_deref()), (1, read));
            assert_eq!(videos.first().id, "1");
        }
    }

    #[test]
    fn debug_shows_no_query_string() {
        let result = json!({"videos": [{"id": "1", "url": "https://a/v.mp4?sign=key", "watermark_url": "https://a/w?k"}]});

        let shown = format!("{:?}", Videos::decode(&result));

        assert!(
            shown.contains("https://a/v.mp4") && !shown.contains("sign") && !shown.contains("?"),
            "{shown}"
        );
    }
}
