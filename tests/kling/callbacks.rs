//! Callbacks: which are accepted or rejected, their entries, and the route of axum.

use kling_audit::{
    AuditLog,
    kling::{
        Error, TaskStatus,
        callback::{Callback, Receiver, ReceiverBuilder, Rejected, Secret},
        requests::TextToVideo,
    },
};

#[cfg(feature = "axum")]
use crate::support::kling::wait_until;
use crate::support::kling::{
    SearchedDirectory, Setup, assert_no_secret, entries, entry, stand_in::callbacks::sign,
};

const SECRET: &str = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";
const KEY: &[u8] = b"testsecrettestsecrettestsecret12";
const OTHER_SECRET: &str = "whsec_YW5vdGhlcnNlY3JldGFub3RoZXJzZWNyZXQ=";
const OTHER_KEY: &[u8] = b"anothersecretanothersecret";
const BODY: &str =
    r#"{"task_id": "1", "task_status": "processing", "task_info": {"external_task_id": "order-7"}}"#;

/// A receiver of callbacks with a log.
struct Post {
    receiver: Receiver,
    log: AuditLog,
    /// Dropped last: dropping the log writes its last entry there.
    directory: SearchedDirectory,
}

impl Post {
    async fn new(settings: impl FnOnce(ReceiverBuilder) -> ReceiverBuilder) -> Post {
        let directory = SearchedDirectory::new();
        let log = AuditLog::open(directory.path()).unwrap();
        let receiver = settings(Receiver::builder(log.clone())).build().await.unwrap();
        Post { directory, log, receiver }
    }

    async fn signed() -> Post {
        Post::new(|builder| builder.secret(Secret::new(SECRET).unwrap())).await
    }

