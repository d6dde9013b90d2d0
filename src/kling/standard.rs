//! The vendor's newer design: the path names the model, what goes in is a list of contents, and an API key is needed.
//!
//! ```
//! use kling_audit::kling::{AudioTrack, Request, Resolution, standard};
//!
//! let fox = standard::ImageToVideo::new("kling-3.0", [
//!     standard::Content::prompt("it runs"),
//!     standard::Content::first_frame("https://example.com/fox.png"),
//! ])
//! .resolution(Resolution::P1080)
//! .duration(10_u32)
//! .audio(AudioTrack::Off);
//!
//! assert!(fox.check().is_ok());
//! ```

use std::{borrow::Cow, fmt};

use serde::Serialize;

use super::{
    media::{IMAGE_LIMIT, Media},
    options::{Options, Watermark},
    request::{Request, RequestError, Standard, sealed::Sealed},
    rules,
    submission::Defaults,
    video::Videos,
    vocabulary::{AspectRatio, AudioTrack, Orientation, Resolution},
};

/// The longest prompt of the newer models.
const LONG_PROMPT: usize = 3072;
/// The longest prompt of the others.
const PROMPT: usize = 2500;
/// The seconds of a video whose request does not say how many.
const DEFAULT_DURATION: &str = "5";

/// One thing that goes into a video. Where it has an `id`, the prompt refers to it as `@id`.
#[derive(Clone, PartialEq, Serialize)]
pub struct Content {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Media>,
    #[serde(skip_serializing_if = "Option::is_none")]
    element_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

impl Content {
    fn bare(kind: &'static str) -> Content {
        Content { kind, text: None, url: None, element_id: None, voice_id: None, id: None }
    }

    fn at(kind: &'static str, url: impl Into<Media>) -> Content {
        Content { url: Some(url.into()), ..Content::bare(kind) }
    }

    /// What the video shows.
    pub fn prompt(text: impl Into<String>) -> Content {
        Content { text: Some(text.into()), ..Content::bare("prompt") }
    }

    /// The picture that it begins with.
    pub fn first_frame(url: impl Into<Media>) -> Content {
        Content::at("first_frame", url)
    }

    /// The picture that it ends with.
    pub fn last_frame(url: impl Into<Media>) -> Content {
        Content::at("last_frame", url)
    }

    /// A picture to refer to.
    pub fn refer_image(url: impl Into<Media>) -> Content {
        Content::at("refer_image", url)
    }

    /// A video that is looked at.
    pub fn feature_video(url: impl Into<String>) -> Content {
        Content::at("feature_video", url.into())
    }

    /// A video that is edited.
    pub fn base_video(url: impl Into<String>) -> Content {
        Content::at("base_video", url.into())
    }

    /// The figure of a motion control.
    pub fn image(url: impl Into<Media>) -> Content {
        Content::at("image", url)
    }

    /// The movement of a motion control.
    pub fn video(url: impl Into<String>) -> Content {
        Content::at("video", url.into())
    }

    /// An element.
    pub fn element(element_id: impl Into<String>) -> Content {
        Content { element_id: Some(element_id.into()), ..Content::bare("element") }
    }

    /// A voice.
    pub fn voice(voice_id: impl Into<String>) -> Content {
        Content { voice_id: Some(voice_id.into()), ..Content::bare("voice") }
    }

    /// Names it, so that the prompt can refer to it.
    pub fn named(mut self, id: impl Into<String>) -> Content {
        self.id = Some(id.into());
        self
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("kind", &self.kind).field("url", &self.url).finish_non_exhaustive()
    }
}

/// What a video is to be like. Public setters stand on the requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Settings {
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<Resolution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<AspectRatio>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<AudioTrack>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_shot: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    character_orientation: Option<Orientation>,
}

impl Settings {
    fn check(&self) -> Result<(), RequestError> {
        rules::words([
            ("settings.resolution", self.resolution.as_ref().map(Resolution::as_str)),
            ("settings.aspect_ratio", self.aspect_ratio.as_ref().map(AspectRatio::as_str)),
            ("settings.audio", self.audio.as_ref().map(AudioTrack::as_str)),
            ("settings.character_orientation", self.character_orientation.as_ref().map(Orientation::as_str)),
        ])?;
        let fits = self.duration.is_none_or(|duration| (3..=15).contains(&duration));
        rules::require(fits, "settings.duration", "must be 3 to 15 seconds")
    }
}

