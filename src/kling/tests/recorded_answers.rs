//! Decoding of Kling's answers, retyped from its pages and from recordings of other clients.
//!
//! The assertions cover the fields of this crate's types. The types leave out descriptions of the request (a
//! deduction's sound, voice and video input, an element's images and tags) and repetitions of it (a session's video).
//! Masks are kept in Kling's own JSON.

use serde_json::{Value, json};

use crate::kling::{
    api::{envelope::Envelope, json_fields::items, status::TaskStatus},
    billing::ledger::{Deduction, ResourcePack},
    client::{observe::is_moderation, pages::next_cursor},
    outputs::{made::Made, output::Output, task_data::TaskData},
    privacy::scrub::Scrubber,
    requests::{
        AdvancedLipSync, CustomVoice, DeleteVoice, GenerateImage, IdentifyFace, Immediate, InitSelection,
        MultiShot, RecognizeImage, Request, Speech, TextToVideo, VideoExtend, VideoToAudio,
    },
};

fn envelope(data: Value) -> Envelope {
    let body = json!({"code": 0, "message": "string", "request_id": "string", "data": data});
    Envelope::decode(body.to_string().as_bytes(), &Scrubber::default()).expect("an envelope")
}

fn task(data: Value) -> TaskData {
    TaskData::decode(&envelope(data).data, &Scrubber::default()).expect("a task")
}

fn output<R: Request>(task: &TaskData) -> R::Output {
    R::Output::decode(&task.result).expect("an output")
}

fn answer<I: Immediate>(data: Value) -> I::Output {
    assert_eq!(I::refusal(&data), None);
    I::decode(&envelope(data).data).expect("an answer")
}

const AT: i64 = 1_722_769_557_708;

#[test]
fn a_created_task_has_its_external_id_or_none() {
    for (info, named) in [
        (Some(json!({"external_task_id": "probe"})), Some("probe")),
        (Some(json!({})), None),
        (Some(Value::Null), None),
        (None, None),
    ] {
        let mut data = json!({"task_id": "866889456698785798", "task_status": "submitted", "created_at": AT, "updated_at": AT});
        if let Some(info) = info {
            data["task_info"] = info;
        }

        let created = task(data);

        assert_eq!((created.external_task_id.as_deref(), created.created_at), (named, Some(AT)));
    }
}

#[test]
fn tasks_of_each_kind_are_read() {
    let ended = |info: Value, result: Value| {
        task(json!({"task_id": "string", "task_status": "succeed", "task_status_msg": "string",
            "task_info": info, "task_result": result, "watermark_info": {"enabled": false},
            "final_unit_deduction": "2.50", "created_at": AT, "updated_at": AT}))
    };
    let parent = json!({"parent_video": {"id": "string", "url": "https://a/p", "duration": "5"},
        "external_task_id": "string"});
    let video =
        json!({"id": "string", "url": "https://a/v", "watermark_url": "https://a/w", "duration": "10"});

    let made = ended(json!({"external_task_id": "string"}), json!({"videos": [video]}));
    assert_eq!(output::<TextToVideo>(&made).first().duration.as_deref(), Some("10"));
    assert_eq!(made.credits.as_deref(), Some("2.50"));

    let extended = ended(parent.clone(), json!({"videos": [video]}));
    assert_eq!(extended.parent_video.as_ref().and_then(|parent| parent.duration.as_deref()), Some("5"));
    assert_eq!(output::<VideoExtend>(&extended).len(), 1);
    // Results of effects have no length.
    let effect = ended(json!({}), json!({"videos": [{"id": "string", "url": "https://a/v"}]}));
    assert_eq!(output::<AdvancedLipSync>(&effect).first().duration, None);

    let image = ended(
        json!({}),
        json!({"images": [{"index": 0, "url": "https://a/i", "watermark_url": "https://a/w"}]}),
    );
    assert_eq!(output::<GenerateImage>(&image).first().index.as_deref(), Some("0"));

    let sound = ended(
        parent,
        json!({"videos": [{"id": "string", "url": "https://a/v", "duration": "5"}],
        "audios": [{"id": "string", "url_mp3": "https://a/m", "url_wav": "https://a/w", "duration_mp3": "5.146",
            "duration_wav": "5.08"}]}),
    );
    let sound = output::<VideoToAudio>(&sound);
    assert_eq!((sound.videos.len(), sound.audios[0].wav_url.as_deref()), (1, Some("https://a/w")));
    let lengths = [&sound.audios[0].duration, &sound.audios[0].wav_duration].map(Option::as_deref);
    assert_eq!(lengths, [Some("5.146"), Some("5.08")]);

    let voice = ended(
        json!({}),
        json!({"voices": [{"voice_id": "string", "voice_name": "string",
        "trial_url": "https://a/t", "owned_by": "kling"}]}),
    );
    assert_eq!(output::<CustomVoice>(&voice).first().owned_by.as_deref(), Some("kling"));
}

