//! Every endpoint: its request at the server, its answer, and its entries. Also lists, accounts and downloads.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use kling_audit::kling::{
    Client, Credentials, Error, PromptKey, Region, TaskQuery,
    billing::{LedgerQuery, Period},
    outputs::Output,
    requests::{
        AddSelection, AdvancedLipSync, AspectRatio, Avatar, ClearSelection, CustomElement, CustomVoice,
        DeleteElement, DeleteLegacyElement, DeleteSelection, DeleteVoice, Effects, ExpandImage, FaceChoice,
        GenerateImage, IdentifyFace, ImageToVideo, InitSelection, LegacyElement, LipSync, Media,
        MotionControl, MultiElements, MultiImageToImage, MultiImageToVideo, MultiShot, OmniImage, OmniVideo,
        Pack, PreviewSelection, RecognizeImage, RelativePoint, Request, Speech, TextToAudio, TextToVideo,
        TryOn, VideoExtend, VideoToAudio, standard,
    },
};
use serde_json::Value;

use crate::support::kling::{
    Setup, entries, entry, outcome,
    stand_in::{ACCESS_KEY, API_KEY, Fault, Pace, SECRET_KEY, StandIn},
};

const IMAGE: &str = "https://media.example/fox.png?signature=0123456789";
const VIDEO: &str = "https://media.example/fox.mp4?signature=0123456789";

/// Runs a request until its task ends, and compares the entries with the request and the answer.
async fn round_trip<R: Request>(setup: &Setup, request: R, members: &[&str]) -> R::Output {
    let before = setup.entries().len();

    let done = setup.run(request).await.unwrap_or_else(|error| panic!("{}: {error}", R::ACTION));

    let entries = &setup.entries()[before..];
    let details = |event_type: &str| &entry(entries, event_type)["details"];
    let submitted = details("task_submitted");
    assert_eq!(submitted["action"], R::ACTION);
    assert!(submitted["path"].as_str().unwrap().starts_with(R::PATH), "{submitted}");
    assert_eq!(details("task_accepted")["external_task_id"], submitted["external_task_id"]);
    let completed = details("task_completed");
    assert_eq!(
        (&completed["task_id"], &completed["status"]),
        (&done.task_id.as_str().into(), &"succeed".into())
    );
    assert!(completed["credits"].is_string(), "{completed}");
    for member in members {
        assert!(
            completed[member].as_u64().is_some_and(|count| count > 0),
            "{}: {member} {completed}",
            R::ACTION
        );
    }
    done.output
}

#[tokio::test]
async fn every_video_endpoint_round_trips() {
    let setup = Setup::new();
    let one = &["video_count"];

    round_trip(&setup, TextToVideo::new("a fox"), one).await;
    round_trip(&setup, ImageToVideo::new(IMAGE).prompt("it runs"), one).await;
    round_trip(&setup, MultiImageToVideo::new("foxes", [IMAGE, IMAGE]), one).await;
    round_trip(&setup, OmniVideo::new("a fox").aspect_ratio(AspectRatio::Wide), one).await;
    round_trip(&setup, MotionControl::new(IMAGE, VIDEO, "image", "std"), one).await;
    round_trip(&setup, MultiElements::new("session", "addition", "a hat").images([IMAGE]), one).await;
    round_trip(&setup, VideoExtend::new("video").prompt("it rests"), one).await;
    let choice = FaceChoice::audio("0", "audio", 0, 3000, 0);
    round_trip(&setup, AdvancedLipSync::new("session", choice), one).await;
    round_trip(&setup, LipSync::speaking("hello", "voice", "en").video_id("video"), one).await;
    round_trip(&setup, Avatar::new(IMAGE).audio_id("audio"), one).await;
    let sound = LipSync::sound_bytes(b"a sound").video_url(VIDEO);
    round_trip(&setup, sound, one).await;
    round_trip(&setup, LipSync::sound_url("https://a.example/s.mp3").video_id("video"), one).await;
    round_trip(&setup, Effects::of_two("hug", IMAGE, IMAGE), one).await;
    let effect = round_trip(&setup, Effects::new("fuzzyfuzzy", Media::from_bytes(b"fox")), one).await;
    assert_eq!(effect.first().duration, None);
}

