//! Each endpoint over real sockets, against the stand-in: what went out, what came back, what is in the trail.
#![cfg(feature = "kling")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../examples/stand_in/mod.rs"]
mod stand_in;
mod studio;

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

use stand_in::{ACCESS_KEY, API_KEY, Fault, Pace, SECRET_KEY, StandIn};
use studio::{Studio, entries, entry, outcome};

const IMAGE: &str = "https://media.example/fox.png?signature=0123456789";
const VIDEO: &str = "https://media.example/fox.mp4?signature=0123456789";

/// Makes one task of each kind of request, and looks at what the trail says of it.
async fn round_trip<R: Request>(studio: &Studio, request: R, members: &[&str]) -> R::Output {
    let before = studio.entries().len();

    let done = studio.run(request).await.unwrap_or_else(|error| panic!("{}: {error}", R::ACTION));

    let entries = &studio.entries()[before..];
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
async fn each_video_endpoint_round_trips() {
    let studio = Studio::new();
    let one = &["video_count"];

    round_trip(&studio, TextToVideo::new("a fox"), one).await;
    round_trip(&studio, ImageToVideo::new(IMAGE).prompt("it runs"), one).await;
    round_trip(&studio, MultiImageToVideo::new("foxes", [IMAGE, IMAGE]), one).await;
    round_trip(&studio, OmniVideo::new("a fox").aspect_ratio(AspectRatio::Wide), one).await;
    round_trip(&studio, MotionControl::new(IMAGE, VIDEO, "image", "std"), one).await;
    round_trip(&studio, MultiElements::new("session", "addition", "a hat").images([IMAGE]), one).await;
    round_trip(&studio, VideoExtend::new("video").prompt("it rests"), one).await;
    let choice = FaceChoice::audio("0", "audio", 0, 3000, 0);
    round_trip(&studio, AdvancedLipSync::new("session", choice), one).await;
    round_trip(&studio, LipSync::speaking("hello", "voice", "en").video_id("video"), one).await;
    round_trip(&studio, Avatar::new(IMAGE).audio_id("audio"), one).await;
    let sound = LipSync::sound_bytes(b"a sound").video_url(VIDEO);
    round_trip(&studio, sound, one).await;
    round_trip(&studio, LipSync::sound_url("https://a.example/s.mp3").video_id("video"), one).await;
    round_trip(&studio, Effects::of_two("hug", IMAGE, IMAGE), one).await;
    let effect = round_trip(&studio, Effects::new("fuzzyfuzzy", Media::from_bytes(b"fox")), one).await;
    assert_eq!(effect.first().duration, None);
}

#[tokio::test]
async fn each_sound_picture_and_general_endpoint_round_trips() {
    let studio = Studio::new();

    let soundtrack = VideoToAudio::of_id("video").bgm_prompt("strings");
    round_trip(&studio, soundtrack, &["video_count", "audio_count"]).await;
    round_trip(&studio, TextToAudio::new("rain", 5.0), &["audio_count"]).await;
    let images = round_trip(&studio, GenerateImage::new("a fox").n(3_u32), &["image_count"]).await;
    assert_eq!(images.len(), 3);
    round_trip(&studio, OmniImage::new("a fox").images([IMAGE]), &["image_count"]).await;
    round_trip(&studio, MultiImageToImage::new([IMAGE, IMAGE]), &["image_count"]).await;
    round_trip(&studio, ExpandImage::new(IMAGE, 0.1, 0.1, 0.1, 0.1), &["image_count"]).await;
    round_trip(&studio, TryOn::new(IMAGE, IMAGE), &["image_count"]).await;
    let views = round_trip(&studio, MultiShot::new(IMAGE), &["image_count"]).await;
    assert_eq!(views.first().other_urls.len(), 2);
    let element = CustomElement::of_images("fox", "a red fox", IMAGE, [IMAGE]).tag_list(["o_103"]);
    let element = round_trip(&studio, element, &["element_count"]).await;
    let of_video = CustomElement::of_video("fox", "a red fox", VIDEO);
    round_trip(&Studio::new(), of_video, &["element_count"]).await;
    let voice = round_trip(&studio, CustomVoice::of_url("fox", VIDEO), &["voice_count"]).await;

    let entries = studio.entries();
    let created = &entry(&entries, "element_created")["details"];
    assert_eq!(created["element_id"], element.first().id.as_str());
    assert_eq!(entry(&entries, "voice_created")["details"]["voice_id"], voice.first().id.as_str());
    let text = format!("{entries:?}");
    for secret in ["signature=", "a red fox", "strings", "rain", "eyJhbGci", "eyJpc3Mi", SECRET_KEY] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_is_answered_at_once_is_submitted_and_completed() {
    let studio = Studio::new();
    let point = || [RelativePoint { x: 0.5, y: 0.5 }];

    let faces = studio.call(IdentifyFace::of_id("video")).await.unwrap();
    let segments = studio.call(RecognizeImage::new(IMAGE)).await.unwrap();
    let speech = studio.call(Speech::new("a spoken secret", "voice", "en")).await.unwrap();
    let session = studio.call(InitSelection::of_url(VIDEO)).await.unwrap().output.session_id;
    let selection = studio.call(AddSelection::new(&session, 3, point())).await.unwrap();
    studio.call(DeleteSelection::new(&session, 3, point())).await.unwrap();
    studio.call(ClearSelection::new(&session)).await.unwrap();
    let preview = studio.call(PreviewSelection::new(&session)).await.unwrap();
    let element = studio.call(LegacyElement::new("fox", "a red fox", IMAGE, [IMAGE])).await.unwrap();

    assert_eq!((faces.output.faces[0].face_id.as_str(), faces.credits.as_deref()), ("0", Some("0.05")));
    assert_eq!(segments.output.segments.len(), 4);
    assert!(speech.output.first().url.contains("/files/speech.mp3") && speech.task_id.is_some());
    assert_eq!(selection.output.frame_index, Some(3));
    assert!(preview.output.video_cover.is_some());
    assert_eq!(element.output.first().id, "77");
    let entries = studio.entries();
    let count = |event_type: &str| entries.iter().filter(|entry| entry["event_type"] == event_type).count();
    assert_eq!((count("task_submitted"), count("task_completed"), count("task_refused")), (9, 9, 0));
    let spoken = entries.iter().find(|entry| entry["details"]["action"] == "speech").unwrap();
    assert_eq!(spoken["details"]["prompt_length"], 15);
    assert_eq!(entry(&entries, "element_created")["details"]["element_id"], "77");
    assert!(!format!("{entries:?}").contains("secret"));
}

#[tokio::test]
async fn a_refusal_that_hides_in_a_good_answer_is_a_refusal() {
    let studio = Studio::new();

    let result = studio.call(InitSelection::of_id("too-long")).await;

    let Err(Error::Refused { message, .. }) = &result else { panic!("{result:?}") };
    assert!(message.contains("1001"), "{message}");
    assert_eq!(studio.types(), ["auth_event", "task_submitted", "task_refused"]);
}

#[tokio::test]
async fn a_lost_answer_to_what_has_no_name_is_ambiguous_at_once() {
    let studio = Studio::new();
    studio.server.fail_submissions([Fault::DropAccepted]);

    let result = studio.call(Speech::new("hello", "voice", "en")).await;

    assert_eq!(outcome(&result), "ambiguous");
    assert!(result.unwrap_err().to_string().contains("check Kling's console"));
    assert_eq!(studio.types(), ["auth_event", "task_submitted", "task_ambiguous"]);
    assert_eq!(studio.server.submissions().len(), 1);
}

#[tokio::test]
async fn what_is_removed_is_recorded_by_its_id() {
    let studio = Studio::new();

    let element = studio.call(DeleteElement::new("163")).await.unwrap();
    studio.call(DeleteLegacyElement::new("164")).await.unwrap();
    studio.call(DeleteVoice::new("voice-7")).await.unwrap();

    assert!(element.output.task_id.is_some());
    let entries = studio.entries();
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
    let studio = Studio::new();
    for _ in 0..5 {
        studio.client.submit(TextToVideo::new("a fox")).await.unwrap();
    }
    studio.client.submit(TextToAudio::new("rain", 3.0)).await.unwrap();

    let tasks: Vec<_> = studio.client.list::<TextToVideo>(2).try_collect().await.unwrap();
    let exact: Vec<_> = studio.client.list::<TextToVideo>(5).try_collect().await.unwrap();
    let refused: Vec<_> = studio.client.list::<TextToVideo>(501).collect().await;
    let elements: Vec<_> = studio.client.preset_elements(2).try_collect().await.unwrap();
    let older: Vec<_> = studio.client.legacy_preset_elements(30).try_collect().await.unwrap();
    let own: Vec<_> = studio.client.legacy_elements(30).try_collect().await.unwrap();
    let voices: Vec<_> = studio.client.preset_voices(30).try_collect().await.unwrap();

    assert_eq!((tasks.len(), exact.len()), (5, 5));
    let mut ids: Vec<String> = tasks.iter().map(|task| task.task_id.clone()).collect();
    ids.reverse();
    assert_eq!(ids, studio.server.task_ids()[..5]);
    assert!(tasks.iter().all(|task| task.external_task_id.is_some() && task.created_at.is_some()));
    assert!(matches!(refused[..], [Err(Error::Request(_))]));
    assert_eq!((elements.len(), older.len(), own.len(), voices.len()), (3, 3, 3, 3));
    let entries = studio.entries();
    let lists: Vec<&Value> = entries.iter().filter(|entry| entry["details"]["purpose"] == "list").collect();
    assert_eq!(lists[0]["details"]["path"], "/v1/videos/text2video");
    assert_eq!(lists.len(), 3 + 2 + 2 + 3);
}

#[tokio::test]
async fn the_account_and_its_books_are_read() {
    let studio = Studio::new();
    for _ in 0..3 {
        studio.run(TextToVideo::new("a fox")).await.unwrap();
    }
    let period = Period::days(1);

    let packs = studio.client.costs(period).await.unwrap();
    let units: Vec<_> =
        studio.client.package_deductions(LedgerQuery::new(period)).try_collect().await.unwrap();
    let cash: Vec<_> =
        studio.client.balance_deductions(LedgerQuery::new(period)).try_collect().await.unwrap();

    assert_eq!(
        (packs[0].id.as_str(), packs[0].remaining_quantity.as_deref()),
        ("stand-in-pack", Some("118.0"))
    );
    assert_eq!((units.len(), cash.len()), (3, 0));
    assert_eq!(units[0].amount.as_deref(), Some("1.0"));
    assert_eq!(units[0].task_id.as_ref(), studio.server.task_ids().first());
    let entries = studio.entries();
    assert!(entries.iter().any(|entry| entry["details"]["path"] == "/account/billing/package"
        && entry["details"]["method"] == "POST"));
}

#[tokio::test]
async fn each_endpoint_of_the_newer_design_round_trips_with_an_api_key() {
    let studio = Studio::with_api_key();
    let first = || standard::Content::first_frame(IMAGE);
    let prompt = || standard::Content::prompt("a fox");
    let one = &["video_count"];

    let models = ["kling-3.0", "kling-3.0-turbo", "kling-2.6", "kling-2.5-turbo"];
    for model in models {
        round_trip(&studio, standard::StandardTextToVideo::new(model, "a fox").duration(10_u32), one).await;
        round_trip(&studio, standard::StandardImageToVideo::new(model, [first()]), one).await;
    }
    for model in ["kling-3.0-omni", "kling-o1"] {
        round_trip(&studio, standard::StandardOmniVideo::new(model, [prompt()]), one).await;
    }
    for model in ["kling-3.0", "kling-2.6"] {
        let contents = [standard::Content::image(IMAGE), standard::Content::video(VIDEO)];
        round_trip(&studio, standard::StandardMotionControl::new(model, "video", contents), one).await;
    }
    let tasks: Vec<_> = studio.client.tasks(TaskQuery::new()).try_collect().await.unwrap();
    let found = studio.client.look_up::<standard::StandardTextToVideo>("never seen").await.unwrap();

    assert_eq!(tasks.len(), 12);
    assert_eq!(tasks[0].progress.billing[0].charge_type, "unit");
    assert!(found.is_none());
    let entries = studio.entries();
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
async fn a_lost_answer_of_the_newer_design_is_looked_up() {
    let studio = Studio::with_api_key();
    studio.server.fail_submissions([Fault::DropAccepted]);

    studio.run(standard::StandardTextToVideo::new("kling-3.0", "a fox")).await.unwrap();

    let entries = studio.entries();
    assert_eq!(entry(&entries, "task_accepted")["details"]["resolved_by"], "lookup");
    assert_eq!((studio.server.submissions().len(), studio.server.tasks()), (1, 1));
}

#[tokio::test]
async fn a_pair_of_keys_is_not_sent_where_an_api_key_is_needed() {
    let studio = Studio::new();

    let result = studio.client.submit(standard::StandardTextToVideo::new("kling-3.0", "a fox")).await;

    assert!(matches!(result, Err(Error::Configuration { setting: "credentials", .. })));
    assert_eq!((studio.types().len(), studio.server.requests()), (0, 0));
}

#[tokio::test]
async fn an_api_key_is_good_below_v1_too() {
    let studio = Studio::with_api_key();

    studio.run(TextToVideo::new("a fox")).await.unwrap();

    assert_eq!(studio.types()[0], "task_submitted");
}

#[tokio::test]
async fn other_credentials_are_recorded_before_they_are_used() {
    let studio = Studio::new();
    studio.client.submit(TextToVideo::new("a fox")).await.unwrap();

    studio.client.clone().change_credentials(Credentials::api_key(API_KEY)).await.unwrap();
    studio.client.submit(TextToVideo::new("a fox")).await.unwrap();
    let blank = studio.client.change_credentials(Credentials::new(ACCESS_KEY, " ")).await;

    assert!(matches!(blank, Err(Error::Configuration { setting: "secret key", .. })));
    let entries = studio.entries();
    let changed: Vec<&Value> =
        entries.iter().filter(|entry| entry["details"]["event"] == "credential_changed").collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["details"]["credential_kind"], "api_key");
    assert_eq!(changed[0]["details"]["access_key_prefix"], "stand-in...");
    assert!(studio.server.tokens().contains(API_KEY));
}

#[tokio::test]
async fn another_server_is_recorded_before_it_is_used_and_so_is_one_that_was_refused() {
    let studio = Studio::new();
    let other = StandIn::start();

    let plain = studio.client.change_base_url("http://kling.example:8080/").await;
    studio.client.change_base_url(&other.base_url()).await.unwrap();
    studio.client.submit(TextToVideo::new("a fox")).await.unwrap();
    studio.client.change_region(Region::Beijing).await.unwrap();

    assert!(matches!(plain, Err(Error::Configuration { setting: "base_url", .. })));
    assert_eq!((studio.server.requests(), other.tasks()), (0, 1));
    let entries = studio.entries();
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
async fn a_clock_that_is_ahead_is_corrected_once_by_the_vendors() {
    let studio = Studio::new();
    studio.server.set_clock_ahead(-60);

    studio.run(TextToVideo::new("a fox")).await.unwrap();

    let entries = studio.entries();
    let rejected = entries.iter().find(|entry| entry["details"]["event"] == "token_rejected").unwrap();
    assert_eq!(rejected["details"]["code"], 1003);
    let skew = rejected["details"]["skew_seconds"].as_i64().unwrap();
    assert!((-62..=-58).contains(&skew), "{skew}");
    assert_eq!(rejected["details"]["endpoint"], "/v1/videos/text2video");
    let reasons: Vec<&Value> = entries.iter().map(|entry| &entry["details"]["reason"]).collect();
    assert!(reasons.contains(&&"after_1003".into()));
}

#[tokio::test]
async fn a_submission_is_sent_again_only_when_the_vendor_did_not_know_it_for_so_long() {
    let patient = |studio: &Studio| {
        studio
            .builder(Credentials::new(ACCESS_KEY, SECRET_KEY))
            .resend_unknown_after(Duration::from_millis(60))
            .build()
            .unwrap()
    };

    let lost = Studio::new();
    lost.server.fail_submissions([Fault::Drop]);
    let task = patient(&lost).submit(TextToVideo::new("a fox")).await.unwrap();
    let late = Studio::new();
    late.server.fail_submissions([Fault::Drop]);
    late.server.fail_queries([Fault::Code(500, 5000, "internal")]);
    let doubtful = patient(&late).submit(TextToVideo::new("a fox")).await;
    let twice = Studio::new();
    twice.server.fail_submissions([Fault::Drop, Fault::DropAccepted]);
    let found = patient(&twice).submit(TextToVideo::new("a fox")).await.unwrap();
    let gone = Studio::new();
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
async fn tasks_wait_for_a_slot_instead_of_being_throttled() {
    let studio = Studio::with(StandIn::start_with(Pace::Queries(2), 2), |builder| {
        builder.concurrency(Pack::Video, 2).concurrency(Pack::Image, 2)
    });

    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let client = studio.client.clone();
            tokio::spawn(async move {
                let task = client.submit(TextToVideo::new("a fox")).await?;
                client.wait(&task).await.map(drop)
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }

    assert!(!studio.types().contains(&"throttled".to_owned()));
    assert_eq!(studio.server.tasks(), 6);
}

#[tokio::test]
async fn a_task_that_finds_no_slot_is_not_sent() {
    let studio = Studio::with(StandIn::start_with(Pace::Never, 100), |builder| {
        builder.concurrency(Pack::Video, 1).deadline(Duration::from_millis(50))
    });
    let running = studio.client.submit(TextToVideo::new("a fox")).await.unwrap();

    let result = studio.client.submit(TextToVideo::new("a fox")).await;

    assert!(matches!(result, Err(Error::Queue { limit: 1, .. })), "{result:?}");
    assert_eq!(studio.server.submissions().len(), 1);
    drop(running);
    studio.client.submit(TextToVideo::new("a fox")).await.unwrap();
}

#[tokio::test]
async fn a_download_is_hashed_and_recorded_before_it_has_its_name() {
    let studio = Studio::new();
    let done = studio.run(TextToVideo::new("a fox")).await.unwrap();
    let url = &done.output.first().url;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("fox.mp4");
    let mut seen = Vec::new();

    let file = studio
        .client
        .download(&done.task_id, url)
        .progress(|bytes, whole| seen.push((bytes, whole)))
        .to(&path)
        .await
        .unwrap();
    let again = studio.client.download(&done.task_id, url).to(&path).await;

    assert_eq!((file.bytes, std::fs::read(&path).unwrap().len()), (24, 24));
    assert_eq!(seen.last(), Some(&(24, Some(24))));
    assert!(matches!(again, Err(Error::Download { .. })));
    let entries = studio.entries();
    let recorded = &entry(&entries, "asset_downloaded")["details"];
    assert_eq!((&recorded["sha256"], &recorded["bytes"]), (&file.sha256.as_str().into(), &24.into()));
    assert_eq!((&recorded["host"], &recorded["content_type"]), (&"127.0.0.1".into(), &"video/mp4".into()));
    assert!(!recorded.to_string().contains('?'), "{recorded}");

    studio.client.delete_download(&done.task_id, &path).await.unwrap();
    assert!(!path.exists());
    assert_eq!(entry(&studio.entries(), "asset_deleted")["details"]["sha256"], file.sha256.as_str());
}

#[tokio::test]
async fn what_a_task_was_expected_to_cost_stands_beside_what_it_did() {
    use kling_audit::kling::billing::{Price, Prices};

    let mut studio = Studio::new();
    let prices =
        Prices::new().first(Price::per_second("kling-v1", "0.3")).first(Price::each("kling-v2", "8"));
    studio.client = studio
        .builder(Credentials::new(stand_in::ACCESS_KEY, stand_in::SECRET_KEY))
        .prices(prices)
        .build()
        .unwrap();
    studio.run(TextToVideo::new("a fox")).await.unwrap();
    studio.server.fail_next_task("Failure to pass the risk control system");
    studio.run(TextToVideo::new("a fox")).await.unwrap_err();
    studio.run(TextToVideo::new("a fox").model_name(kling_audit::kling::requests::Model::V3)).await.unwrap();

    let entries = studio.entries();
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
async fn a_file_that_is_gone_is_an_entry_however_the_server_says_so() {
    let studio = Studio::new();
    let done = studio.run(TextToVideo::new("a fox")).await.unwrap();
    let url = &done.output.first().url;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("fox.mp4");
    let fetch = async || studio.client.download(&done.task_id, url).to(&path).await;

    studio.server.replace_files();
    let page = fetch().await.unwrap_err();
    studio.server.keep_files();
    studio.server.set_clock_ahead(31 * 86_400);
    let old = fetch().await.unwrap_err();
    studio.server.set_clock_ahead(0);
    fetch().await.unwrap();

    assert!(page.to_string().ends_with("a page in the place of the file"), "{page}");
    assert!(old.to_string().ends_with("http 403"), "{old}");
    let mut entries = studio.entries();
    entries.retain(|entry| entry["event_type"] == "asset_expired");
    let said: Vec<_> =
        entries.iter().map(|entry| (&entry["details"]["http"], &entry["details"]["content_type"])).collect();
    assert_eq!(said, [(&200.into(), &"text/html; charset=utf-8".into()), (&403.into(), &Value::Null)]);
}

#[tokio::test]
async fn the_packs_can_be_asked_for_once_a_second_and_waiting_helps() {
    let mut studio = Studio::new();
    let period = Period::days(1);
    let (access_key, secret_key) = (stand_in::ACCESS_KEY, stand_in::SECRET_KEY);

    studio.client.costs(period).await.unwrap();
    let hasty = studio.client.costs(period).await;
    studio.client = studio
        .builder(Credentials::new(access_key, secret_key))
        .backoff(std::time::Duration::from_millis(1_100))
        .build()
        .unwrap();
    let patient = studio.client.costs(period).await;

    assert!(matches!(hasty, Err(Error::Refused { code: Some(1302), .. })), "{hasty:?}");
    assert_eq!(patient.unwrap().len(), 1);
    let mut entries = studio.entries();
    entries.retain(|entry| entry["event_type"] == "throttled");
    let gave_up: Vec<_> = entries.iter().map(|entry| entry["details"]["gave_up"] == true).collect();
    assert_eq!(gave_up[..3], [false, false, true]);
    assert!(!gave_up.last().unwrap() && entries[0]["details"]["action"] == "account_costs");
}

#[tokio::test]
async fn a_download_that_fails_leaves_nothing() {
    let studio = Studio::new();
    let done = studio.run(TextToVideo::new("a fox")).await.unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("fox.mp4");
    let url = format!("{}/files/endless.mp4?key=0123456789", studio.server.base_url());

    let long = studio.client.download(&done.task_id, &url).limit(1000).to(&path).await;
    studio.server.forget_files();
    let gone = studio.client.download(&done.task_id, &done.output.first().url).to(&path).await;
    let nowhere = studio.client.download("1", "file:///etc/passwd").to(&path).await;
    studio.log.close().unwrap();

    assert!(long.unwrap_err().to_string().contains("more than 1000 bytes"));
    let gone = gone.unwrap_err().to_string();
    assert!(gone.contains("http 403") && !gone.contains("signature"), "{gone}");
    assert!(matches!(nowhere, Err(Error::Request(_))));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let entries = studio.entries();
    assert_eq!(entry(&entries, "asset_expired")["details"]["http"], 403);
    assert!(!entries.iter().any(|entry| entry["event_type"] == "asset_downloaded"));
}

#[tokio::test]
async fn a_download_that_is_not_recorded_is_not_kept() {
    let studio = Studio::new();
    let done = studio.run(TextToVideo::new("a fox")).await.unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    studio.log.close().unwrap();

    let result =
        studio.client.download(&done.task_id, &done.output.first().url).to(folder.path().join("f")).await;

    assert_eq!(outcome(&result), "not recorded asset_downloaded");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn prompts_are_hashed_under_a_key_where_there_is_one() {
    let key = PromptKey::new("0123456789abcdef").unwrap();
    let studio = Studio::with(StandIn::start(), |builder| builder.prompt_key(key.clone()));

    studio.client.submit(TextToVideo::new("a fox").negative_prompt("blur")).await.unwrap();

    let entries = studio.entries();
    let submitted = &entry(&entries, "task_submitted")["details"];
    assert_eq!(submitted["prompt_hash"], key.hash("a fox").as_str());
    assert_eq!(submitted["negative_prompt_hash"], key.hash("blur").as_str());
    assert_eq!(submitted["prompt_hash_kind"], key.kind().as_str());
    assert_eq!(submitted["body_hash"].as_str().unwrap().len(), 64);
    assert_ne!(key.hash("a fox"), kling_audit::kling::unkeyed_prompt_hash("a fox"));
}

#[tokio::test]
async fn what_is_brought_along_and_what_is_doubtful_is_recorded() {
    let studio = Studio::new();
    let request = ImageToVideo::ending_with(Media::from_bytes(b"abc")).model_name("kling-v2-6").mode("pro");

    studio.client.submit(request).await.unwrap();

    let entries = studio.entries();
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
async fn a_parent_video_is_given_with_what_was_made_of_it() {
    let studio = Studio::new();

    let done = studio.run(VideoExtend::new("video")).await.unwrap();

    assert_eq!(done.parent_video.unwrap().id, "parent");
}

#[tokio::test]
async fn what_is_done_with_data_of_people_is_recorded_under_a_pseudonym() {
    let studio = Studio::new();

    studio
        .client
        .record_processing_activity("subject-7", "an avatar of the presenter", "consent")
        .await
        .unwrap();
    studio.client.record_deletion_request("subject-7", "voices").await.unwrap();
    let blank = studio.client.record_deletion_request(" ", "voices").await;

    assert!(matches!(blank, Err(Error::Request(error)) if error.field() == "subject"));
    let entries = studio.entries();
    assert_eq!(entry(&entries, "processing_activity")["details"]["legal_basis"], "consent");
    assert_eq!(entry(&entries, "deletion_request")["details"]["subject"], "subject-7");
}

/// The files below a directory.
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
fn every_event_is_documented_with_its_members() {
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
fn futures_and_streams_can_cross_threads() {
    fn sends(_: impl Send) {}
    let studio = Studio::new();
    let client: &Client = &studio.client;

    sends(client.call(Speech::new("hello", "voice", "en")));
    sends(client.list::<TextToVideo>(1));
    sends(client.tasks(TaskQuery::new()));
    sends(client.costs(Period::days(1)));
    sends(client.package_deductions(LedgerQuery::new(Period::days(1))));
    sends(client.download("1", "https://a/b").to("c"));
    sends(kling_audit::kling::reconcile("audit", client, Period::days(1)));
    fn outputs<O: Output>() {}
    outputs::<kling_audit::kling::outputs::Made>();
    assert_eq!(entries(studio.directory.path()).len(), 0);
}
