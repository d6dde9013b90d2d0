//! Combinations of models and features that were seen to work. Others only cause warnings, because Kling changes faster
//! than this table.

use crate::kling::requests::{
    camera::CameraControl,
    duration::Duration,
    vocabulary::{Mode, Model},
};

/// Feature of a model that a request uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// A video from a text.
    Text,
    /// A video from a first image.
    Image,
    /// A video from a first and a last image.
    FirstAndLast,
    /// A video from a last image alone.
    LastAlone,
    /// Brushes.
    Brush,
    /// A camera movement in a video from a text.
    CameraOnText,
    /// A camera movement in a video from an image.
    CameraOnImage,
}

/// Modes and lengths in seconds of a model for a feature. A model without modes has an empty list of them.
struct Row(Model, Use, &'static [&'static str], &'static [u64]);

const BOTH: &[&str] = &["std", "pro"];
const PRO: &[&str] = &["pro"];
const STD: &[&str] = &["std"];
const NONE: &[&str] = &[];
pub(crate) const FIVE: &[u64] = &[5];
pub(crate) const FIVE_TEN: &[u64] = &[5, 10];
pub(crate) const THREE_TO_TEN: &[u64] = &[3, 4, 5, 6, 7, 8, 9, 10];
/// Models without `cfg_scale`.
const WITHOUT_CFG_SCALE: [Model; 5] =
    [Model::V2Master, Model::V2_1Master, Model::V2_1, Model::V2_5Turbo, Model::V2_6];
const TO_FIFTEEN: &[u64] = &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const SUPPORTED: [Row; 30] = [
    Row(Model::V1, Use::Text, BOTH, FIVE_TEN),
    Row(Model::V1, Use::Image, BOTH, FIVE_TEN),
    Row(Model::V1, Use::FirstAndLast, BOTH, FIVE),
    Row(Model::V1, Use::Brush, BOTH, FIVE),
    Row(Model::V1, Use::CameraOnText, STD, FIVE),
    Row(Model::V1_5, Use::Image, BOTH, FIVE_TEN),
    Row(Model::V1_5, Use::FirstAndLast, PRO, FIVE_TEN),
    Row(Model::V1_5, Use::LastAlone, PRO, FIVE_TEN),
    Row(Model::V1_5, Use::Brush, PRO, FIVE),
    Row(Model::V1_5, Use::CameraOnImage, PRO, FIVE),
    Row(Model::V1_6, Use::Text, BOTH, FIVE_TEN),
    Row(Model::V1_6, Use::Image, BOTH, FIVE_TEN),
    Row(Model::V1_6, Use::FirstAndLast, PRO, FIVE_TEN),
    Row(Model::V1_6, Use::LastAlone, PRO, FIVE_TEN),
    Row(Model::V2Master, Use::Text, NONE, FIVE_TEN),
    Row(Model::V2Master, Use::Image, NONE, FIVE_TEN),
    Row(Model::V2_1Master, Use::Text, NONE, FIVE_TEN),
    Row(Model::V2_1Master, Use::Image, NONE, FIVE_TEN),
    Row(Model::V2_1, Use::Image, BOTH, FIVE_TEN),
    Row(Model::V2_1, Use::FirstAndLast, PRO, FIVE_TEN),
    Row(Model::V2_5Turbo, Use::Text, BOTH, FIVE_TEN),
    Row(Model::V2_5Turbo, Use::Image, BOTH, FIVE_TEN),
    Row(Model::V2_5Turbo, Use::FirstAndLast, PRO, FIVE_TEN),
    Row(Model::V2_6, Use::Text, BOTH, FIVE_TEN),
    Row(Model::V2_6, Use::Image, BOTH, FIVE_TEN),
    Row(Model::V2_6, Use::FirstAndLast, PRO, FIVE_TEN),
    Row(Model::V3, Use::Text, &["std", "pro", "4k"], TO_FIFTEEN),
    Row(Model::V3, Use::Image, &["std", "pro", "4k"], TO_FIFTEEN),
    Row(Model::V3, Use::FirstAndLast, &["std", "pro", "4k"], TO_FIFTEEN),
    Row(Model::V3, Use::CameraOnText, &["std", "pro", "4k"], TO_FIFTEEN),
];

