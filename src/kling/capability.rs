//! Which model was seen to do what. Its promise: it only warns, since the vendor moves faster than this table; a model
//! that is not in it is not warned about.

use super::{
    duration::Duration,
    vocabulary::{Mode, Model},
};

/// What a request uses of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// A video from a text.
    Text,
    /// A video from a first picture.
    Image,
    /// From a first and a last one.
    FirstAndLast,
    /// From a last one alone.
    LastAlone,
    /// Brushes.
    Brush,
    /// A camera movement, in a video from a text.
    CameraOnText,
    /// A camera movement, in a video from a picture.
    CameraOnImage,
}

/// The modes and the seconds that a model has for a use. No modes: the model has none to choose from.
struct Row(Model, Use, &'static [&'static str], &'static [u64]);

const BOTH: &[&str] = &["std", "pro"];
const PRO: &[&str] = &["pro"];
const STD: &[&str] = &["std"];
const NONE: &[&str] = &[];
const FIVE: &[u64] = &[5];
const FIVE_TEN: &[u64] = &[5, 10];
const TO_FIFTEEN: &[u64] = &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const TABLE: [Row; 30] = [
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

/// What of a request the vendor is unlikely to take.
pub(crate) fn warnings(model: &Model, mode: Option<&Mode>, duration: &Duration, uses: &[Use]) -> Vec<String> {
    let mut warnings = Vec::new();
    if !TABLE.iter().any(|row| row.0 == *model) {
        return warnings;
    }
    for wanted in uses {
        let Some(Row(_, _, modes, seconds)) = TABLE.iter().find(|row| row.0 == *model && row.1 == *wanted)
        else {
            warnings.push(format!("{model} was not seen to do {}", name(*wanted)));
            continue;
        };
        match mode {
            Some(mode) if modes.is_empty() => {
                warnings.push(format!("{model} has no mode, and {mode} is set"))
            }
            _ => {
                let mode = mode.map_or("std", Mode::as_str);
                if !modes.is_empty() && !modes.contains(&mode) {
                    warnings.push(format!("{model} was not seen to do {} in mode {mode}", name(*wanted)));
                }
            }
        }
        if duration.seconds().is_some_and(|length| !seconds.contains(&length)) {
            warnings.push(format!("{model} was not seen to do {} for {duration} s", name(*wanted)));
        }
    }
    warnings
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
            assert_eq!(warnings(&model, mode.as_ref(), &duration, uses), warned);
        }
    }
}