/// Things of one kind among the contents.
fn count(contents: &[Content], kind: &str) -> usize {
    contents.iter().filter(|content| content.kind == kind).count()
}

fn check_contents(contents: &[Content], taken: &[&str], prompt_limit: usize) -> Result<(), RequestError> {
    for content in contents {
        rules::require(
            taken.contains(&content.kind),
            "contents.type",
            "must be one that the endpoint takes",
        )?;
        if let Some(text) = &content.text {
            rules::text("contents.text", text, prompt_limit)?;
        }
        if let Some(url) = &content.url {
            url.check("contents.url", IMAGE_LIMIT * 5)?;
        }
        rules::words([
            ("contents.element_id", content.element_id.as_deref()),
            ("contents.voice_id", content.voice_id.as_deref()),
            ("contents.id", content.id.as_deref()),
        ])?;
    }
    for kind in ["prompt", "first_frame", "last_frame", "image", "video", "base_video", "feature_video"] {
        rules::require(count(contents, kind) <= 1, "contents", "must have at most one of a kind")?;
    }
    let alone = count(contents, "last_frame") == 1 && count(contents, "first_frame") == 0;
    rules::require(!alone, "contents", "must have a first_frame beside a last_frame")
}

fn prompt_limit(model: &str) -> usize {
    if model.starts_with("kling-3") && !model.contains("turbo") { LONG_PROMPT } else { PROMPT }
}

/// What the models were seen to take, to warn about.
fn doubts(path: &str, model: &str, settings: &Settings, contents: &[Content]) -> Vec<String> {
    let known: &[&str] = match path {
        "/text-to-video" | "/image-to-video" => {
            &["kling-3.0-turbo", "kling-3.0", "kling-2.6", "kling-2.5-turbo"]
        }
        "/omni-video" => &["kling-3.0-omni", "kling-o1"],
        _ => &["kling-3.0", "kling-2.6"],
    };
    if !known.contains(&model) {
        return vec![format!("{path}/{model} was not seen")];
    }
    let mut doubts = Vec::new();
    let mut doubt = |what: &str| doubts.push(format!("{model} was not seen to {what}"));
    let moves = path == "/motion-control";
    let has = |kind| count(contents, kind) > 0;
    if let Some(duration) = settings.duration {
        let of_frame =
            !["last_frame", "refer_image", "feature_video", "base_video", "element"].map(has).contains(&true);
        let fits = match model {
            "kling-2.6" | "kling-2.5-turbo" => matches!(duration, 5 | 10),
            "kling-o1" if of_frame => matches!(duration, 5 | 10),
            "kling-o1" => duration <= 10,
            _ => true,
        };
        if !fits {
            doubt(&format!("take a duration of {duration}"));
        }
    }
    let full = settings.resolution == Some(Resolution::P1080);
    if settings.resolution == Some(Resolution::FourK)
        && (moves || !matches!(model, "kling-3.0" | "kling-3.0-omni"))
    {
        doubt("take 4k");
    }
    let tracks: &[&str] = match model {
        _ if moves => &["original", "off"],
        "kling-3.0" | "kling-2.6" => &["native", "off"],
        "kling-3.0-omni" => &["native", "original", "off"],
        "kling-o1" => &["original", "off"],
        _ => &[],
    };
    if let Some(audio) = &settings.audio {
        if !tracks.contains(&audio.as_str()) {
            doubt(&format!("take the audio {audio}"));
        } else if *audio == AudioTrack::Native && model == "kling-2.6" && !full {
            doubt("take the audio native but at 1080p");
        }
    }
    if has("last_frame") {
        match model {
            "kling-3.0-turbo" => doubt("take a last_frame"),
            "kling-2.6" | "kling-2.5-turbo" if !full => doubt("take a last_frame but at 1080p"),
            _ => {}
        }
    }
    if settings.multi_shot == Some(true) && !matches!(model, "kling-3.0" | "kling-3.0-omni") {
        doubt("take multi_shot");
    }
    if has("element") && !matches!(model, "kling-3.0" | "kling-3.0-omni" | "kling-o1") {
        doubt("take an element");
    }
    if has("voice") && model != "kling-2.6" {
        doubt("take a voice");
    }
    doubts
}

