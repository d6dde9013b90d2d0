//! The requests of the new design.

use std::{borrow::Cow, fmt};

use crate::kling::{
    api::design::ApiDesign,
    error::RequestError,
    outputs::video::Videos,
    requests::{
        defaults::Defaults,
        endpoint::endpoint,
        options::Options,
        request::{Request, sealed::Sealed},
        standard::{
            content::{Content, MAX_LONG_PROMPT_CHARS, check_contents, count_of},
            endpoint::standard_endpoint,
            model_support,
            settings::VideoSettings,
        },
        validation::{MAX_PROMPT_CHARS, count, require, text},
        vocabulary::{AspectRatio, AudioTrack, Orientation, Resolution},
    },
};

/// Seconds of a video whose request does not name its length.
const DEFAULT_SECONDS: &str = "5";

fn max_prompt_chars(model: &str) -> usize {
    let is_long = model.starts_with("kling-3") && !model.contains("turbo");
    if is_long { MAX_LONG_PROMPT_CHARS } else { MAX_PROMPT_CHARS }
}

standard_endpoint! {
    /// A video made from a text. Several shots are written in the prompt: `shot n, m, words;`.
    StandardTextToVideo: task("standard_text_to_video", "/text-to-video") {
        prompt: String,
        settings {
            resolution: Resolution,
            aspect_ratio: AspectRatio,
            duration: u32,
            audio: AudioTrack,
            multi_shot: bool,
        }
    }
    also StandardTextToVideo::check_prompt;
}

impl StandardTextToVideo {
    /// A video of `prompt` by this model, such as `kling-3.0`.
    pub fn new(model: impl Into<String>, prompt: impl Into<String>) -> StandardTextToVideo {
        StandardTextToVideo {
            model: model.into(),
            prompt: prompt.into(),
            settings: VideoSettings::default(),
            options: Options::default(),
        }
    }

    fn check_prompt(&self) -> Result<(), RequestError> {
        let is_long = self.model.starts_with("kling-3");
        text(if is_long { MAX_LONG_PROMPT_CHARS } else { MAX_PROMPT_CHARS })(&self.prompt, "prompt")
    }

    fn contents(&self) -> &[Content] {
        &[]
    }

    fn default_duration(&self) -> Option<&'static str> {
        Some(DEFAULT_SECONDS)
    }
}

standard_endpoint! {
    /// A video that begins with an image: a prompt, frames, up to 3 elements, up to 2 voices.
    StandardImageToVideo: task("standard_image_to_video", "/image-to-video") {
        contents: Vec<Content>,
        settings {
            resolution: Resolution,
            duration: u32,
            audio: AudioTrack,
            multi_shot: bool,
        }
    }
    also StandardImageToVideo::check_contents;
}

impl StandardImageToVideo {
    /// A video of these contents by this model, such as `kling-3.0`.
    pub fn new(
        model: impl Into<String>,
        contents: impl IntoIterator<Item = Content>,
    ) -> StandardImageToVideo {
        StandardImageToVideo {
            model: model.into(),
            contents: contents.into_iter().collect(),
            settings: VideoSettings::default(),
            options: Options::default(),
        }
    }

    fn check_contents(&self) -> Result<(), RequestError> {
        let accepted = ["prompt", "first_frame", "last_frame", "element", "voice"];
        check_contents(&self.contents, &accepted, max_prompt_chars(&self.model))?;
        require(count_of(&self.contents, "first_frame") == 1, "contents", "must have a first_frame")?;
        count("contents", count_of(&self.contents, "element"), 0..=3)?;
        let voices = count_of(&self.contents, "voice");
        count("contents", voices, 0..=2)?;
        let is_silent = matches!(self.settings.audio, None | Some(AudioTrack::Off));
        require(voices == 0 || !is_silent, "settings.audio", "must not be off beside a voice")
    }

    fn contents(&self) -> &[Content] {
        &self.contents
    }

    fn default_duration(&self) -> Option<&'static str> {
        Some(DEFAULT_SECONDS)
    }
}

