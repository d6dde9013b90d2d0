//! A request made ready to be sent: its body, and what of it an entry may say. Its promise: what is recorded is what
//! the wire says, with the vendor's defaults for what it leaves out. Of a prompt only its hash and its length are
//! recorded, of pictures and sounds a hash or a host, and a text under a name that is not known here not at all.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    media::MediaTrace,
    prompt_key::{PromptKey, UNKEYED, short_hash, unkeyed_prompt_hash},
    rules,
    screen::Screen,
};

/// How many pictures a series has that does not say.
pub(crate) const SERIES: u32 = 4;

/// What the vendor takes for what a request leaves out. Public in a private module.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    pub(crate) model: Option<String>,
    pub(crate) duration: Option<String>,
    pub(crate) mode: Option<String>,
}

/// A body and what is recorded of it.
#[derive(Default)]
pub(crate) struct Submission {
    pub(crate) body: Vec<u8>,
    pub(crate) screen: Screen,
    pub(crate) warnings: Vec<String>,
    /// What it will cost in units, where there is a price.
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
    pub(crate) media: Vec<MediaTrace>,
    pub(crate) parameters: BTreeMap<String, Value>,
}

/// Texts that people write: they are recorded as hash and length where they are the prompt, and never in clear.
const WRITTEN: [&str; 10] = [
    "prompt",
    "negative_prompt",
    "text",
    "sound_effect_prompt",
    "bgm_prompt",
    "element_name",
    "element_description",
    "voice_name",
    "callback_url",
    "external_task_id",
];

/// Pictures, sounds and videos that a request brings along.
const BROUGHT: [&str; 21] = [
    "image",
    "images",
    "image_tail",
    "static_mask",
    "mask",
    "image_url",
    "video_url",
    "sound_file",
    "audio_file",
    "audio_url",
    "subject_image",
    "scene_image",
    "style_image",
    "human_image",
    "cloth_image",
    "element_frontal_image",
    "frontal_image",
    "refer_image",
    "base_image",
    "voice_url",
    "url",
];

/// Words of the vendor's vocabularies, and its ids: recorded as they are.
const PLAIN: [&str; 30] = [
    "audio",
    "audio_id",
    "audio_type",
    "character_orientation",
    "edit_mode",
    "effect_scene",
    "element_id",
    "element_voice_id",
    "face_id",
    "image_reference",
    "keep_original_sound",
    "mode",
    "model_name",
    "refer_type",
    "reference_type",
    "resolution",
    "result_type",
    "series_amount",
    "session_id",
    "tag_id",
    "task_id",
    "type",
    "video_id",
    "voice_id",
    "voice_language",
    "id",
    "duration",
    "aspect_ratio",
    "sound",
    "shot_type",
];

impl Submission {
    /// `request` as it goes on the wire.
    pub(crate) fn of(request: &impl Serialize, defaults: Defaults) -> Submission {
        let wire = serde_json::to_value(request).expect("strings, finite numbers, and keys that are strings");
        let body = serde_json::to_vec(request).expect("the same");
        let mut submission = Submission { body, ..Submission::default() };
        let mut written = Vec::new();
        submission.walk("", "", &wire, &mut written);
        submission.screen = Screen::new(written);
        let shots = wire["multi_prompt"].as_array();
        let contents = wire["contents"].as_array().and_then(|contents| {
            contents.iter().find(|content| content["type"] == "prompt").map(|content| &content["text"])
        });
        submission.prompt =
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
        submission.negative_prompt = wire["negative_prompt"].as_str().map(str::to_owned);
        let settings = |name: &str| {
            [&wire[name], &wire["settings"][name], &wire["input"][name]].into_iter().find_map(plain_text)
        };
        submission.model = settings("model_name").or(defaults.model);
        submission.duration = settings("duration").or(defaults.duration);
        submission.mode = settings("mode").or(defaults.mode);
        submission.aspect_ratio = settings("aspect_ratio");
        submission.sound = settings("sound");
        submission.cfg_scale = wire["cfg_scale"].as_f64();
        submission.camera = plain_text(&wire["camera_control"]["type"]);
        submission.shot_type = settings("shot_type");
        submission.shots = shots.map(|shots| shots.len() as u64);
        let options =
            |name: &str| [&wire[name], &wire["options"][name]].into_iter().find(|value| !value.is_null());
        submission.watermark = options("watermark_info").and_then(|info| info["enabled"].as_bool());
        submission.callback_host = options("callback_url").and_then(Value::as_str).and_then(rules::host);
        submission
    }