/// Features that a request asks a model for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) model: &'a Model,
    pub(crate) mode: Option<&'a Mode>,
    pub(crate) duration: &'a Duration,
    pub(crate) uses: &'a [Use],
    pub(crate) camera: Option<&'a CameraControl>,
    pub(crate) sound: bool,
    pub(crate) voices: bool,
    pub(crate) cfg_scale: bool,
}

/// Describes the features of a request that the model was not seen to support.
pub(crate) fn warnings(wish: Wish<'_>) -> Vec<String> {
    let Wish { model, duration, .. } = wish;
    let mut warnings = Vec::new();
    if !SUPPORTED.iter().any(|row| row.0 == *model) {
        return warnings;
    }
    for wanted in wish.uses {
        let Some(Row(_, _, modes, seconds)) =
            SUPPORTED.iter().find(|row| row.0 == *model && row.1 == *wanted)
        else {
            warnings.push(format!("{model} was not seen to do {}", name(*wanted)));
            continue;
        };
        match wish.mode {
            Some(mode) if modes.is_empty() => {
                warnings.push(format!("{model} has no mode, and {mode} is set"))
            }
            _ => {
                let mode = wish.mode_in_use();
                if !modes.is_empty() && !modes.contains(&mode) {
                    warnings.push(format!("{model} was not seen to do {} in mode {mode}", name(*wanted)));
                }
            }
        }
        if duration.seconds().is_some_and(|length| !seconds.contains(&length)) {
            warnings.push(format!("{model} was not seen to do {} for {duration} s", name(*wanted)));
        }
    }
    warnings.extend(wish.doubtful_sound());
    if wish.cfg_scale && WITHOUT_CFG_SCALE.contains(model) {
        warnings.push(format!("{model} was not seen to take a cfg_scale"));
    }
    if let Some(camera) = wish.camera
        && *model == Model::V1_5
        && !matches!(camera, CameraControl::Simple(_))
    {
        warnings.push(format!("{model} was not seen to do the camera movement {}", camera.kind()));
    }
    warnings
}

impl Wish<'_> {
    fn mode_in_use(&self) -> &str {
        self.mode.map_or("std", Mode::as_str)
    }

    fn doubtful_sound(&self) -> Vec<String> {
        let (model, mode) = (self.model, self.mode_in_use());
        let mut doubts = Vec::new();
        match model {
            Model::V3 => {}
            Model::V2_6 => {
                if self.sound && self.uses.contains(&Use::FirstAndLast) {
                    doubts.push(format!("{model} was not seen to make sound between two pictures"));
                }
                if self.sound && mode != "pro" {
                    doubts.push(format!("{model} was not seen to make sound in mode {mode}"));
                }
                if self.voices && mode != "pro" {
                    doubts.push(format!("{model} was not seen to use voices in mode {mode}"));
                }
            }
            _ => {
                if self.sound {
                    doubts.push(format!("{model} was not seen to make sound"));
                }
                if self.voices {
                    doubts.push(format!("{model} was not seen to use voices"));
                }
            }
        }
        doubts
    }
}

/// Describes a length that is not among those seen for `subject`.
pub(crate) fn doubtful_length(subject: &str, duration: Option<&Duration>, seen: &[u64]) -> Option<String> {
    let duration = duration?;
    let doubtful = duration.seconds().is_some_and(|length| !seen.contains(&length));
    doubtful.then(|| format!("{subject} was not seen to take a duration of {duration} s"))
}

