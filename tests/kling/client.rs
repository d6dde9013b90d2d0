//! Submission and polling: for each fault, the entries in the trail, the requests at the server, and the result.

use std::time::Duration;

use kling_audit::{
    AuditLog,
    kling::{
        self, Client, Credentials, Error, TaskProgress, TaskStatus,
        outputs::{Video, Videos},
        requests::{Model, Request, TextToVideo},
    },
};
use serde_json::Value;

use crate::support::kling::{
    SearchedDirectory, Setup, entries, entry, outcome,
    stand_in::{ACCESS_KEY, API_KEY, Fault, Pace, SECRET_KEY, StandIn},
    wait_until,
};

const PROMPT: &str = "a clockwork heron wades through violet fog";

type Task = kling::Task<TextToVideo>;

/// Short forms of entries, for comparison with a list.
trait Summary {
    /// A line for each entry that is not the log's own: its type, and its most important details.
    fn summary(&self) -> Vec<String>;

    async fn make(&self, request: TextToVideo) -> Result<Videos, Error>;
}

impl Summary for Setup {
    fn summary(&self) -> Vec<String> {
        self.entries().iter().map(summarize).collect()
    }

    async fn make(&self, request: TextToVideo) -> Result<Videos, Error> {
        let task = self.client.submit(request).await?;
        Ok(self.client.wait(&task).await?.output)
    }
}

fn summarize(entry: &Value) -> String {
    let members: &[&str] = match entry["event_type"].as_str().unwrap() {
        "auth_event" if entry["details"]["event"] == "token_minted" => &["event", "reason"],
        "auth_event" => &["event", "code"],
        "access_denied" | "account_blocked" => &["code"],
        "content_blocked" => &["stage", "code"],
        "api_call" => &["purpose", "code"],
        "throttled" => &["code", "attempt", "gave_up"],
        "task_accepted" => &["status", "resolved_by"],
        "task_refused" => &["code", "reason"],
        "task_ambiguous" => &["stage"],
        "task_status_changed" => &["from", "to"],
        "task_completed" => &["video_count", "credits"],
        "task_failed" => &["reason", "credits"],
        _ => &[],
    };
    let mut line = entry["event_type"].as_str().unwrap().to_owned();
    for member in members {
        match &entry["details"][member] {
            Value::Null => {}
            Value::String(text) => line.extend([" ", text]),
            other => line.extend([" ", &other.to_string()]),
        }
    }
    line
}

const MINTED: &str = "auth_event token_minted first";
const SUBMITTED: &str = "task_submitted";
const ACCEPTED: &str = "task_accepted submitted";
const QUERY: &str = "api_call query 0";
const LOST_QUERY: &str = "api_call query";
const NOT_FOUND: &str = "api_call lookup 1201";
const PROCESSING: &str = "task_status_changed submitted processing";
const SUCCEED: &str = "task_status_changed processing succeed";
const COMPLETED: &str = "task_completed 1 1";
const WITHHELD: &str = "[withheld: message repeats the prompt]";

/// A submission and the wait for its task, with the faults that the server simulates.
struct Scenario {
    name: &'static str,
    submissions: Vec<Fault>,
    queries: Vec<Fault>,
    failure: Option<&'static str>,
    outcome: &'static str,
    trail: Vec<String>,
    /// Numbers of submissions that the server received, and of tasks that it created.
    server: (usize, usize),
}

/// Entries of a submission that the server refuses.
fn refused(code: i64, reason: &str) -> Vec<String> {
    let refused = format!("task_refused {code} {reason}");
    let noted = match code {
        1100..=1102 => format!("account_blocked {code}"),
        1103 | 1304 => format!("access_denied {code}"),
        1300 | 1301 => format!("content_blocked submit {code}"),
        _ => return [MINTED, SUBMITTED, &refused].map(str::to_owned).to_vec(),
    };
    [MINTED, SUBMITTED, &noted, &refused].map(str::to_owned).to_vec()
}

fn trail(parts: &[&[&str]]) -> Vec<String> {
    parts.concat().into_iter().map(str::to_owned).collect()
}

const START: &[&str] = &[MINTED, SUBMITTED];
const END: &[&str] = &[QUERY, PROCESSING, QUERY, SUCCEED, COMPLETED];
const FOUND: &[&str] = &[MINTED, SUBMITTED, "api_call lookup 0", "task_accepted submitted lookup"];
const AMBIGUOUS: &[&str] =
    &[MINTED, SUBMITTED, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, "task_ambiguous submit"];