    /// The prompt's hash, how it was made, and its length in Unicode scalar values.
    pub(crate) fn prompt(&self, key: Option<&PromptKey>) -> Option<PromptTrace> {
        self.prompt.as_deref().map(|prompt| PromptTrace::of(prompt, key))
    }

    /// The same of the negative prompt.
    pub(crate) fn negative_prompt(&self, key: Option<&PromptKey>) -> Option<PromptTrace> {
        self.negative_prompt.as_deref().map(|prompt| PromptTrace::of(prompt, key))
    }

    /// What later entries say that it asked for.
    pub(crate) fn asked(&self, key: Option<&PromptKey>) -> Asked {
        Asked { model: self.model.clone(), prompt: self.prompt(key) }
    }

    /// A setting of the newer design that has no member of its own.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.parameters.get(&format!("settings.{name}"))?.as_str()
    }

    /// Whether the video is to have sound.
    pub(crate) fn has_sound(&self) -> bool {
        self.sound.as_deref().or_else(|| self.setting("audio")).is_some_and(|sound| sound != "off")
    }

    /// How many are asked for; `None` where that is left to the vendor. Of a series `n` says nothing.
    pub(crate) fn count(&self) -> Option<u64> {
        let parameter = |name| self.parameters.get(name);
        if parameter("result_type").is_some_and(|kind| kind == "series") {
            return match parameter("series_amount") {
                Some(amount) => plain_text(amount)?.parse().ok(),
                None => Some(u64::from(SERIES)),
            };
        }
        Some(parameter("n").and_then(Value::as_u64).unwrap_or(1))
    }

    /// The hash of the whole body, made as those of prompts are, since a short prompt could be guessed from it too.
    pub(crate) fn body_hash(&self, key: Option<&PromptKey>) -> String {
        key.map_or_else(|| short_hash(&self.body), |key| key.hash_bytes(&self.body))
    }

    /// Takes what is under `name` at `path`, and all below it.
    fn walk(&mut self, path: &str, name: &str, value: &Value, written: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    // Contents of the new standard say what they are beside their URL.
                    let name = match (name.as_str(), members.get("type").and_then(Value::as_str)) {
                        ("url", Some(_)) => "url",
                        (name, _) => name,
                    };
                    self.walk(&path, name, value, written);
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.walk(&format!("{path}.{at}"), name, item, written);
                }
            }
            Value::String(text) if WRITTEN.contains(&name) => {
                if !matches!(name, "external_task_id" | "callback_url") {
                    written.push(text.clone());
                }
            }
            Value::String(text) if BROUGHT.contains(&name) => {
                self.media.push(MediaTrace::of(path, text));
                // An answer that quotes a signed URL must not bring it into an entry.
                if let Some((_, query)) = text.split_once('?') {
                    written.push(query.to_owned());
                }
            }
            Value::String(text) if PLAIN.contains(&name) => {
                self.parameter(path, json!(text));
            }
            Value::Number(_) | Value::Bool(_) => self.parameter(path, value.clone()),
            Value::String(_) | Value::Null => {}
        }
    }

    /// What has no member of its own in the entry. Coordinates of selections and brushes are left out: they are many.
    fn parameter(&mut self, path: &str, value: Value) {
        let own = [
            "model_name",
            "duration",
            "mode",
            "aspect_ratio",
            "sound",
            "cfg_scale",
            "shot_type",
            "multi_shot",
            "settings.duration",
            "settings.aspect_ratio",
            "input.model_name",
            "input.duration",
            "input.mode",
        ];
        let many = ["camera_control", "multi_prompt", "dynamic_masks", "points", "watermark_info", "options"];
        let first = path.split('.').next().unwrap_or_default();
        if !own.contains(&path) && !many.contains(&first) && self.parameters.len() < 64 {
            self.parameters.insert(path.to_owned(), value);
        }
    }
}