#[tokio::test]
async fn every_audio_image_and_general_endpoint_round_trips() {
    let setup = Setup::new();

    let soundtrack = VideoToAudio::of_id("video").bgm_prompt("strings");
    round_trip(&setup, soundtrack, &["video_count", "audio_count"]).await;
    round_trip(&setup, TextToAudio::new("rain", 5.0), &["audio_count"]).await;
    let images = round_trip(&setup, GenerateImage::new("a fox").n(3_u32), &["image_count"]).await;
    assert_eq!(images.len(), 3);
    round_trip(&setup, OmniImage::new("a fox").images([IMAGE]), &["image_count"]).await;
    round_trip(&setup, MultiImageToImage::new([IMAGE, IMAGE]), &["image_count"]).await;
    round_trip(&setup, ExpandImage::new(IMAGE, 0.1, 0.1, 0.1, 0.1), &["image_count"]).await;
    round_trip(&setup, TryOn::new(IMAGE, IMAGE), &["image_count"]).await;
    let views = round_trip(&setup, MultiShot::new(IMAGE), &["image_count"]).await;
    assert_eq!(views.first().other_urls.len(), 2);
    let element = CustomElement::of_images("fox", "a red fox", IMAGE, [IMAGE]).tag_list(["o_103"]);
    let element = round_trip(&setup, element, &["element_count"]).await;
    let of_video = CustomElement::of_video("fox", "a red fox", VIDEO);
    round_trip(&Setup::new(), of_video, &["element_count"]).await;
    let voice = round_trip(&setup, CustomVoice::of_url("fox", VIDEO), &["voice_count"]).await;

    let entries = setup.entries();
    let created = &entry(&entries, "element_created")["details"];
    assert_eq!(created["element_id"], element.first().id.as_str());
    assert_eq!(entry(&entries, "voice_created")["details"]["voice_id"], voice.first().id.as_str());
    let text = format!("{entries:?}");
    for secret in ["signature=", "a red fox", "strings", "rain", "eyJhbGci", "eyJpc3Mi", SECRET_KEY] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn immediate_answer_is_recorded_as_submitted_and_completed() {
    let setup = Setup::new();
    let point = || [RelativePoint { x: 0.5, y: 0.5 }];

    let faces = setup.call(IdentifyFace::of_id("video")).await.unwrap();
    let segments = setup.call(RecognizeImage::new(IMAGE)).await.unwrap();
    let speech = setup.call(Speech::new("a spoken secret", "voice", "en")).await.unwrap();
    let session = setup.call(InitSelection::of_url(VIDEO)).await.unwrap().output.session_id;
    let selection = setup.call(AddSelection::new(&session, 3, point())).await.unwrap();
    setup.call(DeleteSelection::new(&session, 3, point())).await.unwrap();
    setup.call(ClearSelection::new(&session)).await.unwrap();
    let preview = setup.call(PreviewSelection::new(&session)).await.unwrap();
    let element = setup.call(LegacyElement::new("fox", "a red fox", IMAGE, [IMAGE])).await.unwrap();

    assert_eq!((faces.output.faces[0].face_id.as_str(), faces.credits.as_deref()), ("0", Some("0.05")));
    assert_eq!(segments.output.segments.len(), 4);
    assert!(speech.output.first().url.contains("/files/speech.mp3") && speech.task_id.is_some());
    assert_eq!(selection.output.frame_index, Some(3));
    assert!(preview.output.video_cover.is_some());
    assert_eq!(element.output.first().id, "77");
    let entries = setup.entries();
    let count = |event_type: &str| entries.iter().filter(|entry| entry["event_type"] == event_type).count();
    assert_eq!((count("task_submitted"), count("task_completed"), count("task_refused")), (9, 9, 0));
    let spoken = entries.iter().find(|entry| entry["details"]["action"] == "speech").unwrap();
    assert_eq!(spoken["details"]["prompt_length"], 15);
    assert_eq!(entry(&entries, "element_created")["details"]["element_id"], "77");
    assert!(!format!("{entries:?}").contains("secret"));
}

#[tokio::test]
async fn refusal_inside_a_success_answer_is_a_refusal() {
    let setup = Setup::new();

    let result = setup.call(InitSelection::of_id("too-long")).await;

    let Err(Error::Refused { message, .. }) = &result else { panic!("{result:?}") };
    assert!(message.contains("1001"), "{message}");
    assert_eq!(setup.event_types(), ["auth_event", "task_submitted", "task_refused"]);
}

#[tokio::test]
async fn lost_answer_without_external_id_is_ambiguous() {
    let setup = Setup::new();
    setup.server.fail_submissions([Fault::DropAccepted]);

    let result = setup.call(Speech::new("hello", "voice", "en")).await;

    assert_eq!(outcome(&result), "ambiguous");
    assert!(result.unwrap_err().to_string().contains("check Kling's console"));
    assert_eq!(setup.event_types(), ["auth_event", "task_submitted", "task_ambiguous"]);
    assert_eq!(setup.server.submissions().len(), 1);
}

#[tokio::test]
async fn removed_objects_are_recorded_by_id() {
    let setup = Setup::new();

    let element = setup.call(DeleteElement::new("163")).await.unwrap();
    setup.call(DeleteLegacyElement::new("164")).await.unwrap();
    setup.call(DeleteVoice::new("voice-7")).await.unwrap();

    assert!(element.output.task_id.is_some());
    let entries = setup.entries();
    let removed: Vec<String> = entries
        .iter()
        .filter(|entry| entry["event_type"].as_str().unwrap().ends_with("_deleted"))
        .map(|entry| format!("{} {}", entry["event_type"], entry["details"]))
        .collect();
    assert_eq!(removed.len(), 3);
    for (line, id) in removed.iter().zip(["163", "164", "voice-7"]) {
        assert!(line.contains(id), "{line}");
    }
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let setup = Setup::new();
    for _ in 0..5 {
        setup.client.submit(TextToVideo::new("a fox")).await.unwrap();
    }
    setup.client.submit(TextToAudio::new("rain", 3.0)).await.unwrap();

    let tasks: Vec<_> = setup.client.list::<TextToVideo>(2).try_collect().await.unwrap();
    let exact: Vec<_> = setup.client.list::<TextToVideo>(5).try_collect().await.unwrap();
    let refused: Vec<_> = setup.client.list::<TextToVideo>(501).collect().await;
    let elements: Vec<_> = setup.client.preset_elements(2).try_collect().await.unwrap();
    let older: Vec<_> = setup.client.legacy_preset_elements(30).try_collect().await.unwrap();
    let own: Vec<_> = setup.client.legacy_elements(30).try_collect().await.unwrap();
    let voices: Vec<_> = setup.client.preset_voices(30).try_collect().await.unwrap();

    assert_eq!((tasks.len(), exact.len()), (5, 5));
    let mut ids: Vec<String> = tasks.iter().map(|task| task.task_id.clone()).collect();
    ids.reverse();
    assert_eq!(ids, setup.server.task_ids()[..5]);
    assert!(tasks.iter().all(|task| task.external_task_id.is_some() && task.created_at.is_some()));
    assert!(matches!(refused[..], [Err(Error::Request(_))]));
    assert_eq!((elements.len(), older.len(), own.len(), voices.len()), (3, 3, 3, 3));
    let entries = setup.entries();
    let lists: Vec<&Value> = entries.iter().filter(|entry| entry["details"]["purpose"] == "list").collect();
    assert_eq!(lists[0]["details"]["path"], "/v1/videos/text2video");
    assert_eq!(lists.len(), 3 + 2 + 2 + 3);
}

#[tokio::test]
async fn costs_and_ledgers_are_read() {
    let setup = Setup::new();
    for _ in 0..3 {
        setup.run(TextToVideo::new("a fox")).await.unwrap();
    }
    let period = Period::days(1);

    let packs = setup.client.costs(period).await.unwrap();
    let units: Vec<_> =
        setup.client.package_deductions(LedgerQuery::new(period)).try_collect().await.unwrap();
    let cash: Vec<_> = setup.client.balance_deductions(LedgerQuery::new(period)).try_collect().await.unwrap();

    assert_eq!(
        (packs[0].id.as_str(), packs[0].remaining_quantity.as_deref()),
        ("stand-in-pack", Some("118.0"))
    );
    assert_eq!((units.len(), cash.len()), (3, 0));
    assert_eq!(units[0].amount.as_deref(), Some("1.0"));
    assert_eq!(units[0].task_id.as_ref(), setup.server.task_ids().first());
    let entries = setup.entries();
    assert!(entries.iter().any(|entry| entry["details"]["path"] == "/account/billing/package"
        && entry["details"]["method"] == "POST"));
}

#[tokio::test]
async fn every_newer_endpoint_round_trips_with_an_api_key() {
    let setup = Setup::with_api_key();
    let first = || standard::Content::first_frame(IMAGE);
    let prompt = || standard::Content::prompt("a fox");
    let one = &["video_count"];

    let models = ["kling-3.0", "kling-3.0-turbo", "kling-2.6", "kling-2.5-turbo"];
    for model in models {
        round_trip(&setup, standard::StandardTextToVideo::new(model, "a fox").duration(10_u32), one).await;
        round_trip(&setup, standard::StandardImageToVideo::new(model, [first()]), one).await;
    }
    for model in ["kling-3.0-omni", "kling-o1"] {
        round_trip(&setup, standard::StandardOmniVideo::new(model, [prompt()]), one).await;
    }
    for model in ["kling-3.0", "kling-2.6"] {
        let contents = [standard::Content::image(IMAGE), standard::Content::video(VIDEO)];
        round_trip(&setup, standard::StandardMotionControl::new(model, "video", contents), one).await;
    }
    let tasks: Vec<_> = setup.client.tasks(TaskQuery::new()).try_collect().await.unwrap();
    let found = setup.client.look_up::<standard::StandardTextToVideo>("never seen").await.unwrap();

    assert_eq!(tasks.len(), 12);
    assert_eq!(tasks[0].progress.billing[0].charge_type, "unit");
    assert!(found.is_none());
    let entries = setup.entries();
    assert!(!entries.iter().any(|entry| entry["event_type"] == "auth_event"));
    let submitted = entries.iter().find(|entry| entry["event_type"] == "task_submitted").unwrap();
    assert_eq!(submitted["details"]["path"], "/text-to-video/kling-3.0");
    assert_eq!(submitted["details"]["model"], "kling-3.0");
    assert_eq!(submitted["details"]["duration"], "10");
    let completed = entries.iter().find(|entry| entry["event_type"] == "task_completed").unwrap();
    assert_eq!(completed["details"]["billing"][0]["charge_type"], "unit");
    assert!(!format!("{entries:?}").contains(API_KEY));
}

#[tokio::test]
async fn lost_answer_of_a_newer_endpoint_is_looked_up() {
    let setup = Setup::with_api_key();
    setup.server.fail_submissions([Fault::DropAccepted]);

    setup.run(standard::StandardTextToVideo::new("kling-3.0", "a fox")).await.unwrap();

    let entries = setup.entries();
    assert_eq!(entry(&entries, "task_accepted")["details"]["resolved_by"], "lookup");
    assert_eq!((setup.server.submissions().len(), setup.server.tasks()), (1, 1));
}

#[tokio::test]
async fn key_pair_is_not_sent_to_a_newer_endpoint() {
    let setup = Setup::new();

    let result = setup.client.submit(standard::StandardTextToVideo::new("kling-3.0", "a fox")).await;

    assert!(matches!(result, Err(Error::Configuration { setting: "credentials", .. })));
    assert_eq!((setup.event_types().len(), setup.server.requests()), (0, 0));
}

#[tokio::test]
async fn api_key_works_for_v1_endpoints() {
    let setup = Setup::with_api_key();

    setup.run(TextToVideo::new("a fox")).await.unwrap();

    assert_eq!(setup.event_types()[0], "task_submitted");
}

#[tokio::test]
async fn new_credentials_are_recorded_before_use() {
    let setup = Setup::new();
    setup.client.submit(TextToVideo::new("a fox")).await.unwrap();

    setup.client.clone().change_credentials(Credentials::api_key(API_KEY)).await.unwrap();
    setup.client.submit(TextToVideo::new("a fox")).await.unwrap();
    let blank = setup.client.change_credentials(Credentials::new(ACCESS_KEY, " ")).await;

    assert!(matches!(blank, Err(Error::Configuration { setting: "secret key", .. })));
    let entries = setup.entries();
    let changed: Vec<&Value> =
        entries.iter().filter(|entry| entry["details"]["event"] == "credential_changed").collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["details"]["credential_kind"], "api_key");
    assert_eq!(changed[0]["details"]["access_key_prefix"], "stand-in...");
    assert!(setup.server.tokens().contains(API_KEY));
}

