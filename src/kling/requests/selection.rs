//! The requests that select parts of a video, in sessions of 24 hours.

use serde::Serialize;
use serde_json::Value;

use crate::kling::{
    error::RequestError,
    outputs::selection::{Preview, Selection, Session},
    requests::{
        endpoint::endpoint,
        validation::{any, between, each, url, word},
    },
};

endpoint! {
    /// Opens a session for a video of 2 to 5 or 7 to 10 seconds: one of Kling's by its id, or one by its URL.
    InitSelection: immediate("init_selection", "/v1/videos/multi-elements/init-selection") -> Session {
        optional {
            video_id: String => word,
            video_url: String => url,
        }
        one_of(video_id, video_url);
    }

    fn decode(data: &Value) -> Option<Session> {
        Session::decode(data)
    }

    fn refusal(data: &Value) -> Option<String> {
        refusal(data)
    }
}

impl InitSelection {
    /// A session for a video that Kling made.
    pub fn of_id(video_id: impl Into<String>) -> InitSelection {
        InitSelection::bare().video_id(video_id)
    }

    /// A session for a video that Kling downloads.
    pub fn of_url(video_url: impl Into<String>) -> InitSelection {
        InitSelection::bare().video_url(video_url)
    }
}

/// Returns the reason of a refusal: these endpoints answer with code 0, and a `data.status` other than 0.
fn refusal(data: &Value) -> Option<String> {
    match data["status"].as_i64() {
        Some(0) | None => None,
        Some(status) => Some(format!("the selection was refused with status {status}")),
    }
}

/// A point of a frame, as fractions of its width and height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RelativePoint {
    /// 0 to 1.
    pub x: f64,
    /// 0 to 1.
    pub y: f64,
}

impl RelativePoint {
    fn check(&self, _field: &'static str) -> Result<(), RequestError> {
        between(0.0..=1.0)(&self.x, "points.x")?;
        between(0.0..=1.0)(&self.y, "points.y")
    }
}

/// Declares a request with points of a frame of the session's video.
macro_rules! pointing {
    ($(#[$about:meta])* $name:ident, $action:literal, $path:literal) => {
        endpoint! {
            $(#[$about])*
            $name: immediate($action, $path) -> Selection {
                required {
                    session_id: String => word,
                    frame_index: u64 => any,
                    points: Vec<RelativePoint> => each(1..=10, RelativePoint::check, "points"),
                }
            }

            fn decode(data: &Value) -> Option<Selection> {
                Selection::decode(data)
            }

            fn refusal(data: &Value) -> Option<String> {
                refusal(data)
            }
        }

        impl $name {
            /// 1 to 10 points of this frame.
            pub fn new(
                session_id: impl Into<String>,
                frame_index: u64,
                points: impl IntoIterator<Item = RelativePoint>,
            ) -> $name {
                $name::bare(session_id.into(), frame_index, points.into_iter().collect())
            }
        }
    };
}

pointing! {
    /// Selects the objects at these points.
    AddSelection, "add_selection", "/v1/videos/multi-elements/add-selection"
}

pointing! {
    /// Removes a selection. The points must be those that it was made with.
    DeleteSelection, "delete_selection", "/v1/videos/multi-elements/delete-selection"
}

endpoint! {
    /// Removes all selections of a session.
    ClearSelection: immediate("clear_selection", "/v1/videos/multi-elements/clear-selection") -> () {
        /// Removes all selections of this session.
        new { session_id: String => word, }
    }

    fn decode(_data: &Value) -> Option<()> {
        Some(())
    }

    fn refusal(data: &Value) -> Option<String> {
        refusal(data)
    }
}

endpoint! {
    /// Shows the selections of a session as a video.
    PreviewSelection: immediate("preview_selection", "/v1/videos/multi-elements/preview-selection") -> Preview {
        /// Shows the selections of this session.
        new { session_id: String => word, }
    }

    fn decode(data: &Value) -> Option<Preview> {
        Preview::decode(data)
    }

    fn refusal(data: &Value) -> Option<String> {
        refusal(data)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kling::requests::immediate::Immediate;

    #[test]
    fn a_session_and_a_refusal_inside_it_are_read() {
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
        let add = |points: Vec<RelativePoint>| {
            AddSelection::new("s", 1, points).check().map_err(|error| error.field())
        };

        assert_eq!(add(vec![RelativePoint { x: 0.0, y: 1.0 }]), Ok(()));
        assert_eq!(add(vec![]), Err("points"));
        assert_eq!(add(vec![RelativePoint { x: 1.1, y: 0.0 }]), Err("points.x"));
        let both = InitSelection::of_id("1").video_url("https://a/v.mp4");
        assert_eq!(both.check().map_err(|error| error.field()), Err("video_url"));
    }
}
