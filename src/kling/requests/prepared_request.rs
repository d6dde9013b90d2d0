//! A request as it is sent, and the parts of it that entries record.
//!
//! Entries record the body, with Kling's defaults for fields that it leaves out. They have only the hash and the length
//! of a prompt, and a hash or a host for media. A text under an unknown name is not recorded at all.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::{Value, json};

use crate::kling::{
    api::urls::host,
    privacy::{
        prompt_hash::{PromptHash, PromptKey, short_hash},
        request_summary::RequestSummary,
        scrub::Scrubber,
    },
    requests::{defaults::Defaults, media::MediaSummary, request::Request},
};

/// Number of images in a series whose request does not name it.
pub(crate) const DEFAULT_SERIES_IMAGES: u32 = 4;

/// Most `parameters` of an entry.
const MAX_PARAMETERS: usize = 64;

/// A body, and the parts of it that are recorded.
#[derive(Default)]
pub(crate) struct PreparedRequest {
    pub(crate) body: Vec<u8>,
    pub(crate) scrubber: Scrubber,
    pub(crate) warnings: Vec<String>,
    /// Expected cost in credits, if the price list has a price.
    pub(crate) estimate: Option<String>,
    prompt: Option<String>,
    negative_prompt: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) duration: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) aspect_ratio: Option<String>,
    pub(crate) sound: Option<String>,
    pub(crate) cfg_scale: Option<f64>,
    pub(crate) camera: Option<String>,
    pub(crate) shot_type: Option<String>,
    pub(crate) shots: Option<u64>,
    pub(crate) watermark: Option<bool>,
    pub(crate) callback_host: Option<String>,
    pub(crate) media: Vec<MediaSummary>,
    pub(crate) parameters: BTreeMap<String, Value>,
}

/// Handling of a text in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextKind {
    /// Free text of a user. A prompt is recorded as hash and length, any other free text not at all.
    Free,
    /// Image, sound or video, as URL or Base64.
    Media,
    /// Word of Kling's vocabularies, or id. It is recorded unchanged.
    Word,
    /// Other text. It is not a parameter of entries.
    Other,
}

impl TextKind {
    fn of(name: &str) -> TextKind {
        match name {
            "prompt" | "negative_prompt" | "text" | "bgm_prompt" | "element_name" | "voice_name" => {
                TextKind::Free
            }
            "sound_effect_prompt" | "element_description" => TextKind::Free,
            "image" | "images" | "image_tail" | "static_mask" | "mask" | "image_url" | "video_url"
            | "sound_file" | "audio_file" | "audio_url" | "subject_image" | "scene_image" | "style_image"
            | "human_image" | "cloth_image" | "frontal_image" | "refer_image" | "base_image"
            | "voice_url" | "url" => TextKind::Media,
            "element_frontal_image" => TextKind::Media,
            "audio" | "audio_id" | "audio_type" | "edit_mode" | "effect_scene" | "element_id"
            | "element_voice_id" | "face_id" | "image_reference" | "mode" | "model_name" | "refer_type"
            | "reference_type" | "resolution" | "result_type" | "series_amount" | "session_id" | "tag_id"
            | "task_id" | "type" | "video_id" | "voice_id" | "voice_language" | "id" | "duration"
            | "aspect_ratio" | "sound" | "shot_type" => TextKind::Word,
            "character_orientation" | "keep_original_sound" => TextKind::Word,
            _ => TextKind::Other,
        }
    }
}

impl PreparedRequest {
    /// Prepares a request for a task with this external task id.
    pub(crate) fn of_task<R: Request>(mut request: R, external_task_id: &str) -> PreparedRequest {
        request.options_mut().external_task_id = Some(external_task_id.to_owned());
        let mut prepared = PreparedRequest::of(&request, request.defaults());
        prepared.warnings = request.warnings();
        prepared
    }