#[tokio::test]
async fn new_server_is_recorded_before_use_even_if_refused() {
    let setup = Setup::new();
    let other = StandIn::start();

    let plain = setup.client.change_base_url("http://kling.example:8080/").await;
    setup.client.change_base_url(&other.base_url()).await.unwrap();
    setup.client.submit(TextToVideo::new("a fox")).await.unwrap();
    setup.client.change_region(Region::Beijing).await.unwrap();

    assert!(matches!(plain, Err(Error::Configuration { setting: "base_url", .. })));
    assert_eq!((setup.server.requests(), other.tasks()), (0, 1));
    let entries = setup.entries();
    let changed: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["event_type"] == "config_changed")
        .map(|entry| &entry["details"])
        .collect();
    assert_eq!(changed[0]["success"], false);
    assert_eq!((&changed[0]["to"], &changed[1]["success"]), (&"kling.example".into(), &true.into()));
    assert_eq!(changed[2]["from"], other.base_url().as_str());
    assert_eq!(changed[2]["to"], "https://api-beijing.klingai.com");
}

#[tokio::test]
async fn clock_ahead_of_kling_is_corrected_once() {
    let setup = Setup::new();
    setup.server.set_clock_ahead(-60);

    setup.run(TextToVideo::new("a fox")).await.unwrap();

    let entries = setup.entries();
    let rejected = entries.iter().find(|entry| entry["details"]["event"] == "token_rejected").unwrap();
    assert_eq!(rejected["details"]["code"], 1003);
    let skew = rejected["details"]["skew_seconds"].as_i64().unwrap();
    assert!((-62..=-58).contains(&skew), "{skew}");
    assert_eq!(rejected["details"]["endpoint"], "/v1/videos/text2video");
    let reasons: Vec<&Value> = entries.iter().map(|entry| &entry["details"]["reason"]).collect();
    assert!(reasons.contains(&&"after_1003".into()));
}