standard_endpoint! {
    /// A video from texts, images, elements and a video.
    StandardOmniVideo: task("standard_omni_video", "/omni-video") {
        contents: Vec<Content>,
        settings {
            resolution: Resolution,
            aspect_ratio: AspectRatio,
            duration: u32,
            audio: AudioTrack,
            multi_shot: bool,
        }
    }
    also StandardOmniVideo::check_contents;
}

impl StandardOmniVideo {
    /// A video of these contents by this model, such as `kling-3.0-omni`.
    pub fn new(model: impl Into<String>, contents: impl IntoIterator<Item = Content>) -> StandardOmniVideo {
        StandardOmniVideo {
            model: model.into(),
            contents: contents.into_iter().collect(),
            settings: VideoSettings::default(),
            options: Options::default(),
        }
    }

    fn check_contents(&self) -> Result<(), RequestError> {
        let accepted =
            ["prompt", "first_frame", "last_frame", "refer_image", "feature_video", "base_video", "element"];
        check_contents(&self.contents, &accepted, max_prompt_chars(&self.model))?;
        require(count_of(&self.contents, "prompt") == 1, "contents", "must have a prompt")?;
        let (audio, multi_shot) = (&self.settings.audio, self.settings.multi_shot);
        if count_of(&self.contents, "base_video") > 0 {
            let has_frame = count_of(&self.contents, "first_frame") > 0;
            require(!has_frame, "contents", "must have no frames beside a base_video")?;
            let rule = "must be off beside a base_video";
            require(multi_shot != Some(true), "settings.multi_shot", rule)?;
            let is_native = *audio == Some(AudioTrack::Native);
            require(!is_native, "settings.audio", "must not be native beside a base_video")?;
        }
        if count_of(&self.contents, "feature_video") > 0 {
            let is_off = matches!(audio, None | Some(AudioTrack::Off));
            require(is_off, "settings.audio", "must be off beside a feature_video")?;
            let rule = "must be on beside a feature_video";
            require(multi_shot != Some(false), "settings.multi_shot", rule)?;
        }
        Ok(())
    }

    fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// Beside a video Kling does not document whether the default applies, or the length of that video.
    fn default_duration(&self) -> Option<&'static str> {
        let videos = count_of(&self.contents, "base_video") + count_of(&self.contents, "feature_video");
        (videos == 0).then_some(DEFAULT_SECONDS)
    }
}

standard_endpoint! {
    /// The figure of an image, moving like the one in a video.
    StandardMotionControl: task("standard_motion_control", "/motion-control") {
        contents: Vec<Content>,
        settings {
            resolution: Resolution,
            audio: AudioTrack,
        }
    }
    also StandardMotionControl::check_contents;
}

impl StandardMotionControl {
    /// A video of these contents by this model, such as `kling-3.0`.
    pub fn new(
        model: impl Into<String>,
        orientation: impl Into<Orientation>,
        contents: impl IntoIterator<Item = Content>,
    ) -> StandardMotionControl {
        let character_orientation = Some(orientation.into());
        StandardMotionControl {
            model: model.into(),
            contents: contents.into_iter().collect(),
            settings: VideoSettings { character_orientation, ..VideoSettings::default() },
            options: Options::default(),
        }
    }

    fn check_contents(&self) -> Result<(), RequestError> {
        check_contents(&self.contents, &["prompt", "image", "video", "element"], MAX_PROMPT_CHARS)?;
        let has_both = count_of(&self.contents, "image") == 1 && count_of(&self.contents, "video") == 1;
        require(has_both, "contents", "must have an image and a video")?;
        count("contents", count_of(&self.contents, "element"), 0..=1)
    }

    fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// The video is as long as the movement.
    fn default_duration(&self) -> Option<&'static str> {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kling::{
        billing::prices::{Price, Prices},
        requests::prepared_request::PreparedRequest,
    };

    fn frames() -> StandardImageToVideo {
        StandardImageToVideo::new(
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
    fn a_request_has_klings_fields() {
        let request = frames()
            .resolution(Resolution::P1080)
            .duration(10_u32)
            .audio(AudioTrack::Native)
            .multi_shot(false)
            .callback_url("https://hooks.example/cb")
            .watermark_info(true);

        assert_eq!((request.check(), request.path()), (Ok(()), "/image-to-video/kling-3.0".into()));
        let wire: Value = serde_json::from_slice(&PreparedRequest::of_task(request, "e").body).expect("JSON");
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
    fn an_unseen_feature_of_a_model_is_a_warning() {
        let text = |model: &str| StandardTextToVideo::new(model, "a fox");
        let (prompt, first) = (Content::prompt("a fox"), Content::first_frame("https://a.example/1.png"));
        let image = |model: &str, more: Content| {
            StandardImageToVideo::new(model, [prompt.clone(), first.clone(), more])
        };
        let last = || Content::last_frame("https://a.example/2.png");
        let (native, full) = (AudioTrack::Native, Resolution::P1080);
        let omni = |contents: &[&Content]| {
            StandardOmniVideo::new("kling-o1", contents.iter().map(|content| (*content).clone()))
        };
        let refer = Content::refer_image("https://a.example/i.png");
        let motion = StandardMotionControl::new(
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
    fn an_unknown_length_is_not_recorded() {
        let prices = Prices::new().first(Price::per_second("kling-3.0", "1"));
        let seen = |submission: PreparedRequest| (submission.duration.clone(), prices.estimate(&submission));
        let (prompt, video) = (|| Content::prompt("a fox"), "https://a.example/v.mp4");
        let omni = |content: Content| StandardOmniVideo::new("kling-3.0", [prompt(), content]);
        let (five, seven) = (Some("5".to_owned()), Some("7".to_owned()));
        let motion = StandardMotionControl::new(
            "kling-3.0",
            "video",
            [Content::image("https://a.example/i.png"), Content::video(video)],
        );

        for (submission, seconds) in [
            (PreparedRequest::of_task(StandardTextToVideo::new("kling-3.0", "a fox"), "e"), &five),
            (
                PreparedRequest::of_task(StandardTextToVideo::new("kling-3.0", "a fox").duration(7_u32), "e"),
                &seven,
            ),
            (PreparedRequest::of_task(frames(), "e"), &five),
            (PreparedRequest::of_task(omni(Content::refer_image("https://a.example/i.png")), "e"), &five),
            (PreparedRequest::of_task(omni(Content::base_video(video)), "e"), &None),
            (PreparedRequest::of_task(omni(Content::feature_video(video)), "e"), &None),
            (PreparedRequest::of_task(omni(Content::feature_video(video)).duration(7_u32), "e"), &seven),
            (PreparedRequest::of_task(motion, "e"), &None),
        ] {
            assert_eq!(seen(submission), (seconds.clone(), seconds.clone()));
        }
    }

    #[test]
    fn a_broken_rule_is_named_with_its_field() {
        let field = |checked: Result<(), RequestError>| checked.map_err(|error| error.field());
        let omni = |contents: Vec<Content>| StandardOmniVideo::new("kling-3.0-omni", contents);
        let prompt = || Content::prompt("a fox");
        let image = |contents: Vec<Content>| StandardImageToVideo::new("kling-2.6", contents);
        let first = || Content::first_frame("https://a/1.png");

        for (checked, at_fault) in [
            (StandardTextToVideo::new("kling-3.0", "").check(), "prompt"),
            (StandardTextToVideo::new("../v1", "a fox").check(), "model"),
            (StandardTextToVideo::new("kling-2.6", "é".repeat(2501)).check(), "prompt"),
            (StandardTextToVideo::new("kling-3.0", "a fox").duration(16_u32).check(), "settings.duration"),
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
            (StandardMotionControl::new("kling-3.0", "image", [prompt()]).check(), "contents"),
        ] {
            assert_eq!(field(checked), Err(at_fault));
        }
        assert_eq!(StandardTextToVideo::new("kling-3.0", "é".repeat(3072)).check(), Ok(()));
    }
}
