//! Selecting what an edit is about: sessions of 24 hours over one video. Its promise: a refusal that hides in an answer
//! that says that all is well is a refusal here.

use serde::Serialize;
use serde_json::Value;

use super::{fields, immediate};
use crate::kling::{envelope::text, request::RequestError, rules};

fields! {
    /// Opens a session over a video: one of the vendor's by id, or one by URL. 2 to 5 or 7 to 10 seconds.
    InitSelection {
        must {}
        may {
            video_id: String,
            video_url: String,
        }
        lists {}
    }
}

/// A session over a video.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Session {
    /// What the other requests name it by, for 24 hours.
    pub session_id: String,
    /// Pictures a second.
    pub fps: Option<f64>,
    /// In milliseconds.
    pub original_duration: Option<u64>,
    /// In pixels.
    pub width: Option<u64>,
    /// In pixels.
    pub height: Option<u64>,
    /// How many pictures the video has.
    pub total_frame: Option<u64>,
}

impl InitSelection {
    /// A session over a video that the vendor made.
    pub fn of_id(video_id: impl Into<String>) -> InitSelection {
        InitSelection::bare().video_id(video_id)
    }

    /// A session over a video that the vendor fetches.
    pub fn of_url(video_url: impl Into<String>) -> InitSelection {
        InitSelection::bare().video_url(video_url)
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::one_of(("video_id", self.video_id.is_some()), ("video_url", self.video_url.is_some()))?;
        rules::words([("video_id", self.video_id.as_deref())])?;
        rules::url("video_url", self.video_url.as_deref())
    }
}

immediate! {
    InitSelection, "init_selection", "/v1/videos/multi-elements/init-selection", Session;

    fn decode(data: &Value) -> Option<Session> {
        Some(Session {
            session_id: text(data, "session_id")?,
            fps: data["fps"].as_f64(),
            original_duration: data["original_duration"].as_u64(),
            width: data["width"].as_u64(),
            height: data["height"].as_u64(),
            total_frame: data["total_frame"].as_u64(),
        })
    }

    fn refusal(data: &Value) -> Option<String> {
        rejected(data)
    }
}

/// `data.status` of the selection endpoints is a number that is not 0 where the vendor refused.
fn rejected(data: &Value) -> Option<String> {
    match data["status"].as_i64() {
        Some(0) | None => None,
        Some(status) => Some(format!("the selection was refused with status {status}")),
    }
}

/// A place in a picture, as fractions of its width and height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spot {
    /// 0 to 1.
    pub x: f64,
    /// 0 to 1.
    pub y: f64,
}

/// What is selected in a picture of the video.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Selection {
    /// Which picture.
    pub frame_index: Option<u64>,
    /// The vendor's masks, as they came.
    pub masks: Value,
}

impl Selection {
    fn read(data: &Value) -> Option<Selection> {
        let result = data.get("res")?;
        Some(Selection {
            frame_index: result["frame_index"].as_u64(),
            masks: result["rle_mask_list"].clone(),
        })
    }
}

fn check_points(session_id: &str, points: &[Spot]) -> Result<(), RequestError> {
    rules::words([("session_id", Some(session_id))])?;
    rules::count("points", points.len(), 1..=10)?;
    for point in points {
        rules::within("points.x", Some(point.x), 0.0..=1.0)?;
        rules::within("points.y", Some(point.y), 0.0..=1.0)?;
    }
    Ok(())
}