#[tokio::test]
async fn submission_is_resent_only_after_it_stayed_unknown() {
    let patient = |setup: &Setup| {
        setup
            .builder(Credentials::new(ACCESS_KEY, SECRET_KEY))
            .resend_unknown_after(Duration::from_millis(60))
            .build()
            .unwrap()
    };

    let lost = Setup::new();
    lost.server.fail_submissions([Fault::Drop]);
    let task = patient(&lost).submit(TextToVideo::new("a fox")).await.unwrap();
    let late = Setup::new();
    late.server.fail_submissions([Fault::Drop]);
    late.server.fail_queries([Fault::Code(500, 5000, "internal")]);
    let doubtful = patient(&late).submit(TextToVideo::new("a fox")).await;
    let twice = Setup::new();
    twice.server.fail_submissions([Fault::Drop, Fault::DropAccepted]);
    let found = patient(&twice).submit(TextToVideo::new("a fox")).await.unwrap();
    let gone = Setup::new();
    gone.server.fail_submissions([Fault::Drop, Fault::Drop]);
    let ambiguous = patient(&gone).submit(TextToVideo::new("a fox")).await;

    let entries = lost.entries();
    let resent = &entry(&entries, "task_resubmitted")["details"];
    assert!(resent["unknown_for_ms"].as_u64().unwrap() >= 60 && resent["lookups"].as_u64().unwrap() >= 4);
    assert_eq!(lost.server.task_ids(), [task.id()]);
    let ids: Vec<Value> =
        lost.server.submissions().iter().map(|body| body["external_task_id"].clone()).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1]);
    assert_eq!((outcome(&doubtful).as_str(), late.server.submissions().len()), ("ambiguous", 1));
    assert_eq!((twice.server.task_ids(), twice.server.submissions().len()), (vec![found.id().to_owned()], 2));
    assert_eq!((outcome(&ambiguous).as_str(), gone.server.submissions().len()), ("ambiguous", 2));
}

