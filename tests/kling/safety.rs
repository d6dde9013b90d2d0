//! A full disk, a network outage, a restarted process; and a search for secrets in all output of the client.

use std::{
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use kling_audit::{
    AuditLog,
    kling::{
        Client, Credentials, Error, PromptKey, Task,
        billing::Period,
        callback::{Receiver, Secret},
        reconcile,
        requests::{
            CustomElement, CustomVoice, DeleteElement, DeleteVoice, GenerateImage, Media, Speech, TextToVideo,
        },
    },
};
use tempfile::TempDir;

use crate::support::kling::{
    HAS_CAPTURED, PROMPT_KEY, SearchedDirectory, Setup, assert_no_secret, entries, outcome,
    stand_in::{ACCESS_KEY, API_KEY, Fault, Pace, SECRET_KEY, StandIn, callbacks::sign},
    texts,
};
use crate::support::limits::is_long;
use crate::support::process::{child, child_after, child_directory, in_directory, run, test_path};

const PROMPT: &str = "a clockwork heron wades through violet fog";

#[test]
fn full_disk_stops_every_request() {
    let directory = SearchedDirectory::new();

    // Files of the child have at most 16 KiB. A longer write is an error, because the shell ignores the signal.
    let test = child_after(test_path!(child_submits_until_the_disk_is_full), "trap '' XFSZ; ulimit -f 32");
    let output = run(in_directory(test, directory.path()));

    assert!(output.status.success(), "{}", output.text);
    assert!(output.text.contains("the disk is full"), "{}", output.text);
    assert_no_secret("standard streams", &output.text);
}

#[tokio::test]
async fn child_submits_until_the_disk_is_full() {
    let Some(directory) = child_directory() else { return };
    let server = StandIn::start();
    let log = AuditLog::open(&directory).unwrap();
    let client = Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log.clone())
        .base_url(server.base_url())
        .build()
        .unwrap();

    let mut refused = 0;
    while refused < 20 {
        let before = server.requests();
        match client.submit(TextToVideo::new(PROMPT)).await {
            Ok(_) => assert_eq!(refused, 0, "the disk stays full"),
            Err(Error::NotRecorded { .. }) => {
                refused += 1;
                assert_eq!(server.requests(), before, "no request was sent");
            }
            // The entry before the request still fitted, but the one about its outcome did not.
            Err(Error::OutcomeNotRecorded { task_id, .. }) => assert!(refused == 0 && task_id.is_some()),
            Err(other) => panic!("{other}"),
        }
    }

    let intents = entries(&directory).iter().filter(|entry| entry["event_type"] == "task_submitted").count();
    assert_eq!(server.submissions().len(), intents, "each request has an entry on disk");
    assert!(intents > 3);
    println!("the disk is full");
}

#[test]
fn download_on_a_full_disk_leaves_no_file() {
    let directory = SearchedDirectory::new();

    let test = child_after(test_path!(child_downloads_more_than_fits), "trap '' XFSZ; ulimit -f 64");
    let output = run(in_directory(test, directory.path()));

    assert!(output.status.success(), "{}", output.text);
    assert!(output.text.contains("there was no room"), "{}", output.text);
    assert_no_secret("standard streams", &output.text);
}

#[tokio::test]
async fn child_downloads_more_than_fits() {
    let Some(directory) = child_directory() else { return };
    let server = StandIn::start();
    let log = AuditLog::open(&directory).unwrap();
    let client = Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log.clone())
        .base_url(server.base_url())
        .build()
        .unwrap();
    let folder = TempDir::new().unwrap();
    let url = format!("{}/files/endless.mp4", server.base_url());

    let refused = client.download("1", &url).to(folder.path().join("fox.mp4")).await.unwrap_err();

    assert!(refused.to_string().contains("fox.mp4.part: File too large"), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(entries(&directory).is_empty());
    println!("there was no room");
}

#[tokio::test]
async fn wait_continues_after_a_network_outage() {
    let away = if is_long() { Duration::from_secs(30) } else { Duration::from_millis(600) };
    let setup = Setup::with(StandIn::start_with(Pace::Queries(2), 10), |builder| {
        builder.deadline(away * 4).timeout(Duration::from_secs(1))
    });
    let task = setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();
    setup.server.go_down_for(away);
    let started = Instant::now();

    let done = setup.client.wait(&task).await.unwrap();

    assert!(started.elapsed() >= away);
    assert_eq!(done.task_id, task.id());
    let entries = setup.entries();
    let lost = entries
        .iter()
        .filter(|entry| entry["event_type"] == "api_call" && entry["details"]["reason"].is_string());
    assert!(lost.count() > 1);
    assert!(!entries.iter().any(|entry| entry["event_type"] == "task_ambiguous"));
}