/// A request of the newer design.
macro_rules! standard {
    (
        $(#[$about:meta])*
        $name:ident, $action:literal, $path:literal, $(#[$body_doc:meta])* $body:ident: $body_type:ty;
        $($setter:ident: $type:ty,)*
    ) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, Serialize)]
        pub struct $name {
            #[serde(skip)]
            model: String,
            $body: $body_type,
            settings: Settings,
            options: Options,
        }

        impl $name {
            $(
                #[doc = concat!("Sets `settings.", stringify!($setter), "`.")]
                pub fn $setter(mut self, value: impl Into<$type>) -> $name {
                    self.settings.$setter = Some(value.into());
                    self
                }
            )*

            /// Sets `options.callback_url`, which the vendor tells of each change. Entries name its host alone.
            pub fn callback_url(mut self, url: impl Into<String>) -> $name {
                self.options.callback_url = Some(url.into());
                self
            }

            /// Sets `options.external_task_id`: the caller's own name for the task, which must be new to the vendor.
            pub fn external_task_id(mut self, id: impl Into<String>) -> $name {
                self.options.external_task_id = Some(id.into());
                self
            }

            /// Sets `options.watermark_info`: whether a watermarked copy is made as well.
            pub fn watermark_info(mut self, enabled: bool) -> $name {
                self.options.watermark_info = Some(Watermark { enabled });
                self
            }
        }

        impl Sealed for $name {}

        impl Request for $name {
            const ACTION: &'static str = $action;
            const PATH: &'static str = $path;
            const STANDARD: Standard = Standard::New;
            type Output = Videos;

            fn check(&self) -> Result<(), RequestError> {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
                let named = !self.model.is_empty() && self.model.bytes().all(plain) && !self.model.starts_with('.');
                rules::require(named, "model", "must be the name of a model")?;
                self.settings.check()?;
                self.rules()?;
                self.options.check()
            }

            fn warnings(&self) -> Vec<String> {
                doubts($path, &self.model, &self.settings, self.contents())
            }

            fn path(&self) -> Cow<'static, str> {
                Cow::Owned(format!("{}/{}", $path, self.model))
            }

            fn options(&self) -> &Options {
                &self.options
            }

            fn options_mut(&mut self) -> &mut Options {
                &mut self.options
            }

            fn defaults(&self) -> Defaults {
                Defaults {
                    model: Some(self.model.clone()),
                    duration: self.default_duration().map(str::to_owned),
                    mode: None,
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("model", &self.model)
                    .field("settings", &self.settings)
                    .finish_non_exhaustive()
            }
        }
    };
}

standard! {
    /// A video made from a text. Several shots are written into the prompt: `shot n, m, words;`.
    TextToVideo, "standard_text_to_video", "/text-to-video", prompt: String;
    resolution: Resolution,
    aspect_ratio: AspectRatio,
    duration: u32,
    audio: AudioTrack,
    multi_shot: bool,
}

impl TextToVideo {
    /// A video of `prompt` by this model, such as `kling-3.0`.
    pub fn new(model: impl Into<String>, prompt: impl Into<String>) -> TextToVideo {
        TextToVideo {
            model: model.into(),
            prompt: prompt.into(),
            settings: Settings::default(),
            options: Options::default(),
        }
    }

    fn rules(&self) -> Result<(), RequestError> {
        let turbo = self.model.starts_with("kling-3");
        rules::text("prompt", &self.prompt, if turbo { LONG_PROMPT } else { PROMPT })
    }

    fn contents(&self) -> &[Content] {
        &[]
    }

    fn default_duration(&self) -> Option<&'static str> {
        Some(DEFAULT_DURATION)
    }
}

standard! {
    /// A video that begins with a picture: a prompt, frames, up to 3 elements, up to 2 voices.
    ImageToVideo, "standard_image_to_video", "/image-to-video", contents: Vec<Content>;
    resolution: Resolution,
    duration: u32,
    audio: AudioTrack,
    multi_shot: bool,
}

