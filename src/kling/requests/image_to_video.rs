//! The request for a video that begins, or ends, with a picture.

use serde::Serialize;

use super::{
    fields, in_shots,
    part::{ElementId, ShotPlan, VoiceId, ids},
    task,
    text_to_video::PROMPT_LIMIT,
};
use crate::kling::{
    camera::CameraControl,
    capability::{self, Use, Wish},
    duration::Duration,
    media::{IMAGE_LIMIT, Media},
    request::RequestError,
    rules,
    submission::Defaults,
    video::Videos,
    vocabulary::{Mode, Model, Sound},
};

fields! {
    /// A video made from a first picture, a last one, or both.
    ///
    /// As [`TextToVideo`](crate::kling::requests::TextToVideo), except: there is no `aspect_ratio`, and the prompt may be left out.
    /// `image_tail`, brushes (`static_mask`, `dynamic_masks`) and `camera_control` exclude each other. At most 2 voices,
    /// which need `sound` `on`; at most 3 elements; at most 6 brushes.
    ///
    /// ```
    /// use kling_audit::kling::{ImageToVideo, Request};
    ///
    /// let fox = ImageToVideo::new("https://example.com/fox.png").prompt("it runs");
    /// assert!(fox.check().is_ok());
    /// ```
    ImageToVideo {
        must {
            #[serde(flatten)]
            plan: ShotPlan,
        }
        may {
            model_name: Model,
            /// The picture that the video begins with.
            image: Media,
            /// The picture that the video ends with.
            image_tail: Media,
            /// What the video shows. It names voices as `<<<voice_1>>>`.
            prompt: String,
            /// What the video should not show.
            negative_prompt: String,
            sound: Sound,
            /// How closely the video follows the prompt, 0 to 1.
            cfg_scale: f64,
            mode: Mode,
            /// What of the picture stands still.
            static_mask: Media,
            camera_control: CameraControl,
            duration: Duration,
        }
        lists {
            /// What of the picture moves, and along which way.
            dynamic_masks: Brush,
            /// Voices, by their ids.
            voice_list: VoiceId,
            /// Elements, by their ids.
            element_list: ElementId,
        }
    }
    watermarked
}

in_shots!(ImageToVideo);

/// A part of a picture that moves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Brush {
    mask: Media,
    trajectories: Vec<Point>,
}

impl Brush {
    /// What `mask` covers moves along these 2 to 77 points.
    pub fn new(mask: impl Into<Media>, trajectory: impl IntoIterator<Item = Point>) -> Brush {
        Brush { mask: mask.into(), trajectories: trajectory.into_iter().collect() }
    }
}

/// A pixel of a picture, from its bottom left corner.
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

    /// A video that ends with `image`, without a first one.
    pub fn ending_with(image: impl Into<Media>) -> ImageToVideo {
        ImageToVideo::bare(ShotPlan::default()).image_tail(image)
    }

    fn effective_duration(&self) -> Duration {
        self.duration.clone().unwrap_or(Duration::S5)
    }

    fn brushes(&self) -> bool {
        self.static_mask.is_some() || !self.dynamic_masks.is_empty()
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([
            ("model_name", self.model_name.as_ref().map(Model::as_str)),
            ("sound", self.sound.as_ref().map(Sound::as_str)),
            ("mode", self.mode.as_ref().map(Mode::as_str)),
        ])?;
        for (field, image) in
            [("image", &self.image), ("image_tail", &self.image_tail), ("static_mask", &self.static_mask)]
        {
            image.as_ref().map_or(Ok(()), |image| image.check(field, IMAGE_LIMIT))?;
        }
        rules::at_most("prompt", self.prompt.as_deref(), PROMPT_LIMIT)?;
        rules::at_most("negative_prompt", self.negative_prompt.as_deref(), PROMPT_LIMIT)?;
        self.effective_duration().check(3..=15)?;
        self.plan.check(&self.effective_duration())?;
        rules::within("cfg_scale", self.cfg_scale, 0.0..=1.0)?;
        self.camera_control.as_ref().map_or(Ok(()), CameraControl::check)?;
        let tail = ("image_tail", self.image_tail.is_some());
        let brushes =
            (if self.static_mask.is_some() { "static_mask" } else { "dynamic_masks" }, self.brushes());
        let camera = ("camera_control", self.camera_control.is_some());
        rules::exclusive(tail, brushes)?;
        rules::exclusive(tail, camera)?;
        rules::exclusive(brushes, camera)?;
        rules::count("dynamic_masks", self.dynamic_masks.len(), 0..=6)?;
        for brush in &self.dynamic_masks {
            brush.mask.check("dynamic_masks.mask", IMAGE_LIMIT)?;
            rules::count("dynamic_masks.trajectories", brush.trajectories.len(), 2..=77)?;
        }
        rules::count("voice_list", self.voice_list.len(), 0..=2)?;
        ids("voice_list.voice_id", self.voice_list.iter().map(|voice| voice.voice_id.as_str()))?;
        let silent = self.sound != Some(Sound::On) && !self.voice_list.is_empty();
        rules::require(!silent, "voice_list", "needs sound on")?;
        rules::count("element_list", self.element_list.len(), 0..=3)?;
        ids("element_list.element_id", self.element_list.iter().map(|element| element.element_id.as_str()))
    }
}

task! {
    ImageToVideo, "image_to_video", "/v1/videos/image2video", Videos;

    fn defaults(&self) -> Defaults {
        let model = self.model_name.clone().unwrap_or(Model::V1);
        Defaults {
            mode: model.default_mode().map(|mode| mode.to_string()),
            model: Some(model.to_string()),
            duration: Some("5".to_owned()),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let model = self.model_name.clone().unwrap_or(Model::V1);
        let mut uses = vec![match (&self.image, &self.image_tail) {
            (Some(_), Some(_)) => Use::FirstAndLast,
            (None, Some(_)) => Use::LastAlone,
            _ => Use::Image,
        }];
        if self.brushes() {
            uses.push(Use::Brush);
        }
        if self.camera_control.is_some() {
            uses.push(Use::CameraOnImage);
        }
        capability::warnings(Wish {
            model: &model,
            mode: self.mode.as_ref(),
            duration: &self.effective_duration(),
            uses: &uses,
            camera: self.camera_control.as_ref(),
            sound: self.sound == Some(Sound::On),
            voices: !self.voice_list.is_empty(),
            cfg_scale: self.cfg_scale.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kling::{Request, request::submission};

    fn wire(request: ImageToVideo) -> Value {
        serde_json::from_slice(&submission(request, "id-1").body).expect("JSON")
    }

    #[test]
    fn brushes_go_out_as_the_vendor_spells_them() {
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
    fn what_the_table_does_not_know_is_a_warning() {
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