    /// Prepares any request.
    pub(crate) fn of(request: &impl Serialize, defaults: Defaults) -> PreparedRequest {
        let wire = serde_json::to_value(request).expect("strings, finite numbers, and keys that are strings");
        // The body is not made from `wire`: a `Value` sorts its members, and Kling's order is that of the fields.
        let body = serde_json::to_vec(request).expect("the same");
        let mut prepared = PreparedRequest { body, ..PreparedRequest::default() };
        let mut secrets = Vec::new();
        prepared.walk("", "", &wire, &mut secrets);
        prepared.scrubber = Scrubber::new(secrets);
        let shots = wire["multi_prompt"].as_array();
        let contents = wire["contents"].as_array().and_then(|contents| {
            contents.iter().find(|content| content["type"] == "prompt").map(|content| &content["text"])
        });
        // The first field with a text is the prompt. No request has two of them.
        prepared.prompt =
            [Some(&wire["prompt"]), Some(&wire["text"]), Some(&wire["input"]["text"]), contents]
                .into_iter()
                .flatten()
                .find_map(|prompt| prompt.as_str().filter(|prompt| !prompt.is_empty()).map(str::to_owned))
                .or_else(|| {
                    let prompts: Vec<&str> =
                        shots?.iter().filter_map(|shot| shot["prompt"].as_str()).collect();
                    (!prompts.is_empty()).then(|| prompts.join("\n"))
                })
                .or_else(|| {
                    let audio = [&wire["sound_effect_prompt"], &wire["bgm_prompt"]];
                    let prompts: Vec<&str> = audio.into_iter().filter_map(Value::as_str).collect();
                    (!prompts.is_empty()).then(|| prompts.join("\n"))
                });
        prepared.negative_prompt = wire["negative_prompt"].as_str().map(str::to_owned);
        let settings = |name: &str| {
            [&wire[name], &wire["settings"][name], &wire["input"][name]].into_iter().find_map(plain_text)
        };
        prepared.model = settings("model_name").or(defaults.model);
        prepared.duration = settings("duration").or(defaults.duration);
        prepared.mode = settings("mode").or(defaults.mode);
        prepared.aspect_ratio = settings("aspect_ratio");
        prepared.sound = settings("sound");
        prepared.cfg_scale = wire["cfg_scale"].as_f64();
        prepared.camera = plain_text(&wire["camera_control"]["type"]);
        prepared.shot_type = settings("shot_type");
        prepared.shots = shots.map(|shots| shots.len() as u64);
        let options =
            |name: &str| [&wire[name], &wire["options"][name]].into_iter().find(|value| !value.is_null());
        prepared.watermark = options("watermark_info").and_then(|info| info["enabled"].as_bool());
        prepared.callback_host = options("callback_url").and_then(Value::as_str).and_then(host);
        prepared
    }

    /// Returns the model and the hashes that entries about the request repeat.
    ///
    /// The body's hash is made in the same way as those of prompts, because a short prompt could be guessed from it
    /// too.
    pub(crate) fn summary(&self, key: Option<&PromptKey>) -> RequestSummary {
        let hash = |prompt: &String| PromptHash::of(prompt, key);
        RequestSummary {
            model: self.model.clone(),
            prompt: self.prompt.as_ref().map(hash),
            negative_prompt: self.negative_prompt.as_ref().map(hash),
            body_hash: key.map_or_else(|| short_hash(&self.body), |key| key.hash_bytes(&self.body)),
        }
    }

