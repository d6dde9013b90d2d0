//! The request for a video that begins or ends with an image.

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    outputs::video::Videos,
    requests::{
        camera::CameraControl,
        defaults::Defaults,
        duration::Duration,
        endpoint::endpoint,
        media::Media,
        model_support::{self, Feature, FeatureUse},
        references::{ElementId, VoiceId},
        shots::ShotPlan,
        validation::{MAX_PROMPT_CHARS, any, at_most, between, count, each, exclusive, require, word},
        vocabulary::{Mode, Model, Sound},
    },
};

endpoint! {
    /// A video made from a first image, a last one, or both.
    ///
    /// As [`TextToVideo`](super::TextToVideo), with these differences: there is no `aspect_ratio`, and the prompt may
    /// be left out. `image_tail`, brushes (`static_mask`, `dynamic_masks`) and `camera_control` exclude each other. At
    /// most 2 voices, which need `sound` `on`; at most 3 elements; at most 6 brushes.
    ///
    /// ```
    /// use kling_audit::kling::requests::{ImageToVideo, Request};
    ///
    /// let fox = ImageToVideo::new("https://example.com/fox.png").prompt("it runs");
    /// assert!(fox.check().is_ok());
    /// ```
    ImageToVideo: task("image_to_video", "/v1/videos/image2video") -> Videos {
        required {
            #[serde(flatten)]
            plan: ShotPlan => any,
        }
        optional {
            model_name: Model => word,
            /// First image of the video.
            image: Media => Media::check_image,
            /// Last image of the video.
            image_tail: Media => Media::check_image,
            /// Content of the video. It names voices as `<<<voice_1>>>`.
            prompt: String => at_most(MAX_PROMPT_CHARS),
            /// Content that the video should not show.
            negative_prompt: String => at_most(MAX_PROMPT_CHARS),
            sound: Sound => word,
            /// Similarity to the prompt, 0 to 1.
            cfg_scale: f64 => between(0.0..=1.0),
            mode: Mode => word,
            /// Part of the image that does not move.
            static_mask: Media => Media::check_image,
            camera_control: CameraControl => CameraControl::check,
            duration: Duration => Duration::check,
        }
        lists {
            /// Parts of the image that move, and their paths.
            dynamic_masks: Brush => each(0..=6, Brush::check, "dynamic_masks"),
            /// Voices, by their ids.
            voice_list: VoiceId => each(0..=2, VoiceId::check, "voice_list.voice_id"),
            /// Elements, by their ids.
            element_list: ElementId => each(0..=3, ElementId::check, "element_list.element_id"),
        }
        with callback, watermark, shots;
        also ImageToVideo::check_together;
    }

    fn defaults(&self) -> Defaults {
        Defaults::of_video(self.model_name.as_ref())
    }

    fn warnings(&self) -> Vec<String> {
        let model = self.model_name.clone().unwrap_or(Model::V1);
        let mut features = vec![match (&self.image, &self.image_tail) {
            (Some(_), Some(_)) => Feature::FirstAndLast,
            (None, Some(_)) => Feature::LastAlone,
            _ => Feature::Image,
        }];
        if self.has_brushes() {
            features.push(Feature::Brush);
        }
        if self.camera_control.is_some() {
            features.push(Feature::CameraOnImage);
        }
        model_support::warnings(FeatureUse {
            model: &model,
            mode: self.mode.as_ref(),
            duration: &self.effective_duration(),
            features: &features,
            camera: self.camera_control.as_ref(),
            sound: self.sound == Some(Sound::On),
            voices: !self.voice_list.is_empty(),
            cfg_scale: self.cfg_scale.is_some(),
        })
    }
}

/// A part of an image that moves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Brush {
    mask: Media,
    trajectories: Vec<Point>,
}

impl Brush {
    /// The part under `mask` moves along 2 to 77 points.
    pub fn new(mask: impl Into<Media>, trajectory: impl IntoIterator<Item = Point>) -> Brush {
        Brush { mask: mask.into(), trajectories: trajectory.into_iter().collect() }
    }

    fn check(&self, _field: &'static str) -> Result<(), RequestError> {
        self.mask.check_image("dynamic_masks.mask")?;
        count("dynamic_masks.trajectories", self.trajectories.len(), 2..=77)
    }
}

/// A pixel of an image, counted from the bottom left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Point {
    /// To the right.
    pub x: i64,
    /// Upwards.
    pub y: i64,
}

impl ImageToVideo {
    /// A video that begins with `image`.
    pub fn new(image: impl Into<Media>) -> ImageToVideo {
        ImageToVideo::bare(ShotPlan::default()).image(image)
    }

    /// A video that ends with `image` and has no first image.
    pub fn ending_with(image: impl Into<Media>) -> ImageToVideo {
        ImageToVideo::bare(ShotPlan::default()).image_tail(image)
    }

