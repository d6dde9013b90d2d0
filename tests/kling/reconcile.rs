//! Reconciliation of the trail with the tasks and charges at Kling: without and with discrepancies.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kling_audit::kling::{
    Credentials, DiscrepancyKind, Reconciliation,
    billing::Period,
    reconcile,
    requests::{Speech, TextToAudio, TextToVideo, standard},
};

use crate::support::files;
use crate::support::kling::{
    SearchedDirectory, Setup,
    stand_in::{ACCESS_KEY, API_KEY, Fault, Pace, RecurringFaults, SECRET_KEY, StandIn},
};

async fn compare(setup: &Setup) -> Reconciliation {
    reconcile(setup.directory.path(), &setup.client, Period::days(1)).await.unwrap()
}

fn kinds(found: &Reconciliation) -> Vec<(&'static str, &str)> {
    found.findings.iter().map(|finding| (finding.kind.as_str(), finding.task_id.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_tasks_with_faults_reconcile_cleanly() {
    let setup = Setup::with(StandIn::start_with(Pace::Queries(2), 1000), |builder| {
        builder.timeout(Duration::from_secs(20)).deadline(Duration::from_secs(60)).retries(20)
    });
    setup.server.set_recurring_faults(RecurringFaults {
        lost_every: Some(10),
        throttled_every: Some(5),
        expired_every: Some(97),
        ..RecurringFaults::default()
    });

    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let client = setup.client.clone();
            tokio::spawn(async move {
                let request = TextToVideo::new("a fox").external_task_id(format!("order-{number}"));
                let task = client.submit(request).await?;
                client.wait(&task).await.map(|done| done.task_id)
            })
        })
        .collect();
    let mut made = BTreeSet::new();
    for task in tasks {
        made.insert(task.await.unwrap().unwrap());
    }
    setup.server.set_recurring_faults(RecurringFaults::default());

    assert_eq!((made.len(), setup.server.tasks()), (200, 200));
    assert_eq!(made, setup.server.task_ids().into_iter().collect());
    let entries = setup.entries();
    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    for entry in &entries {
        let event_type = entry["event_type"].as_str().unwrap();
        if matches!(event_type, "task_accepted" | "task_refused" | "task_ambiguous") {
            *outcomes.entry(entry["details"]["external_task_id"].as_str().unwrap()).or_default() += 1;
        }
    }
    assert_eq!(outcomes.len(), 200);
    assert!(outcomes.values().all(|outcomes| *outcomes == 1));
    let count = |event_type: &str| entries.iter().filter(|entry| entry["event_type"] == event_type).count();
    assert_eq!((count("task_submitted"), count("task_accepted"), count("task_completed")), (200, 200, 200));
    assert!(count("throttled") > 0 && count("auth_event") > 1);
    assert!(entries.iter().any(|entry| entry["details"]["resolved_by"] == "lookup"));

    let clean = compare(&setup).await;
    assert!(clean.is_clean(), "{clean}");
    assert_eq!((clean.at_kling, clean.booked, clean.matched, clean.in_trail), (200, 200, 200, 200));

    let strange = setup.server.create_foreign_task();
    let found = compare(&setup).await;
    assert_eq!(kinds(&found), [("unknown_task", strange.as_str())]);
    assert!(!found.is_clean());
    let shown = found.to_string();
    assert!(shown.starts_with("UNEXPLAINED: trail intact") && shown.contains(&strange), "{shown}");
}

#[tokio::test]
async fn every_discrepancy_is_named() {
    let setup = Setup::with(StandIn::start_with(Pace::Queries(1), 100), |builder| builder);
    let dearer = setup.run(TextToVideo::new("a fox")).await.unwrap().task_id;
    setup.run(TextToAudio::new("rain", 5.0)).await.unwrap();
    setup.call(Speech::new("hello", "voice", "en")).await.unwrap();
    // The answer is lost and the look-up fails, but the server has created the task.
    setup.server.fail_submissions([Fault::DropAccepted]);
    setup.server.fail_queries(vec![Fault::Code(400, 1201, "Task not found"); 4]);
    setup.client.submit(TextToVideo::new("a fox").external_task_id("lost")).await.unwrap_err();
    setup.server.fail_submissions([Fault::Drop]);
    setup.client.submit(TextToVideo::new("a fox").external_task_id("never came")).await.unwrap_err();
    let lost = setup.server.task_ids().pop().unwrap();
    setup.server.set_billed_amount(&dearer, "9");

    let found = compare(&setup).await;

    let mut expected = [("different_credits", dearer.as_str()), ("outcome_missing", lost.as_str())];
    expected.sort_by_key(|(_, id)| *id);
    assert_eq!(kinds(&found), expected);
    assert_eq!(found.ambiguous, 1);
    let different =
        found.findings.iter().find(|found| found.kind == DiscrepancyKind::DifferentCredits).unwrap();
    assert_eq!(different.trail.as_deref(), Some("1 credits"));
    let text = files::text(setup.directory.path());
    let line = text.lines().find(|line| line.contains("audit_reconciled")).unwrap();
    let entry: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&entry["actor"], &entry["details"]["findings"]), (&"alice".into(), &2.into()));
    assert_eq!(entry["details"]["unexplained"].as_array().unwrap().len(), 2);
    kling_audit::verify(setup.directory.path()).unwrap();

    // After a successful look-up, the task is known.
    setup.client.look_up::<TextToVideo>("lost").await.unwrap().unwrap();
    assert_eq!(kinds(&compare(&setup).await), [("different_credits", dearer.as_str())]);
}