#[tokio::test]
async fn tasks_wait_for_a_permit_instead_of_being_throttled() {
    let setup = Setup::with(StandIn::start_with(Pace::Queries(2), 2), |builder| {
        builder.concurrency(Pack::Video, 2).concurrency(Pack::Image, 2)
    });

    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let client = setup.client.clone();
            tokio::spawn(async move {
                let task = client.submit(TextToVideo::new("a fox")).await?;
                client.wait(&task).await.map(drop)
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }

    assert!(!setup.event_types().contains(&"throttled".to_owned()));
    assert_eq!(setup.server.tasks(), 6);
}

#[tokio::test]
async fn task_without_a_permit_is_not_sent() {
    let setup = Setup::with(StandIn::start_with(Pace::Never, 100), |builder| {
        builder.concurrency(Pack::Video, 1).deadline(Duration::from_millis(50))
    });
    let running = setup.client.submit(TextToVideo::new("a fox")).await.unwrap();

    let result = setup.client.submit(TextToVideo::new("a fox")).await;

    assert!(matches!(result, Err(Error::Queue { limit: 1, .. })), "{result:?}");
    assert_eq!(setup.server.submissions().len(), 1);
    drop(running);
    setup.client.submit(TextToVideo::new("a fox")).await.unwrap();
}

#[tokio::test]
async fn download_is_hashed_and_recorded_before_it_is_renamed() {
    let setup = Setup::new();
    let done = setup.run(TextToVideo::new("a fox")).await.unwrap();
    let url = &done.output.first().url;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("fox.mp4");
    let mut seen = Vec::new();

    let file = setup
        .client
        .download(&done.task_id, url)
        .progress(|bytes, whole| seen.push((bytes, whole)))
        .to(&path)
        .await
        .unwrap();
    let again = setup.client.download(&done.task_id, url).to(&path).await;

    assert_eq!((file.bytes, std::fs::read(&path).unwrap().len()), (24, 24));
    assert_eq!(seen.last(), Some(&(24, Some(24))));
    assert!(matches!(again, Err(Error::Download { .. })));
    let entries = setup.entries();
    let recorded = &entry(&entries, "asset_downloaded")["details"];
    assert_eq!((&recorded["sha256"], &recorded["bytes"]), (&file.sha256.as_str().into(), &24.into()));
    assert_eq!((&recorded["host"], &recorded["content_type"]), (&"127.0.0.1".into(), &"video/mp4".into()));
    assert!(!recorded.to_string().contains('?'), "{recorded}");

    setup.client.delete_download(&done.task_id, &path).await.unwrap();
    assert!(!path.exists());
    assert_eq!(entry(&setup.entries(), "asset_deleted")["details"]["sha256"], file.sha256.as_str());
}

#[tokio::test]
async fn estimated_and_charged_credits_are_recorded() {
    use kling_audit::kling::billing::{Price, Prices};

    let mut setup = Setup::new();
    let prices =
        Prices::new().first(Price::per_second("kling-v1", "0.3")).first(Price::each("kling-v2", "8"));
    setup.client = setup.builder(Credentials::new(ACCESS_KEY, SECRET_KEY)).prices(prices).build().unwrap();
    setup.run(TextToVideo::new("a fox")).await.unwrap();
    setup.server.fail_next_task("Failure to pass the risk control system");
    setup.run(TextToVideo::new("a fox")).await.unwrap_err();
    setup.run(TextToVideo::new("a fox").model_name(kling_audit::kling::requests::Model::V3)).await.unwrap();

    let entries = setup.entries();
    let costs = |event: &str| -> Vec<(Value, Value)> {
        let entries = entries.iter().filter(|entry| entry["event_type"] == event);
        entries
            .map(|entry| &entry["details"])
            .map(|details| (details["estimated_credits"].clone(), details["credits"].clone()))
            .collect()
    };
    let expected = |estimated: &str, credits: Value| (Value::from(estimated), credits);
    assert_eq!(costs("task_submitted")[..2], [expected("1.5", Value::Null), expected("1.5", Value::Null)]);
    assert_eq!(costs("task_completed"), [expected("1.5", "1".into()), (Value::Null, "1".into())]);
    assert_eq!(costs("task_failed"), [expected("1.5", "0".into())]);
}

#[tokio::test]
async fn expired_file_is_recorded_for_every_kind_of_answer() {
    let setup = Setup::new();
    let done = setup.run(TextToVideo::new("a fox")).await.unwrap();
    let url = &done.output.first().url;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("fox.mp4");
    let fetch = async || setup.client.download(&done.task_id, url).to(&path).await;

    setup.server.replace_files();
    let page = fetch().await.unwrap_err();
    setup.server.restore_files();
    setup.server.set_clock_ahead(31 * 86_400);
    let old = fetch().await.unwrap_err();
    setup.server.set_clock_ahead(0);
    fetch().await.unwrap();

    assert!(page.to_string().ends_with("a page in the place of the file"), "{page}");
    assert!(old.to_string().ends_with("http 403"), "{old}");
    let mut entries = setup.entries();
    entries.retain(|entry| entry["event_type"] == "asset_expired");
    let recorded_as: Vec<_> =
        entries.iter().map(|entry| (&entry["details"]["http"], &entry["details"]["content_type"])).collect();
    assert_eq!(recorded_as, [(&200.into(), &"text/html; charset=utf-8".into()), (&403.into(), &Value::Null)]);
}

#[tokio::test]
async fn throttled_cost_query_succeeds_with_longer_backoff() {
    let mut setup = Setup::new();
    let period = Period::days(1);
    let (access_key, secret_key) = (ACCESS_KEY, SECRET_KEY);

    setup.client.costs(period).await.unwrap();
    let hasty = setup.client.costs(period).await;
    setup.client = setup
        .builder(Credentials::new(access_key, secret_key))
        .backoff(std::time::Duration::from_millis(1_100))
        .build()
        .unwrap();
    let patient = setup.client.costs(period).await;

    assert!(matches!(hasty, Err(Error::Refused { code: Some(1302), .. })), "{hasty:?}");
    assert_eq!(patient.unwrap().len(), 1);
    let mut entries = setup.entries();
    entries.retain(|entry| entry["event_type"] == "throttled");
    let gave_up: Vec<_> = entries.iter().map(|entry| entry["details"]["gave_up"] == true).collect();
    assert_eq!(gave_up[..3], [false, false, true]);
    assert!(!gave_up.last().unwrap() && entries[0]["details"]["action"] == "account_costs");
}

#[tokio::test]
async fn failed_download_leaves_no_file() {
    let setup = Setup::new();
    let done = setup.run(TextToVideo::new("a fox")).await.unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("fox.mp4");
    let url = format!("{}/files/endless.mp4?key=0123456789", setup.server.base_url());

    let long = setup.client.download(&done.task_id, &url).limit(1000).to(&path).await;
    setup.server.expire_files();
    let gone = setup.client.download(&done.task_id, &done.output.first().url).to(&path).await;
    let nowhere = setup.client.download("1", "file:///etc/passwd").to(&path).await;
    setup.log.close().unwrap();

    assert!(long.unwrap_err().to_string().contains("more than 1000 bytes"));
    let gone = gone.unwrap_err().to_string();
    assert!(gone.contains("http 403") && !gone.contains("signature"), "{gone}");
    assert!(matches!(nowhere, Err(Error::Request(_))));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let entries = setup.entries();
    assert_eq!(entry(&entries, "asset_expired")["details"]["http"], 403);
    assert!(!entries.iter().any(|entry| entry["event_type"] == "asset_downloaded"));
}

#[tokio::test]
async fn unrecorded_download_leaves_no_file() {
    let setup = Setup::new();
    let done = setup.run(TextToVideo::new("a fox")).await.unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    setup.log.close().unwrap();

    let result =
        setup.client.download(&done.task_id, &done.output.first().url).to(folder.path().join("f")).await;

    assert_eq!(outcome(&result), "not recorded asset_downloaded");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn prompts_are_hashed_with_the_prompt_key() {
    let key = PromptKey::new("0123456789abcdef").unwrap();
    let setup = Setup::with(StandIn::start(), |builder| builder.prompt_key(key.clone()));

    setup.client.submit(TextToVideo::new("a fox").negative_prompt("blur")).await.unwrap();

    let entries = setup.entries();
    let submitted = &entry(&entries, "task_submitted")["details"];
    assert_eq!(submitted["prompt_hash"], key.hash("a fox").as_str());
    assert_eq!(submitted["negative_prompt_hash"], key.hash("blur").as_str());
    assert_eq!(submitted["prompt_hash_kind"], key.kind().as_str());
    assert_eq!(submitted["body_hash"].as_str().unwrap().len(), 64);
    assert_ne!(key.hash("a fox"), kling_audit::kling::unkeyed_prompt_hash("a fox"));
}

#[tokio::test]
async fn media_hashes_and_warnings_are_recorded() {
    let setup = Setup::new();
    let request = ImageToVideo::ending_with(Media::from_bytes(b"abc")).model_name("kling-v2-6").mode("pro");

    setup.client.submit(request).await.unwrap();

    let entries = setup.entries();
    let submitted = &entry(&entries, "task_submitted")["details"];
    assert_eq!(submitted["media"][0]["field"], "image_tail");
    assert_eq!(
        submitted["media"][0]["sha256"],
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert!(submitted["warnings"][0].as_str().unwrap().contains("last picture alone"));
    assert!(submitted["prompt_hash"].is_null());
}

#[tokio::test]
async fn extended_video_names_its_parent() {
    let setup = Setup::new();

    let done = setup.run(VideoExtend::new("video")).await.unwrap();

    assert_eq!(done.parent_video.unwrap().id, "parent");
}

#[tokio::test]
async fn processing_of_personal_data_is_recorded_by_pseudonym() {
    let setup = Setup::new();

    setup
        .client
        .record_processing_activity("subject-7", "an avatar of the presenter", "consent")
        .await
        .unwrap();
    setup.client.record_deletion_request("subject-7", "voices").await.unwrap();
    let blank = setup.client.record_deletion_request(" ", "voices").await;

    assert!(matches!(blank, Err(Error::Request(error)) if error.field() == "subject"));
    let entries = setup.entries();
    assert_eq!(entry(&entries, "processing_activity")["details"]["legal_basis"], "consent");
    assert_eq!(entry(&entries, "deletion_request")["details"]["subject"], "subject-7");
}

/// Appends the texts of all files below a directory.
fn sources(directory: &std::path::Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, into),
            false => into.push(std::fs::read_to_string(path).unwrap()),
        }
    }
}