    fn effective_duration(&self) -> Duration {
        self.duration.clone().unwrap_or(Duration::S5)
    }

    fn has_brushes(&self) -> bool {
        self.static_mask.is_some() || !self.dynamic_masks.is_empty()
    }

    fn check_together(&self) -> Result<(), RequestError> {
        self.plan.check(&self.effective_duration())?;
        let tail = ("image_tail", self.image_tail.is_some());
        let brush_field = if self.static_mask.is_some() { "static_mask" } else { "dynamic_masks" };
        let brushes = (brush_field, self.has_brushes());
        let camera = ("camera_control", self.camera_control.is_some());
        exclusive(tail, brushes)?;
        exclusive(tail, camera)?;
        exclusive(brushes, camera)?;
        let is_silent = self.sound != Some(Sound::On);
        require(!is_silent || self.voice_list.is_empty(), "voice_list", "needs sound on")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kling::requests::{prepared_request::PreparedRequest, request::Request};

    fn wire(request: ImageToVideo) -> Value {
        serde_json::from_slice(&PreparedRequest::of_task(request, "id-1").body).expect("JSON")
    }

    #[test]
    fn brushes_have_klings_fields() {
        let request = ImageToVideo::new("https://example.com/image.jpg")
            .model_name(Model::V1)
            .mode(Mode::Pro)
            .duration(Duration::S5)
            .prompt("宇航员站起身走了")
            .cfg_scale(0.5)
            .static_mask("https://example.com/static.png")
            .dynamic_masks([Brush::new(
                "https://example.com/dynamic.png",
                [Point { x: 279, y: 219 }, Point { x: 417, y: 65 }],
            )]);

        assert_eq!(request.check(), Ok(()));
        assert_eq!(
            wire(request),
            json!({
                "model_name": "kling-v1", "mode": "pro", "duration": "5", "image": "https://example.com/image.jpg",
                "prompt": "宇航员站起身走了", "cfg_scale": 0.5, "static_mask": "https://example.com/static.png",
                "dynamic_masks": [{"mask": "https://example.com/dynamic.png",
                    "trajectories": [{"x": 279, "y": 219}, {"x": 417, "y": 65}]}],
                "external_task_id": "id-1",
            })
        );
    }

    #[test]
    fn a_broken_rule_is_named_with_its_field() {
        let fox = || ImageToVideo::new("https://a.example/fox.png");
        let way = |points| vec![Point { x: 1, y: 1 }; points];
        for (request, field) in [
            (ImageToVideo::new(""), "image"),
            (ImageToVideo::new("data:image/png;base64,AAAA"), "image"),
            (fox().prompt("é".repeat(2501)), "prompt"),
            (fox().image_tail("https://a/b.png").static_mask("https://a/c.png"), "static_mask"),
            (fox().image_tail("https://a/b.png").camera_control(CameraControl::DownBack), "camera_control"),
            (fox().static_mask("https://a/b.png").camera_control(CameraControl::DownBack), "camera_control"),
            (fox().dynamic_masks([Brush::new("https://a/b.png", way(1))]), "dynamic_masks.trajectories"),
            (fox().dynamic_masks(vec![Brush::new("https://a/b.png", way(2)); 7]), "dynamic_masks"),
            (fox().voice_list(["v1"]), "voice_list"),
            (fox().sound(Sound::On).voice_list(["v1", "v2", "v3"]), "voice_list"),
            (fox().element_list(["1", "2", "3", "4"]), "element_list"),
            (fox().element_list([" "]), "element_list.element_id"),
            (fox().cfg_scale(2.0), "cfg_scale"),
            (fox().duration(Duration::Seconds(2)), "duration"),
        ] {
            assert_eq!(request.check().map_err(|error| error.field()), Err(field));
        }
        assert_eq!(fox().sound(Sound::On).voice_list(["v1"]).element_list(["1"]).check(), Ok(()));
        assert_eq!(ImageToVideo::ending_with("https://a/b.png").check(), Ok(()));
    }

    #[test]
    fn an_unseen_combination_is_a_warning() {
        let tail = ImageToVideo::ending_with("https://a/b.png").model_name(Model::V2_6);

        assert_eq!(tail.check(), Ok(()));
        assert_eq!(tail.warnings(), ["kling-v2-6 was not seen to do a video from a last picture alone"]);
        let spoken = ImageToVideo::new("https://a/b.png").model_name(Model::V2_6).sound(Sound::On);
        let spoken = spoken.voice_list(["v1"]).cfg_scale(0.5);
        assert_eq!(
            spoken.warnings(),
            [
                "kling-v2-6 was not seen to make sound in mode std",
                "kling-v2-6 was not seen to use voices in mode std",
                "kling-v2-6 was not seen to take a cfg_scale",
            ]
        );
    }
}