#[test]
fn a_list_is_a_bare_array() {
    let listed =
        envelope(json!([{"task_id": "string", "task_status": "succeed", "task_status_msg": "string",
        "task_info": {"external_task_id": "string"}, "task_result": {"images": [{"index": 0,
            "url_1": "https://a/1", "url_2": "https://a/2", "url_3": "https://a/3"}]},
        "final_unit_deduction": "string", "created_at": AT, "updated_at": AT}]));

    let tasks = listed.data.as_array().expect("an array");

    let first = TaskData::decode(&tasks[0], &Scrubber::default()).expect("a task");
    assert_eq!(output::<MultiShot>(&first).first().other_urls.len(), 2);
}

#[test]
fn immediate_answers_are_read() {
    let faces = answer::<IdentifyFace>(json!({"session_id": "id", "final_unit_deduction": "string",
        "face_data": [{"face_id": "string", "face_image": "url", "start_time": 0, "end_time": 5200}]}));
    assert_eq!((faces.faces[0].start_time, faces.faces[0].end_time), (Some(0), Some(5200)));

    let kinds = ["object_seg", "head_seg", "face_seg", "cloth_seg"];
    let segments = kinds.map(|kind| json!({"type": kind, "is_contain": true, "url": "string"}));
    let segments = answer::<RecognizeImage>(
        json!({"final_unit_deduction": "string", "task_result": {"images": segments}}),
    );
    assert!(segments.segments.iter().map(|segment| segment.kind.as_str()).eq(kinds));
    assert_eq!(segments.segments[0].is_contained, Some(true));

    let speech =
        answer::<Speech>(json!({"task_id": "string", "task_status": "succeed", "task_status_msg": "string",
        "final_unit_deduction": "string", "created_at": AT, "updated_at": AT,
        "task_result": {"audios": [{"id": "string", "url": "https://a/s", "duration": "5"}]}}));
    assert_eq!(speech.first().duration.as_deref(), Some("5"));

    let session =
        answer::<InitSelection>(json!({"status": 0, "session_id": "id", "final_unit_deduction": "string",
        "fps": 30.0, "original_duration": 1000, "width": 720, "height": 1280, "total_frame": 300,
        "normalized_video": "url"}));
    assert_eq!((session.width, session.original_duration), (Some(720), Some(1000)));

    let deleted = answer::<DeleteVoice>(json!({"task_id": "string", "task_status": "succeed"}));
    assert_eq!(deleted.status, Some(TaskStatus::Succeed));
}