/// The members that a part of `events!` adds.
fn members_of_part(part: &str) -> &'static [&'static str] {
    match part {
        "action" => &["action"],
        "submission" => &["action", "external_task_id"],
        "task" => &["action", "task_id", "external_task_id"],
        "reply" => &["http", "code", "request_id"],
        _ => panic!("an unknown part: {part}"),
    }
}

#[test]
fn documentation_lists_every_event_and_detail() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kling");
    let documentation = std::fs::read_to_string(source.join("mod.rs")).unwrap();
    let documentation: Vec<&str> =
        documentation.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let documentation = documentation.join(" ");
    let documented: Vec<&str> = documentation.split(" - ").collect();
    let mut recorders = Vec::new();
    sources(&source.join("events"), &mut recorders);

    let mut events = 0;
    for text in &recorders {
        let heads = text.lines().enumerate().filter(|(_, line)| {
            line.starts_with("        log: \"") || line.starts_with("        durable_log: \"")
        });
        for (at, head) in heads {
            let mut pieces = head.trim().trim_end_matches(';').split(": ").nth(1).unwrap().split(", ");
            let event = pieces.next().unwrap().trim_matches('"');
            let names = |item: &&&str| item.split(": ").next().unwrap().contains(&format!("`{event}`"));
            let item = documented.iter().find(names).unwrap_or_else(|| panic!("{event} is not documented"));
            let parts = pieces.flat_map(|part| members_of_part(part.split('(').next().unwrap()));
            let fields = text.lines().skip(at + 1).take_while(|line| *line != "    }");
            let fields = fields.filter_map(|line| line.trim().split_once(" = ")).map(|(name, _)| name);
            for member in parts.copied().chain(fields) {
                assert!(item.contains(&format!("`{member}`")), "{event}: {member}");
            }
            events += 1;
        }
    }

    assert!(events > 25, "{events}");
}

#[test]
fn futures_and_streams_are_send() {
    fn sends(_: impl Send) {}
    let setup = Setup::new();
    let client: &Client = &setup.client;

    sends(client.call(Speech::new("hello", "voice", "en")));
    sends(client.list::<TextToVideo>(1));
    sends(client.tasks(TaskQuery::new()));
    sends(client.costs(Period::days(1)));
    sends(client.package_deductions(LedgerQuery::new(Period::days(1))));
    sends(client.download("1", "https://a/b").to("c"));
    sends(kling_audit::kling::reconcile("audit", client, Period::days(1)));
    fn outputs<O: Output>() {}
    outputs::<kling_audit::kling::outputs::Made>();
    assert_eq!(entries(setup.directory.path()).len(), 0);
}