    /// Returns a setting of the new design that has no member of its own in entries.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.parameters.get(&format!("settings.{name}"))?.as_str()
    }

    /// Returns `true` if the video is to have sound.
    pub(crate) fn has_sound(&self) -> bool {
        self.sound.as_deref().or_else(|| self.setting("audio")).is_some_and(|sound| sound != "off")
    }

    /// Returns the number of requested items, or `None` if Kling chooses it. For a series `n` has no effect.
    pub(crate) fn count(&self) -> Option<u64> {
        let parameter = |name| self.parameters.get(name);
        if parameter("result_type").is_some_and(|kind| kind == "series") {
            return match parameter("series_amount") {
                Some(amount) => plain_text(amount)?.parse().ok(),
                None => Some(u64::from(DEFAULT_SERIES_IMAGES)),
            };
        }
        Some(parameter("n").and_then(Value::as_u64).unwrap_or(1))
    }

    /// Adds the value of the field `name` at `path`, and all values below it.
    fn walk(&mut self, path: &str, name: &str, value: &Value, secrets: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.walk(&path, name, value, secrets);
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.walk(&format!("{path}.{at}"), name, item, secrets);
                }
            }
            Value::String(text) => match TextKind::of(name) {
                TextKind::Free => secrets.push(text.clone()),
                TextKind::Media => {
                    self.media.push(MediaSummary::of(path, text));
                    // An answer may quote a signed URL. Its query grants access, so it must not reach an entry.
                    if let Some((_, query)) = text.split_once('?') {
                        secrets.push(query.to_owned());
                    }
                }
                TextKind::Word => self.parameter(path, json!(text)),
                TextKind::Other => {}
            },
            Value::Number(_) | Value::Bool(_) => self.parameter(path, value.clone()),
            Value::Null => {}
        }
    }

    /// Adds a value that has no member of its own in the entry. Coordinates of selections and brushes are left out,
    /// because there may be thousands.
    fn parameter(&mut self, path: &str, value: Value) {
        let has_own_member = matches!(
            path,
            "model_name"
                | "duration"
                | "mode"
                | "aspect_ratio"
                | "sound"
                | "cfg_scale"
                | "shot_type"
                | "multi_shot"
        ) || matches!(path, "settings.duration" | "settings.aspect_ratio")
            || matches!(path, "input.model_name" | "input.duration" | "input.mode");
        let first = path.split('.').next().unwrap_or_default();
        let is_left_out = matches!(first, "camera_control" | "multi_prompt" | "dynamic_masks" | "points")
            || matches!(first, "watermark_info" | "options");
        if !has_own_member && !is_left_out && self.parameters.len() < MAX_PARAMETERS {
            self.parameters.insert(path.to_owned(), value);
        }
    }
}

/// Returns a string or a number as text.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl fmt::Debug for PreparedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedRequest")
            .field("model", &self.model)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(body: Value) -> PreparedRequest {
        PreparedRequest::of(&body, Defaults::default())
    }

    #[test]
    fn an_unkeyed_hash_has_16_digits_and_the_length() {
        let trace = PromptHash::of("été 🦊", None);

        assert_eq!((trace.length, trace.kind.as_str()), (5, "sha256-16"));
        assert_eq!(trace.hash, "8bf4cfb8904b2243");
    }

    #[test]
    fn a_keyed_hash_names_its_key() {
        let key = PromptKey::new("0123456789abcdef").expect("a key");

        let trace = PromptHash::of("été 🦊", Some(&key));

        assert_eq!((trace.hash, trace.kind), (key.hash("été 🦊"), key.kind()));
    }

    #[test]
    fn a_text_under_an_unknown_name_is_not_recorded() {
        let prepared = prepared(json!({
            "prompt": "a red fox", "news": "a text", "n": 3, "image": "https://a.example/i.png?key=1",
            "image_list": [{"image_url": "https://b.example/i.png", "type": "first_frame", "title": "a text"}],
            "callback_url": "https://hooks.example/cb?key=1", "element_list": [{"element_id": "7"}],
        }));

        assert_eq!(
            json!(prepared.parameters),
            json!({"n": 3, "image_list.0.type": "first_frame", "element_list.0.element_id": "7"})
        );
        assert_eq!(
            json!(prepared.media),
            json!([{"field": "image", "host": "a.example"}, {"field": "image_list.0.image_url", "host": "b.example"}])
        );
        assert_eq!(prepared.callback_host.as_deref(), Some("hooks.example"));
    }

    #[test]
    fn the_new_design_is_recorded_like_the_legacy_one() {
        let prepared = prepared(json!({
            "contents": [{"type": "prompt", "text": "a red fox"}, {"type": "first_frame", "url": "https://a.example/i"}],
            "settings": {"resolution": "1080p", "duration": 10, "audio": "off", "aspect_ratio": "1:1"},
            "options": {"callback_url": "https://hooks.example/cb", "watermark_info": {"enabled": false}},
        }));

        assert_eq!(prepared.summary(None).prompt, Some(PromptHash::of("a red fox", None)));
        assert_eq!(
            (prepared.duration.as_deref(), prepared.aspect_ratio.as_deref()),
            (Some("10"), Some("1:1"))
        );
        assert_eq!(
            (prepared.watermark, prepared.callback_host.as_deref()),
            (Some(false), Some("hooks.example"))
        );
        assert_eq!(prepared.parameters["settings.resolution"], "1080p");
        assert_eq!(prepared.media[0].host.as_deref(), Some("a.example"));
    }
}
