//! The request for a video made from text. Its promise: it serialises to the vendor's fields and nothing else, what
//! was not set is left out, and neither `Debug` nor an error shows a prompt.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{
    camera::CameraControl,
    duration::Duration,
    request::{Request, RequestError, sealed::Sealed},
    screen::Screen,
    submission::{PromptTrace, Submission},
    video::Videos,
    vocabulary::{AspectRatio, Mode, Model, ShotType, Sound},
};

/// The longest prompt and negative prompt, in characters.
const PROMPT_LIMIT: usize = 2500;
/// The longest prompt of a shot, in characters.
const SHOT_PROMPT_LIMIT: usize = 512;

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
/// | `external_task_id` | made by the client | not blank, not `.` or `..`, no control characters |
///
/// Which model can do what is the vendor's to say, and is not checked.
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
#[derive(Clone, PartialEq, Serialize)]
pub struct TextToVideo {
    #[serde(skip_serializing_if = "Option::is_none")]
    model_name: Option<Model>,
    #[serde(skip_serializing_if = "String::is_empty")]
    prompt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_shot: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shot_type: Option<ShotType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    multi_prompt: Vec<Shot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<Sound>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cfg_scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera_control: Option<CameraControl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<AspectRatio>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watermark_info: Option<WatermarkInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_task_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct WatermarkInfo {
    enabled: bool,
}

impl TextToVideo {
    /// A video of `prompt`, everything else as the vendor has it by default.
    pub fn new(prompt: impl Into<String>) -> TextToVideo {
        TextToVideo {
            model_name: None,
            prompt: prompt.into(),
            negative_prompt: None,
            multi_shot: None,
            shot_type: None,
            multi_prompt: Vec::new(),
            sound: None,
            cfg_scale: None,
            mode: None,
            camera_control: None,
            aspect_ratio: None,
            duration: None,
            watermark_info: None,
            callback_url: None,
            external_task_id: None,
        }
    }

    /// A video of several shots, one after the other, without a prompt for the whole.
    ///
    /// The same as [`TextToVideo::new`] with an empty prompt and [`multi_prompt`](TextToVideo::multi_prompt).
    pub fn from_shots(shots: impl IntoIterator<Item = Shot>) -> TextToVideo {
        TextToVideo::new("").multi_prompt(shots)
    }

    /// Sets `model_name`.
    pub fn model_name(self, model: impl Into<Model>) -> TextToVideo {
        TextToVideo { model_name: Some(model.into()), ..self }
    }

    /// Sets `negative_prompt`: what the video should not show.
    pub fn negative_prompt(self, prompt: impl Into<String>) -> TextToVideo {
        TextToVideo { negative_prompt: Some(prompt.into()), ..self }
    }

    /// Sets `shot_type`, and `multi_shot` with it.
    pub fn shot_type(self, shot_type: impl Into<ShotType>) -> TextToVideo {
        TextToVideo { multi_shot: Some(true), shot_type: Some(shot_type.into()), ..self }
    }

    /// Sets `multi_prompt`, and with it `multi_shot` and `shot_type` `customize`. The shots are numbered from 1.
    pub fn multi_prompt(self, shots: impl IntoIterator<Item = Shot>) -> TextToVideo {
        let multi_prompt = shots.into_iter().zip(1..).map(|(shot, index)| Shot { index, ..shot }).collect();
        TextToVideo { multi_prompt, ..self.shot_type(ShotType::Customize) }
    }

    /// Sets `sound`.
    pub fn sound(self, sound: impl Into<Sound>) -> TextToVideo {
        TextToVideo { sound: Some(sound.into()), ..self }
    }

    /// Sets `cfg_scale`: how closely the video follows the prompt, 0 to 1.
    pub fn cfg_scale(self, scale: f64) -> TextToVideo {
        TextToVideo { cfg_scale: Some(scale), ..self }
    }

    /// Sets `mode`.
    pub fn mode(self, mode: impl Into<Mode>) -> TextToVideo {
        TextToVideo { mode: Some(mode.into()), ..self }
    }

    /// Sets `camera_control`.
    pub fn camera_control(self, control: CameraControl) -> TextToVideo {
        TextToVideo { camera_control: Some(control), ..self }
    }

    /// Sets `aspect_ratio`.
    pub fn aspect_ratio(self, ratio: impl Into<AspectRatio>) -> TextToVideo {
        TextToVideo { aspect_ratio: Some(ratio.into()), ..self }
    }

    /// Sets `duration`.
    pub fn duration(self, duration: Duration) -> TextToVideo {
        TextToVideo { duration: Some(duration), ..self }
    }

    /// Sets `watermark_info`: whether a watermarked video is made as well.
    pub fn watermark_info(self, enabled: bool) -> TextToVideo {
        TextToVideo { watermark_info: Some(WatermarkInfo { enabled }), ..self }
    }

