//! What the stand-in offers below `/v1`, and what each endpoint needs and makes.

use serde_json::{Value, json};

/// What a task makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Makes {
    Video,
    ExtendedVideo,
    Image,
    Audio,
    Soundtrack,
    Element,
    Voice,
    Views,
}

/// An endpoint that makes tasks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) makes: Makes,
    /// What the account's slots are counted by.
    pub(crate) pack: &'static str,
    /// Fields without which a request is refused; of those with `|` one suffices.
    needs: &'static [&'static str],
}

const fn endpoint(
    path: &'static str,
    makes: Makes,
    pack: &'static str,
    needs: &'static [&'static str],
) -> Endpoint {
    Endpoint { path, makes, pack, needs }
}

pub(crate) const TASKS: [Endpoint; 21] = [
    endpoint("/v1/videos/text2video", Makes::Video, "video", &[]),
    endpoint("/v1/videos/image2video", Makes::Video, "video", &["image|image_tail"]),
    endpoint("/v1/videos/multi-image2video", Makes::Video, "video", &["prompt", "image_list"]),
    endpoint("/v1/videos/omni-video", Makes::Video, "video", &["prompt|multi_prompt"]),
    endpoint(
        "/v1/videos/motion-control",
        Makes::Video,
        "video",
        &["image_url", "video_url", "character_orientation", "mode"],
    ),
    endpoint("/v1/videos/multi-elements", Makes::Video, "video", &["session_id", "edit_mode", "prompt"]),
    endpoint("/v1/videos/video-extend", Makes::ExtendedVideo, "video", &["video_id"]),
    endpoint("/v1/videos/advanced-lip-sync", Makes::ExtendedVideo, "video", &["session_id", "face_choose"]),
    endpoint("/v1/videos/lip-sync", Makes::ExtendedVideo, "video", &["input"]),
    endpoint("/v1/videos/avatar/image2video", Makes::Video, "video", &["image", "audio_id|sound_file"]),
    endpoint("/v1/videos/effects", Makes::Video, "video", &["effect_scene", "input"]),
    endpoint("/v1/audio/video-to-audio", Makes::Soundtrack, "video", &["video_id|video_url"]),
    endpoint("/v1/audio/text-to-audio", Makes::Audio, "video", &["prompt", "duration"]),
    endpoint("/v1/images/generations", Makes::Image, "image", &["prompt"]),
    endpoint("/v1/images/omni-image", Makes::Image, "image", &["prompt"]),
    endpoint("/v1/images/multi-image2image", Makes::Image, "image", &["subject_image_list"]),
    endpoint(
        "/v1/images/editing/expand",
        Makes::Image,
        "image",
        &[
            "image",
            "up_expansion_ratio",
            "down_expansion_ratio",
            "left_expansion_ratio",
            "right_expansion_ratio",
        ],
    ),
    endpoint("/v1/images/kolors-virtual-try-on", Makes::Image, "try-on", &["human_image", "cloth_image"]),
    endpoint("/v1/general/ai-multi-shot", Makes::Views, "image", &["element_frontal_image"]),
    endpoint(
        "/v1/general/advanced-custom-elements",
        Makes::Element,
        "image",
        &["element_name", "element_description", "reference_type"],
    ),
    endpoint("/v1/general/custom-voices", Makes::Voice, "video", &["voice_name", "voice_url|video_id"]),
];

/// The endpoint of a path, or of a path with an id behind it.
pub(crate) fn find(path: &str) -> Option<&'static Endpoint> {
    TASKS.iter().find(|endpoint| path == endpoint.path)
}

const MODELS: [&str; 18] = [
    "kling-v1",
    "kling-v1-5",
    "kling-v1-6",
    "kling-v2-master",
    "kling-v2-1-master",
    "kling-v2-1",
    "kling-v2-5-turbo",
    "kling-v2-6",
    "kling-v3",
    "kling-video-o1",
    "kling-v3-omni",
    "kling-v2",
    "kling-v2-new",
    "kling-image-o1",
    "kolors-virtual-try-on-v1",
    "kolors-virtual-try-on-v1-5",
    "kling-3.0",
    "kling-2.6",
];

/// HTTP status, code and message of a refusal.
pub(crate) type Refusal = (u16, i64, String);

