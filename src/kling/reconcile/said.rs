//! What a trail says about tasks. Its promise: it looks at every entry of an intact trail, and of a damaged one at those
//! that are whole; its memory grows with the tasks.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
};

use chrono::{DateTime, Days, Utc};
use memchr::memmem;
use serde_json::Value;

use crate::kling::{amount::Cash, envelope::text};
use crate::{
    error::{Error, Operation},
    findings::verification::Verdict,
    format::line::MAX_LINE_BYTES,
    storage::{
        line_reader::Piece,
        segments::{self, TrailFile},
    },
    verify::{Verifier, entry_view::EntryView},
};

/// What is said of a submission that nobody knows the end of.
pub(super) const AMBIGUOUS: &str = "ambiguous";

/// What a trail says about tasks.
#[derive(Debug)]
pub(super) struct TrailTasks {
    pub(super) verdict: Verdict,
    /// By the vendor's ids.
    pub(super) tasks: HashMap<String, Known>,
    /// By external ids: what became of them, `submitted` where nothing is said.
    pub(super) submissions: HashMap<String, Submitted>,
    /// When those without an external id became ambiguous, in milliseconds since 1970.
    pub(super) lost: Vec<i64>,
}

/// A submission that the trail knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Submitted {
    pub(super) state: &'static str,
    /// When that was said, in milliseconds since 1970.
    pub(super) at: i64,
}

/// A task that the trail knows.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) action: String,
    pub(super) external_task_id: Option<String>,
    pub(super) credits: Option<String>,
    pub(super) cash: Option<Cash>,
    pub(super) state: &'static str,
    /// In milliseconds since 1970.
    pub(super) accepted_at: i64,
}

impl TrailTasks {
    pub(super) fn read(trail: &Path) -> Result<TrailTasks, Error> {
        let mut read = TrailTasks {
            verdict: Verdict::Intact,
            tasks: HashMap::new(),
            submissions: HashMap::new(),
            lost: Vec::new(),
        };
        let verification = Verifier::new(trail).run_observing(&mut |said| note(&said, &mut read))?;
        Ok(TrailTasks { verdict: verification.verdict(), ..read })
    }
}

fn note(said: &EntryView<'_>, read: &mut TrailTasks) {
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
    let at = DateTime::parse_from_rfc3339(&said.time.to_string()).map_or(0, |time| time.timestamp_millis());
    if matches!(state, "submitted" | "accepted" | "refused" | AMBIGUOUS) && details["stage"] != "wait" {
        match &external_task_id {
            Some(id) => {
                read.submissions.insert(id.clone(), Submitted { state, at });
            }
            None if state == AMBIGUOUS => read.lost.push(at),
            None => {}
        }
    }
    let (Some(task_id), true) = (task_id, matches!(state, "accepted" | "completed" | "failed")) else {
        return;
    };
    let known = read.tasks.entry(task_id).or_insert_with(|| Known {
        action: text(&details, "action").unwrap_or_default(),
        external_task_id: external_task_id.clone(),
        credits: None,
        cash: None,
        state,
        accepted_at: at,
    });
    known.state = state;
    known.credits = text(&details, "credits").or_else(|| known.credits.take());
    known.cash = cash(&details).or_else(|| known.cash.take());
}

fn cash(details: &Value) -> Option<Cash> {
    let charges = details["billing"].as_array()?;
    let cash = charges.iter().filter(|charge| charge["charge_type"] == "cash");
    Cash::sum(cash.filter_map(|charge| Some((charge["amount"].as_str()?, charge["currency"].as_str()))))
}

/// What a trail names since about a day, by its lines alone: whether they are intact is not asked.
#[derive(Debug, Default)]
pub(super) struct Glance {
    /// The actions of submissions.
    pub(super) actions: BTreeSet<String>,
    /// The vendor's ids of tasks.
    pub(super) tasks: HashSet<String>,
}

impl Glance {
    pub(super) fn of(trail: &Path, start: DateTime<Utc>) -> Result<Glance, Error> {
        let first = start.date_naive();
        let first = first.checked_sub_days(Days::new(1)).unwrap_or(first);
        let about_tasks = memmem::Finder::new(b"\"event_type\": \"task_");
        let files = if trail.is_dir() { segments::list(trail)? } else { vec![TrailFile::alone(trail)?] };
        let mut glance = Glance::default();
        for file in files.iter().filter(|file| file.label.is_none_or(|label| label.day >= first)) {
            let mut lines = file.lines(MAX_LINE_BYTES)?;
            while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
                if let Piece::Line { bytes, .. } = piece
                    && about_tasks.find(bytes).is_some()
                    && let Ok(entry) = serde_json::from_slice::<Value>(bytes)
                {
                    let details = &entry["details"];
                    if entry["event_type"] == "task_submitted" {
                        glance.actions.extend(text(details, "action"));
                    }
                    glance.tasks.extend(text(details, "task_id"));
                }
            }
        }
        Ok(glance)
    }
}
