//! Combinations of models and features that were seen to work. Others only cause warnings, because Kling changes faster
//! than this table.

use crate::kling::requests::{
    camera::CameraControl,
    duration::Duration,
    vocabulary::{Mode, Model},
};

/// Feature of a model that a request uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
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
struct SupportRow(Model, Feature, &'static [&'static str], &'static [u64]);

const STD_PRO: &[&str] = &["std", "pro"];
const STD_PRO_4K: &[&str] = &["std", "pro", "4k"];
const PRO_ONLY: &[&str] = &["pro"];
const STD_ONLY: &[&str] = &["std"];
const NO_MODES: &[&str] = &[];
/// Lengths in seconds.
pub(crate) const LENGTHS_5: &[u64] = &[5];
pub(crate) const LENGTHS_5_10: &[u64] = &[5, 10];
pub(crate) const LENGTHS_3_TO_10: &[u64] = &[3, 4, 5, 6, 7, 8, 9, 10];
/// Models without `cfg_scale`.
const WITHOUT_CFG_SCALE: [Model; 5] =
    [Model::V2Master, Model::V2_1Master, Model::V2_1, Model::V2_5Turbo, Model::V2_6];
const LENGTHS_3_TO_15: &[u64] = &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const SUPPORTED: [SupportRow; 30] = [
    SupportRow(Model::V1, Feature::Text, STD_PRO, LENGTHS_5_10),
    SupportRow(Model::V1, Feature::Image, STD_PRO, LENGTHS_5_10),
    SupportRow(Model::V1, Feature::FirstAndLast, STD_PRO, LENGTHS_5),
    SupportRow(Model::V1, Feature::Brush, STD_PRO, LENGTHS_5),
    SupportRow(Model::V1, Feature::CameraOnText, STD_ONLY, LENGTHS_5),
    SupportRow(Model::V1_5, Feature::Image, STD_PRO, LENGTHS_5_10),
    SupportRow(Model::V1_5, Feature::FirstAndLast, PRO_ONLY, LENGTHS_5_10),
    SupportRow(Model::V1_5, Feature::LastAlone, PRO_ONLY, LENGTHS_5_10),
    SupportRow(Model::V1_5, Feature::Brush, PRO_ONLY, LENGTHS_5),
    SupportRow(Model::V1_5, Feature::CameraOnImage, PRO_ONLY, LENGTHS_5),
    SupportRow(Model::V1_6, Feature::Text, STD_PRO, LENGTHS_5_10),
    SupportRow(Model::V1_6, Feature::Image, STD_PRO, LENGTHS_5_10),
    SupportRow(Model::V1_6, Feature::FirstAndLast, PRO_ONLY, LENGTHS_5_10),
    SupportRow(Model::V1_6, Feature::LastAlone, PRO_ONLY, LENGTHS_5_10),
    SupportRow(Model::V2Master, Feature::Text, NO_MODES, LENGTHS_5_10),
    SupportRow(Model::V2Master, Feature::Image, NO_MODES, LENGTHS_5_10),
    SupportRow(Model::V2_1Master, Feature::Text, NO_MODES, LENGTHS_5_10),
    SupportRow(Model::V2_1Master, Feature::Image, NO_MODES, LENGTHS_5_10),
    SupportRow(Model::V2_1, Feature::Image, STD_PRO, LENGTHS_5_10),
    SupportRow(Model::V2_1, Feature::FirstAndLast, PRO_ONLY, LENGTHS_5_10),
    SupportRow(Model::V2_5Turbo, Feature::Text, STD_PRO, LENGTHS_5_10),
    SupportRow(Model::V2_5Turbo, Feature::Image, STD_PRO, LENGTHS_5_10),
    SupportRow(Model::V2_5Turbo, Feature::FirstAndLast, PRO_ONLY, LENGTHS_5_10),
    SupportRow(Model::V2_6, Feature::Text, STD_PRO, LENGTHS_5_10),
    SupportRow(Model::V2_6, Feature::Image, STD_PRO, LENGTHS_5_10),
    SupportRow(Model::V2_6, Feature::FirstAndLast, PRO_ONLY, LENGTHS_5_10),
    SupportRow(Model::V3, Feature::Text, STD_PRO_4K, LENGTHS_3_TO_15),
    SupportRow(Model::V3, Feature::Image, STD_PRO_4K, LENGTHS_3_TO_15),
    SupportRow(Model::V3, Feature::FirstAndLast, STD_PRO_4K, LENGTHS_3_TO_15),
    SupportRow(Model::V3, Feature::CameraOnText, STD_PRO_4K, LENGTHS_3_TO_15),
];

