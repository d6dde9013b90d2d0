//! What a trail says about tasks. Its promise: it looks at every entry of an intact trail, and of a damaged one at those
//! that are whole; its memory grows with the tasks.

use std::{collections::HashMap, path::Path};

use chrono::DateTime;
use serde_json::Value;

use super::super::envelope::text;
use crate::{Error, Verdict, Verifier, verify::Said};

/// What is said of a submission that nobody knows the end of.
pub(super) const AMBIGUOUS: &str = "ambiguous";

/// What a trail says about tasks.
#[derive(Debug)]
pub(super) struct TrailTasks {
    pub(super) verdict: Verdict,
    /// By the vendor's ids.
    pub(super) tasks: HashMap<String, Known>,
    /// By external ids: what became of them, `submitted` where nothing is said.
    pub(super) submissions: HashMap<String, &'static str>,
}

/// A task that the trail knows.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) action: String,
    pub(super) external_task_id: Option<String>,
    pub(super) credits: Option<String>,
    pub(super) state: &'static str,
    /// In milliseconds since 1970.
    pub(super) accepted_at: i64,
}

impl TrailTasks {
    pub(super) fn read(trail: &Path) -> Result<TrailTasks, Error> {
        let mut tasks = HashMap::new();
        let mut submissions = HashMap::new();
        let verification =
            Verifier::new(trail).run_observing(&mut |said| note(&said, &mut tasks, &mut submissions))?;
        Ok(TrailTasks { verdict: verification.verdict(), tasks, submissions })
    }
}

fn note(
    said: &Said<'_>,
    tasks: &mut HashMap<String, Known>,
    submissions: &mut HashMap<String, &'static str>,
) {
    let state = match said.event_type {
        b"task_submitted" => "submitted",
        b"task_accepted" | b"task_resolved" => "accepted",
        b"task_refused" => "refused",
        b"task_ambiguous" => AMBIGUOUS,
        b"task_completed" => "completed",
        b"task_failed" => "failed",
        _ => return,
    };
    // Entries of a trail are JSON; those of other makers may have other details, and are passed over.
    let Ok(details) = serde_json::from_slice::<Value>(said.details) else { return };
    let external_task_id = text(&details, "external_task_id");
    let task_id = text(&details, "task_id");
    if let Some(id) = &external_task_id
        && matches!(state, "submitted" | "accepted" | "refused" | AMBIGUOUS)
        && details["stage"] != "wait"
    {
        submissions.insert(id.clone(), state);
    }
    let (Some(task_id), true) = (task_id, matches!(state, "accepted" | "completed" | "failed")) else {
        return;
    };
    let known = tasks.entry(task_id).or_insert_with(|| Known {
        action: text(&details, "action").unwrap_or_default(),
        external_task_id: external_task_id.clone(),
        credits: None,
        state,
        accepted_at: DateTime::parse_from_rfc3339(&said.time.to_string())
            .map_or(0, |time| time.timestamp_millis()),
    });
    known.state = state;
    known.credits = text(&details, "credits").or_else(|| known.credits.take());
}