#[tokio::test]
async fn cash_charges_are_compared() {
    let mut setup = Setup::with_api_key();
    setup.server.charge_cash();
    let legacy = setup.run(TextToVideo::new("a fox")).await.unwrap();
    let new = setup.run(standard::StandardTextToVideo::new("kling-3.0", "a fox")).await.unwrap();
    let clean = compare(&setup).await;
    setup.server.set_billed_amount(&legacy.task_id, "9");
    setup.server.set_billed_amount(&new.task_id, "0.5");
    let found = compare(&setup).await;
    setup.client = setup.builder(Credentials::new(ACCESS_KEY, SECRET_KEY)).build().unwrap();
    let of_the_books_alone = compare(&setup).await;

    assert!(clean.is_clean(), "{clean}");
    assert_eq!((clean.booked, clean.matched), (2, 2));
    assert_eq!(
        kinds(&found),
        [("different_cash", legacy.task_id.as_str()), ("different_cash", new.task_id.as_str())]
    );
    let charges: Vec<_> = found.findings.iter().map(|finding| finding.trail.as_deref().unwrap()).collect();
    assert_eq!(charges, ["1 in cash", "1 USD"]);
    assert!(found.findings[1].kling.as_deref().unwrap().contains("0.5 USD"), "{found}");
    assert_eq!(kinds(&of_the_books_alone), kinds(&found));
}

#[tokio::test]
async fn lists_of_unused_actions_are_not_read() {
    let setup = Setup::with(StandIn::start_with(Pace::Queries(1), 100), |builder| builder);
    setup.run(TextToAudio::new("rain", 5.0)).await.unwrap();

    let clean = compare(&setup).await;
    let asked: Vec<String> = setup.server.list_query_counts().into_keys().collect();
    setup.server.create_foreign_task();
    let found = compare(&setup).await;
    let then: Vec<String> = setup.server.list_query_counts().into_keys().collect();
    setup.server.create_foreign_task_at("/v1/images/generations");
    let more = compare(&setup).await;

    assert!(clean.is_clean(), "{clean}");
    assert_eq!(asked, ["/v1/audio/text-to-audio"]);
    assert_eq!((found.findings.len(), then.len()), (1, 2), "{then:?}");
    assert_eq!(then[1], "/v1/videos/text2video");
    // The ledger does not name the action of this task, so it may be on any list.
    assert_eq!((more.findings.len(), setup.server.list_query_counts().len()), (2, 21));
}

#[tokio::test]
async fn task_unknown_to_kling_is_named() {
    let setup = Setup::with(StandIn::start_with(Pace::Queries(1), 100), |builder| builder);
    let task = setup.client.submit(TextToVideo::new("a fox")).await.unwrap();
    setup.server.delete_task(task.id());
    // The period begins some minutes earlier, because the clocks can differ.
    let found = compare(&setup).await;

    assert_eq!(kinds(&found), [("missing_at_vendor", task.id())]);
    assert_eq!(found.findings[0].trail.as_deref(), Some("text_to_video accepted"));
}

#[tokio::test]
async fn newer_tasks_are_compared_with_an_api_key() {
    let setup = Setup::with_api_key();
    setup.run(standard::StandardTextToVideo::new("kling-3.0", "a fox")).await.unwrap();

    let found = compare(&setup).await;
    let other = setup.builder(Credentials::api_key(API_KEY)).build().unwrap();
    let elsewhere = SearchedDirectory::new();
    kling_audit::AuditLog::open(elsewhere.path()).unwrap().close().unwrap();
    let missing = reconcile(elsewhere.path(), &other, Period::days(1)).await.unwrap();

    assert!(found.is_clean() && found.matched == 1, "{found}");
    assert_eq!(missing.findings[0].kind, DiscrepancyKind::UnknownTask);
    assert!(missing.findings[0].kling.as_deref().unwrap().contains("stand-in"), "{missing}");
}