fn scenarios() -> Vec<Scenario> {
    let plain = |name, outcome, trail, server| Scenario {
        name,
        submissions: vec![],
        queries: vec![],
        failure: None,
        outcome,
        trail,
        server,
    };
    let submitting = |name, submissions, outcome, trail, server| Scenario {
        submissions,
        ..plain(name, outcome, trail, server)
    };
    let polling = |name, queries, outcome, trail| Scenario { queries, ..plain(name, outcome, trail, (1, 1)) };
    vec![
        plain("all is well", "ok", trail(&[START, &[ACCEPTED], END]), (1, 1)),
        Scenario {
            failure: Some("Failure to pass the risk control system"),
            ..plain(
                "the task fails late",
                "failed Failure to pass the risk control system",
                trail(&[
                    START,
                    &[ACCEPTED, QUERY, PROCESSING, QUERY, "task_status_changed processing failed"],
                    &["content_blocked result", "task_failed Failure to pass the risk control system 0"],
                ]),
                (1, 1),
            )
        },
        Scenario {
            failure: Some("not allowed: A clockwork heron wades."),
            ..plain(
                "the task fails with a reason that repeats the prompt",
                "failed [withheld: message repeats the prompt]",
                trail(&[
                    START,
                    &[ACCEPTED, QUERY, PROCESSING, QUERY, "task_status_changed processing failed"],
                    &[&format!("task_failed {WITHHELD} 0")],
                ]),
                (1, 1),
            )
        },
        // A refusal is final.
        submitting(
            "no permission",
            vec![Fault::Code(403, 1103, "no permission")],
            "refused 1103",
            refused(1103, "no permission"),
            (1, 0),
        ),
        submitting(
            "account exception",
            vec![Fault::Code(429, 1100, "account exception")],
            "refused 1100",
            refused(1100, "account exception"),
            (1, 0),
        ),
        submitting(
            "arrears",
            vec![Fault::Code(429, 1101, "arrears")],
            "refused 1101",
            refused(1101, "arrears"),
            (1, 0),
        ),
        submitting(
            "no money, which is not being busy though it has the same status",
            vec![Fault::Code(429, 1102, "Account balance not enough")],
            "refused 1102",
            refused(1102, "Account balance not enough"),
            (1, 0),
        ),
        submitting(
            "bad value",
            vec![Fault::Code(400, 1201, "bad")],
            "refused 1201",
            refused(1201, "bad"),
            (1, 0),
        ),
        submitting(
            "policy",
            vec![Fault::Code(400, 1300, "policy")],
            "refused 1300",
            refused(1300, "policy"),
            (1, 0),
        ),
        submitting(
            "content, with a message that repeats the prompt",
            vec![Fault::Quote(400, 1301)],
            "refused 1301",
            refused(1301, WITHHELD),
            (1, 0),
        ),
        submitting(
            "address",
            vec![Fault::Code(429, 1304, "ip")],
            "refused 1304",
            refused(1304, "ip"),
            (1, 0),
        ),
        submitting(
            "a code that is not known",
            vec![Fault::Code(400, 1999, "news")],
            "refused 1999",
            refused(1999, "news"),
            (1, 0),
        ),
        submitting(
            "a page of another server, with a status that refuses",
            vec![Fault::Html(403)],
            "refused 0",
            trail(&[START, &["task_refused an answer that is not the vendor's (http 403)"]]),
            (1, 0),
        ),
        submitting(
            "a token that is not valid yet",
            vec![Fault::Code(401, 1003, "not yet")],
            "refused 1003",
            trail(&[START, &["auth_event token_rejected 1003", "task_refused 1003 not yet"]]),
            (1, 0),
        ),
        submitting(
            "a token that is refused for good",
            vec![Fault::Code(401, 1000, "no")],
            "refused 1000",
            trail(&[START, &["auth_event token_rejected 1000", "task_refused 1000 no"]]),
            (1, 0),
        ),
        // A submission that was certainly not accepted is sent again.
        submitting(
            "a token that expired on the way",
            vec![Fault::Code(401, 1004, "expired")],
            "ok",
            trail(&[
                START,
                &["auth_event token_rejected 1004", "auth_event token_minted after_1004", ACCEPTED],
                END,
            ]),
            (2, 1),
        ),
        submitting(
            "tokens that always are expired",
            vec![Fault::Code(401, 1004, "expired"), Fault::Code(401, 1004, "expired")],
            "refused 1004",
            trail(&[
                START,
                &["auth_event token_rejected 1004", "auth_event token_minted after_1004"],
                &["auth_event token_rejected 1004", "task_refused 1004 expired"],
            ]),
            (2, 0),
        ),
        submitting(
            "busy, then not",
            vec![Fault::Code(429, 1302, "fast"), Fault::Code(503, 5001, "maintenance")],
            "ok",
            trail(&[START, &["throttled 1302 1 false", "throttled 5001 2 false", ACCEPTED], END]),
            (3, 1),
        ),
        submitting(
            "busy for too long",
            vec![Fault::Code(429, 1303, "parallel task over resource pack limit"); 3],
            "refused 1303",
            trail(&[
                START,
                &["throttled 1303 1 false", "throttled 1303 2 false", "throttled 1303 3 true"],
                &["task_refused 1303 parallel task over resource pack limit"],
            ]),
            (3, 0),
        ),
        // A submission that may have been accepted is looked up and never sent again.
        submitting("the answer is lost", vec![Fault::DropAccepted], "ok", trail(&[FOUND, END]), (1, 1)),
        submitting("half the answer is lost", vec![Fault::Half], "ok", trail(&[FOUND, END]), (1, 1)),
        submitting(
            "the answer is late",
            vec![Fault::Slow(Duration::from_secs(3))],
            "ok",
            trail(&[FOUND, END]),
            (1, 1),
        ),
        submitting(
            "an internal error, and a task",
            vec![Fault::CodeAccepted(500, 5000, "internal")],
            "ok",
            trail(&[FOUND, END]),
            (1, 1),
        ),
        submitting(
            "a timeout inside, and a task",
            vec![Fault::CodeAccepted(504, 5002, "timeout")],
            "ok",
            trail(&[FOUND, END]),
            (1, 1),
        ),
        submitting(
            "a gateway's page, and a task",
            vec![Fault::HtmlAccepted(502)],
            "ok",
            trail(&[FOUND, END]),
            (1, 1),
        ),
        submitting("an empty answer, and a task", vec![Fault::Body("")], "ok", trail(&[FOUND, END]), (1, 1)),
        submitting(
            "an answer without a task, and a task",
            vec![Fault::Body(
                r#"{"code": 0, "message": "SUCCEED", "data": {"task_id": "", "task_status": 1}}"#,
            )],
            "ok",
            trail(&[FOUND, END]),
            (1, 1),
        ),
        submitting("the request is lost", vec![Fault::Drop], "ambiguous", trail(&[AMBIGUOUS]), (1, 0)),
        submitting(
            "an internal error, and no task",
            vec![Fault::Code(500, 5000, "internal")],
            "ambiguous",
            trail(&[AMBIGUOUS]),
            (1, 0),
        ),
        submitting(
            "a gateway's page, and no task",
            vec![Fault::Html(502)],
            "ambiguous",
            trail(&[AMBIGUOUS]),
            (1, 0),
        ),
        Scenario {
            queries: vec![Fault::Drop, Fault::Html(502)],
            ..submitting(
                "the answer is lost, and so are those to two look-ups",
                vec![Fault::DropAccepted],
                "ok",
                trail(&[
                    START,
                    &[
                        "api_call lookup",
                        "api_call lookup",
                        "api_call lookup 0",
                        "task_accepted submitted lookup",
                    ],
                    END,
                ]),
                (1, 1),
            )
        },
        submitting(
            "busy, then the answer is lost",
            vec![Fault::Code(429, 1302, "fast"), Fault::DropAccepted],
            "ok",
            trail(&[
                START,
                &["throttled 1302 1 false", "api_call lookup 0", "task_accepted submitted lookup"],
                END,
            ]),
            (2, 1),
        ),
        // Polling continues after faults that pass.
        polling(
            "everything that passes goes wrong while polling",
            vec![
                Fault::Drop,
                Fault::Html(502),
                Fault::Html(404),
                Fault::Half,
                Fault::Body(""),
                Fault::Body("null"),
                Fault::Body(r#"{"code": 0, "data": {"task_id": "7", "task_status": "succeed"}}"#),
                Fault::Slow(Duration::from_secs(3)),
                Fault::Code(500, 5000, "internal"),
                Fault::Code(503, 5001, "maintenance"),
                Fault::Code(504, 5002, "timeout"),
                Fault::Code(429, 1302, "fast"),
            ],
            "ok",
            trail(&[
                START,
                &[
                    ACCEPTED, LOST_QUERY, LOST_QUERY, LOST_QUERY, LOST_QUERY, LOST_QUERY, LOST_QUERY, QUERY,
                    LOST_QUERY,
                ],
                &["api_call query 5000", "api_call query 5001", "api_call query 5002", "api_call query 1302"],
                &["throttled 1302 12 false"],
                END,
            ]),
        ),
        polling(
            "a token expires while polling",
            vec![Fault::Code(401, 1004, "expired")],
            "ok",
            trail(&[
                START,
                &[ACCEPTED, "api_call query 1004", "auth_event token_rejected 1004"],
                &["auth_event token_minted after_1004"],
                END,
            ]),
        ),
        polling(
            "the task is not known any more",
            vec![Fault::Code(400, 1201, "Task not found")],
            "refused 1201",
            trail(&[START, &[ACCEPTED, "api_call query 1201", "task_ambiguous wait"]]),
        ),
        polling(
            "the keys are refused while polling",
            vec![Fault::Code(401, 1000, "no")],
            "refused 1000",
            trail(&[
                START,
                &[ACCEPTED, "api_call query 1000", "auth_event token_rejected 1000", "task_ambiguous wait"],
            ]),
        ),
    ]
}

#[tokio::test]
async fn every_fault_leaves_exactly_its_entries() {
    for scenario in scenarios() {
        let setup = Setup::new();
        setup.server.fail_submissions(scenario.submissions);
        setup.server.fail_queries(scenario.queries);
        if let Some(reason) = scenario.failure {
            setup.server.fail_next_task(reason);
        }

        let result = setup.make(TextToVideo::new(PROMPT)).await;

        assert_eq!(outcome(&result), scenario.outcome, "{}", scenario.name);
        assert_eq!(setup.summary(), scenario.trail, "{}", scenario.name);
        let server = (setup.server.submissions().len(), setup.server.tasks());
        assert_eq!(server, scenario.server, "{}", scenario.name);
        let written = format!("{:?} {result:?} {}", setup.entries(), chain_of(&result));
        for secret in
            ["clockwork", "heron", SECRET_KEY, ACCESS_KEY, "eyJhbGci", "eyJpc3Mi", "stand-in-signature"]
        {
            assert!(!written.contains(secret), "{}: {secret} in {written}", scenario.name);
        }
    }
}

/// Text of an error and of its sources.
fn chain_of<T>(result: &Result<T, Error>) -> String {
    let mut text = String::new();
    let mut error = result.as_ref().err().map(|error| error as &dyn std::error::Error);
    while let Some(cause) = error {
        text.push_str(&cause.to_string());
        text.push('\n');
        error = cause.source();
    }
    text
}

#[tokio::test]
async fn entries_of_a_task_have_all_their_details() {
    let setup = Setup::new();
    let request = TextToVideo::new(PROMPT)
        .negative_prompt("blurry été")
        .model_name(Model::V2_6)
        .mode("pro")
        .duration(kling::requests::Duration::S10)
        .aspect_ratio("1:1")
        .sound("on")
        .cfg_scale(0.25)
        .callback_url("https://hooks.example/kling?key=0123456789")
        .external_task_id("order/7 ü");

    setup.make(request).await.unwrap();

    let entries = setup.entries();
    assert!(entries.iter().all(|entry| entry["actor"] == "alice"));
    let minted = &entry(&entries, "auth_event")["details"];
    assert_eq!(minted["success"], true);
    assert_eq!(minted["access_key_prefix"], "access-7...");
    let expires = minted["expires"].as_i64().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert!((now + 1790..=now + 1800).contains(&expires));
    let submitted = &entry(&entries, "task_submitted")["details"];
    for (member, value) in [
        ("action", Value::from("text_to_video")),
        ("model", "kling-v2-6".into()),
        ("duration", "10".into()),
        ("mode", "pro".into()),
        ("prompt_hash", "466e94bda7bf706f".into()),
        ("prompt_hash_kind", "sha256-16".into()),
        ("prompt_length", 42.into()),
        ("path", "/v1/videos/text2video".into()),
        ("external_task_id", "order/7 ü".into()),
        ("aspect_ratio", "1:1".into()),
        ("sound", "on".into()),
        ("cfg_scale", 0.25.into()),
        ("callback_host", "hooks.example".into()),
        ("negative_prompt_length", 10.into()),
    ] {
        assert_eq!(submitted[member], value, "{member}");
    }
    let task_id = setup.server.task_ids().remove(0);
    let accepted = &entry(&entries, "task_accepted")["details"];
    assert_eq!(accepted["task_id"], *task_id);
    assert_eq!(accepted["http"], 200);
    assert!(accepted["latency_ms"].is_u64() && accepted["request_id"].is_string());
    let call = entries.iter().find(|entry| entry["event_type"] == "api_call").unwrap();
    let call = &call["details"];
    assert_eq!(call["method"], "GET");
    assert_eq!(call["path"], "/v1/videos/text2video/{id}");
    assert_eq!(call["task_id"], *task_id);
    assert!(call["duration_ms"].is_u64() && call["request_id"].is_string());
    let completed = &entry(&entries, "task_completed")["details"];
    for (member, value) in [
        ("action", Value::from("text_to_video")),
        ("status", "succeed".into()),
        ("video_count", 1.into()),
        ("credits", "2.0".into()),
        ("task_id", task_id.as_str().into()),
        ("external_task_id", "order/7 ü".into()),
    ] {
        assert_eq!(completed[member], value, "{member}");
    }
    let sent = setup.server.submissions().remove(0);
    assert_eq!((&sent["duration"], &sent["mode"]), (&Value::from("10"), &Value::from("pro")));
}

#[tokio::test]
async fn omitted_fields_are_recorded_with_their_defaults() {
    let setup = Setup::new();
    setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();

    let entries = setup.entries();
    let submitted = entry(&entries, "task_submitted")["details"].clone();
    assert_eq!((&submitted["model"], &submitted["mode"]), (&"kling-v1".into(), &"std".into()));
    assert_eq!(submitted["duration"], "5");
    let id = submitted["external_task_id"].as_str().unwrap();
    assert_eq!(id.strip_prefix("kling-audit-").unwrap().len(), 32);
    assert_eq!(setup.server.submissions()[0]["external_task_id"], id);
    assert!(setup.server.submissions()[0].get("model_name").is_none());
}

#[tokio::test]
async fn model_without_modes_is_recorded_with_mode_null() {
    let setup = Setup::new();
    setup.client.submit(TextToVideo::new(PROMPT).model_name(Model::V2Master)).await.unwrap();

    let entries = setup.entries();
    assert_eq!(entry(&entries, "task_submitted")["details"].get("mode"), Some(&Value::Null));
}

#[tokio::test]
async fn invalid_request_is_not_sent() {
    let setup = Setup::new();

    let result = setup.client.submit(TextToVideo::new(PROMPT).cfg_scale(2.0)).await;

    assert!(matches!(result, Err(Error::Request(error)) if error.field() == "cfg_scale"));
    assert_eq!((setup.summary().len(), setup.server.requests()), (0, 0));
}

#[tokio::test]
async fn request_that_cannot_be_recorded_is_not_sent() {
    let setup = Setup::new();
    let task = setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();
    setup.log.close().unwrap();
    let before = setup.server.requests();

    let submitted = setup.client.submit(TextToVideo::new(PROMPT)).await;

    assert_eq!(outcome(&submitted), "not recorded task_submitted");
    assert_eq!(setup.server.requests(), before);
    let waited = setup.client.wait(&task).await;
    assert_eq!(outcome(&waited), "outcome not recorded api_call");
    assert!(waited.unwrap_err().to_string().contains(task.id()));
}

#[tokio::test]
async fn unrecorded_acceptance_is_an_error_with_both_ids() {
    let setup = Setup::new();
    setup.server.fail_submissions([Fault::Slow(Duration::from_secs(1))]);
    let client = setup.client.clone();
    let submission = tokio::spawn(async move { client.submit(TextToVideo::new(PROMPT)).await });
    wait_until("the server has a task", || setup.server.tasks() > 0).await;
    setup.log.close().unwrap();

    let result = submission.await.unwrap();

    let Err(Error::OutcomeNotRecorded { event: "task_accepted", task_id, external_task_id, .. }) = result
    else {
        panic!("{}", outcome(&result))
    };
    assert_eq!(task_id, setup.server.task_ids().pop());
    assert!(external_task_id.is_some());
}

#[tokio::test]
async fn dropped_submission_is_recorded_as_ambiguous() {
    let setup = Setup::new();
    setup.server.fail_submissions([Fault::Slow(Duration::from_millis(1_500))]);
    let sent = wait_until("the server has a task", || setup.server.tasks() > 0);

    tokio::select! {
        biased;
        () = sent => {}
        _ = setup.client.submit(TextToVideo::new(PROMPT)) => panic!("it is not answered yet"),
    }

    assert_eq!(setup.summary(), trail(&[START, &["task_ambiguous submit"]]));
}

#[tokio::test]
async fn refused_connection_is_not_ambiguous() {
    let mut setup = Setup::new();
    setup.server.kill();

    let result = setup.client.submit(TextToVideo::new(PROMPT)).await;

    assert_eq!(outcome(&result), "transport");
    assert_eq!(setup.summary(), trail(&[START, &["task_refused not sent: connection refused"]]));
}

#[tokio::test]
async fn server_that_dies_during_a_task_is_ambiguous() {
    let mut setup = Setup::with(StandIn::start_with(Pace::Never, 100), |builder| {
        builder.deadline(Duration::from_secs(3)).poll_interval(Duration::from_millis(20))
    });
    let task = setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();
    let client = setup.client.clone();
    let waited_for = task.clone();
    let wait = tokio::spawn(async move { client.wait(&waited_for).await });
    wait_until("two queries", || setup.server.queries() >= 2 || wait.is_finished()).await;
    assert!(!wait.is_finished(), "the task must not end before the server is killed");
    setup.server.kill();

    let result = wait.await.unwrap();

    let Err(Error::Deadline { task_id, .. }) = &result else { panic!("{}", outcome(&result)) };
    assert_eq!(task_id, task.id());
    let mut trail = setup.summary();
    assert_eq!(trail.pop().unwrap(), "task_ambiguous wait");
    trail.retain(|line| !line.starts_with("api_call"));
    assert_eq!(trail, [MINTED, SUBMITTED, ACCEPTED, PROCESSING]);
    let entries = setup.entries();
    assert_eq!(entry(&entries, "task_ambiguous")["details"]["task_id"], *task.id());
}

#[tokio::test]
async fn success_without_a_video_is_not_the_end_of_a_task() {
    let setup = Setup::with(StandIn::start_with(Pace::Never, 100), |builder| {
        builder.deadline(Duration::from_millis(60)).poll_interval(Duration::from_secs(10))
    });
    let task = setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();
    setup.server.fail_queries([Fault::Body(
        r#"{"code": 0, "data": {"task_id": "900000000000000001", "task_status": "succeeded", "task_result": {}}}"#,
    )]);

    let progress: TaskProgress<Videos> = setup.client.query(&task).await.unwrap();

    assert_eq!((progress.status, progress.output), (TaskStatus::Succeed, None));
    let result = setup.client.wait(&task).await;
    assert_eq!(outcome(&result), "deadline");
    let changed = "task_status_changed submitted succeed";
    assert_eq!(setup.summary(), trail(&[START, &[ACCEPTED, QUERY, changed, "task_ambiguous wait"]]));
}

#[tokio::test]
async fn status_change_is_recorded_once_for_all_callers() {
    let setup = Setup::new();
    let task = setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();

    // The first query runs alone, because the answers to two queries can arrive in any order.
    let progress = setup.client.query(&task).await.unwrap();
    let again = task.clone();
    let (one, other) = tokio::join!(setup.client.wait(&task), setup.client.wait(&again));
    let third = setup.client.wait(&task).await.unwrap();

    assert_eq!(progress.status, TaskStatus::Processing);
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(third.credits.as_deref(), Some("1"));
    let mut trail = setup.summary();
    trail.retain(|line| line.starts_with("task_"));
    assert_eq!(trail, [SUBMITTED, ACCEPTED, PROCESSING, SUCCEED, COMPLETED]);
}

#[tokio::test]
async fn task_can_be_resumed_by_its_id() {
    let setup = Setup::new();
    let id = setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap().id().to_owned();

    let done = setup.client.wait(&Task::resume(id.clone()).unwrap()).await.unwrap();

    assert_eq!(done.task_id, id);
    let mut trail = setup.summary();
    trail.retain(|line| line.starts_with("task_status"));
    assert_eq!(trail, ["task_status_changed processing", SUCCEED]);
}

#[tokio::test]
async fn failure_reason_that_may_repeat_the_prompt_is_withheld() {
    let setup = Setup::new();
    let seen = "Failure to pass the risk control system";
    let quoted = "not allowed: A clockwork heron wades.";
    for (reason, prompt, recorded) in [
        (seen, None, seen),
        (quoted, None, "[withheld: the prompt is not known here]"),
        (quoted, Some(PROMPT), WITHHELD),
        ("out of memory", Some(PROMPT), "out of memory"),
    ] {
        setup.server.fail_next_task(reason);
        let id = setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap().id().to_owned();
        let mut task = Task::resume(id).unwrap();
        if let Some(prompt) = prompt {
            task = task.with_prompt(prompt);
        }

        let result = setup.client.wait(&task).await;

        assert_eq!(outcome(&result), format!("failed {recorded}"));
        assert!(setup.summary().pop().unwrap().contains(recorded));
    }
}

#[tokio::test]
async fn ambiguous_submission_can_be_looked_up() {
    let setup = Setup::new();
    let submitted = setup.client.submit(TextToVideo::new(PROMPT).external_task_id("../a?b")).await.unwrap();

    let found: Option<Task> = setup.client.look_up("../a?b").await.unwrap();
    let unknown: Option<Task> = setup.client.look_up("never seen").await.unwrap();
    let refused = setup.client.look_up::<TextToVideo>("..").await;

    assert_eq!(found.unwrap().id(), submitted.id());
    assert!(unknown.is_none());
    assert!(matches!(refused, Err(Error::Request(_))));
    assert_eq!(
        setup.summary(),
        trail(&[START, &[ACCEPTED, "api_call lookup 0", "task_resolved", NOT_FOUND]])
    );
}

#[tokio::test]
async fn task_of_another_submission_is_not_accepted() {
    let other = r#"{"code": 0, "data": [{"id": "7", "status": "succeeded", "external_id": "another"}]}"#;
    let unnamed = r#"{"code": 0, "data": [{"id": "7", "status": "succeeded"}]}"#;
    let new = Setup::with_api_key();
    let hopeful = |setup: &Setup, credentials| {
        setup.builder(credentials).resend_unknown_after(Duration::from_millis(20)).build().unwrap()
    };
    for answer in [other, unnamed] {
        new.server.fail_submissions([Fault::Drop]);
        new.server.fail_queries(vec![Fault::Body(answer); 5]);
        let request =
            kling::requests::standard::StandardTextToVideo::new("kling-3.0", PROMPT).external_task_id("mine");

        let submitted = hopeful(&new, Credentials::api_key(API_KEY)).submit(request).await;
        let looked_up = new.client.look_up::<kling::requests::standard::StandardTextToVideo>("mine").await;

        assert_eq!(outcome(&submitted), "ambiguous");
        assert!(matches!(looked_up, Err(Error::Unreadable { .. })), "{}", outcome(&looked_up));
    }
    assert_eq!((new.server.submissions().len(), new.server.tasks()), (2, 0));

    // A look-up below /v1 accepts task ids of Kling as well as external ids.
    let legacy = Setup::new();
    let first = legacy.client.submit(TextToVideo::new(PROMPT)).await.unwrap();
    legacy.server.fail_submissions([Fault::Drop]);
    let request = TextToVideo::new(PROMPT).external_task_id(first.id());

    let submitted = hopeful(&legacy, Credentials::new(ACCESS_KEY, SECRET_KEY)).submit(request).await;
    let looked_up = legacy.client.look_up::<TextToVideo>(first.id()).await;

    assert_eq!(outcome(&submitted), "ambiguous");
    assert!(matches!(looked_up, Err(Error::Unreadable { .. })), "{}", outcome(&looked_up));
    assert_eq!((legacy.server.submissions().len(), legacy.server.tasks()), (2, 1));
}

#[tokio::test]
async fn account_queries_accept_only_their_own_filters() {
    use futures_util::TryStreamExt;
    use kling::billing::{LedgerQuery, Period};

    let period = Period::days(1);
    let (setup, other) = (Setup::new(), Setup::new());

    let named = setup.client.costs_of("Stand-in", period).await.unwrap();
    let none = other.client.costs_of("another & more", period).await.unwrap();
    let blank = setup.client.costs_of(" ", period).await;
    let requests = setup.server.requests();
    let cash = setup.client.balance_deductions(LedgerQuery::new(period).product_type(["video"]));
    let cash = cash.try_collect::<Vec<_>>().await;
    let both = LedgerQuery::new(period).package_id(["7"]).package_name(["Stand-in"]);
    let both = setup.client.package_deductions(both).try_collect::<Vec<_>>().await;

    assert_eq!((named.len(), none.len()), (1, 0));
    for (error, field) in
        [(blank.err(), "resource_pack_name"), (cash.err(), "product_type"), (both.err(), "package_name")]
    {
        assert!(matches!(error, Some(Error::Request(error)) if error.field() == field), "{field}");
    }
    assert_eq!(setup.server.requests(), requests);
}

#[tokio::test]
async fn ambiguous_submission_keeps_its_permit() {
    let setup = Setup::with(StandIn::start_with(Pace::Queries(1), 100), |builder| {
        builder.concurrency(kling::requests::Pack::Video, 1)
    });
    let fox = || TextToVideo::new(PROMPT);
    setup.server.fail_submissions([Fault::Code(400, 1201, "no"), Fault::DropAccepted]);
    setup.server.fail_queries(vec![Fault::Code(400, 1201, "Task not found"); 4]);

    let refused = setup.client.submit(fox()).await;
    let lost = setup.client.submit(fox().external_task_id("lost")).await;
    let patience = Duration::from_millis(50);
    let waiting = tokio::time::timeout(patience, setup.client.submit(fox())).await;
    let found: Task = setup.client.look_up("lost").await.unwrap().unwrap();
    let still_waiting = tokio::time::timeout(patience, setup.client.submit(fox())).await;
    setup.client.wait(&found).await.unwrap();
    let free = setup.client.submit(fox()).await;

    assert_eq!((outcome(&refused), outcome(&lost)), ("refused 1201".to_owned(), "ambiguous".to_owned()));
    assert!(waiting.is_err() && still_waiting.is_err());
    assert_eq!((outcome(&free).as_str(), setup.server.submissions().len()), ("ok", 3));
}

#[tokio::test]
async fn removal_is_recorded_only_if_kling_confirms_it() {
    let setup = Setup::new();
    for (answer, came_to, last) in [
        (r#"{"code": 0, "data": {"task_id": "7", "task_status": "succeed"}}"#, "ok", "voice_deleted"),
        (r#"{"code": 0, "data": {"task_id": "7", "task_status": "submitted"}}"#, "ok", "task_completed"),
        (r#"{"code": 0, "data": {"task_id": "7", "task_status": "failed"}}"#, "refused 0", "task_refused"),
        (r#"{"code": 0, "data": {}}"#, "ambiguous", "task_ambiguous"),
    ] {
        setup.server.fail_submissions([Fault::Body(answer)]);

        let result = setup.client.call(kling::requests::DeleteVoice::new("voice-7")).await;

        assert_eq!(outcome(&result), came_to, "{answer}");
        assert_eq!(setup.event_types().pop().unwrap(), last, "{answer}");
    }
    assert_eq!(setup.event_types().iter().filter(|event| *event == "voice_deleted").count(), 1);
}

#[tokio::test]
async fn id_with_a_comma_is_refused_before_sending() {
    let setup = Setup::with_api_key();
    let request =
        kling::requests::standard::StandardTextToVideo::new("kling-3.0", PROMPT).external_task_id("a,b");

    let submitted = setup.client.submit(request).await;
    let legacy = setup.client.submit(TextToVideo::new(PROMPT).external_task_id("a,b")).await;
    let looked_up = setup.client.look_up::<kling::requests::standard::StandardTextToVideo>("a,b").await;

    for field in [submitted.err(), legacy.err(), looked_up.err()] {
        assert!(matches!(field, Some(Error::Request(error)) if error.field() == "external_task_id"));
    }
    assert_eq!((setup.summary().len(), setup.server.requests()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forty_concurrent_tasks_share_one_token() {
    let setup = Setup::new();

    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let client = setup.client.clone();
            tokio::spawn(async move {
                let task = client.submit(TextToVideo::new(PROMPT)).await?;
                client.wait(&task).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }

    let trail = setup.summary();
    let count = |case: &str| trail.iter().filter(|line| line.starts_with(case)).count();
    assert_eq!((count("auth_event"), count("task_completed"), count("task_accepted")), (1, 40, 40));
    assert_eq!((setup.server.tokens().len(), setup.server.tasks()), (1, 40));
}

#[tokio::test]
async fn submission_waits_for_the_limit_on_parallel_tasks() {
    let setup = Setup::with(StandIn::start_with(Pace::Time(Duration::from_millis(600)), 1), |builder| {
        builder.retries(12)
    });
    setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();

    setup.client.submit(TextToVideo::new(PROMPT)).await.unwrap();

    let trail = setup.summary();
    assert_eq!(trail[..4], [MINTED, SUBMITTED, ACCEPTED, SUBMITTED]);
    assert_eq!(trail[4], "throttled 1303 1 false");
    assert_eq!(trail.last().unwrap(), ACCEPTED);
}

#[tokio::test]
async fn entries_name_the_acting_user() {
    let setup = Setup::new();

    setup.client.acting_as("bob").submit(TextToVideo::new(PROMPT)).await.unwrap();

    assert!(setup.entries().iter().all(|entry| entry["actor"] == "bob"));
}

#[tokio::test]
async fn token_of_another_key_is_rejected() {
    let server = StandIn::start();
    let directory = SearchedDirectory::new();
    let log = AuditLog::open(directory.path()).unwrap();
    for (access_key, secret_key) in [(ACCESS_KEY, "another-secret"), ("another-access-key", SECRET_KEY)] {
        let client = Client::builder(Credentials::new(access_key, secret_key), log.clone())
            .base_url(server.base_url())
            .build()
            .unwrap();

        let result = client.submit(TextToVideo::new(PROMPT)).await;

        assert_eq!(outcome(&result), "refused 1000");
    }
    let entries = entries(directory.path());
    let rejected = entries.iter().find(|entry| entry["details"]["event"] == "token_rejected").unwrap();
    assert_eq!(rejected["details"]["success"], false);
    assert_eq!(rejected["details"]["access_key_prefix"], "access-7...");
    assert_eq!(rejected["actor"], "system");
}

#[test]
fn invalid_settings_are_refused_by_the_builder() {
    let directory = SearchedDirectory::new();
    let log = AuditLog::open(directory.path()).unwrap();
    let builder = || Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log.clone());
    for (built, setting) in [
        (builder().actor(" ").build(), "actor"),
        (builder().base_url("not a url").build(), "base_url"),
        (builder().base_url("https://user:pass@example.com").build(), "base_url"),
        (builder().timeout(Duration::ZERO).build(), "timeout"),
        (Client::builder(Credentials::new("", SECRET_KEY), log.clone()).build(), "access key"),
        (Client::builder(Credentials::new(ACCESS_KEY, " "), log.clone()).build(), "secret key"),
    ] {
        assert!(matches!(built, Err(Error::Configuration { setting: at_fault, .. }) if at_fault == setting));
    }
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let setup = Setup::new();
    let request = TextToVideo::new(PROMPT);
    let shown = format!("{request:?} {:?}", setup.client);
    let task = setup.client.submit(request).await.unwrap();

    let done = setup.client.wait(&task).await.unwrap();

    let builder = Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), setup.log.clone());
    let shown = format!("{shown} {task:?} {done:?} {builder:?}");
    for secret in ["heron", SECRET_KEY, ACCESS_KEY, "stand-in-signature"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let video: &Video = done.output.first();
    assert!(video.url.ends_with("?x-kcdn-pid=stand-in-signature"));
}

#[test]
fn client_and_its_futures_are_send() {
    fn crosses<T: Send + Sync + 'static>() {}
    fn sends(_: impl Send) {}
    crosses::<Client>();
    crosses::<Task>();
    crosses::<Error>();
    crosses::<<TextToVideo as Request>::Output>();
    let directory = SearchedDirectory::new();
    let log = AuditLog::open(directory.path()).unwrap();
    let client = Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log).build().unwrap();
    let task = Task::resume("1").unwrap();

    sends(client.submit(TextToVideo::new(PROMPT)));
    sends(client.query(&task));
    sends(client.wait(&task));
    sends(client.look_up::<TextToVideo>("1"));
}
