//! Tasks according to a trail.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
};

use chrono::{DateTime, Days, Utc};
use memchr::memmem;
use serde_json::Value;

use crate::{
    error::{Error, Operation},
    findings::verification::Verdict,
    format::line::MAX_LINE_BYTES,
    kling::{api::json_fields::text, billing::cash::Cash},
    storage::{
        line_reader::Piece,
        segments::{self, TrailFile},
    },
    verify::{Verifier, entry_view::EntryView},
};

/// Last state of a submission or a task according to the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskState {
    Submitted,
    Accepted,
    Refused,
    Ambiguous,
    Completed,
    Failed,
}

impl TaskState {
    fn of_event(event_type: &[u8]) -> Option<TaskState> {
        Some(match event_type {
            b"task_submitted" => TaskState::Submitted,
            b"task_accepted" | b"task_resolved" => TaskState::Accepted,
            b"task_refused" => TaskState::Refused,
            b"task_ambiguous" => TaskState::Ambiguous,
            b"task_completed" => TaskState::Completed,
            b"task_failed" => TaskState::Failed,
            _ => return None,
        })
    }

    /// Name of the state in findings.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            TaskState::Submitted => "submitted",
            TaskState::Accepted => "accepted",
            TaskState::Refused => "refused",
            TaskState::Ambiguous => "ambiguous",
            TaskState::Completed => "completed",
            TaskState::Failed => "failed",
        }
    }
}

/// Tasks and submissions of a trail. The memory for them grows with their number, not with the number of entries.
///
/// All entries of an intact trail are read. From a damaged trail the complete entries are read.
#[derive(Debug)]
pub(super) struct TrailTasks {
    pub(super) verdict: Verdict,
    /// Tasks by Kling's ids.
    pub(super) tasks: HashMap<String, TrailTask>,
    /// Submissions by external task ids.
    pub(super) submissions: HashMap<String, TrailSubmission>,
    /// Times of unknown outcomes without an external task id, in milliseconds since 1970.
    pub(super) unnamed_ambiguous: Vec<i64>,
}

/// A submission of the trail.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrailSubmission {
    pub(super) state: TaskState,
    /// Time of the last entry, in milliseconds since 1970.
    pub(super) at: i64,
}

/// A task of the trail.
#[derive(Debug, Clone)]
pub(super) struct TrailTask {
    pub(super) action: String,
    pub(super) external_task_id: Option<String>,
    pub(super) credits: Option<String>,
    pub(super) cash: Option<Cash>,
    pub(super) state: TaskState,
    /// Time of the first entry, in milliseconds since 1970.
    pub(super) accepted_at: i64,
}

impl TrailTasks {
    pub(super) fn read(trail: &Path) -> Result<TrailTasks, Error> {
        let mut read = TrailTasks {
            verdict: Verdict::Intact,
            tasks: HashMap::new(),
            submissions: HashMap::new(),
            unnamed_ambiguous: Vec::new(),
        };
        let verification = Verifier::new(trail).run_observing(&mut |entry| read.add(&entry))?;
        Ok(TrailTasks { verdict: verification.verdict(), ..read })
    }

    fn add(&mut self, entry: &EntryView<'_>) {
        let Some(state) = TaskState::of_event(entry.event_type) else { return };
        // Another program may record events of these types with other details.
        let Ok(details) = serde_json::from_slice::<Value>(entry.details) else { return };
        let external_task_id = text(&details, "external_task_id");
        let time = DateTime::parse_from_rfc3339(&entry.time.to_string());
        let at = time.map_or(0, |time| time.timestamp_millis());
        let concerns_submission = match state {
            TaskState::Submitted | TaskState::Accepted | TaskState::Refused => true,
            // The outcome of the submission itself is known if only the end of the task is not.
            TaskState::Ambiguous => details["stage"] != "wait",
            TaskState::Completed | TaskState::Failed => false,
        };
        if concerns_submission {
            match &external_task_id {
                Some(id) => {
                    self.submissions.insert(id.clone(), TrailSubmission { state, at });
                }
                None if state == TaskState::Ambiguous => self.unnamed_ambiguous.push(at),
                None => {}
            }
        }
        let concerns_task = matches!(state, TaskState::Accepted | TaskState::Completed | TaskState::Failed);
        let (Some(task_id), true) = (text(&details, "task_id"), concerns_task) else { return };
        let task = self.tasks.entry(task_id).or_insert_with(|| TrailTask {
            action: text(&details, "action").unwrap_or_default(),
            external_task_id,
            credits: None,
            cash: None,
            state,
            accepted_at: at,
        });
        task.state = state;
        task.credits = text(&details, "credits").or_else(|| task.credits.take());
        task.cash = cash(&details).or_else(|| task.cash.take());
    }
}

fn cash(details: &Value) -> Option<Cash> {
    let charges = details["billing"].as_array()?;
    let cash = charges.iter().filter(|charge| charge["charge_type"] == "cash");
    Cash::sum(cash.filter_map(|charge| Some((charge["amount"].as_str()?, charge["currency"].as_str()))))
}

/// Actions and tasks in the last files of a trail, by their lines alone. The trail is not verified.
#[derive(Debug, Default)]
pub(super) struct TrailOverview {
    /// Actions of submissions.
    pub(super) actions: BTreeSet<String>,
    /// Kling's ids of tasks.
    pub(super) tasks: HashSet<String>,
}

impl TrailOverview {
    /// Reads the files from the day before `start` on.
    pub(super) fn read(trail: &Path, start: DateTime<Utc>) -> Result<TrailOverview, Error> {
        let first = start.date_naive();
        let first = first.checked_sub_days(Days::new(1)).unwrap_or(first);
        // Most lines are not about tasks, and the search is faster than parsing the line.
        let about_tasks = memmem::Finder::new(b"\"event_type\": \"task_");
        let files = if trail.is_dir() { segments::list(trail)? } else { vec![TrailFile::alone(trail)?] };
        let mut overview = TrailOverview::default();
        for file in files.iter().filter(|file| file.label.is_none_or(|label| label.day >= first)) {
            let mut lines = file.lines(MAX_LINE_BYTES)?;
            while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
                if let Piece::Line { bytes, .. } = piece
                    && about_tasks.find(bytes).is_some()
                    && let Ok(entry) = serde_json::from_slice::<Value>(bytes)
                {
                    let details = &entry["details"];
                    if entry["event_type"] == "task_submitted" {
                        overview.actions.extend(text(details, "action"));
                    }
                    overview.tasks.extend(text(details, "task_id"));
                }
            }
        }
        Ok(overview)
    }
}