#[tokio::test]
async fn reconciliation_without_an_api_key_is_incomplete() {
    let mut setup = Setup::with_api_key();
    let task = setup.client.submit(standard::StandardTextToVideo::new("kling-3.0", "a fox")).await.unwrap();
    setup.client = setup.builder(Credentials::new(ACCESS_KEY, SECRET_KEY)).build().unwrap();

    let found = compare(&setup).await;

    assert_eq!((found.not_compared, found.findings.len(), found.is_clean()), (1, 0, false), "{task:?}");
    assert!(found.to_string().starts_with("INCOMPLETE: trail intact"), "{found}");
    setup.client = setup.builder(Credentials::api_key(API_KEY)).build().unwrap();
    let complete = compare(&setup).await;
    assert!(complete.is_clean() && complete.not_compared == 0, "{complete}");
}

#[tokio::test]
async fn ambiguous_submissions_of_the_period_are_counted() {
    let setup = Setup::with(StandIn::start_with(Pace::Queries(1), 100), |builder| builder);
    setup.server.fail_submissions([Fault::Drop, Fault::Drop]);
    setup.client.submit(TextToVideo::new("a fox")).await.unwrap_err();
    setup.call(Speech::new("hello", "voice", "en")).await.unwrap_err();
    let then = Period::days(1);
    let before = Period { start: then.start - Duration::from_secs(86400), end: then.start };

    let now = compare(&setup).await;
    let earlier = reconcile(setup.directory.path(), &setup.client, before).await.unwrap();

    assert_eq!((now.ambiguous, earlier.ambiguous), (2, 0));
    assert!(now.to_string().contains("does not list: 2"), "{now}");
}

#[cfg(feature = "cli")]
#[tokio::test]
async fn reconcile_command_exits_with_1_on_a_discrepancy() {
    use crate::support::command::command;

    let setup = Setup::with(StandIn::start_with(Pace::Queries(1), 100), |builder| builder);
    setup.run(TextToVideo::new("a fox")).await.unwrap();
    setup.log.close().unwrap();
    let run = |arguments: &[&str]| {
        command(&["reconcile", setup.directory.path().to_str().unwrap()])
            .args(arguments)
            .env("KLING_ACCESS_KEY", ACCESS_KEY)
            .env("KLING_SECRET_KEY", SECRET_KEY)
            .env("KLING_BASE_URL", setup.server.base_url())
            .output()
            .unwrap()
    };

    let clean = run(&["--days", "1"]);
    let strange = setup.server.create_foreign_task();
    let unexplained = run(&["--days", "1", "--json"]);
    let nothing =
        command(&["reconcile", "/nowhere", "--days", "1"]).env("KLING_API_KEY", API_KEY).output().unwrap();

    let printed = String::from_utf8(clean.stdout).unwrap();
    assert_eq!(clean.status.code(), Some(0), "{printed}");
    assert!(printed.starts_with("RECONCILED"), "{printed}");
    assert_eq!(unexplained.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_slice(&unexplained.stdout).unwrap();
    assert_eq!(found["findings"][0]["task_id"], strange.as_str());
    assert_eq!(found["findings"][0]["kind"], "unknown_task");
    assert_eq!(nothing.status.code(), Some(2));
    kling_audit::verify(setup.directory.path()).unwrap();
}

#[cfg(feature = "cli")]
#[test]
fn prompt_hash_command_prints_the_hash_of_the_trail() {
    use std::{io::Write as _, process::Stdio};

    use kling_audit::kling::{PromptKey, unkeyed_prompt_hash};

    use crate::support::command::command;

    let run = |arguments: &[&str], key: Option<&str>, input: &[u8]| {
        let mut command = command(&["prompt-hash"]);
        command.args(arguments).env_remove("KLING_AUDIT_PROMPT_KEY");
        if let Some(key) = key {
            command.env("KLING_AUDIT_PROMPT_KEY", key);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let key = PromptKey::new("0123456789abcdef").unwrap();

    assert_eq!(
        run(&[], None, "été 🦊\n".as_bytes()),
        (Some(0), format!("{} sha256-16 5\n", unkeyed_prompt_hash("été 🦊")))
    );
    assert_eq!(
        run(&[], Some("0123456789abcdef"), b"a fox"),
        (Some(0), format!("{} {} 5\n", key.hash("a fox"), key.kind()))
    );
    assert_eq!(run(&["--exact"], None, b"a\n").1, format!("{} sha256-16 2\n", unkeyed_prompt_hash("a\n")));
    assert_eq!(run(&[], Some("short"), b"a"), (Some(2), String::new()));
}