#[test]
fn tasks_of_the_new_design_have_results_of_all_kinds() {
    let outputs = |references: &str| {
        json!([
            {"type": "video", "id": "string", "url": "https://a/v", "watermark_url": "https://a/w", "duration": "5"},
            {"type": "image", "url": "https://a/i", "watermark_url": "https://a/w", "group_id": "string"},
            {"type": "audio", "id": "string", "mp3_url": "https://a/m", "wav_url": "https://a/w",
                "mp3_duration": "5", "wav_duration": "5"},
            {"type": "voice", "id": "string", "name": "string", "url": "https://a/t", "owned_by": "string",
                "status": "succeeded"},
            {"type": "element", "id": "string", "name": "string", "description": "string",
                "element_type": "video_character_elements", references: [{"type": "image", "role": "frontal",
                    "url": "string"}], "owned_by": "string", "status": "succeeded",
                "tags": [{"id": 1, "name": "string", "description": "string"}]},
        ])
    };
    for references in ["references", "materials"] {
        let page = envelope(
            json!({"result": [{"id": "893605946402811985", "status": "succeeded", "message": "string",
            "create_time": AT, "update_time": AT, "external_id": "string", "outputs": outputs(references),
            "billing": [{"charge_type": "unit", "amount": "2.50", "package_type": "video"},
                {"charge_type": "cash", "cash_type": "balance", "amount": "0.35", "currency": "USD",
                    "list_price": "0.70"}]}],
            "count": 1, "next_cursor": "string", "has_more": true}),
        );

        let tasks = items(&page.data, "result", |task| TaskData::decode(task, &Scrubber::default()));

        assert_eq!(
            (tasks[0].status.as_str(), tasks[0].external_task_id.as_deref()),
            ("succeed", Some("string"))
        );
        assert_eq!((tasks[0].credits.as_deref(), tasks[0].billing.len()), (Some("2.50"), 2));
        let made = Made::decode(&tasks[0].result).expect("an output");
        let counts =
            [made.videos.len(), made.images.len(), made.audios.len(), made.voices.len(), made.elements.len()];
        assert_eq!(counts, [1; 5]);
        assert_eq!(next_cursor(&page.data).as_deref(), Some("string"));
    }
    let created = task(json!({"id": "893605946402811985", "status": "submitted", "create_time": AT,
        "update_time": AT, "external_id": "string"}));
    assert_eq!((created.status, created.result), (TaskStatus::Submitted, Value::Null));
}

#[test]
fn ledgers_and_resource_packs_are_read() {
    let packs = envelope(json!({"code": 0, "msg": "string", "resource_pack_subscribe_infos": [{
        "resource_pack_name": "Video Generation - 10,000 entries",
        "resource_pack_id": "509f3fd3d4ab4a3f9eec5db27aa44f27", "resource_pack_type": "decreasing_total",
        "total_quantity": 200.0, "remaining_quantity": 118.0, "purchase_time": 1726124664368_i64,
        "effective_time": 1726124664368_i64, "invalid_time": 1727366400000_i64, "status": "expired"}]}));
    let booked = envelope(json!({"result": {"detail": [{"package_id": "string", "product_type": "video",
        "task_id": "string", "api_key_name": "string", "product_function": "Image to Video", "model_name": "string",
        "resolution": "720p", "duration": "5.04", "refer_video_input": true, "video_sound": "native",
        "voice_control": false, "deduction_time": "1779549455861", "unit_before_deduction": 13037.3,
        "deduction_amount": 5.0, "unit_after_deduction": 13032.3}], "count": 20}, "next_cursor": "", "has_more": true}));

    let packs = items(&packs.data, "resource_pack_subscribe_infos", ResourcePack::read);
    let deductions = items(&booked.data["result"], "detail", Deduction::read);

    assert_eq!(
        (packs[0].total_quantity.as_deref(), packs[0].status.as_deref()),
        (Some("200.0"), Some("expired"))
    );
    assert_eq!(deductions[0].deduction_time, Some(1_779_549_455_861));
    assert_eq!(deductions[0].product_type.as_deref(), Some("video"));
    // Without a cursor there is no next page, even if `has_more` is true.
    assert_eq!(next_cursor(&booked.data), None);
}

#[test]
fn errors_have_no_data_and_sometimes_no_id() {
    for (body, code) in [
        (
            json!({"code": 1303, "message": "parallel task over resource pack limit", "request_id": "9984d27b"}),
            1303,
        ),
        (json!({"code": 1102, "message": "Account balance not enough"}), 1102),
        (json!({"code": 1201, "message": "Task not found"}), 1201),
        (json!({"code": 1201, "message": "task_ids or external_task_ids is required"}), 1201),
        (
            json!({"code": 1201, "message": "model/mode/duration(kling-v2-5-turbo/std/5) is not supported with image_tail",
            "request_id": "00000000-0000-0000-0000-000000000000", "data": null}),
            1201,
        ),
    ] {
        let envelope =
            Envelope::decode(body.to_string().as_bytes(), &Scrubber::default()).expect("an envelope");

        assert_eq!((envelope.code, envelope.data), (code, Value::Null));
    }
    let late = task(json!({"task_id": "866889456698785799", "task_status": "failed",
        "task_status_msg": "Failure to pass the risk control system", "task_info": {}}));
    assert!(is_moderation(late.status_message.as_deref().unwrap_or_default()));
}