impl ImageToVideo {
    /// A video of these by this model, such as `kling-3.0`.
    pub fn new(model: impl Into<String>, contents: impl IntoIterator<Item = Content>) -> ImageToVideo {
        ImageToVideo {
            model: model.into(),
            contents: contents.into_iter().collect(),
            settings: Settings::default(),
            options: Options::default(),
        }
    }

    fn rules(&self) -> Result<(), RequestError> {
        let taken = ["prompt", "first_frame", "last_frame", "element", "voice"];
        check_contents(&self.contents, &taken, prompt_limit(&self.model))?;
        rules::require(count(&self.contents, "first_frame") == 1, "contents", "must have a first_frame")?;
        rules::count("contents", count(&self.contents, "element"), 0..=3)?;
        let voices = count(&self.contents, "voice");
        rules::count("contents", voices, 0..=2)?;
        let silent = matches!(self.settings.audio, None | Some(AudioTrack::Off));
        rules::require(voices == 0 || !silent, "settings.audio", "must not be off beside a voice")
    }

    fn contents(&self) -> &[Content] {
        &self.contents
    }

    fn default_duration(&self) -> Option<&'static str> {
        Some(DEFAULT_DURATION)
    }
}

standard! {
    /// A video from texts, pictures, elements and a video at once.
    OmniVideo, "standard_omni_video", "/omni-video", contents: Vec<Content>;
    resolution: Resolution,
    aspect_ratio: AspectRatio,
    duration: u32,
    audio: AudioTrack,
    multi_shot: bool,
}

impl OmniVideo {
    /// A video of these by this model, such as `kling-3.0-omni`.
    pub fn new(model: impl Into<String>, contents: impl IntoIterator<Item = Content>) -> OmniVideo {
        OmniVideo {
            model: model.into(),
            contents: contents.into_iter().collect(),
            settings: Settings::default(),
            options: Options::default(),
        }
    }

    fn rules(&self) -> Result<(), RequestError> {
        let taken =
            ["prompt", "first_frame", "last_frame", "refer_image", "feature_video", "base_video", "element"];
        check_contents(&self.contents, &taken, prompt_limit(&self.model))?;
        rules::require(count(&self.contents, "prompt") == 1, "contents", "must have a prompt")?;
        let (audio, multi_shot) = (&self.settings.audio, self.settings.multi_shot);
        if count(&self.contents, "base_video") > 0 {
            let framed = count(&self.contents, "first_frame") > 0;
            rules::require(!framed, "contents", "must have no frames beside a base_video")?;
            rules::require(
                multi_shot != Some(true),
                "settings.multi_shot",
                "must be off beside a base_video",
            )?;
            let native = *audio == Some(AudioTrack::Native);
            rules::require(!native, "settings.audio", "must not be native beside a base_video")?;
        }
        if count(&self.contents, "feature_video") > 0 {
            let off = matches!(audio, None | Some(AudioTrack::Off));
            rules::require(off, "settings.audio", "must be off beside a feature_video")?;
            let cut = multi_shot != Some(false);
            rules::require(cut, "settings.multi_shot", "must be on beside a feature_video")?;
        }
        Ok(())
    }

    fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// Beside a video the vendor does not say whether its default holds or the length of that video.
    fn default_duration(&self) -> Option<&'static str> {
        let video = count(&self.contents, "base_video") + count(&self.contents, "feature_video") > 0;
        (!video).then_some(DEFAULT_DURATION)
    }
}

standard! {
    /// The figure of a picture, moving as the one in a video does.
    MotionControl, "standard_motion_control", "/motion-control", contents: Vec<Content>;
    resolution: Resolution,
    audio: AudioTrack,
}

impl MotionControl {
    /// A video of these by this model, such as `kling-3.0`.
    pub fn new(
        model: impl Into<String>,
        orientation: impl Into<Orientation>,
        contents: impl IntoIterator<Item = Content>,
    ) -> MotionControl {
        MotionControl {
            model: model.into(),
            contents: contents.into_iter().collect(),
            settings: Settings { character_orientation: Some(orientation.into()), ..Settings::default() },
            options: Options::default(),
        }
    }

