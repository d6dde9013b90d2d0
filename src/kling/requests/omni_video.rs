//! The request for a video from texts, images, elements and a video.

use std::fmt;

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    outputs::video::Videos,
    requests::{
        defaults::Defaults,
        duration::Duration,
        endpoint::endpoint,
        media::Media,
        model_support::{LENGTHS_3_TO_10, LENGTHS_5_10, length_warning},
        references::ElementId,
        shots::ShotPlan,
        validation::{all, any, count, each, require, url, word},
        vocabulary::{AspectRatio, Mode, Model, OriginalSound, Sound},
    },
};

endpoint! {
    /// A video from a text that refers to images, elements and a video: `<<<image_1>>>`, `<<<element_1>>>`,
    /// `<<<video_1>>>`.
    ///
    /// Images and elements together are at most 7, or 4 beside a video. There is at most one video, beside which
    /// `sound` must not be `on`. A last frame is possible only beside at most one other image. `aspect_ratio` is
    /// required if neither a first frame nor a video to edit determines it. An edit is as long as its video and takes
    /// no `duration`. The default mode is `pro`.
    OmniVideo: task("omni_video", "/v1/videos/omni-video") -> Videos {
        required {
            #[serde(skip_serializing_if = "String::is_empty")]
            prompt: String => any,
            #[serde(flatten)]
            plan: ShotPlan => any,
        }
        optional {
            model_name: Model => word,
            sound: Sound => word,
            mode: Mode => word,
            aspect_ratio: AspectRatio => word,
            duration: Duration => Duration::check,
        }
        lists {
            /// Images to refer to, or frames.
            image_list: ReferenceImage => all(ReferenceImage::check, "image_list.image_url"),
            /// Elements, by their ids.
            element_list: ElementId => all(ElementId::check, "element_list.element_id"),
            /// Video to refer to or to edit.
            video_list: ReferenceVideo => each(0..=1, ReferenceVideo::check, "video_list.video_url"),
        }
        with callback, watermark, shots;
        also OmniVideo::check_together;
    }

    fn defaults(&self) -> Defaults {
        // Kling's page names a default model that this endpoint does not have.
        let defaults = Defaults::default().mode(Mode::Pro);
        if self.is_edit() { defaults } else { defaults.duration("5") }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let Some(model) = &self.model_name else { return warnings };
        let mut warn = |what: &str| warnings.push(format!("{model} was not seen to {what}"));
        match model {
            Model::VideoO1 => {
                if self.mode == Some(Mode::FourK) {
                    warn("make a video in mode 4k");
                }
                if self.sound == Some(Sound::On) {
                    warn("make sound");
                }
                if self.plan.has_several_shots() {
                    warn("make several shots");
                }
                let first_alone = self.image_list.iter().all(|image| image.frame == Some("first_frame"));
                let is_simple = first_alone && self.element_list.is_empty() && self.video_list.is_empty();
                let (subject, seen) = match is_simple {
                    true => ("kling-video-o1, of a text and a first frame alone,", LENGTHS_5_10),
                    false => ("kling-video-o1", LENGTHS_3_TO_10),
                };
                warnings.extend(length_warning(subject, self.duration.as_ref(), seen));
            }
            Model::V3Omni | Model::Other(_) => {}
            _ => warn("do a video of this kind"),
        }
        warnings
    }
}

/// An image of an [`OmniVideo`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReferenceImage {
    image_url: Media,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    frame: Option<&'static str>,
}

impl ReferenceImage {
    /// An image that the prompt refers to.
    pub fn new(image: impl Into<Media>) -> ReferenceImage {
        ReferenceImage { image_url: image.into(), frame: None }
    }

    /// The first image of the video.
    pub fn first_frame(image: impl Into<Media>) -> ReferenceImage {
        ReferenceImage { image_url: image.into(), frame: Some("first_frame") }
    }

    /// The last image of the video.
    pub fn end_frame(image: impl Into<Media>) -> ReferenceImage {
        ReferenceImage { image_url: image.into(), frame: Some("end_frame") }
    }

    fn check(&self, field: &'static str) -> Result<(), RequestError> {
        self.image_url.check_image(field)
    }
}

/// The video of an [`OmniVideo`].
#[derive(Clone, PartialEq, Serialize)]
pub struct ReferenceVideo {
    video_url: String,
    refer_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_original_sound: Option<OriginalSound>,
}

impl ReferenceVideo {
    /// A video to refer to.
    pub fn feature(url: impl Into<String>) -> ReferenceVideo {
        ReferenceVideo { video_url: url.into(), refer_type: "feature", keep_original_sound: None }
    }

    /// A video to edit.
    pub fn base(url: impl Into<String>) -> ReferenceVideo {
        ReferenceVideo { refer_type: "base", ..ReferenceVideo::feature(url) }
    }

    /// Sets `keep_original_sound`.
    pub fn keep_original_sound(mut self, keep: impl Into<OriginalSound>) -> ReferenceVideo {
        self.keep_original_sound = Some(keep.into());
        self
    }

    fn check(&self, field: &'static str) -> Result<(), RequestError> {
        url(&self.video_url, field)
    }
}

impl fmt::Debug for ReferenceVideo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReferenceVideo").field("refer_type", &self.refer_type).finish_non_exhaustive()
    }
}

impl OmniVideo {
    /// A video of `prompt`.
    pub fn new(prompt: impl Into<String>) -> OmniVideo {
        OmniVideo::bare(prompt.into(), ShotPlan::default())
    }

    fn is_edit(&self) -> bool {
        self.video_list.iter().any(|video| video.refer_type == "base")
    }

