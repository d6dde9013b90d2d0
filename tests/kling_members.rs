//! What the entries of the client say: the members that a reader needs to know who asked for what, and what became of it.
#![cfg(feature = "kling")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../examples/stand_in/mod.rs"]
mod stand_in;
mod studio;

use std::time::Duration;

use kling_audit::kling::{Client, Credentials, Error, Region, TextToVideo, unkeyed_prompt_hash};
use serde_json::Value;

use stand_in::{ACCESS_KEY, Fault, Pace, SECRET_KEY, StandIn};
use studio::{Studio, entry, outcome};

const PROMPT: &str = "a fox";

/// The details of the entries of one type.
fn details(studio: &Studio, event_type: &str) -> Vec<Value> {
    let entries = studio.entries();
    let mut details: Vec<Value> =
        entries.into_iter().filter(|entry| entry["event_type"] == event_type).collect();
    details.iter_mut().map(|entry| entry["details"].take()).collect()
}

#[tokio::test]
async fn what_is_blocked_is_found_by_the_hash_of_its_prompt() {
    let studio = Studio::new();
    studio.server.fail_submissions([Fault::Code(400, 1301, "no")]);
    studio.client.submit(TextToVideo::new(PROMPT)).await.unwrap_err();
    studio.server.fail_next_task("Failure to pass the risk control system");
    studio.run(TextToVideo::new(PROMPT)).await.unwrap_err();

    let blocked = details(&studio, "content_blocked");

    let stages: Vec<_> = blocked.iter().map(|details| details["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["submit", "result"]);
    for details in blocked {
        assert_eq!(details["prompt_hash"], unkeyed_prompt_hash(PROMPT));
        assert_eq!(details["prompt_hash_kind"], "sha256-16");
    }
}

#[tokio::test]
async fn what_is_denied_names_the_model_that_was_asked_for() {
    let studio = Studio::new();
    studio.server.fail_submissions([Fault::Code(403, 1103, "no")]);

    studio.client.submit(TextToVideo::new(PROMPT)).await.unwrap_err();

    assert_eq!(details(&studio, "access_denied")[0]["model"], "kling-v1");
}

#[tokio::test]
async fn a_change_names_the_request_that_told_of_it() {
    let studio = Studio::new();

    studio.run(TextToVideo::new(PROMPT)).await.unwrap();

    let told: Vec<Value> =
        details(&studio, "api_call").iter().map(|details| details["request_id"].clone()).collect();
    let changes = details(&studio, "task_status_changed");
    assert!(!changes.is_empty());
    for change in changes {
        assert!(change["request_id"].is_string() && told.contains(&change["request_id"]), "{change}");
    }
}

#[tokio::test]
async fn an_outcome_says_what_the_vendor_answered_and_how_long_it_took() {
    let studio = Studio::new();
    studio.server.fail_submissions([
        Fault::Code(400, 1201, "no"),
        Fault::Code(500, 5000, "an error"),
        Fault::Drop,
    ]);

    for _ in 0..3 {
        studio.client.submit(TextToVideo::new(PROMPT)).await.unwrap_err();
    }

    let refused = &details(&studio, "task_refused")[0];
    assert!(refused["code"] == 1201 && refused["latency_ms"].is_u64(), "{refused}");
    let ambiguous = details(&studio, "task_ambiguous");
    assert!(ambiguous[0]["http"] == 500 && ambiguous[0]["code"] == 5000, "{}", ambiguous[0]);
    assert!(ambiguous[1]["http"].is_null() && ambiguous[1]["code"].is_null(), "{}", ambiguous[1]);
    assert!(ambiguous.iter().all(|details| details["latency_ms"].is_u64()));
}

#[tokio::test]
async fn a_wait_without_an_end_says_what_was_answered_last() {
    let studio = Studio::with(StandIn::start_with(Pace::Queries(1000), 10), |builder| {
        builder.deadline(Duration::from_millis(60))
    });

    let result = studio.run(TextToVideo::new(PROMPT)).await;

    assert_eq!(outcome(&result), "deadline");
    let ambiguous = &details(&studio, "task_ambiguous")[0];
    assert_eq!((&ambiguous["http"], &ambiguous["code"]), (&200.into(), &0.into()));
    assert!(ambiguous["latency_ms"].as_u64().unwrap() >= 60 && ambiguous["request_id"].is_string());
}

#[tokio::test]
async fn a_vendor_too_busy_for_questions_is_in_the_trail() {
    let studio = Studio::new();
    let busy = || Fault::Code(429, 1302, "too fast");
    let task = studio.client.submit(TextToVideo::new(PROMPT)).await.unwrap();

    studio.server.fail_queries([busy()]);
    studio.client.query(&task).await.unwrap_err();
    studio.server.fail_queries([busy(), busy()]);
    studio.client.wait(&task).await.unwrap();
    studio.server.fail_queries([busy()]);
    studio.client.look_up::<TextToVideo>("unheard-of").await.unwrap_err();
    studio.server.fail_submissions([Fault::DropAccepted]);
    studio.server.fail_queries([busy()]);
    studio.client.submit(TextToVideo::new(PROMPT)).await.unwrap();

    let throttled: Vec<_> = details(&studio, "throttled")
        .iter()
        .map(|details| {
            (details["attempt"].as_u64().unwrap(), details["gave_up"] == true, details["code"] == 1302)
        })
        .collect();
    assert_eq!(
        throttled,
        [(1, true, true), (1, false, true), (2, false, true), (1, true, true), (1, false, true)]
    );
}

#[tokio::test]
async fn a_download_names_the_output_that_it_is_of() {
    let studio = Studio::new();
    let done = studio.run(TextToVideo::new(PROMPT)).await.unwrap();
    let video = done.output.first();
    let folder = tempfile::TempDir::new().unwrap();
    let fetch = |name: &str| {
        studio.client.download(&done.task_id, &video.url).output_id(&video.id).to(folder.path().join(name))
    };

    fetch("1").await.unwrap();
    studio.server.forget_files();
    fetch("2").await.unwrap_err();

    let entries = studio.entries();
    for event in ["asset_downloaded", "asset_expired"] {
        assert_eq!(entry(&entries, event)["details"]["output_id"], video.id.as_str(), "{event}");
    }
}

#[tokio::test]
async fn a_change_of_region_is_called_one() {
    let studio = Studio::new();

    studio.client.change_region(Region::Beijing).await.unwrap();

    let changed = &details(&studio, "config_changed")[0];
    assert_eq!((&changed["setting"], &changed["from"]), (&"region".into(), &studio.server.base_url().into()));
    assert_eq!(changed["to"], Region::Beijing.base_url());
}

#[tokio::test]
async fn a_client_that_would_send_in_the_clear_is_in_the_trail() {
    let studio = Studio::new();
    let builder = |url: &str| {
        Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), studio.log.clone()).base_url(url)
    };

    let refused = builder("http://user:secret@kling.example").build();
    builder("http://kling.example").allow_plain_http().build().unwrap();
    builder("http://127.0.0.1:9").allow_plain_http().build().unwrap();
    builder("https://kling.example").build().unwrap();
    let changed = details(&studio, "config_changed");
    studio.log.close().unwrap();
    let unrecorded = builder("http://kling.example").allow_plain_http().build();

    assert!(matches!(refused, Err(Error::Configuration { setting: "base_url", .. })));
    assert!(matches!(unrecorded, Err(Error::NotRecorded { event: "config_changed", .. })));
    let told: Vec<_> = changed
        .iter()
        .map(|details| {
            let text = |name: &str| details[name].as_str().unwrap_or_default().to_owned();
            (text("setting"), text("to"), details["success"] == true, details["from"].is_null())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("base_url".to_owned(), "kling.example".to_owned(), false, true),
            ("plain_http".to_owned(), "http://kling.example".to_owned(), true, true)
        ]
    );
}