    fn rules(&self) -> Result<(), RequestError> {
        check_contents(&self.contents, &["prompt", "image", "video", "element"], PROMPT)?;
        let both = count(&self.contents, "image") == 1 && count(&self.contents, "video") == 1;
        rules::require(both, "contents", "must have an image and a video")?;
        rules::count("contents", count(&self.contents, "element"), 0..=1)
    }

    fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// It is as long as the movement.
    fn default_duration(&self) -> Option<&'static str> {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kling::{Price, Prices, request::submission, submission::Submission};

    fn frames() -> ImageToVideo {
        ImageToVideo::new(
            "kling-3.0",
            [
                Content::prompt("a girl on a train"),
                Content::first_frame("https://a.example/1.png"),
                Content::last_frame("https://a.example/2.png"),
                Content::element("163").named("element_1"),
            ],
        )
    }

    #[test]
    fn it_goes_out_as_the_vendor_spells_it() {
        let request = frames()
            .resolution(Resolution::P1080)
            .duration(10_u32)
            .audio(AudioTrack::Native)
            .multi_shot(false)
            .callback_url("https://hooks.example/cb")
            .watermark_info(true);

        assert_eq!((request.check(), request.path()), (Ok(()), "/image-to-video/kling-3.0".into()));
        let wire: Value = serde_json::from_slice(&submission(request, "e").body).expect("JSON");
        assert_eq!(
            wire,
            json!({
                "contents": [
                    {"type": "prompt", "text": "a girl on a train"},
                    {"type": "first_frame", "url": "https://a.example/1.png"},
                    {"type": "last_frame", "url": "https://a.example/2.png"},
                    {"type": "element", "element_id": "163", "id": "element_1"},
                ],
                "settings": {"resolution": "1080p", "duration": 10, "audio": "native", "multi_shot": false},
                "options": {"callback_url": "https://hooks.example/cb", "external_task_id": "e",
                    "watermark_info": {"enabled": true}},
            })
        );
    }