/// What the vendor's tables say of the fields.
pub(crate) fn check(endpoint: &Endpoint, body: &Value) -> Result<(), Refusal> {
    if !body.is_object() {
        return Err((400, 1200, "Invalid request parameters".to_owned()));
    }
    if let Some(model) = body.get("model_name")
        && !model.as_str().is_some_and(|model| MODELS.contains(&model))
    {
        return Err((404, 1203, "model is not supported".to_owned()));
    }
    let there = |name: &str| match &body[name] {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    for needed in endpoint.needs {
        if !needed.split('|').any(there) {
            return Err((400, 1201, format!("{needed} is required")));
        }
    }
    let enums: [(&str, &[&str]); 5] = [
        ("mode", &["std", "pro", "4k"]),
        ("sound", &["on", "off"]),
        ("shot_type", &["customize", "intelligence"]),
        ("edit_mode", &["addition", "swap", "removal"]),
        ("character_orientation", &["image", "video"]),
    ];
    for (field, words) in enums {
        if let Some(value) = body.get(field)
            && !value.as_str().is_some_and(|word| words.contains(&word))
        {
            return Err((400, 1201, format!("{field} value is invalid")));
        }
    }
    if let Some(duration) = body.get("duration") {
        // Of videos it is a string, and the vendor refuses the number; of sounds it is a number.
        let fits = match endpoint.makes {
            Makes::Audio => duration.as_f64().is_some_and(|seconds| (3.0..=10.0).contains(&seconds)),
            _ => {
                let seconds = duration.as_str().and_then(|text| text.parse::<u8>().ok());
                seconds.is_some_and(|seconds| (3..=15).contains(&seconds))
            }
        };
        if !fits {
            return Err((400, 1201, "duration value is invalid".to_owned()));
        }
    }
    if endpoint.path == "/v1/videos/text2video" {
        let prompt = body["prompt"].as_str().unwrap_or_default();
        if (prompt.is_empty() && body["shot_type"] != "customize") || prompt.chars().count() > 2500 {
            return Err((400, 1201, "prompt is invalid".to_owned()));
        }
        if let Some(ratio) = body.get("aspect_ratio")
            && !matches!(ratio.as_str(), Some("16:9" | "9:16" | "1:1"))
        {
            return Err((400, 1201, "aspect_ratio value is invalid".to_owned()));
        }
    }
    Ok(())
}

/// The `task_result` of a task that ended well. `count` is how many were asked for.
pub(crate) fn result(makes: Makes, id: &str, duration: &str, count: u64, base_url: &str) -> Value {
    let url = |name: &str| format!("{base_url}/files/{name}?x-kcdn-pid=stand-in-signature");
    let video =
        || json!({"id": format!("{id}-video"), "url": url(&format!("{id}.mp4")), "duration": duration});
    match makes {
        Makes::Video | Makes::ExtendedVideo => json!({"videos": [video()]}),
        Makes::Image => {
            let images = (0..count).map(|at| json!({"index": at, "url": url(&format!("{id}-{at}.png"))}));
            json!({"images": images.collect::<Vec<_>>()})
        }
        Makes::Audio => json!({"audios": [{"id": format!("{id}-audio"), "url_mp3": url(&format!("{id}.mp3")),
            "url_wav": url(&format!("{id}.wav")), "duration_mp3": "5.146", "duration_wav": "5.08"}]}),
        Makes::Soundtrack => json!({"videos": [video()], "audios": [{"id": format!("{id}-audio"),
            "url_mp3": url(&format!("{id}.mp3")), "url_wav": url(&format!("{id}.wav")),
            "duration_mp3": "5.146", "duration_wav": "5.08"}]}),
        Makes::Element => json!({"elements": [{"element_id": id[id.len() - 4..].parse::<u64>().unwrap_or(1),
            "element_name": "made", "reference_type": "image_refer", "owned_by": "me", "status": "succeed"}]}),
        Makes::Voice => json!({"voices": [{"voice_id": format!("voice-{id}"), "voice_name": "made",
            "trial_url": url(&format!("{id}.mp3")), "owned_by": "me"}]}),
        Makes::Views => json!({"images": [{"index": 0, "url_1": url(&format!("{id}-1.png")),
            "url_2": url(&format!("{id}-2.png")), "url_3": url(&format!("{id}-3.png"))}]}),
    }
}

/// What is answered at once: the path, the fields it needs, and `data`.
pub(crate) const IMMEDIATE: [(&str, &[&str]); 12] = [
    ("/v1/videos/identify-face", &["video_id|video_url"]),
    ("/v1/videos/image-recognize", &["image"]),
    ("/v1/audio/tts", &["text", "voice_id", "voice_language"]),
    ("/v1/videos/multi-elements/init-selection", &["video_id|video_url"]),
    ("/v1/videos/multi-elements/add-selection", &["session_id", "points"]),
    ("/v1/videos/multi-elements/delete-selection", &["session_id", "points"]),
    ("/v1/videos/multi-elements/clear-selection", &["session_id"]),
    ("/v1/videos/multi-elements/preview-selection", &["session_id"]),
    ("/v1/general/custom-elements", &["element_name", "element_frontal_image"]),
    ("/v1/general/delete-advanced-elements", &["element_id"]),
    ("/v1/general/delete-elements", &["element_id"]),
    ("/v1/general/delete-voices", &["voice_id"]),
];

/// The `data` of what is answered at once.
pub(crate) fn answer(path: &str, id: &str, base_url: &str, body: &Value) -> Result<Value, Refusal> {
    let (_, needs) = IMMEDIATE.iter().find(|(known, _)| *known == path).ok_or((
        404,
        1203,
        "The requested resource does not exist".to_owned(),
    ))?;
    for needed in *needs {
        if !needed.split('|').any(|name| !body[name].is_null()) {
            return Err((400, 1201, format!("{needed} is required")));
        }
    }
    let url = |name: &str| format!("{base_url}/files/{name}?x-kcdn-pid=stand-in-signature");
    let selection = || {
        json!({"status": 0, "session_id": body["session_id"], "final_unit_deduction": "0", "res": {
            "frame_index": body["frame_index"],
            "rle_mask_list": [{"object_id": 0, "rle_mask": {"size": [720, 1280], "counts": "0"},
                "png_mask": {"size": [720, 1280], "base64": ""}}]}})
    };
    let segments = ["object_seg", "head_seg", "face_seg", "cloth_seg"]
        .map(|kind| json!({"type": kind, "is_contain": true, "url": url(&format!("{kind}.png"))}));
    Ok(match path {
        "/v1/videos/identify-face" => {
            json!({"session_id": format!("session-{id}"), "final_unit_deduction": "0.05",
            "face_data": [{"face_id": "0", "face_image": url("face.png"), "start_time": 0, "end_time": 5200}]})
        }
        "/v1/videos/image-recognize" => json!({"final_unit_deduction": "0.05", "task_result": {"images":
            (segments)}}),
        "/v1/audio/tts" => json!({"task_id": id, "task_status": "succeed", "task_status_msg": "",
            "final_unit_deduction": "0.05", "task_result": {"audios":
                [{"id": format!("{id}-audio"), "url": url("speech.mp3"), "duration": "5"}]}}),
        "/v1/videos/multi-elements/init-selection" if body["video_id"] == "too-long" => {
            json!({"status": 1001, "session_id": ""})
        }
        "/v1/videos/multi-elements/init-selection" => {
            json!({"status": 0, "session_id": format!("session-{id}"),
            "final_unit_deduction": "0.05", "fps": 30.0, "original_duration": 5000, "width": 720, "height": 1280,
            "total_frame": 150, "normalized_video": url("normalized.mp4")})
        }
        "/v1/videos/multi-elements/preview-selection" => {
            json!({"status": 0, "res": {"video": url("preview.mp4"),
            "video_cover": url("preview.png"), "tracking_output": url("tracking.mp4")}})
        }
        "/v1/videos/multi-elements/add-selection" | "/v1/videos/multi-elements/delete-selection" => {
            selection()
        }
        "/v1/videos/multi-elements/clear-selection" => json!({"status": 0, "session_id": body["session_id"]}),
        "/v1/general/custom-elements" => {
            json!({"element_id": 77, "element_name": "made", "status": "succeed"})
        }
        _ => json!({"task_id": id, "task_status": "succeed"}),
    })
}