/// A request that names points in a picture of the session's video.
macro_rules! pointing {
    ($(#[$about:meta])* $name:ident, $action:literal, $path:literal) => {
        fields! {
            $(#[$about])*
            $name {
                must {
                    session_id: String,
                    frame_index: u64,
                    points: Vec<Spot>,
                }
                may {}
                lists {}
            }
        }

        impl $name {
            /// 1 to 10 points in this picture.
            pub fn new(
                session_id: impl Into<String>,
                frame_index: u64,
                points: impl IntoIterator<Item = Spot>,
            ) -> $name {
                $name::bare(session_id.into(), frame_index, points.into_iter().collect())
            }

            fn rules(&self) -> Result<(), RequestError> {
                check_points(&self.session_id, &self.points)
            }
        }

        immediate! {
            $name, $action, $path, Selection;

            fn decode(data: &Value) -> Option<Selection> {
                Selection::read(data)
            }

            fn refusal(data: &Value) -> Option<String> {
                rejected(data)
            }
        }
    };
}

pointing! {
    /// Selects what is at these points.
    AddSelection, "add_selection", "/v1/videos/multi-elements/add-selection"
}

pointing! {
    /// Takes a selection back: the points must be those that it was made with.
    DeleteSelection, "delete_selection", "/v1/videos/multi-elements/delete-selection"
}

fields! {
    /// Takes back all that is selected in a session.
    ClearSelection {
        must { session_id: String, }
        may {}
        lists {}
    }
}

impl ClearSelection {
    /// In this session.
    pub fn new(session_id: impl Into<String>) -> ClearSelection {
        ClearSelection::bare(session_id.into())
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([("session_id", Some(self.session_id.as_str()))])
    }
}

immediate! {
    ClearSelection, "clear_selection", "/v1/videos/multi-elements/clear-selection", ();

    fn decode(_data: &Value) -> Option<()> {
        Some(())
    }

    fn refusal(data: &Value) -> Option<String> {
        rejected(data)
    }
}

fields! {
    /// Shows what is selected in a session, as a video.
    PreviewSelection {
        must { session_id: String, }
        may {}
        lists {}
    }
}

/// Videos that show what is selected.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preview {
    /// The URL of the video with the selection marked.
    pub video: String,
    /// The URL of its first picture.
    pub video_cover: Option<String>,
    /// The URL of the masks.
    pub tracking_output: Option<String>,
}

impl std::fmt::Debug for Preview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let video = crate::kling::output::without_query(&self.video);
        f.debug_struct("Preview").field("video", &video).finish_non_exhaustive()
    }
}

impl PreviewSelection {
    /// Of this session.
    pub fn new(session_id: impl Into<String>) -> PreviewSelection {
        PreviewSelection::bare(session_id.into())
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([("session_id", Some(self.session_id.as_str()))])
    }
}

immediate! {
    PreviewSelection, "preview_selection", "/v1/videos/multi-elements/preview-selection", Preview;

    fn decode(data: &Value) -> Option<Preview> {
        let result = data.get("res")?;
        Some(Preview {
            video: text(result, "video")?,
            video_cover: text(result, "video_cover"),
            tracking_output: text(result, "tracking_output"),
        })
    }

    fn refusal(data: &Value) -> Option<String> {
        rejected(data)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kling::Immediate;

    #[test]
    fn a_session_is_read_and_a_hidden_refusal_seen() {
        let data = json!({"status": 0, "session_id": "id", "final_unit_deduction": "1", "fps": 30.0,
            "original_duration": 1000, "width": 720, "height": 1280, "total_frame": 300, "normalized_video": "url"});

        let session = InitSelection::decode(&data).expect("a session");

        assert_eq!(
            (session.session_id.as_str(), session.fps, session.total_frame),
            ("id", Some(30.0), Some(300))
        );
        assert_eq!(InitSelection::refusal(&data), None);
        assert_eq!(
            InitSelection::refusal(&json!({"status": 3})).as_deref(),
            Some("the selection was refused with status 3")
        );
    }

    #[test]
    fn points_are_fractions() {
        let add =
            |points: Vec<Spot>| AddSelection::new("s", 1, points).check().map_err(|error| error.field());

        assert_eq!(add(vec![Spot { x: 0.0, y: 1.0 }]), Ok(()));
        assert_eq!(add(vec![]), Err("points"));
        assert_eq!(add(vec![Spot { x: 1.1, y: 0.0 }]), Err("points.x"));
        let both = InitSelection::of_id("1").video_url("https://a/v.mp4");
        assert_eq!(both.check().map_err(|error| error.field()), Err("video_url"));
    }
}