    fn check_together(&self) -> Result<(), RequestError> {
        self.plan.check_prompt(&self.prompt)?;
        let has_video = !self.video_list.is_empty();
        require(!has_video || self.sound != Some(Sound::On), "sound", "must be off beside a video")?;
        let most = if has_video { 4 } else { 7 };
        count("image_list", self.image_list.len() + self.element_list.len(), 0..=most)?;
        let has_frame = |frame| self.image_list.iter().any(|image| image.frame == Some(frame));
        let is_crowded = self.image_list.len() > 2 && has_frame("end_frame");
        require(!is_crowded, "image_list.type", "must not be end_frame among more than 2 pictures")?;
        if self.is_edit() {
            require(self.duration.is_none(), "duration", "must not be set where a video is edited")?;
        } else if !has_frame("first_frame") {
            let rule = "must be set where neither a first frame nor a video to edit gives it";
            require(self.aspect_ratio.is_some(), "aspect_ratio", rule)?;
        }
        self.plan.check(self.duration.as_ref().unwrap_or(&Duration::S5))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kling::requests::{prepared_request::PreparedRequest, request::Request};

    fn wire(request: OmniVideo) -> Value {
        serde_json::from_slice(&PreparedRequest::of_task(request, "id-1").body).expect("JSON")
    }

    #[test]
    fn an_edit_and_frames_have_klings_fields() {
        let edit = OmniVideo::new("<<<video_1>>> with <<<image_1>>>")
            .model_name(Model::VideoO1)
            .image_list([ReferenceImage::new("https://a/i.png")])
            .video_list([ReferenceVideo::base("https://a/v.mp4").keep_original_sound("yes")])
            .mode(Mode::Pro);
        let frames = OmniVideo::new("it dances").image_list([
            ReferenceImage::first_frame("https://a/1.png"),
            ReferenceImage::end_frame("https://a/2.png"),
        ]);

        assert_eq!((edit.check(), frames.check()), (Ok(()), Ok(())));
        assert_eq!(
            wire(edit),
            json!({
                "model_name": "kling-video-o1", "prompt": "<<<video_1>>> with <<<image_1>>>",
                "image_list": [{"image_url": "https://a/i.png"}], "mode": "pro", "external_task_id": "id-1",
                "video_list": [{"video_url": "https://a/v.mp4", "refer_type": "base", "keep_original_sound": "yes"}],
            })
        );
        assert_eq!(
            wire(frames)["image_list"],
            json!([{"image_url": "https://a/1.png", "type": "first_frame"},
                {"image_url": "https://a/2.png", "type": "end_frame"}])
        );
    }

    #[test]
    fn an_unseen_feature_of_a_model_is_a_warning() {
        let o1 = || OmniVideo::new("a fox").model_name(Model::VideoO1).aspect_ratio(AspectRatio::Wide);
        let seven = |request: OmniVideo| request.duration(Duration::Seconds(7));
        let two = [ReferenceImage::new("https://a/1.png"), ReferenceImage::new("https://a/2.png")];
        for (request, warned) in [
            (
                seven(o1()),
                &[
                    "kling-video-o1, of a text and a first frame alone, was not seen to take a duration of 7 s",
                ][..],
            ),
            (
                seven(o1().image_list([ReferenceImage::first_frame("https://a/1.png")])),
                &[
                    "kling-video-o1, of a text and a first frame alone, was not seen to take a duration of 7 s",
                ],
            ),
            (seven(o1().image_list(two.clone())), &[]),
            (
                o1().image_list(two).duration(Duration::Seconds(11)),
                &["kling-video-o1 was not seen to take a duration of 11 s"],
            ),
            (o1().duration(Duration::S10), &[]),
            (o1().sound(Sound::On), &["kling-video-o1 was not seen to make sound"]),
            (o1().mode(Mode::FourK), &["kling-video-o1 was not seen to make a video in mode 4k"]),
            (o1().shot_type("intelligence"), &["kling-video-o1 was not seen to make several shots"]),
            (seven(o1().model_name(Model::V3Omni)).sound(Sound::On), &[]),
            (o1().model_name(Model::V2_6), &["kling-v2-6 was not seen to do a video of this kind"]),
        ] {
            assert_eq!(
                (request.check(), request.warnings()),
                (Ok(()), warned.iter().map(|warning| (*warning).to_owned()).collect())
            );
        }
    }

    #[test]
    fn a_broken_rule_is_named_with_its_field() {
        let wide = || OmniVideo::new("a fox").aspect_ratio(AspectRatio::Wide);
        let image = || ReferenceImage::new("https://a/i.png");
        for (request, field) in [
            (OmniVideo::new("a fox"), "aspect_ratio"),
            (wide().image_list(vec![image(); 8]), "image_list"),
            (
                wide().image_list(vec![image(); 5]).video_list([ReferenceVideo::feature("https://a/v")]),
                "image_list",
            ),
            (wide().video_list(vec![ReferenceVideo::feature("https://a/v"); 2]), "video_list"),
            (wide().video_list([ReferenceVideo::feature("a/v")]), "video_list.video_url"),
            (wide().video_list([ReferenceVideo::feature("https://a/v")]).sound(Sound::On), "sound"),
            (wide().video_list([ReferenceVideo::base("https://a/v")]).duration(Duration::S5), "duration"),
            (
                wide().image_list([image(), image(), ReferenceImage::end_frame("https://a/i")]),
                "image_list.type",
            ),
        ] {
            assert_eq!(request.check().map_err(|error| error.field()), Err(field));
        }
    }
}
