//! The endpoints below `/v1`: their required fields, the checks of their fields, and the results of their tasks.

use serde_json::{Value, json};

/// Kind of output of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputKind {
    Video,
    ExtendedVideo,
    Image,
    Audio,
    Soundtrack,
    Element,
    Voice,
    Views,
}

/// An endpoint that creates tasks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) output: OutputKind,
    /// Kind of resource pack. The account has a limit of concurrent tasks for each kind.
    pub(crate) pack: &'static str,
    /// Fields that a request must have. Of names separated by `|`, the request must have at least one.
    required_fields: &'static [&'static str],
}

const fn endpoint(
    path: &'static str,
    output: OutputKind,
    pack: &'static str,
    required_fields: &'static [&'static str],
) -> Endpoint {
    Endpoint { path, output, pack, required_fields }
}

/// All endpoints of the legacy design that create tasks.
pub(crate) const TASK_ENDPOINTS: [Endpoint; 21] = [
    endpoint("/v1/videos/text2video", OutputKind::Video, "video", &[]),
    endpoint("/v1/videos/image2video", OutputKind::Video, "video", &["image|image_tail"]),
    endpoint("/v1/videos/multi-image2video", OutputKind::Video, "video", &["prompt", "image_list"]),
    endpoint("/v1/videos/omni-video", OutputKind::Video, "video", &["prompt|multi_prompt"]),
    endpoint(
        "/v1/videos/motion-control",
        OutputKind::Video,
        "video",
        &["image_url", "video_url", "character_orientation", "mode"],
    ),
    endpoint("/v1/videos/multi-elements", OutputKind::Video, "video", &["session_id", "edit_mode", "prompt"]),
    endpoint("/v1/videos/video-extend", OutputKind::ExtendedVideo, "video", &["video_id"]),
    endpoint(
        "/v1/videos/advanced-lip-sync",
        OutputKind::ExtendedVideo,
        "video",
        &["session_id", "face_choose"],
    ),
    endpoint("/v1/videos/lip-sync", OutputKind::ExtendedVideo, "video", &["input"]),
    endpoint("/v1/videos/avatar/image2video", OutputKind::Video, "video", &["image", "audio_id|sound_file"]),
    endpoint("/v1/videos/effects", OutputKind::Video, "video", &["effect_scene", "input"]),
    endpoint("/v1/audio/video-to-audio", OutputKind::Soundtrack, "video", &["video_id|video_url"]),
    endpoint("/v1/audio/text-to-audio", OutputKind::Audio, "video", &["prompt", "duration"]),
    endpoint("/v1/images/generations", OutputKind::Image, "image", &["prompt"]),
    endpoint("/v1/images/omni-image", OutputKind::Image, "image", &["prompt"]),
    endpoint("/v1/images/multi-image2image", OutputKind::Image, "image", &["subject_image_list"]),
    endpoint(
        "/v1/images/editing/expand",
        OutputKind::Image,
        "image",
        &[
            "image",
            "up_expansion_ratio",
            "down_expansion_ratio",
            "left_expansion_ratio",
            "right_expansion_ratio",
        ],
    ),
    endpoint(
        "/v1/images/kolors-virtual-try-on",
        OutputKind::Image,
        "try-on",
        &["human_image", "cloth_image"],
    ),
    endpoint("/v1/general/ai-multi-shot", OutputKind::Views, "image", &["element_frontal_image"]),
    endpoint(
        "/v1/general/advanced-custom-elements",
        OutputKind::Element,
        "image",
        &["element_name", "element_description", "reference_type"],
    ),
    endpoint("/v1/general/custom-voices", OutputKind::Voice, "video", &["voice_name", "voice_url|video_id"]),
];

/// Returns the endpoint at `path`, without an id.
pub(crate) fn endpoint_at(path: &str) -> Option<&'static Endpoint> {
    TASK_ENDPOINTS.iter().find(|endpoint| path == endpoint.path)
}

/// Values of `model_name` that the server accepts.
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