fn name(wanted: Use) -> &'static str {
    match wanted {
        Use::Text => "a video from a text",
        Use::Image => "a video from a picture",
        Use::FirstAndLast => "a video from a first and a last picture",
        Use::LastAlone => "a video from a last picture alone",
        Use::Brush => "brushes",
        Use::CameraOnText | Use::CameraOnImage => "camera movements",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kling::requests::camera::CameraConfig;

    #[test]
    fn what_a_model_was_not_seen_to_do_is_warned_about() {
        for (model, mode, duration, uses, warned) in [
            (Model::V1, None, Duration::S5, &[Use::Text][..], &[][..]),
            (
                Model::V2_5Turbo,
                None,
                Duration::S5,
                &[Use::FirstAndLast],
                &["kling-v2-5-turbo was not seen to do a video from a first and a last picture in mode std"],
            ),
            (
                Model::V2_1,
                None,
                Duration::S5,
                &[Use::Text],
                &["kling-v2-1 was not seen to do a video from a text"],
            ),
            (
                Model::V2Master,
                Some(Mode::Pro),
                Duration::S5,
                &[Use::Text],
                &["kling-v2-master has no mode, and pro is set"],
            ),
            (
                Model::V2_6,
                None,
                Duration::Seconds(7),
                &[Use::Text],
                &["kling-v2-6 was not seen to do a video from a text for 7 s"],
            ),
            (Model::from("kling-v9"), Some(Mode::FourK), Duration::Seconds(60), &[Use::Text], &[]),
        ] {
            let wish = Wish { mode: mode.as_ref(), duration: &duration, uses, ..plain(&model) };
            assert_eq!(warnings(wish), warned);
        }
    }

    fn plain(model: &Model) -> Wish<'_> {
        Wish {
            model,
            mode: None,
            duration: &Duration::S5,
            uses: &[Use::Image],
            camera: None,
            sound: false,
            voices: false,
            cfg_scale: false,
        }
    }

    #[test]
    fn sound_voices_cfg_scale_and_camera_movements_are_warned_about() {
        let (back, simple) = (CameraControl::DownBack, CameraControl::Simple(CameraConfig::default()));
        let (v1, v1_5, v2_5) = (&Model::V1, &Model::V1_5, &Model::V2_5Turbo);
        let (v2_6, v3) = (&Model::V2_6, &Model::V3);
        let pro = Some(&Mode::Pro);
        let both = &[Use::FirstAndLast][..];
        let camera = &[Use::CameraOnImage][..];
        for (wish, warned) in [
            (Wish { sound: true, ..plain(v2_6) }, &["kling-v2-6 was not seen to make sound in mode std"][..]),
            (Wish { sound: true, voices: true, mode: pro, ..plain(v2_6) }, &[]),
            (
                Wish { sound: true, mode: pro, uses: both, ..plain(v2_6) },
                &["kling-v2-6 was not seen to make sound between two pictures"],
            ),
            (Wish { mode: pro, uses: both, ..plain(v2_6) }, &[]),
            (
                Wish { sound: true, voices: true, ..plain(v2_6) },
                &[
                    "kling-v2-6 was not seen to make sound in mode std",
                    "kling-v2-6 was not seen to use voices in mode std",
                ],
            ),
            (Wish { sound: true, ..plain(v2_5) }, &["kling-v2-5-turbo was not seen to make sound"]),
            (Wish { sound: true, voices: true, cfg_scale: true, ..plain(v3) }, &[]),
            (Wish { cfg_scale: true, ..plain(v2_6) }, &["kling-v2-6 was not seen to take a cfg_scale"]),
            (Wish { cfg_scale: true, ..plain(v1) }, &[]),
            (
                Wish { camera: Some(&back), mode: pro, uses: camera, ..plain(v1_5) },
                &["kling-v1-5 was not seen to do the camera movement down_back"],
            ),
            (Wish { camera: Some(&simple), mode: pro, uses: camera, ..plain(v1_5) }, &[]),
        ] {
            assert_eq!(warnings(wish), warned, "{wish:?}");
        }
    }
}
