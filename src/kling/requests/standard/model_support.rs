//! Features that the models of the new design were seen to support. Others only cause warnings.

use crate::kling::requests::{
    standard::{
        content::{Content, count_of},
        settings::VideoSettings,
    },
    vocabulary::{AudioTrack, Resolution},
};

/// Describes the features of a request that the model was not seen to support.
pub(super) fn warnings(
    path: &str,
    model: &str,
    settings: &VideoSettings,
    contents: &[Content],
) -> Vec<String> {
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
    let mut warnings = Vec::new();
    let mut warn = |what: &str| warnings.push(format!("{model} was not seen to {what}"));
    let moves = path == "/motion-control";
    let has = |kind| count_of(contents, kind) > 0;
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
            warn(&format!("take a duration of {duration}"));
        }
    }
    let full = settings.resolution == Some(Resolution::P1080);
    if settings.resolution == Some(Resolution::FourK)
        && (moves || !matches!(model, "kling-3.0" | "kling-3.0-omni"))
    {
        warn("take 4k");
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
            warn(&format!("take the audio {audio}"));
        } else if *audio == AudioTrack::Native && model == "kling-2.6" && !full {
            warn("take the audio native but at 1080p");
        }
    }
    if has("last_frame") {
        match model {
            "kling-3.0-turbo" => warn("take a last_frame"),
            "kling-2.6" | "kling-2.5-turbo" if !full => warn("take a last_frame but at 1080p"),
            _ => {}
        }
    }
    if settings.multi_shot == Some(true) && !matches!(model, "kling-3.0" | "kling-3.0-omni") {
        warn("take multi_shot");
    }
    if has("element") && !matches!(model, "kling-3.0" | "kling-3.0-omni" | "kling-o1") {
        warn("take an element");
    }
    if has("voice") && model != "kling-2.6" {
        warn("take a voice");
    }
    warnings
}