/// A model, and the features of it that a request uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FeatureUse<'a> {
    pub(crate) model: &'a Model,
    pub(crate) mode: Option<&'a Mode>,
    pub(crate) duration: &'a Duration,
    pub(crate) features: &'a [Feature],
    pub(crate) camera: Option<&'a CameraControl>,
    pub(crate) sound: bool,
    pub(crate) voices: bool,
    pub(crate) cfg_scale: bool,
}

/// Describes the features of a request that the model was not seen to support.
pub(crate) fn warnings(request: FeatureUse<'_>) -> Vec<String> {
    let FeatureUse { model, duration, .. } = request;
    let mut warnings = Vec::new();
    if !SUPPORTED.iter().any(|row| row.0 == *model) {
        return warnings;
    }
    for feature in request.features {
        let Some(SupportRow(_, _, modes, seconds)) =
            SUPPORTED.iter().find(|row| row.0 == *model && row.1 == *feature)
        else {
            warnings.push(format!("{model} was not seen to do {}", name(*feature)));
            continue;
        };
        match request.mode {
            Some(mode) if modes.is_empty() => {
                warnings.push(format!("{model} has no mode, and {mode} is set"))
            }
            _ => {
                let mode = request.mode_in_use();
                if !modes.is_empty() && !modes.contains(&mode) {
                    warnings.push(format!("{model} was not seen to do {} in mode {mode}", name(*feature)));
                }
            }
        }
        if duration.seconds().is_some_and(|length| !seconds.contains(&length)) {
            warnings.push(format!("{model} was not seen to do {} for {duration} s", name(*feature)));
        }
    }
    warnings.extend(request.sound_warnings());
    if request.cfg_scale && WITHOUT_CFG_SCALE.contains(model) {
        warnings.push(format!("{model} was not seen to take a cfg_scale"));
    }
    if let Some(camera) = request.camera
        && *model == Model::V1_5
        && !matches!(camera, CameraControl::Simple(_))
    {
        warnings.push(format!("{model} was not seen to do the camera movement {}", camera.kind()));
    }
    warnings
}

impl FeatureUse<'_> {
    fn mode_in_use(&self) -> &str {
        self.mode.map_or("std", Mode::as_str)
    }

    fn sound_warnings(&self) -> Vec<String> {
        let (model, mode) = (self.model, self.mode_in_use());
        let mut warnings = Vec::new();
        match model {
            Model::V3 => {}
            Model::V2_6 => {
                if self.sound && self.features.contains(&Feature::FirstAndLast) {
                    warnings.push(format!("{model} was not seen to make sound between two pictures"));
                }
                if self.sound && mode != "pro" {
                    warnings.push(format!("{model} was not seen to make sound in mode {mode}"));
                }
                if self.voices && mode != "pro" {
                    warnings.push(format!("{model} was not seen to use voices in mode {mode}"));
                }
            }
            _ => {
                if self.sound {
                    warnings.push(format!("{model} was not seen to make sound"));
                }
                if self.voices {
                    warnings.push(format!("{model} was not seen to use voices"));
                }
            }
        }
        warnings
    }
}

/// Describes a length that is not among those seen for `subject`.
pub(crate) fn length_warning(subject: &str, duration: Option<&Duration>, seen: &[u64]) -> Option<String> {
    let duration = duration?;
    let is_unseen = duration.seconds().is_some_and(|length| !seen.contains(&length));
    is_unseen.then(|| format!("{subject} was not seen to take a duration of {duration} s"))
}