/// A string or a number, as text.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("model", &self.model)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// What later entries about a submission say that it asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) model: Option<String>,
    pub(crate) prompt: Option<PromptTrace>,
}

/// What is left of a prompt in an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromptTrace {
    pub(crate) hash: String,
    pub(crate) kind: String,
    /// In Unicode scalar values.
    pub(crate) length: u64,
}

impl PromptTrace {
    pub(crate) fn of(prompt: &str, key: Option<&PromptKey>) -> PromptTrace {
        let (hash, kind) = match key {
            Some(key) => (key.hash(prompt), key.kind()),
            None => (unkeyed_prompt_hash(prompt), UNKEYED.to_owned()),
        };
        PromptTrace { hash, kind, length: prompt.chars().count() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(body: Value) -> Submission {
        Submission::of(&body, Defaults::default())
    }

    #[test]
    fn a_prompt_leaves_16_digits_and_its_length_in_scalars() {
        let trace = PromptTrace::of("été 🦊", None);

        assert_eq!((trace.length, trace.kind.as_str()), (5, "sha256-16"));
        assert_eq!(trace.hash, "8bf4cfb8904b2243");
    }

    #[test]
    fn with_a_key_it_leaves_another_hash_that_names_the_key() {
        let key = PromptKey::new("0123456789abcdef").expect("a key");

        let trace = PromptTrace::of("été 🦊", Some(&key));

        assert_eq!((trace.hash, trace.kind), (key.hash("été 🦊"), key.kind()));
    }

    #[test]
    fn a_text_under_an_unknown_name_is_not_recorded() {
        let submission = submission(json!({
            "prompt": "a red fox", "news": "a text", "n": 3, "image": "https://a.example/i.png?key=1",
            "image_list": [{"image_url": "https://b.example/i.png", "type": "first_frame", "title": "a text"}],
            "callback_url": "https://hooks.example/cb?key=1", "element_list": [{"element_id": "7"}],
        }));

        assert_eq!(
            json!(submission.parameters),
            json!({"n": 3, "image_list.0.type": "first_frame", "element_list.0.element_id": "7"})
        );
        assert_eq!(
            json!(submission.media),
            json!([{"field": "image", "host": "a.example"}, {"field": "image_list.0.image_url", "host": "b.example"}])
        );
        assert_eq!(submission.callback_host.as_deref(), Some("hooks.example"));
    }

    #[test]
    fn contents_and_settings_of_the_new_standard_are_read_alike() {
        let submission = submission(json!({
            "contents": [{"type": "prompt", "text": "a red fox"}, {"type": "first_frame", "url": "https://a.example/i"}],
            "settings": {"resolution": "1080p", "duration": 10, "audio": "off", "aspect_ratio": "1:1"},
            "options": {"callback_url": "https://hooks.example/cb", "watermark_info": {"enabled": false}},
        }));

        assert_eq!(submission.prompt(None), Some(PromptTrace::of("a red fox", None)));
        assert_eq!(
            (submission.duration.as_deref(), submission.aspect_ratio.as_deref()),
            (Some("10"), Some("1:1"))
        );
        assert_eq!(
            (submission.watermark, submission.callback_host.as_deref()),
            (Some(false), Some("hooks.example"))
        );
        assert_eq!(submission.parameters["settings.resolution"], "1080p");
        assert_eq!(submission.media[0].host.as_deref(), Some("a.example"));
    }
}