#[tokio::test]
async fn wait_continues_in_another_process_with_a_new_token() {
    let setup = Setup::with(StandIn::start_with(Pace::Queries(6), 10), |builder| {
        builder.deadline(Duration::from_millis(50)).poll_interval(Duration::from_millis(20))
    });
    let task = setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();
    let first = setup.client.wait(&task).await;
    setup.log.close().unwrap();
    setup.server.expire_token();

    // A restarted process has only the directory, the credentials and the id of the task.
    let log = AuditLog::open(setup.directory.path()).unwrap();
    let client = Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log.clone())
        .base_url(setup.server.base_url())
        .poll_interval(Duration::from_millis(2))
        .build()
        .unwrap();
    let done = client.wait(&Task::<TextToVideo>::resume(task.id()).unwrap()).await.unwrap();
    log.close().unwrap();

    assert_eq!(outcome(&first), "deadline");
    assert_eq!(done.task_id, task.id());
    let types = setup.event_types();
    assert_eq!(types.iter().filter(|event_type| *event_type == "task_completed").count(), 1);
    let entries = setup.entries();
    assert!(entries.iter().any(|entry| entry["details"]["reason"] == "after_1004"));
    kling_audit::verify(setup.directory.path()).unwrap();
}

#[test]
fn no_output_contains_a_secret() {
    let directory = TempDir::new().unwrap();

    let output = run(in_directory(child(test_path!(child_writes_everything)), directory.path()));

    assert!(output.status.success(), "{}", output.text);
    let mut written = texts(directory.path());
    written.push(("standard streams".to_owned(), output.text.clone()));
    assert!(output.text.contains("task_submitted"), "the fmt layer prints the events");
    // The child must have recorded every event of the documentation, or the search would miss some.
    let missing: Vec<String> = documented()
        .into_iter()
        .filter(|event| {
            let member = format!("\"event_type\": \"{event}\"");
            !written.iter().any(|(_, text)| text.contains(&member))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (place, text) in &written {
        assert_no_secret(place, text);
    }
}

#[test]
fn secret_search_finds_nine_characters_of_an_access_key() {
    let found = |text: &str| std::panic::catch_unwind(|| assert_no_secret("a text", text)).is_err();

    assert!(!found(&format!("access_key_prefix {}", &ACCESS_KEY[..8])));
    assert!(found(&format!("access_key_prefix {}", &ACCESS_KEY[..9])) && found(&ACCESS_KEY[3..12]));
    assert!(found(PROMPT_KEY) && found(SECRET_KEY) && found(API_KEY));
}

#[tokio::test]
async fn events_of_the_client_are_captured() {
    let setup = Setup::new();

    setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();

    assert!(HAS_CAPTURED.load(Ordering::SeqCst));
}

/// The events in the client's documentation.
fn documented() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kling/mod.rs");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, page) = page.split_once("//! # Events\n").unwrap();
    let (page, _) = page.split_once("//! # Members\n").unwrap();
    let heads = page.lines().filter_map(|line| line.strip_prefix("//! - ")?.split(": ").next());
    let events: Vec<String> =
        heads.flat_map(|head| head.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    assert!(events.len() > 25, "{events:?}");
    events
}

/// The body of a child: calls everything of the client, successfully and with errors, prints every value and error, and
/// has a subscriber that prints every event.
#[tokio::test]
async fn child_writes_everything() {
    use tracing_subscriber::{fmt, layer::SubscriberExt, util::SubscriberInitExt};

    let Some(directory) = child_directory() else { return };
    let log = AuditLog::open(&directory).unwrap();
    tracing_subscriber::registry()
        .with(log.layer())
        .with(fmt::layer().with_ansi(false).with_writer(std::io::stderr))
        .init();
    let server = StandIn::start_with(Pace::Queries(1), 100);
    let prompt_key = PromptKey::new(PROMPT_KEY).unwrap();
    println!("{prompt_key:?}");
    let client = Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log.clone())
        .base_url(server.base_url())
        .timeout(Duration::from_millis(500))
        .poll_interval(Duration::from_millis(2))
        .backoff(Duration::from_millis(2))
        .retries(1)
        .prompt_key(prompt_key.clone())
        .build()
        .unwrap();
    println!("{client:?} {:?}", Credentials::new(ACCESS_KEY, SECRET_KEY));
    let request = || {
        TextToVideo::new(PROMPT)
            .callback_url("https://hooks.example/cb?key=0123456789")
            .negative_prompt("a fox")
    };
    println!("{:?}", request());
    for fault in [
        Fault::Drop,
        Fault::DropAccepted,
        Fault::Half,
        Fault::Html(502),
        Fault::Quote(400, 1301),
        Fault::Quote(400, 1201),
        Fault::Code(401, 1000, "no"),
        Fault::Code(401, 1004, "expired"),
        Fault::Code(429, 1102, "Account balance not enough"),
        Fault::Code(403, 1103, "not allowed: a fox"),
        Fault::Code(429, 1302, "too fast for a fox"),
        Fault::Body(r#"{"code": 1201, "message": "Authorization: Bearer stand-in-secret-key-0123456789"}"#),
    ] {
        server.fail_submissions([fault]);
        match client.submit(request()).await {
            Ok(task) => println!("{task:?} {:?}", client.wait(&task).await),
            Err(error) => println!("{error} {error:?}"),
        }
    }
    let bold = || {
        Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log.clone())
            .base_url(server.base_url())
            .backoff(Duration::from_millis(2))
            .resend_unknown_after(Duration::from_millis(20))
            .build()
            .unwrap()
    };
    server.fail_submissions([Fault::Drop]);
    println!("{:?}", bold().submit(request().external_task_id("sent-again")).await);
    println!("{:?}", bold().look_up::<TextToVideo>("sent-again").await);
    let element =
        CustomElement::of_images("a fox", "a clockwork heron", "https://a.example/i?signature=1", ["AAAA"]);
    let element = client.submit(element).await.unwrap();
    println!("{:?}", client.wait(&element).await);
    let voice = client.submit(CustomVoice::of_url("a fox", "https://a.example/v?signature=1")).await.unwrap();
    println!("{:?}", client.wait(&voice).await);
    println!("{:?}", client.call(DeleteElement::new("163")).await);
    println!("{:?}", client.call(DeleteVoice::new("voice-7")).await);
    server.fail_next_task("not allowed: A clockwork heron wades.");
    let failed = client.submit(request()).await.unwrap();
    println!("{:?}", client.wait(&failed).await);
    let image =
        client.submit(GenerateImage::new(PROMPT).image(Media::from("https://a.example/i?signature=1")));
    println!("{:?}", client.wait(&image.await.unwrap()).await);
    println!("{:?}", client.call(Speech::new("a spoken secret", "voice", "en")).await);
    let listed: Vec<_> = client.list::<TextToVideo>(100).try_collect().await.unwrap();
    println!("{listed:?}");
    let task = client.submit(request()).await.unwrap();
    let done = client.wait(&task).await.unwrap();
    let folder = TempDir::new().unwrap();
    let url = &done.output.first().url;
    println!("{:?}", client.download(&done.task_id, url));
    println!("{:?}", client.download(&done.task_id, url).to(folder.path().join("1")).await);
    println!("{:?}", client.delete_download(&done.task_id, folder.path().join("1")).await);
    server.expire_files();
    println!("{:?}", client.download(&done.task_id, url).to(folder.path().join("2")).await);
    println!("{:?}", client.record_processing_activity("subject-7", "an avatar", "consent").await);
    println!("{:?}", client.record_deletion_request("subject-7", "voices").await);
    println!(
        "{:?}",
        client.change_base_url("http://user:stand-in-secret-key-0123456789@kling.example").await
    );
    println!("{:?}", client.change_credentials(Credentials::new(ACCESS_KEY, SECRET_KEY)).await);
    let secret = Secret::new("whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=").unwrap();
    println!("{secret:?} {:?}", Secret::new("whsec_testsecret"));
    let receiver = Receiver::builder(log.clone()).secret(secret).build().await.unwrap();
    let body = r#"{"task_id": "1", "task_status": "failed", "task_status_msg": "a refusal"}"#;
    let headers = sign(&[b"testsecrettestsecrettestsecret12".to_vec()], "delivery-1", body);
    let texts: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    println!("{receiver:?} {:?}", receiver.receive(texts.clone(), body.as_bytes()).await);
    println!("{:?}", receiver.receive(texts, b"testsecret").await);
    let other = Secret::new("whsec_YW5vdGhlcnNlY3JldGFub3RoZXJzZWNyZXQ=").unwrap();
    println!("{:?}", receiver.change_secrets([other]).await);
    println!("{:?}", reconcile(&directory, &client, Period::days(1)).await);
    log.flush().unwrap();
    let verified = kling_audit::verify(&directory).unwrap();
    println!("{:?}", log.record_verification(&verified, "alice"));
    log.close().unwrap();
}