    /// Sets `callback_url`, which the vendor tells of each change. Entries name its host alone.
    pub fn callback_url(self, url: impl Into<String>) -> TextToVideo {
        TextToVideo { callback_url: Some(url.into()), ..self }
    }

    /// Sets `external_task_id`: the caller's own name for the task, which must be new to the vendor.
    ///
    /// It is recorded as it is. A lost answer is looked up by it, so an id that was used before could find the
    /// earlier task. Without one the client makes one.
    pub fn external_task_id(self, id: impl Into<String>) -> TextToVideo {
        TextToVideo { external_task_id: Some(id.into()), ..self }
    }

    fn customized(&self) -> bool {
        self.shot_type == Some(ShotType::Customize)
    }

    fn check_words(&self) -> Result<(), RequestError> {
        let words = [
            ("model_name", self.model_name.as_ref().map(Model::as_str)),
            ("shot_type", self.shot_type.as_ref().map(ShotType::as_str)),
            ("sound", self.sound.as_ref().map(Sound::as_str)),
            ("mode", self.mode.as_ref().map(Mode::as_str)),
            ("aspect_ratio", self.aspect_ratio.as_ref().map(AspectRatio::as_str)),
        ];
        match words.iter().find(|(_, word)| word.is_some_and(|word| word.trim().is_empty())) {
            Some((field, _)) => Err(RequestError::new(field, "must not be blank")),
            None => Ok(()),
        }
    }

    fn check_prompts(&self) -> Result<(), RequestError> {
        // A prompt that is not left out of the body must say something, even where it need not be there.
        let left_out = self.prompt.is_empty() && self.customized();
        if self.prompt.trim().is_empty() && !left_out {
            return Err(RequestError::new("prompt", "must not be empty"));
        }
        if longer_than(&self.prompt, PROMPT_LIMIT) {
            return Err(RequestError::new("prompt", "must have at most 2500 characters"));
        }
        if self.negative_prompt.as_ref().is_some_and(|prompt| longer_than(prompt, PROMPT_LIMIT)) {
            return Err(RequestError::new("negative_prompt", "must have at most 2500 characters"));
        }
        Ok(())
    }

    fn check_shots(&self) -> Result<(), RequestError> {
        if self.multi_prompt.is_empty() {
            return match self.customized() {
                true => Err(RequestError::new(
                    "multi_prompt",
                    "must have 1 to 6 shots when shot_type is customize",
                )),
                false => Ok(()),
            };
        }
        if !self.customized() {
            return Err(RequestError::new("multi_prompt", "needs shot_type customize"));
        }
        if self.multi_prompt.len() > 6 {
            return Err(RequestError::new("multi_prompt", "must have 1 to 6 shots"));
        }
        let mut sum = 0;
        for shot in &self.multi_prompt {
            if shot.prompt.trim().is_empty() {
                return Err(RequestError::new("multi_prompt.prompt", "must not be empty"));
            }
            if longer_than(&shot.prompt, SHOT_PROMPT_LIMIT) {
                return Err(RequestError::new("multi_prompt.prompt", "must have at most 512 characters"));
            }
            match shot.duration.seconds() {
                Some(seconds @ 1..=15) => sum += seconds,
                _ => return Err(RequestError::new("multi_prompt.duration", "must be 1 to 15 whole seconds")),
            }
        }
        if self.effective_duration().seconds() != Some(sum) {
            return Err(RequestError::new("multi_prompt.duration", "must add up to the video's duration"));
        }
        Ok(())
    }

    fn effective_duration(&self) -> Duration {
        self.duration.clone().unwrap_or(Duration::S5)
    }

    /// The prompt, or those of the shots, a line each, where there is no prompt for the whole.
    fn recorded_prompt(&self) -> String {
        match self.prompt.as_str() {
            "" => self.multi_prompt.iter().map(|shot| shot.prompt.as_str()).collect::<Vec<_>>().join("\n"),
            prompt => prompt.to_owned(),
        }
    }
}

impl Sealed for TextToVideo {}

impl Request for TextToVideo {
    const ACTION: &'static str = "text_to_video";
    const PATH: &'static str = "/v1/videos/text2video";
    type Output = Videos;

    fn check(&self) -> Result<(), RequestError> {
        self.check_words()?;
        self.check_prompts()?;
        match self.effective_duration().seconds() {
            Some(3..=15) => {}
            Some(_) => return Err(RequestError::new("duration", "must be 3 to 15 seconds")),
            None if self.effective_duration().to_string().trim().is_empty() => {
                return Err(RequestError::new("duration", "must not be blank"));
            }
            None => {}
        }
        self.check_shots()?;
        // Not written as a comparison that is false: NaN must not pass.
        if self.cfg_scale.is_some_and(|scale| !(0.0..=1.0).contains(&scale)) {
            return Err(RequestError::new("cfg_scale", "must be between 0 and 1"));
        }
        if let Some(control) = &self.camera_control {
            control.check()?;
        }
        if let Some(url) = &self.callback_url
            && callback_host(url).is_none()
        {
            return Err(RequestError::new("callback_url", "must be an http or https URL"));
        }
        match self.external_task_id.as_deref() {
            Some(id) if id.trim().is_empty() => {
                Err(RequestError::new("external_task_id", "must not be blank"))
            }
            // It becomes a segment of a path, where these two mean other paths even when they are escaped.
            Some("." | "..") => Err(RequestError::new("external_task_id", "must not be . or ..")),
            Some(id) if id.chars().any(char::is_control) => {
                Err(RequestError::new("external_task_id", "must not have control characters"))
            }
            _ => Ok(()),
        }
    }

