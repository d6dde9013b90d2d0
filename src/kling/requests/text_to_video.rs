//! The request for a video made from text. Its promise: it serialises to the vendor's fields and nothing else, what
//! was not set is left out, and neither `Debug` nor an error shows a prompt.

use super::{
    fields, in_shots,
    part::{Shot, ShotPlan},
    task,
};
use crate::kling::{
    camera::CameraControl,
    capability::{self, Use, Wish},
    duration::Duration,
    request::RequestError,
    rules,
    submission::Defaults,
    video::Videos,
    vocabulary::{AspectRatio, Mode, Model, Sound},
};

/// The longest prompt and negative prompt, in characters.
pub(super) const PROMPT_LIMIT: usize = 2500;

fields! {
    /// A video made from a text.
    ///
    /// | field | left out, the vendor takes | rule |
    /// |---|---|---|
    /// | `prompt` | | 1 to 2500 characters; may be empty with `multi_prompt` |
    /// | `negative_prompt` | none | at most 2500 characters |
    /// | `model_name` | `kling-v1` | |
    /// | `mode` | `std` | |
    /// | `duration` | `"5"` | 3 to 15 seconds |
    /// | `aspect_ratio` | `16:9` | |
    /// | `sound` | `off` | |
    /// | `cfg_scale` | 0.5 | 0 to 1 |
    /// | `camera_control` | none | `simple`: exactly one axis not zero, -10 to 10 |
    /// | `multi_shot`, `shot_type` | one shot | |
    /// | `multi_prompt` | | 1 to 6 shots of 1 to 512 characters and 1 second or more, together as long as the video |
    /// | `watermark_info` | no watermark | |
    /// | `callback_url` | none | an `http` or `https` URL |
    /// | `external_task_id` | made by the client | not blank, not `.` or `..`, no comma, no control characters |
    ///
    /// Which model can do what is the vendor's to say: what is unlikely is a
    /// [warning](crate::kling::Request::warnings) and no error.
    ///
    /// # Examples
    ///
    /// ```
    /// use kling_audit::kling::{Duration, Mode, Model, Request, TextToVideo};
    ///
    /// let fox = TextToVideo::new("a red fox in snow").model_name(Model::V2_6).mode(Mode::Pro).duration(Duration::S10);
    /// assert!(fox.check().is_ok());
    ///
    /// let refused = TextToVideo::new("a red fox in snow").cfg_scale(1.5).check();
    /// assert_eq!(refused.unwrap_err().to_string(), "cfg_scale must be between 0 and 1");
    /// ```
    TextToVideo {
        must {
            #[serde(skip_serializing_if = "String::is_empty")]
            prompt: String,
            #[serde(flatten)]
            plan: ShotPlan,
        }
        may {
            model_name: Model,
            /// What the video should not show.
            negative_prompt: String,
            sound: Sound,
            /// How closely the video follows the prompt, 0 to 1.
            cfg_scale: f64,
            mode: Mode,
            camera_control: CameraControl,
            aspect_ratio: AspectRatio,
            duration: Duration,
        }
        lists {}
    }
    watermarked
}

in_shots!(TextToVideo);

impl TextToVideo {
    /// A video of `prompt`, everything else as the vendor has it by default.
    pub fn new(prompt: impl Into<String>) -> TextToVideo {
        TextToVideo::bare(prompt.into(), ShotPlan::default())
    }

    /// A video of several shots, one after the other, without a prompt for the whole.
    ///
    /// The same as [`TextToVideo::new`] with an empty prompt and [`multi_prompt`](TextToVideo::multi_prompt).
    pub fn from_shots(shots: impl IntoIterator<Item = Shot>) -> TextToVideo {
        TextToVideo::new("").multi_prompt(shots)
    }

    fn effective_duration(&self) -> Duration {
        self.duration.clone().unwrap_or(Duration::S5)
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::words([
            ("model_name", self.model_name.as_ref().map(Model::as_str)),
            ("sound", self.sound.as_ref().map(Sound::as_str)),
            ("mode", self.mode.as_ref().map(Mode::as_str)),
            ("aspect_ratio", self.aspect_ratio.as_ref().map(AspectRatio::as_str)),
        ])?;
        check_prompts(&self.prompt, self.negative_prompt.as_deref(), &self.plan)?;
        self.effective_duration().check(3..=15)?;
        self.plan.check(&self.effective_duration())?;
        rules::within("cfg_scale", self.cfg_scale, 0.0..=1.0)?;
        self.camera_control.as_ref().map_or(Ok(()), CameraControl::check)
    }
}