    async fn receive(&self, headers: &[(&'static str, String)], body: &str) -> Result<Callback, Rejected> {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let received = self.receiver.receive(headers, body.as_bytes()).await;
        let shown = match &received {
            Ok(callback) => format!("{callback:?}"),
            Err(rejected) => format!("{rejected} {rejected:?}"),
        };
        assert_no_secret("the answer to a callback", &format!("{shown} {:?}", self.receiver));
        received
    }

    fn reasons(&self) -> Vec<String> {
        let rejected = entries(self.directory.path()).into_iter();
        let rejected = rejected.filter(|entry| entry["event_type"] == "callback_rejected");
        rejected.map(|entry| entry["details"]["reason"].as_str().unwrap().to_owned()).collect()
    }
}

/// Replaces the value of a header.
fn with_header(
    mut headers: Vec<(&'static str, String)>,
    name: &str,
    value: &str,
) -> Vec<(&'static str, String)> {
    headers.iter_mut().find(|(known, _)| *known == name).unwrap().1 = value.to_owned();
    headers
}

#[tokio::test]
async fn signed_callback_is_accepted_and_its_repeat_detected() {
    let post = Post::signed().await;
    let headers = sign(&[KEY.to_vec()], "delivery-1", BODY);

    let first = post.receive(&headers, BODY).await.unwrap();
    let again = post.receive(&sign(&[KEY.to_vec()], "delivery-2", BODY), BODY).await.unwrap();
    let ended = BODY.replace("processing", "succeed");
    let changed = post.receive(&sign(&[KEY.to_vec()], "delivery-3", &ended), &ended).await.unwrap();

    assert_eq!((first.task_id(), first.external_task_id()), ("1", Some("order-7")));
    assert_eq!([first.is_new(), again.is_new(), changed.is_new()], [true, false, true]);
    assert_eq!(changed.status(), &TaskStatus::Succeed);
    assert!(first.is_signed());
    let mut entries = entries(post.directory.path());
    entries.retain(|entry| entry["event_type"] == "callback_received");
    let results: Vec<_> = entries.iter().map(|entry| entry["details"]["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["ok", "replayed", "ok"]);
    let details = &entries[0]["details"];
    assert_eq!((&details["webhook_id"], &details["status"]), (&"delivery-1".into(), &"processing".into()));
    assert_eq!((&details["task_id"], &entries[0]["actor"]), (&"1".into(), &"kling".into()));
}

#[tokio::test]
async fn every_rejection_records_its_reason() {
    let post = Post::signed().await;
    let headers = || sign(&[KEY.to_vec()], "delivery-1", BODY);
    let long = "x".repeat((1 << 20) + 1);
    let nonsense = "[]";

    for (headers, body, reason, http) in [
        (vec![], BODY, "unsigned_by_policy", 401),
        (headers()[..2].to_vec(), BODY, "missing_headers", 401),
        (headers(), &BODY.replace("order-7", "order-8"), "bad_signature", 401),
        (sign(&[OTHER_KEY.to_vec()], "delivery-1", BODY), BODY, "bad_signature", 401),
        (with_header(headers(), "webhook-timestamp", "1781080794"), BODY, "stale", 401),
        (headers(), &long, "too_long", 413),
        (sign(&[KEY.to_vec()], "delivery-1", nonsense), nonsense, "malformed", 400),
    ] {
        let rejected = post.receive(&headers, body).await.unwrap_err();

        assert_eq!((rejected.reason().as_str(), rejected.http_status()), (reason, http));
        assert_eq!(post.reasons().last().map(String::as_str), Some(reason));
    }
    let known = Post::new(|builder| {
        builder.secret(Secret::new(SECRET).unwrap()).known_tasks(|task_id| task_id == "2")
    })
    .await;
    assert_eq!(known.receive(&headers(), BODY).await.unwrap_err().reason().as_str(), "unknown_task");
    assert_eq!(known.reasons(), ["unknown_task"]);
}

#[tokio::test]
async fn signature_of_either_secret_passes_during_rotation() {
    let post = Post::signed().await;

    let both = sign(&[OTHER_KEY.to_vec(), KEY.to_vec()], "delivery-1", BODY);

    assert!(post.receive(&both, BODY).await.unwrap().is_signed());
}

#[tokio::test]
async fn callback_of_an_earlier_run_is_a_repeat() {
    let post = Post::signed().await;
    let headers = |id| sign(&[KEY.to_vec()], id, BODY);
    post.receive(&headers("delivery-1"), BODY).await.unwrap();
    let unsigned = BODY.replace("\"1\"", "\"2\"");
    let open = Receiver::builder(post.log.clone()).accept_unsigned().build().await.unwrap();
    open.receive([], unsigned.as_bytes()).await.unwrap();
    post.log.close().unwrap();

    let log = AuditLog::open(post.directory.path()).unwrap();
    let builder = || Receiver::builder(log.clone()).secret(Secret::new(SECRET).unwrap()).accept_unsigned();
    let receiver = builder().build().await.unwrap();
    let receive = async |headers: Vec<(&'static str, String)>, body: &str| {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        receiver.receive(headers, body.as_bytes()).await.unwrap().is_new()
    };

    assert!(!receive(headers("delivery-2"), BODY).await, "a repeat of the earlier run");
    let ended = BODY.replace("processing", "succeed");
    assert!(receive(sign(&[KEY.to_vec()], "delivery-4", &ended), &ended).await, "another status");
    assert!(!receive(vec![], &unsigned).await);
    let proven = sign(&[KEY.to_vec()], "delivery-5", &unsigned);
    assert!(receive(proven, &unsigned).await, "an unsigned callback does not make a signed one a repeat");
    log.close().unwrap();
    kling_audit::verify(post.directory.path()).unwrap();
}

#[tokio::test]
async fn new_secrets_are_recorded_before_use() {
    let post = Post::signed().await;
    let (old, new) = (Secret::new(SECRET).unwrap(), Secret::new(OTHER_SECRET).unwrap());
    let by = |key: &[u8]| sign(&[key.to_vec()], "delivery-1", BODY);

    post.receive(&by(OTHER_KEY), BODY).await.unwrap_err();
    post.receiver.change_secrets([new.clone(), old]).await.unwrap();
    let with_both = [post.receive(&by(OTHER_KEY), BODY).await, post.receive(&by(KEY), BODY).await];
    post.receiver.change_secrets([new.clone()]).await.unwrap();
    post.receiver.change_secrets([new.clone()]).await.unwrap();
    post.receive(&by(KEY), BODY).await.unwrap_err();
    let none = post.receiver.change_secrets([]).await;
    let again = Receiver::builder(post.log.clone()).secret(new.clone()).build().await;
    post.log.close().unwrap();
    let unrecorded = post.receiver.change_secrets([Secret::new(SECRET).unwrap()]).await;

    assert!(with_both.iter().all(Result::is_ok) && again.is_ok());
    assert!(matches!(none, Err(Error::Configuration { setting: "callback secret", .. })));
    assert!(matches!(unrecorded, Err(Error::NotRecorded { event: "auth_event", .. })));
    let mut entries = entries(post.directory.path());
    entries.retain(|entry| entry["event_type"] == "auth_event");
    let details = |name: &str| -> Vec<String> {
        entries.iter().map(|entry| entry["details"][name].as_str().unwrap().to_owned()).collect()
    };
    let (first, second) = ("whsec:dcd975b5", "whsec:d350bba9");
    let both = [second, first].join(", ");
    assert_eq!(details("access_key_prefix"), [first, &both, second]);
    assert_eq!(details("from_access_key_prefix"), ["unknown", first, &both]);
    assert_eq!(details("credential_kind"), ["webhook_secret"; 3]);
    assert_eq!(details("event"), ["credential_changed"; 3]);
}

#[tokio::test]
async fn unsigned_callback_passes_only_if_allowed() {
    let open = Post::new(ReceiverBuilder::accept_unsigned).await;
    let both = Post::new(|builder| builder.secret(Secret::new(SECRET).unwrap()).accept_unsigned()).await;
    let forged = with_header(sign(&[KEY.to_vec()], "delivery-1", BODY), "webhook-signature", "v1,AAAA");

    assert!(!open.receive(&[], BODY).await.unwrap().is_signed());
    assert!(!both.receive(&[], BODY).await.unwrap().is_signed());
    assert_eq!(both.receive(&forged, BODY).await.unwrap_err().reason().as_str(), "bad_signature");
    let directory = SearchedDirectory::new();
    let built = Receiver::builder(AuditLog::open(directory.path()).unwrap()).build().await;
    assert!(matches!(built, Err(Error::Configuration { setting: "callback secret", .. })));
}

#[tokio::test]
async fn header_text_is_recorded_only_if_it_is_an_identifier() {
    let post = Post::signed().await;
    let headers =
        with_header(sign(&[KEY.to_vec()], "delivery-1", BODY), "webhook-id", "a prompt, and <script>");

    post.receive(&headers, BODY).await.unwrap_err();

    let entries = entries(post.directory.path());
    assert!(entry(&entries, "callback_rejected")["details"]["webhook_id"].is_null());
}

#[tokio::test]
async fn unsigned_body_text_is_recorded_only_as_identifiers() {
    let post = Post::new(ReceiverBuilder::accept_unsigned).await;
    let prose = "a prompt, and <script>";
    let body = |task_id: &str, status: &str, external: &str, credits: &str| {
        serde_json::json!({"task_id": task_id, "task_status": status, "final_unit_deduction": credits,
            "task_info": {"external_task_id": external}})
        .to_string()
    };

    let by_id = post.receive(&[], &body(prose, "succeed", "order-7", "1")).await.unwrap_err();
    let by_status = post.receive(&[], &body("1", prose, "order-7", "1")).await.unwrap_err();
    let aside = post.receive(&[], &body("1", "succeed", &prose.repeat(1000), prose)).await.unwrap();
    let received = post.receive(&[], &body("1", "in_review", "order-7", "1.50")).await.unwrap();

    assert_eq!((by_id.reason().as_str(), by_status.reason().as_str()), ("malformed", "malformed"));
    assert_eq!(received.status(), &TaskStatus::Unknown("in_review".to_owned()));
    assert!(aside.external_task_id().is_some(), "the caller gets it nevertheless");
    let mut entries = entries(post.directory.path());
    entries.retain(|entry| entry["event_type"].as_str().unwrap().starts_with("callback_"));
    assert!(!serde_json::to_string(&entries).unwrap().contains("a prompt"));
    let details = |at: usize, name: &str| entries[at]["details"][name].clone();
    assert!(details(2, "external_task_id").is_null() && details(2, "credits").is_null());
    assert_eq!((details(3, "external_task_id"), details(3, "credits")), ("order-7".into(), "1.50".into()));
}

#[tokio::test]
async fn prompt_in_a_signed_callback_is_not_recorded() {
    let setup = Setup::new();
    let task = setup.client.submit(TextToVideo::new("a fox")).await.unwrap();
    let secret = Secret::new(SECRET).unwrap();
    let receiver = Receiver::builder(setup.log.clone()).secret(secret).build().await.unwrap();
    let body = serde_json::json!({"task_id": task.id(), "task_status": "no to: a fox",
        "final_unit_deduction": "for a fox"})
    .to_string();
    let headers = sign(&[KEY.to_vec()], "delivery-1", &body);
    let texts = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let callback = receiver.receive(texts, body.as_bytes()).await.unwrap();

    let progress = setup.client.observe(&task, &callback).await.unwrap();

    assert!(!progress.status.as_str().contains("fox"), "{progress:?}");
    let entries = setup.entries();
    let changed = entry(&entries, "task_status_changed");
    assert!(!changed.to_string().contains("a fox"), "{changed}");
    assert!(entry(&entries, "callback_received")["details"]["status"].is_null());
}

/// Serves a route at `/kling`, and returns the address of the server.
#[cfg(feature = "axum")]
async fn serve(route: axum::routing::MethodRouter) -> std::net::SocketAddr {
    let app = axum::Router::new().route("/kling", route);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn body_that_breaks_off_is_recorded_as_incomplete() {
    use std::time::Duration;

    use kling_audit::kling::callback::route;
    use tokio::io::AsyncWriteExt;

    let post = Post::signed().await;
    let address = serve(route(post.receiver.clone(), |_: Callback| std::future::ready(()))).await;

    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /kling HTTP/1.1\r\nhost: a\r\nwebhook-id: delivery-1\r\ncontent-length: 100\r\n\r\n";
    stream.write_all(format!("{head}{{\"task_id\"").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    wait_until("the callbacks are recorded", || !post.reasons().is_empty()).await;

    assert_eq!(post.reasons(), ["incomplete"]);
    let entries = entries(post.directory.path());
    let details = &entry(&entries, "callback_rejected")["details"];
    assert_eq!((&details["bytes"], &details["webhook_id"]), (&10.into(), &"delivery-1".into()));
}

#[tokio::test]
async fn callback_that_cannot_be_recorded_is_rejected() {
    let post = Post::signed().await;
    let headers = sign(&[KEY.to_vec()], "delivery-1", BODY);
    post.log.close().unwrap();

    let rejected = post.receive(&headers, BODY).await.unwrap_err();

    assert_eq!((rejected.reason().as_str(), rejected.http_status()), ("not_recorded", 500));
}

#[tokio::test]
async fn signed_callback_replaces_a_query_and_unsigned_causes_one() {
    let setup = Setup::new();
    let task = setup.client.submit(TextToVideo::new("a fox")).await.unwrap();
    let receiver = Receiver::builder(setup.log.clone())
        .secret(Secret::new(SECRET).unwrap())
        .accept_unsigned()
        .build()
        .await
        .unwrap();
    let body = format!(
        r#"{{"task_id": "{}", "task_status": "succeed", "final_unit_deduction": "1", "task_info": {{}},
            "task_result": {{"videos": [{{"id": "v", "url": "https://a.example/v"}}]}}}}"#,
        task.id()
    );
    let headers = sign(&[KEY.to_vec()], "delivery-1", &body);
    let texts = || headers.iter().map(|(name, value)| (*name, value.as_str()));
    let unsigned = receiver.receive([], body.as_bytes()).await.unwrap();
    let signed = receiver.receive(texts(), body.as_bytes()).await.unwrap();

    let asked = setup.client.observe(&task, &unsigned).await.unwrap();
    let received = setup.client.observe(&task, &signed).await.unwrap();
    let other = receiver.receive([], BODY.as_bytes()).await.unwrap();
    let refused = setup.client.observe(&task, &other).await;

    assert_eq!((asked.status, setup.server.queries()), (TaskStatus::Processing, 1));
    assert_eq!(received.output.unwrap().first().id, "v");
    assert!(matches!(refused, Err(Error::Request(_))));
    let entries = setup.entries();
    let sources: Vec<_> = entries
        .iter()
        .filter(|entry| entry["event_type"] == "task_status_changed")
        .map(|entry| entry["details"]["source"].as_str().unwrap())
        .collect();
    assert_eq!(sources, ["poll", "callback"]);
    assert_eq!(entry(&entries, "task_completed")["details"]["video_count"], 1);
}

/// A callback with an earlier status arrives after the last one. The task stays completed.
#[cfg(feature = "axum")]
#[tokio::test]
async fn late_callback_does_not_reopen_a_task() {
    use std::{sync::Arc, time::Duration};

    use crate::support::kling::stand_in::{Pace, StandIn};
    use kling_audit::kling::callback::route;
    use parking_lot::Mutex;

    let server = StandIn::start_with(Pace::Time(Duration::from_secs(4)), 100);
    server.sign_with([OTHER_KEY.to_vec(), KEY.to_vec()]);
    server.deliver_callbacks_out_of_order();
    let setup = Setup::with(server, |builder| builder);
    let receiver = Receiver::builder(setup.log.clone()).secret(Secret::new(SECRET).unwrap()).build();
    let receiver = receiver.await.unwrap();
    let received = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&received);
    let address = serve(route(receiver, move |callback: Callback| {
        seen.lock().push(callback);
        std::future::ready(())
    }))
    .await;
    let url = format!("http://{address}/kling");

    let task = setup.client.submit(TextToVideo::new("a fox").callback_url(&url)).await.unwrap();
    wait_until("the callbacks are recorded", || received.lock().len() == 3).await;
    let received = received.lock().clone();
    for callback in &received {
        setup.client.observe(&task, callback).await.unwrap();
    }

    let order: Vec<_> = received.iter().map(|callback| callback.status().as_str().to_owned()).collect();
    assert_eq!(order, ["submitted", "succeed", "processing"]);
    let entries = setup.entries();
    assert_eq!(entry(&entries, "task_completed")["details"]["task_id"], task.id());
    let changes = entries.iter().filter(|entry| entry["event_type"] == "task_status_changed");
    let changes: Vec<_> = changes.map(|entry| entry["details"]["to"].as_str().unwrap()).collect();
    assert_eq!(changes, ["succeed"]);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn route_delivers_each_change_once() {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use crate::support::kling::stand_in::{Pace, StandIn};
    use kling_audit::kling::callback::route;

    let server = StandIn::start_with(Pace::Time(Duration::from_secs(4)), 100);
    server.sign_with([KEY.to_vec()]);
    let setup = Setup::with(server, |builder| builder);
    let receiver =
        Receiver::builder(setup.log.clone()).secret(Secret::new(SECRET).unwrap()).build().await.unwrap();
    let changes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&changes);
    let address = serve(route(receiver, move |callback: Callback| {
        let seen = Arc::clone(&seen);
        async move { seen.lock().unwrap().push(callback.status().as_str().to_owned()) }
    }))
    .await;
    let url = format!("http://{address}/kling");

    let task = setup.client.submit(TextToVideo::new("a fox").callback_url(&url)).await.unwrap();
    setup.client.wait(&task).await.unwrap();
    let replayed = || {
        let entries = setup.entries();
        entries.iter().filter(|entry| entry["details"]["result"] == "replayed").count()
    };
    wait_until("the callbacks are recorded", || replayed() >= 3).await;
    assert_eq!(replayed(), 3, "{:?}", setup.entries());
    let unsigned = reqwest::Client::new().post(&url).body(BODY).send().await.unwrap();
    let long = reqwest::Client::new().post(&url).body(vec![b'x'; (1 << 20) + 2]).send().await.unwrap();

    assert_eq!(*changes.lock().unwrap(), ["submitted", "processing", "succeed"]);
    assert_eq!((unsigned.status().as_u16(), long.status().as_u16()), (401, 413));
    let entries = setup.entries();
    let reasons: Vec<_> = entries
        .iter()
        .filter(|entry| entry["event_type"] == "callback_rejected")
        .map(|entry| entry["details"]["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["unsigned_by_policy", "too_long"]);
}