    fn external_task_id(&self) -> Option<&str> {
        self.external_task_id.as_deref()
    }

    fn submission(&self, external_task_id: &str) -> Submission {
        let sent = TextToVideo { external_task_id: Some(external_task_id.to_owned()), ..self.clone() };
        let model = self.model_name.clone().unwrap_or(Model::V1);
        let prompts = [Some(self.prompt.clone()), self.negative_prompt.clone()];
        let shots = self.multi_prompt.iter().map(|shot| shot.prompt.clone());
        Submission {
            body: serde_json::to_vec(&sent).expect("strings, numbers that check() found finite, and no maps"),
            screen: Screen::new(prompts.into_iter().flatten().chain(shots)),
            mode: self.mode.clone().or_else(|| model.default_mode()).map(|mode| mode.to_string()),
            model: Some(model.to_string()),
            duration: Some(self.effective_duration().to_string()),
            prompt: Some(PromptTrace::of(&self.recorded_prompt())),
            negative_prompt: self.negative_prompt.as_deref().map(PromptTrace::of),
            aspect_ratio: self.aspect_ratio.as_ref().map(AspectRatio::to_string),
            sound: self.sound.as_ref().map(Sound::to_string),
            cfg_scale: self.cfg_scale,
            camera: self.camera_control.as_ref().map(|control| control.kind().to_owned()),
            shot_type: self.shot_type.as_ref().map(ShotType::to_string),
            shots: (!self.multi_prompt.is_empty()).then_some(self.multi_prompt.len() as u64),
            watermark: self.watermark_info.map(|info| info.enabled),
            callback_host: self.callback_url.as_deref().and_then(callback_host),
        }
    }

    fn decode(task_result: &Value) -> Option<Videos> {
        Videos::decode(task_result)
    }

    fn count(output: &Videos) -> u64 {
        output.len() as u64
    }
}

/// Shows no prompt.
impl fmt::Debug for TextToVideo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextToVideo")
            .field("model_name", &self.model_name)
            .field("mode", &self.mode)
            .field("duration", &self.duration)
            .field("prompt_length", &self.recorded_prompt().chars().count())
            .field("external_task_id", &self.external_task_id)
            .finish_non_exhaustive()
    }
}

/// One shot of a video of several.
///
/// `Debug` does not show its prompt.
#[derive(Clone, PartialEq, Serialize)]
pub struct Shot {
    index: u32,
    prompt: String,
    duration: Duration,
}

impl Shot {
    /// A shot of `prompt`, 1 to 512 characters, that takes so many whole seconds.
    pub fn new(prompt: impl Into<String>, seconds: u8) -> Shot {
        Shot { index: 0, prompt: prompt.into(), duration: Duration::Seconds(seconds) }
    }
}

impl fmt::Debug for Shot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shot")
            .field("index", &self.index)
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}

fn longer_than(text: &str, limit: usize) -> bool {
    text.chars().nth(limit).is_some()
}

/// The host of an `http` or `https` URL.
fn callback_host(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kling::CameraConfig;

    fn wire(request: &TextToVideo) -> Value {
        serde_json::from_slice(&request.submission("id-1").body).expect("JSON")
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
            let submission = request.submission("id-1");

            assert_eq!(submission.model.as_deref(), Some(model));
            assert_eq!(submission.mode.as_deref(), mode);
            assert_eq!(submission.duration.as_deref(), Some(duration));
        }
    }

    #[test]
    fn the_prompts_of_the_shots_stand_in_for_one_of_the_whole() {
        let shots = [Shot::new("it runs", 2), Shot::new("it rests", 3)];

        let joined = TextToVideo::from_shots(shots.clone()).submission("id-1");
        let whole = fox().multi_prompt(shots).submission("id-1");

        assert_eq!(joined.prompt, Some(PromptTrace::of("it runs\nit rests")));
        assert_eq!(whole.prompt, Some(PromptTrace::of("a red fox in snow")));
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

        let shown = format!("{request:?} {:?} {:?}", Shot::new("it runs", 5), request.submission("id-1"));

        assert!(!shown.contains("fox") && !shown.contains("blurry") && !shown.contains("runs"), "{shown}");
    }
}
