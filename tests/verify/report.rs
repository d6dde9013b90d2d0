//! Reports equal a count of the same trail by a Python script.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use kling_audit::{
    AuditLog, Draft, Durability, audit_span,
    report::{OpenTask, Report, Reporter},
    verify::Verdict,
};
use serde_json::{Value, json};
use tracing_subscriber::prelude::*;

use crate::support::{files::copy_directory, limits::is_long, python::python, random::Random};

/// 2026-11-20T00:00:00Z.
const START: i64 = 1_795_132_800_000_000;

fn clock(micros: &Arc<AtomicI64>) -> impl Fn() -> DateTime<Utc> + Send + Sync + 'static {
    let micros = Arc::clone(micros);
    move || DateTime::from_timestamp_micros(micros.load(Ordering::Relaxed)).expect("a time")
}

/// Writes a trail of about `entries` entries of all kinds, over several days, runs and files.
fn mixed_trail(directory: &Path, entries: u64) {
    let mut random = Random(42);
    let micros = Arc::new(AtomicI64::new(START));
    // The entries cover six days, independent of their number.
    let step = (6 * 86_400_000_000 / entries.max(1)).max(1) as usize;
    let runs = 4;
    for run in 0..runs {
        let log = AuditLog::builder(directory)
            .durability(Durability::Buffered)
            .max_file_size(64 << 20)
            .clock(clock(&micros))
            .open()
            .expect("opens");
        let subscriber = tracing_subscriber::registry().with(log.layer());
        let mut open = Vec::new();
        let mut tasks: Vec<(String, &str)> = Vec::new();
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..entries / runs {
                micros.fetch_add(random.below(2 * step) as i64, Ordering::Relaxed);
                mixed_entry(&log, &mut random, run * entries + number, &mut open, &mut tasks);
            }
        });
        // Every second run ends without `audit_stopped`.
        if run % 2 == 0 {
            log.close().expect("closes");
        } else {
            log.flush().expect("flushed");
            abandon(directory, log);
        }
        // Spans that are still open are never closed.
        open.into_iter().for_each(std::mem::forget);
        micros.fetch_sub(if run == 1 { 7_200_000_000 } else { 0 }, Ordering::Relaxed);
    }
}

/// Ends a run without `audit_stopped`: copies the trail, closes the log, and replaces the trail by the copy.
fn abandon(directory: &Path, log: AuditLog) {
    let copy = directory.with_extension("copy");
    copy_directory(directory, &copy);
    log.close().expect("closes");
    drop(log);
    fs::remove_dir_all(directory).expect("removed");
    fs::rename(&copy, directory).expect("renamed");
}