/// HTTP status, Kling's code, and message of an error answer.
pub(crate) type ApiError = (u16, i64, String);

/// Checks the fields of a submission against Kling's documentation.
pub(crate) fn check_fields(endpoint: &Endpoint, body: &Value) -> Result<(), ApiError> {
    if !body.is_object() {
        return Err((400, 1200, "Invalid request parameters".to_owned()));
    }
    if let Some(model) = body.get("model_name")
        && !model.as_str().is_some_and(|model| MODELS.contains(&model))
    {
        return Err((404, 1203, "model is not supported".to_owned()));
    }
    // `null`, an empty string and an empty list count as absent.
    let is_present = |name: &str| match &body[name] {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    for field in endpoint.required_fields {
        if !field.split('|').any(is_present) {
            return Err((400, 1201, format!("{field} is required")));
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
        // The duration of a video is a string, and Kling refuses a number. The duration of a sound is a number.
        let fits = match endpoint.output {
            OutputKind::Audio => duration.as_f64().is_some_and(|seconds| (3.0..=10.0).contains(&seconds)),
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

/// Returns the `task_result` of a task that succeeded. `count` is the number of requested images.
pub(crate) fn task_result(output: OutputKind, id: &str, duration: &str, count: u64, base_url: &str) -> Value {
    let url = |name: &str| format!("{base_url}/files/{name}?x-kcdn-pid=stand-in-signature");
    let video =
        || json!({"id": format!("{id}-video"), "url": url(&format!("{id}.mp4")), "duration": duration});
    match output {
        OutputKind::Video | OutputKind::ExtendedVideo => json!({"videos": [video()]}),
        OutputKind::Image => {
            let images = (0..count).map(|at| json!({"index": at, "url": url(&format!("{id}-{at}.png"))}));
            json!({"images": images.collect::<Vec<_>>()})
        }
        OutputKind::Audio => {
            json!({"audios": [{"id": format!("{id}-audio"), "url_mp3": url(&format!("{id}.mp3")),
            "url_wav": url(&format!("{id}.wav")), "duration_mp3": "5.146", "duration_wav": "5.08"}]})
        }
        OutputKind::Soundtrack => json!({"videos": [video()], "audios": [{"id": format!("{id}-audio"),
            "url_mp3": url(&format!("{id}.mp3")), "url_wav": url(&format!("{id}.wav")),
            "duration_mp3": "5.146", "duration_wav": "5.08"}]}),
        OutputKind::Element => {
            json!({"elements": [{"element_id": id[id.len() - 4..].parse::<u64>().unwrap_or(1),
            "element_name": "made", "reference_type": "image_refer", "owned_by": "me", "status": "succeed"}]})
        }
        OutputKind::Voice => json!({"voices": [{"voice_id": format!("voice-{id}"), "voice_name": "made",
            "trial_url": url(&format!("{id}.mp3")), "owned_by": "me"}]}),
        OutputKind::Views => json!({"images": [{"index": 0, "url_1": url(&format!("{id}-1.png")),
            "url_2": url(&format!("{id}-2.png")), "url_3": url(&format!("{id}-3.png"))}]}),
    }
}

/// Path and required fields of each endpoint that answers without a task.
pub(crate) const IMMEDIATE_ENDPOINTS: [(&str, &[&str]); 12] = [
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

/// Returns the `data` of an answer without a task.
pub(crate) fn immediate_answer(
    path: &str,
    id: &str,
    base_url: &str,
    body: &Value,
) -> Result<Value, ApiError> {
    let (_, required_fields) = IMMEDIATE_ENDPOINTS.iter().find(|(known, _)| *known == path).ok_or((
        404,
        1203,
        "The requested resource does not exist".to_owned(),
    ))?;
    for field in *required_fields {
        if !field.split('|').any(|name| !body[name].is_null()) {
            return Err((400, 1201, format!("{field} is required")));
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
        // A refusal inside a success answer: its code is 0, and the `status` in `data` is not.
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