/// The rules of prompts of a video that may have several shots.
pub(super) fn check_prompts(
    prompt: &str,
    negative: Option<&str>,
    plan: &ShotPlan,
) -> Result<(), RequestError> {
    // A prompt that is not left out of the body must say something, even where it need not be there.
    let left_out = prompt.is_empty() && plan.customized();
    rules::require(left_out || !prompt.trim().is_empty(), "prompt", "must not be empty")?;
    rules::at_most("prompt", Some(prompt), PROMPT_LIMIT)?;
    rules::at_most("negative_prompt", negative, PROMPT_LIMIT)
}

task! {
    TextToVideo, "text_to_video", "/v1/videos/text2video", Videos;

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
        let mut uses = vec![Use::Text];
        if self.camera_control.is_some() {
            uses.push(Use::CameraOnText);
        }
        capability::warnings(Wish {
            model: &model,
            mode: self.mode.as_ref(),
            duration: &self.effective_duration(),
            uses: &uses,
            camera: self.camera_control.as_ref(),
            sound: self.sound == Some(Sound::On),
            voices: false,
            cfg_scale: self.cfg_scale.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kling::{
        CameraConfig, Request, ShotType,
        request::submission,
        submission::{PromptTrace, Submission},
    };

    fn ready(request: &TextToVideo) -> Submission {
        submission(request.clone(), "id-1")
    }

    fn wire(request: &TextToVideo) -> Value {
        serde_json::from_slice(&ready(request).body).expect("JSON")
    }

    fn fox() -> TextToVideo {
        TextToVideo::new("a red fox in snow")
    }

    #[test]
    fn what_was_not_set_is_left_out() {
        assert_eq!(wire(&fox()), json!({"prompt": "a red fox in snow", "external_task_id": "id-1"}));
    }

    #[test]
    fn every_field_goes_out_as_the_vendor_spells_it() {
        let request = fox()
            .model_name(Model::V3)
            .negative_prompt("blur")
            .multi_prompt([Shot::new("it runs", 2), Shot::new("it rests", 3)])
            .cfg_scale(0.5)
            .mode(Mode::Pro)
            .sound(Sound::Off)
            .camera_control(CameraControl::Simple(CameraConfig { zoom: 5.0, ..CameraConfig::default() }))
            .aspect_ratio(AspectRatio::Wide)
            .duration(Duration::S5)
            .watermark_info(true)
            .callback_url("https://example.com/cb?key=1");

        assert_eq!(request.check(), Ok(()));
        assert_eq!(
            wire(&request),
            json!({
                "model_name": "kling-v3",
                "prompt": "a red fox in snow",
                "multi_shot": true,
                "shot_type": "customize",
                "multi_prompt": [
                    {"index": 1, "prompt": "it runs", "duration": "2"},
                    {"index": 2, "prompt": "it rests", "duration": "3"},
                ],
                "negative_prompt": "blur",
                "cfg_scale": 0.5,
                "mode": "pro",
                "sound": "off",
                "camera_control": {"type": "simple", "config":
                    {"horizontal": 0.0, "vertical": 0.0, "pan": 0.0, "tilt": 0.0, "roll": 0.0, "zoom": 5.0}},
                "aspect_ratio": "16:9",
                "duration": "5",
                "watermark_info": {"enabled": true},
                "callback_url": "https://example.com/cb?key=1",
                "external_task_id": "id-1",
            })
        );
    }

    #[test]
    fn what_is_left_out_is_recorded_as_the_vendors_default() {
        for (request, model, mode, duration) in [
            (fox(), "kling-v1", Some("std"), "5"),
            (fox().model_name(Model::V2Master), "kling-v2-master", None, "5"),
            (fox().model_name("kling-v2-1-master"), "kling-v2-1-master", None, "5"),
            (fox().model_name(Model::V2Master).mode(Mode::Pro), "kling-v2-master", Some("pro"), "5"),
            (fox().model_name("kling-v9").duration(Duration::S10), "kling-v9", Some("std"), "10"),
        ] {
            let submission = ready(&request);

            assert_eq!(submission.model.as_deref(), Some(model));
            assert_eq!(submission.mode.as_deref(), mode);
            assert_eq!(submission.duration.as_deref(), Some(duration));
        }
    }

    #[test]
    fn the_prompts_of_the_shots_stand_in_for_one_of_the_whole() {
        let shots = [Shot::new("it runs", 2), Shot::new("it rests", 3)];

        let joined = ready(&TextToVideo::from_shots(shots.clone()));
        let whole = ready(&fox().multi_prompt(shots));

        assert_eq!(joined.prompt(None), Some(PromptTrace::of("it runs\nit rests", None)));
        assert_eq!(whole.prompt(None), Some(PromptTrace::of("a red fox in snow", None)));
    }

    #[test]
    fn a_broken_rule_is_named_with_its_field() {
        let shot = |seconds| Shot::new("it runs", seconds);
        let simple = |config| fox().camera_control(CameraControl::Simple(config));
        let still = CameraConfig::default();
        for (request, field) in [
            (TextToVideo::new(""), "prompt"),
            (TextToVideo::new(" \n"), "prompt"),
            (TextToVideo::new("é".repeat(2501)), "prompt"),
            (fox().negative_prompt("é".repeat(2501)), "negative_prompt"),
            (fox().model_name(""), "model_name"),
            (fox().mode(" "), "mode"),
            (fox().cfg_scale(-0.1), "cfg_scale"),
            (fox().cfg_scale(1.1), "cfg_scale"),
            (fox().cfg_scale(f64::NAN), "cfg_scale"),
            (fox().duration(Duration::Seconds(2)), "duration"),
            (fox().duration(Duration::Seconds(16)), "duration"),
            (fox().duration(Duration::Other("".into())), "duration"),
            (fox().shot_type(ShotType::Customize), "multi_prompt"),
            (fox().multi_prompt([]), "multi_prompt"),
            (fox().multi_prompt([shot(5)]).shot_type(ShotType::Intelligence), "multi_prompt"),
            (TextToVideo::from_shots(vec![shot(1); 7]).duration(Duration::Seconds(7)), "multi_prompt"),
            (TextToVideo::from_shots([shot(2), shot(2)]), "multi_prompt.duration"),
            (TextToVideo::from_shots([shot(5), shot(0)]), "multi_prompt.duration"),
            (TextToVideo::from_shots([Shot::new("", 5)]), "multi_prompt.prompt"),
            (TextToVideo::from_shots([Shot::new("é".repeat(513), 5)]), "multi_prompt.prompt"),
            (simple(still), "camera_control.config"),
            (simple(CameraConfig { zoom: 1.0, pan: 1.0, ..still }), "camera_control.config"),
            (simple(CameraConfig { zoom: 11.0, ..still }), "camera_control.config.zoom"),
            (fox().camera_control(CameraControl::Other("".into())), "camera_control.type"),
            (fox().callback_url("example.com/cb"), "callback_url"),
            (fox().callback_url("file:///etc/passwd"), "callback_url"),
            (fox().external_task_id(""), "external_task_id"),
            (fox().external_task_id("."), "external_task_id"),
            (fox().external_task_id(".."), "external_task_id"),
            (fox().external_task_id("a\nb"), "external_task_id"),
        ] {
            assert_eq!(request.check().map_err(|error| error.field()), Err(field));
        }
    }

    #[test]
    fn what_is_just_within_the_rules_is_accepted() {
        for request in [
            TextToVideo::new("é".repeat(2500)).negative_prompt("é".repeat(2500)),
            fox().cfg_scale(0.0),
            fox().cfg_scale(1.0),
            fox().duration(Duration::Seconds(3)),
            fox().duration(Duration::Seconds(15)),
            fox().shot_type(ShotType::Intelligence),
            TextToVideo::from_shots(vec![Shot::new("é".repeat(512), 1); 5]),
            fox().external_task_id("order/7?a=b ü"),
        ] {
            assert_eq!(request.check(), Ok(()));
        }
    }

    #[test]
    fn debug_shows_no_prompt() {
        let request = fox().negative_prompt("blurry").multi_prompt([Shot::new("it runs", 5)]);

        let shown = format!("{request:?} {:?} {:?}", Shot::new("it runs", 5), ready(&request));

        assert!(!shown.contains("fox") && !shown.contains("blurry") && !shown.contains("runs"), "{shown}");
    }
}