fn name(feature: Feature) -> &'static str {
    match feature {
        Feature::Text => "a video from a text",
        Feature::Image => "a video from a picture",
        Feature::FirstAndLast => "a video from a first and a last picture",
        Feature::LastAlone => "a video from a last picture alone",
        Feature::Brush => "brushes",
        Feature::CameraOnText | Feature::CameraOnImage => "camera movements",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kling::requests::camera::CameraConfig;

    #[test]
    fn an_unseen_feature_of_a_model_is_a_warning() {
        for (model, mode, duration, features, warned) in [
            (Model::V1, None, Duration::S5, &[Feature::Text][..], &[][..]),
            (
                Model::V2_5Turbo,
                None,
                Duration::S5,
                &[Feature::FirstAndLast],
                &["kling-v2-5-turbo was not seen to do a video from a first and a last picture in mode std"],
            ),
            (
                Model::V2_1,
                None,
                Duration::S5,
                &[Feature::Text],
                &["kling-v2-1 was not seen to do a video from a text"],
            ),
            (
                Model::V2Master,
                Some(Mode::Pro),
                Duration::S5,
                &[Feature::Text],
                &["kling-v2-master has no mode, and pro is set"],
            ),
            (
                Model::V2_6,
                None,
                Duration::Seconds(7),
                &[Feature::Text],
                &["kling-v2-6 was not seen to do a video from a text for 7 s"],
            ),
            (Model::from("kling-v9"), Some(Mode::FourK), Duration::Seconds(60), &[Feature::Text], &[]),
        ] {
            let request = FeatureUse { mode: mode.as_ref(), duration: &duration, features, ..plain(&model) };
            assert_eq!(warnings(request), warned);
        }
    }

    fn plain(model: &Model) -> FeatureUse<'_> {
        FeatureUse {
            model,
            mode: None,
            duration: &Duration::S5,
            features: &[Feature::Image],
            camera: None,
            sound: false,
            voices: false,
            cfg_scale: false,
        }
    }

    #[test]
    fn unseen_sound_voices_and_movements_are_warnings() {
        let (back, simple) = (CameraControl::DownBack, CameraControl::Simple(CameraConfig::default()));
        let (v1, v1_5, v2_5) = (&Model::V1, &Model::V1_5, &Model::V2_5Turbo);
        let (v2_6, v3) = (&Model::V2_6, &Model::V3);
        let pro = Some(&Mode::Pro);
        let both = &[Feature::FirstAndLast][..];
        let camera = &[Feature::CameraOnImage][..];
        for (request, warned) in [
            (
                FeatureUse { sound: true, ..plain(v2_6) },
                &["kling-v2-6 was not seen to make sound in mode std"][..],
            ),
            (FeatureUse { sound: true, voices: true, mode: pro, ..plain(v2_6) }, &[]),
            (
                FeatureUse { sound: true, mode: pro, features: both, ..plain(v2_6) },
                &["kling-v2-6 was not seen to make sound between two pictures"],
            ),
            (FeatureUse { mode: pro, features: both, ..plain(v2_6) }, &[]),
            (
                FeatureUse { sound: true, voices: true, ..plain(v2_6) },
                &[
                    "kling-v2-6 was not seen to make sound in mode std",
                    "kling-v2-6 was not seen to use voices in mode std",
                ],
            ),
            (FeatureUse { sound: true, ..plain(v2_5) }, &["kling-v2-5-turbo was not seen to make sound"]),
            (FeatureUse { sound: true, voices: true, cfg_scale: true, ..plain(v3) }, &[]),
            (FeatureUse { cfg_scale: true, ..plain(v2_6) }, &["kling-v2-6 was not seen to take a cfg_scale"]),
            (FeatureUse { cfg_scale: true, ..plain(v1) }, &[]),
            (
                FeatureUse { camera: Some(&back), mode: pro, features: camera, ..plain(v1_5) },
                &["kling-v1-5 was not seen to do the camera movement down_back"],
            ),
            (FeatureUse { camera: Some(&simple), mode: pro, features: camera, ..plain(v1_5) }, &[]),
        ] {
            assert_eq!(warnings(request), warned, "{request:?}");
        }
    }
}