fn mixed_entry(
    log: &AuditLog,
    random: &mut Random,
    number: u64,
    open: &mut Vec<tracing::Span>,
    tasks: &mut Vec<(String, &'static str)>,
) {
    let actor = format!("user-{}", random.below(40));
    let draft = |kind: &'static str| Draft::new(kind).actor(actor.clone());
    let pick = random.below(12);
    let draft = match pick {
        0 | 1 => {
            let id = format!("task-{number}");
            let action = ["text_to_video", "image_to_video"][random.below(2)];
            let model = [Some("kling-v2-6"), Some("kling-v3"), None][random.below(3)];
            tasks.push((id.clone(), action));
            draft("task_submitted")
                .detail("action", action)
                .detail("model", model)
                .detail("external_task_id", id)
        }
        2..=5 if !tasks.is_empty() => {
            let at = random.below(tasks.len());
            let (id, action) = tasks[at].clone();
            let kind = match pick {
                2 => "task_accepted",
                3 => ["task_completed", "task_failed"][random.below(2)],
                4 => "task_ambiguous",
                _ => "task_refused",
            };
            let ends = matches!(kind, "task_completed" | "task_failed" | "task_refused");
            if ends {
                tasks.swap_remove(at);
            }
            let mut draft = draft(kind).detail("action", action).detail("external_task_id", id);
            if matches!(kind, "task_failed" | "task_refused") {
                draft = draft.detail("reason", format!("reason {}", random.below(9)));
            }
            if kind == "task_refused" {
                draft = draft.detail("code", 1300 + random.below(3));
            }
            draft
        }
        6 => {
            let success = random.below(4) > 0;
            draft("auth_event")
                .detail("event", if success { "token_minted" } else { "token_rejected" })
                .detail("success", success)
                .detail("access_key_prefix", format!("key-{}...", random.below(3)))
        }
        7 => {
            open.push(audit_span!("job", actor = %actor, number));
            return;
        }
        8 if !open.is_empty() => {
            let at = random.below(open.len());
            drop(open.swap_remove(at));
            return;
        }
        _ => draft("api_call").detail("text", "something \"quoted\" {and [braced]}").detail("n", number),
    };
    log.append(draft).expect("recorded");
}

fn python_count(directory: &Path) -> Value {
    serde_json::from_str(&python("count_trail.py", &[&directory])).expect("JSON")
}

/// Converts a report into the form of the script.
fn as_counted(report: &Report) -> Value {
    let seqs = |tasks: &[OpenTask]| tasks.iter().map(|task| task.seq).collect::<Vec<_>>();
    let micros = |seconds: f64| (seconds * 1e6).round() as i64;
    let mut tasks: Vec<_> = report
        .tasks
        .iter()
        .map(|task| {
            let counts =
                [task.submitted, task.accepted, task.refused, task.ambiguous, task.completed, task.failed];
            let took = task.seconds.map(|took| {
                let total = (took.mean * took.count as f64 * 1e6).round() as i64;
                json!([took.count, micros(took.min), micros(took.max), total])
            });
            (task.action.clone(), task.model.clone().unwrap_or_default(), counts, took)
        })
        .collect();
    tasks.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let mut reasons: Vec<_> = report
        .reasons
        .listed
        .iter()
        .map(|reason| (&reason.event_type, reason.code.unwrap_or(0), &reason.reason, reason.count))
        .collect();
    reasons.sort();
    let credentials: serde_json::Map<_, _> = report
        .credentials
        .iter()
        .map(|used| {
            let count = |event: &str| used.events.get(event).copied().unwrap_or(0);
            let counts =
                json!([count("token_minted"), count("token_rejected"), used.successes, used.failures]);
            (used.access_key_prefix.clone(), counts)
        })
        .collect();
    json!({
        "total_events": report.total_events,
        "event_types": report.event_types,
        "unique_actors": report.unique_actors,
        "actors": report.actors,
        "first_event": report.first_event,
        "last_event": report.last_event,
        "days": report.days,
        "tasks": tasks,
        "reasons": reasons,
        "without_outcome": seqs(&report.without_outcome.listed),
        "unfinished": seqs(&report.unfinished.listed),
        "ambiguous": seqs(&report.ambiguous.listed),
        "open_spans": report.open_spans.listed.iter().map(|span| span.seq).collect::<Vec<_>>(),
        "credentials": credentials,
        "runs": report.runs,
        "remarks": report.remarks.listed.iter().map(|remark| remark.seq).collect::<Vec<_>>(),
    })
}

/// Shortens the lists of the count to the length that a report lists at most.
fn shorten_lists(mut counted: Value, report: &Report) -> Value {
    for (name, total) in [
        ("without_outcome", report.without_outcome.total),
        ("unfinished", report.unfinished.total),
        ("ambiguous", report.ambiguous.total),
        ("open_spans", report.open_spans.total),
    ] {
        let list = counted[name].as_array_mut().expect("a list");
        assert_eq!(list.len() as u64, total, "{name}");
        list.truncate(1_000);
    }
    counted
}

#[test]
fn report_equals_an_independent_count() {
    let entries = if is_long() { 1_000_000 } else { 20_000 };
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    mixed_trail(&trail, entries);
    let now = DateTime::from_timestamp_micros(START + 9 * 86_400_000_000).expect("a time");

    let report = Reporter::new(&trail).days(30).now(now).run().expect("readable");

    assert_eq!(report.verdict, Verdict::Intact, "{}", report.verification);
    assert!(report.total_events >= entries * 9 / 10);
    // The last run has no `audit_stopped` either, but could still be running, so one run counts.
    assert!(report.open_spans.total > 0 && report.runs.not_stopped == 1 && report.remarks.total > 0);
    let mut counted = python_count(&trail);
    // A mean in floats loses microseconds of the sum. It must be exact to a thousandth.
    let mut ours = as_counted(&report);
    for (our, their) in ours["tasks"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .zip(counted["tasks"].as_array_mut().into_iter().flatten())
    {
        let (our, their) = (our[3].as_array_mut(), their[3].as_array_mut());
        if let (Some(our), Some(their)) = (our, their) {
            let (mine, independent) =
                (our.pop().and_then(|n| n.as_f64()), their.pop().and_then(|n| n.as_f64()));
            let (mine, independent) = (mine.expect("a sum"), independent.expect("a sum"));
            assert!((mine - independent).abs() <= independent.abs() / 1e3 + 1.0, "{mine} {independent}");
        }
    }
    assert_eq!(ours, shorten_lists(counted, &report));
    let text = report.to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80 || line.starts_with("      {")), "{text}");
}

#[test]
fn files_before_the_period_are_not_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    let micros = Arc::new(AtomicI64::new(START));
    let log = AuditLog::builder(&trail).clock(clock(&micros)).open().expect("opens");
    for _ in 0..5 {
        log.append(Draft::new("worked")).expect("recorded");
        micros.fetch_add(86_400_000_000, Ordering::Relaxed);
    }
    log.close().expect("closes");
    // Damage in the first file is found only by a report that reads this file.
    let first = trail.join("audit-2026-11-20.jsonl");
    let text = fs::read_to_string(&first).expect("a file").replacen("worked", "lurked", 1);
    fs::remove_file(&first).expect("removed");
    fs::write(&first, text).expect("written");
    let now = DateTime::from_timestamp_micros(START + 5 * 86_400_000_000).expect("a time");

    let whole = Reporter::new(&trail).days(30).now(now).run().expect("readable");
    let part = Reporter::new(&trail).days(3).now(now).run().expect("readable");

    assert_eq!(whole.verdict, Verdict::Tampered);
    assert!(whole.to_string().starts_with("DO NOT RELY ON THIS REPORT"));
    assert_eq!(part.verdict, Verdict::Intact);
    assert!(part.verification.basis().contains("of the period"), "{}", part.verification.basis());
    assert_eq!(part.total_events, 4, "three days, and audit_stopped on the fourth");
    assert_eq!(part.verification.files().len(), 4);
}