    #[test]
    fn what_a_model_was_not_seen_to_take_is_a_warning() {
        let text = |model: &str| TextToVideo::new(model, "a fox");
        let (prompt, first) = (Content::prompt("a fox"), Content::first_frame("https://a.example/1.png"));
        let image =
            |model: &str, more: Content| ImageToVideo::new(model, [prompt.clone(), first.clone(), more]);
        let last = || Content::last_frame("https://a.example/2.png");
        let (native, full) = (AudioTrack::Native, Resolution::P1080);
        let omni = |contents: &[&Content]| {
            OmniVideo::new("kling-o1", contents.iter().map(|content| (*content).clone()))
        };
        let refer = Content::refer_image("https://a.example/i.png");
        let motion = MotionControl::new(
            "kling-3.0",
            "video",
            [Content::image("https://a.example/i.png"), Content::video("https://a.example/v.mp4")],
        );

        for (warnings, warned) in [
            (
                text("kling-2.6").audio(native.clone()).warnings(),
                Some("kling-2.6 was not seen to take the audio native but at 1080p"),
            ),
            (text("kling-2.6").audio(native.clone()).resolution(full.clone()).warnings(), None),
            (text("kling-2.6").audio(AudioTrack::Off).warnings(), None),
            (
                text("kling-3.0-turbo").audio(native).warnings(),
                Some("kling-3.0-turbo was not seen to take the audio native"),
            ),
            (
                text("kling-2.6").multi_shot(true).warnings(),
                Some("kling-2.6 was not seen to take multi_shot"),
            ),
            (
                text("kling-2.6").duration(7_u32).warnings(),
                Some("kling-2.6 was not seen to take a duration of 7"),
            ),
            (
                image("kling-2.5-turbo", last()).warnings(),
                Some("kling-2.5-turbo was not seen to take a last_frame but at 1080p"),
            ),
            (image("kling-2.6", last()).resolution(full.clone()).warnings(), None),
            (image("kling-3.0", last()).warnings(), None),
            (
                image("kling-3.0-turbo", last()).warnings(),
                Some("kling-3.0-turbo was not seen to take a last_frame"),
            ),
            (
                image("kling-2.6", Content::element("163")).warnings(),
                Some("kling-2.6 was not seen to take an element"),
            ),
            (
                image("kling-3.0", Content::voice("1")).warnings(),
                Some("kling-3.0 was not seen to take a voice"),
            ),
            (
                omni(&[&prompt, &first]).duration(7_u32).warnings(),
                Some("kling-o1 was not seen to take a duration of 7"),
            ),
            (omni(&[&prompt, &refer]).duration(7_u32).warnings(), None),
            (
                omni(&[&prompt, &refer]).duration(11_u32).warnings(),
                Some("kling-o1 was not seen to take a duration of 11"),
            ),
            (
                motion.clone().resolution(Resolution::FourK).warnings(),
                Some("kling-3.0 was not seen to take 4k"),
            ),
            (motion.resolution(full).warnings(), None),
            (text("kling-9").warnings(), Some("/text-to-video/kling-9 was not seen")),
        ] {
            assert_eq!(warnings, warned.into_iter().map(str::to_owned).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_length_is_recorded_only_where_the_request_or_the_vendor_says_which() {
        let prices = Prices::new().first(Price::per_second("kling-3.0", "1"));
        let seen = |submission: Submission| (submission.duration.clone(), prices.estimate(&submission));
        let (prompt, video) = (|| Content::prompt("a fox"), "https://a.example/v.mp4");
        let omni = |content: Content| OmniVideo::new("kling-3.0", [prompt(), content]);
        let (five, seven) = (Some("5".to_owned()), Some("7".to_owned()));
        let motion = MotionControl::new(
            "kling-3.0",
            "video",
            [Content::image("https://a.example/i.png"), Content::video(video)],
        );

        for (submission, seconds) in [
            (submission(TextToVideo::new("kling-3.0", "a fox"), "e"), &five),
            (submission(TextToVideo::new("kling-3.0", "a fox").duration(7_u32), "e"), &seven),
            (submission(frames(), "e"), &five),
            (submission(omni(Content::refer_image("https://a.example/i.png")), "e"), &five),
            (submission(omni(Content::base_video(video)), "e"), &None),
            (submission(omni(Content::feature_video(video)), "e"), &None),
            (submission(omni(Content::feature_video(video)).duration(7_u32), "e"), &seven),
            (submission(motion, "e"), &None),
        ] {
            assert_eq!(seen(submission), (seconds.clone(), seconds.clone()));
        }
    }

    #[test]
    fn a_broken_rule_is_named_with_its_field() {
        let field = |checked: Result<(), RequestError>| checked.map_err(|error| error.field());
        let omni = |contents: Vec<Content>| OmniVideo::new("kling-3.0-omni", contents);
        let prompt = || Content::prompt("a fox");
        let image = |contents: Vec<Content>| ImageToVideo::new("kling-2.6", contents);
        let first = || Content::first_frame("https://a/1.png");

        for (checked, at_fault) in [
            (TextToVideo::new("kling-3.0", "").check(), "prompt"),
            (TextToVideo::new("../v1", "a fox").check(), "model"),
            (TextToVideo::new("kling-2.6", "é".repeat(2501)).check(), "prompt"),
            (TextToVideo::new("kling-3.0", "a fox").duration(16_u32).check(), "settings.duration"),
            (image(vec![prompt()]).check(), "contents"),
            (image(vec![Content::last_frame("https://a/1.png")]).check(), "contents"),
            (image(vec![first(), Content::voice("v")]).check(), "settings.audio"),
            (image(vec![first(), Content::base_video("https://a/v")]).check(), "contents.type"),
            (omni(vec![first()]).check(), "contents"),
            (omni(vec![prompt(), first(), Content::base_video("https://a/v")]).check(), "contents"),
            (
                omni(vec![prompt(), Content::feature_video("https://a/v")]).audio(AudioTrack::Native).check(),
                "settings.audio",
            ),
            (MotionControl::new("kling-3.0", "image", [prompt()]).check(), "contents"),
        ] {
            assert_eq!(field(checked), Err(at_fault));
        }
        assert_eq!(TextToVideo::new("kling-3.0", "é".repeat(3072)).check(), Ok(()));
    }
}
