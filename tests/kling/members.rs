//! Details in the entries of the client: codes, hashes, latencies, request ids, and the settings of the client.

use std::time::Duration;

use futures_util::TryStreamExt;
use kling_audit::kling::{
    Client, Credentials, Error, Region, TaskQuery,
    billing::{LedgerQuery, Period},
    requests::{TextToVideo, standard},
    unkeyed_prompt_hash,
};
use serde_json::{Value, json};

use crate::support::kling::{
    Setup, entry, outcome,
    stand_in::{ACCESS_KEY, Fault, Pace, SECRET_KEY, StandIn},
};

const PROMPT: &str = "a fox";

/// Details of all entries of a type.
fn details(setup: &Setup, event_type: &str) -> Vec<Value> {
    let entries = setup.entries();
    let mut details: Vec<Value> =
        entries.into_iter().filter(|entry| entry["event_type"] == event_type).collect();
    details.iter_mut().map(|entry| entry["details"].take()).collect()
}

#[tokio::test]
async fn blocked_content_is_recorded_with_its_prompt_hash() {
    let setup = Setup::new();
    setup.server.fail_submissions([Fault::Code(400, 1301, "no")]);
    setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap_err();
    setup.server.fail_next_task("Failure to pass the risk control system");
    setup.run(TextToVideo::new(PROMPT)).await.unwrap_err();

    let blocked = details(&setup, "content_blocked");

    let stages: Vec<_> = blocked.iter().map(|details| details["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["submit", "result"]);
    for details in blocked {
        assert_eq!(details["prompt_hash"], unkeyed_prompt_hash(PROMPT));
        assert_eq!(details["prompt_hash_kind"], "sha256-16");
    }
}

#[tokio::test]
async fn denied_access_names_the_requested_model() {
    let setup = Setup::new();
    setup.server.fail_submissions([Fault::Code(403, 1103, "no")]);

    setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap_err();

    assert_eq!(details(&setup, "access_denied")[0]["model"], "kling-v1");
}

#[tokio::test]
async fn status_change_names_its_request() {
    let setup = Setup::new();

    setup.run(TextToVideo::new(PROMPT)).await.unwrap();

    let request_ids: Vec<Value> =
        details(&setup, "api_call").iter().map(|details| details["request_id"].clone()).collect();
    let changes = details(&setup, "task_status_changed");
    assert!(!changes.is_empty());
    for change in changes {
        assert!(change["request_id"].is_string() && request_ids.contains(&change["request_id"]), "{change}");
    }
}

#[tokio::test]
async fn outcome_has_the_code_and_latency_of_the_answer() {
    let setup = Setup::new();
    setup.server.fail_submissions([
        Fault::Code(400, 1201, "no"),
        Fault::Code(500, 5000, "an error"),
        Fault::Drop,
    ]);

    for _ in 0..3 {
        setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap_err();
    }

    let refused = &details(&setup, "task_refused")[0];
    assert!(refused["code"] == 1201 && refused["latency_ms"].is_u64(), "{refused}");
    let ambiguous = details(&setup, "task_ambiguous");
    assert!(ambiguous[0]["http"] == 500 && ambiguous[0]["code"] == 5000, "{}", ambiguous[0]);
    assert!(ambiguous[1]["http"].is_null() && ambiguous[1]["code"].is_null(), "{}", ambiguous[1]);
    assert!(ambiguous.iter().all(|details| details["latency_ms"].is_u64()));
}

#[tokio::test]
async fn expired_wait_records_the_last_answer() {
    let setup = Setup::with(StandIn::start_with(Pace::Queries(1000), 10), |builder| {
        builder.deadline(Duration::from_secs(3))
    });

    let result = setup.run(TextToVideo::new(PROMPT)).await;

    assert_eq!(outcome(&result), "deadline");
    let ambiguous = &details(&setup, "task_ambiguous")[0];
    assert_eq!((&ambiguous["http"], &ambiguous["code"]), (&200.into(), &0.into()));
    assert!(ambiguous["latency_ms"].as_u64().unwrap() >= 3_000 && ambiguous["request_id"].is_string());
}

#[tokio::test]
async fn throttled_queries_are_recorded() {
    let setup = Setup::new();
    let busy = || Fault::Code(429, 1302, "too fast");
    let task = setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();

    setup.server.fail_queries([busy()]);
    setup.client.query(&task).await.unwrap_err();
    setup.server.fail_queries([busy(), busy()]);
    setup.client.wait(&task).await.unwrap();
    setup.server.fail_queries([busy()]);
    setup.client.look_up::<TextToVideo>("unheard-of").await.unwrap_err();
    setup.server.fail_submissions([Fault::DropAccepted]);
    setup.server.fail_queries([busy()]);
    setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();

    let throttled: Vec<_> = details(&setup, "throttled")
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
async fn every_token_rejection_is_recorded() {
    let setup = Setup::new();
    for (code, message) in [
        (1000, "Authentication failed"),
        (1001, "Authorization is empty"),
        (1002, "Authorization is invalid"),
        (1003, "Authorization is not yet valid"),
        (1004, "Authorization is expired"),
    ] {
        setup.server.fail_submissions(vec![Fault::Code(401, code, message); 3]);
        let result = setup.client.submit(TextToVideo::new(PROMPT)).await;
        setup.server.clear_faults();

        assert_eq!(outcome(&result), format!("refused {code}"));
        let rejected = details(&setup, "auth_event")
            .into_iter()
            .rfind(|details| details["event"] == "token_rejected")
            .unwrap();
        assert_eq!((&rejected["code"], &rejected["reason"]), (&code.into(), &message.into()));
        assert_eq!(rejected["endpoint"], "/v1/videos/text2video");
    }
}

#[tokio::test]
async fn stand_in_rejects_missing_and_wrong_tokens() {
    let setup = Setup::new();
    let url = format!("{}/v1/videos/text2video", setup.server.base_url());
    let code = async |authorization: Option<&str>| {
        let mut request = reqwest::Client::new().post(&url).body("{}");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer: Value =
            serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
        answer["code"].as_i64().unwrap()
    };

    let codes = [
        code(None).await,
        code(Some(" ")).await,
        code(Some("Basic a")).await,
        code(Some("Bearer a.b")).await,
    ];
    let client = setup.builder(Credentials::api_key("an-unknown-key")).build().unwrap();
    let result = client.submit(TextToVideo::new(PROMPT)).await;

    assert_eq!(codes, [1001, 1001, 1002, 1002]);
    assert_eq!(outcome(&result), "refused 1002");
    assert_eq!(details(&setup, "auth_event")[0]["code"], 1002);
}

/// The expected bodies are those of the documentation of Kling.
#[tokio::test]
async fn list_queries_use_the_documented_members() {
    let setup = Setup::with_api_key();
    let query = TaskQuery::new()
        .between(1_781_193_600_000, 1_781_516_352_968)
        .status(["succeeded"])
        .product_type(["video"]);

    let none: Vec<_> = setup.client.tasks(query).try_collect().await.unwrap();
    let ledger = LedgerQuery::new(Period::days(1))
        .product_type(["video", "image"])
        .api_key_name(["studio"])
        .package_id(["pack"]);
    let nothing: Vec<_> = setup.client.package_deductions(ledger).try_collect().await.unwrap();

    assert!(none.is_empty() && nothing.is_empty());
    let asked = setup.server.posted_queries();
    assert_eq!(
        asked[0],
        (
            "/tasks".to_owned(),
            json!({"start_time": "1781193600000", "end_time": "1781516352968", "cursor": "", "limit": 500,
                "filters": [{"key": "status", "values": ["succeeded"]}, {"key": "product_type", "values": ["video"]}]})
        )
    );
    let (path, body) = &asked[1];
    assert_eq!(path, "/account/billing/package");
    let (start, end) = (body["start_time"].as_i64().unwrap(), body["end_time"].as_i64().unwrap());
    assert_eq!(end - start, 86_400_000);
    assert_eq!((&body["cursor"], &body["limit"]), (&"".into(), &500.into()));
    assert_eq!(
        body["filters"],
        json!([{"key": "product_type", "values": ["video", "image"]}, {"key": "api_key_name", "values": ["studio"]},
            {"key": "package_id", "values": ["pack"]}])
    );
}

#[tokio::test]
async fn list_follows_cursors_and_sends_its_filters() {
    let setup = Setup::with_api_key();
    setup.server.set_page_limit(2);
    for _ in 0..5 {
        setup.client.submit(standard::StandardTextToVideo::new("kling-3.0", PROMPT)).await.unwrap();
    }
    let list = async |query: TaskQuery| -> Vec<String> {
        let tasks: Vec<_> = setup.client.tasks(query).try_collect().await.unwrap();
        tasks.into_iter().map(|task| task.task_id).collect()
    };

    let mut all = list(TaskQuery::new()).await;
    let cursors: Vec<Value> =
        setup.server.posted_queries().iter().map(|(_, body)| body["cursor"].clone()).collect();
    let ended = list(TaskQuery::new().status(["succeeded"])).await;
    let submitted = list(TaskQuery::new().status(["submitted"]).product_type(["video"])).await;
    let early = list(TaskQuery::new().between(0, 1)).await;

    all.reverse();
    assert_eq!(all, setup.server.task_ids());
    assert_eq!(cursors, ["", "2", "4"]);
    assert_eq!((ended.len(), submitted.len(), early.len()), (0, 5, 0));
}

#[tokio::test]
async fn query_without_ids_is_refused_and_not_an_unknown_task() {
    let setup = Setup::with_api_key();
    let refusal = "task_ids or external_task_ids is required";
    setup.server.fail_queries([Fault::Code(400, 1201, refusal)]);

    let result = setup.client.look_up::<standard::StandardTextToVideo>("order-7").await;

    assert!(matches!(&result, Err(Error::Refused { code: Some(1201), message, .. }) if message == refusal));
}

#[tokio::test]
async fn download_names_its_output() {
    let setup = Setup::new();
    let done = setup.run(TextToVideo::new(PROMPT)).await.unwrap();
    let video = done.output.first();
    let folder = tempfile::TempDir::new().unwrap();
    let fetch = |name: &str| {
        setup.client.download(&done.task_id, &video.url).output_id(&video.id).to(folder.path().join(name))
    };

    fetch("1").await.unwrap();
    setup.server.expire_files();
    fetch("2").await.unwrap_err();

    let entries = setup.entries();
    for event in ["asset_downloaded", "asset_expired"] {
        assert_eq!(entry(&entries, event)["details"]["output_id"], video.id.as_str(), "{event}");
    }
}

#[tokio::test]
async fn broken_download_leaves_no_file() {
    let setup = Setup::new();
    let folder = tempfile::TempDir::new().unwrap();
    let url = format!("{}/files/half.mp4?key=0123456789", setup.server.base_url());
    let mut progress = Vec::new();

    let broken = setup
        .client
        .download("1", &url)
        .progress(|bytes, whole| progress.push((bytes, whole)))
        .to(folder.path().join("fox.mp4"))
        .await;

    assert!(matches!(&broken, Err(Error::Download { .. })), "{broken:?}");
    let shown = broken.unwrap_err().to_string();
    assert!(!shown.contains("key="), "{shown}");
    let (bytes, whole) = *progress.last().unwrap();
    assert!(bytes > 0 && bytes < 1 << 14 && whole == Some(1 << 14), "{progress:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(details(&setup, "asset_downloaded").is_empty());
}

#[tokio::test]
async fn redirected_download_records_its_target() {
    let setup = Setup::new();
    let folder = tempfile::TempDir::new().unwrap();
    let fetch = async |name: &str| {
        let url = format!("{}/files/{name}.mp4?key=0123456789", setup.server.base_url());
        setup.client.download("1", &url).to(folder.path().join(name)).await.unwrap();
    };

    fetch("elsewhere").await;
    fetch("here").await;

    let downloaded = details(&setup, "asset_downloaded");
    assert_eq!(
        (&downloaded[0]["host"], &downloaded[0]["path"]),
        (&"127.0.0.1".into(), &"/files/elsewhere.mp4".into())
    );
    assert_eq!(downloaded[0]["redirected_to"], "localhost");
    assert!(downloaded[1]["redirected_to"].is_null());
}

#[tokio::test]
async fn download_that_cannot_be_renamed_is_removed_and_recorded() {
    let setup = Setup::new();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("fox.mp4");
    let url = format!("{}/files/fox.mp4", setup.server.base_url());

    // When the download is complete, a directory has its name.
    let result = setup
        .client
        .download("1", &url)
        .progress(|_, _| std::fs::create_dir_all(path.join("in the way")).unwrap())
        .to(&path)
        .await;

    assert!(matches!(result, Err(Error::Download { .. })), "{result:?}");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["fox.mp4"]);
    let (fetched, removed) = (details(&setup, "asset_downloaded"), details(&setup, "asset_deleted"));
    assert_eq!((fetched.len(), removed.len()), (1, 1));
    assert_eq!((&fetched[0]["sha256"], &removed[0]["name"]), (&removed[0]["sha256"], &"fox.mp4".into()));
}

#[tokio::test]
async fn change_of_region_is_recorded() {
    let setup = Setup::new();

    setup.client.change_region(Region::Beijing).await.unwrap();

    let changed = &details(&setup, "config_changed")[0];
    assert_eq!((&changed["setting"], &changed["from"]), (&"region".into(), &setup.server.base_url().into()));
    assert_eq!(changed["to"], Region::Beijing.base_url());
}

#[tokio::test]
async fn plain_http_client_is_recorded() {
    let setup = Setup::new();
    let builder = |url: &str| {
        Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), setup.log.clone()).base_url(url)
    };

    let refused = builder("http://user:secret@kling.example").build();
    builder("http://kling.example").allow_plain_http().build().unwrap();
    builder("http://127.0.0.1:9").allow_plain_http().build().unwrap();
    builder("https://kling.example").build().unwrap();
    let changed = details(&setup, "config_changed");
    setup.log.close().unwrap();
    let unrecorded = builder("http://kling.example").allow_plain_http().build();

    assert!(matches!(refused, Err(Error::Configuration { setting: "base_url", .. })));
    assert!(matches!(unrecorded, Err(Error::NotRecorded { event: "config_changed", .. })));
    let changes: Vec<_> = changed
        .iter()
        .map(|details| {
            let text = |name: &str| details[name].as_str().unwrap_or_default().to_owned();
            (text("setting"), text("to"), details["success"] == true, details["from"].is_null())
        })
        .collect();
    assert_eq!(
        changes,
        [
            ("base_url".to_owned(), "kling.example".to_owned(), false, true),
            ("plain_http".to_owned(), "http://kling.example".to_owned(), true, true)
        ]
    );
}
