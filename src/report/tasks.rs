//! The outcomes of tasks: each submission is followed to its end.
//!
//! A task is in memory from its submission to its end. Those that are left after the last entry have no recorded end.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::{
    codec::{json::object_reader::string_text, timestamp::Timestamp},
    report::{capped_list::Capped, fields},
    verify::entry_view::EntryView,
};

/// Maximum number of different reasons. Further ones are counted together, which bounds the memory.
const MAX_REASONS: usize = 1_000;

/// Counts of the tasks of one action and model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TaskCounts {
    /// Action, such as `text_to_video`. Empty if the entries have none.
    pub action: String,
    /// Model. `None` if the entries have none.
    pub model: Option<String>,
    /// Number of submissions recorded before they were sent.
    pub submitted: u64,
    /// Number of tasks that Kling accepted.
    pub accepted: u64,
    /// Number of submissions that Kling refused.
    pub refused: u64,
    /// Number of submissions recorded with an unknown outcome.
    pub ambiguous: u64,
    /// Number of tasks that succeeded.
    pub completed: u64,
    /// Number of tasks that failed.
    pub failed: u64,
    /// Time from submission to success, of tasks whose submission was read.
    pub seconds: Option<Durations>,
}

/// Statistics of durations in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Durations {
    /// Number of durations.
    pub count: u64,
    /// Shortest duration.
    pub min: f64,
    /// Mean duration.
    pub mean: f64,
    /// Longest duration.
    pub max: f64,
}

/// A reason of refused or failed tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reason {
    /// `task_refused` or `task_failed`.
    pub event_type: String,
    /// Code in the answer of Kling, if it has one.
    pub code: Option<i64>,
    /// Reason as recorded. `…` stands for all reasons after the first 1,000 different ones.
    pub reason: String,
    /// Number of tasks.
    pub count: u64,
}

/// A task without a recorded end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenTask {
    /// Number of the `task_submitted` entry. `None` in logs of the Python tool.
    pub seq: Option<u64>,
    /// Time of that entry.
    pub timestamp: String,
    /// Action of the task.
    pub action: String,
    /// External id under which the task was submitted.
    pub external_task_id: String,
}

/// Tasks that are open at the entry read last, and the counts of all.
#[derive(Debug, Default)]
pub(super) struct TaskTracker {
    groups: Vec<TaskGroup>,
    /// Index in `groups` by action and model.
    known: HashMap<(Vec<u8>, Vec<u8>), usize>,
    /// Index of the last task's group. Neighbouring tasks often have the same one, and a comparison saves the hash.
    latest: usize,
    /// Open tasks by external id.
    open: HashMap<Vec<u8>, TrackedTask>,
    /// Number of tasks by event type, code and reason.
    reasons: BTreeMap<(&'static str, Option<i64>, String), u64>,
}

/// The members of an entry that identify its task, as canonical text.
struct TaskMembers<'a> {
    /// External id, from between its quotes.
    id: Option<&'a [u8]>,
    /// Action, from between its quotes. Empty if there is none.
    action: &'a [u8],
    /// Model, as a JSON value. Empty if there is none.
    model: &'a [u8],
}

impl<'a> TaskMembers<'a> {
    fn read(entry: &EntryView<'a>) -> Self {
        let [action, id, model] =
            entry.captured.unwrap_or_else(|| fields::texts(entry.details, EntryView::CAPTURED_FIELDS));
        Self {
            id: id.and_then(string_text),
            action: action.and_then(string_text).unwrap_or_default(),
            model: model.unwrap_or_default(),
        }
    }
}

/// Tasks of one action and model.
#[derive(Debug, Default)]
struct TaskGroup {
    counts: TaskCounts,
    /// Canonical text of the action.
    action: Vec<u8>,
    /// Canonical text of the model.
    model: Vec<u8>,
    /// Sum of the measured durations in microseconds, as the other durations here.
    total: i128,
    min: i64,
    max: i64,
    measured: u64,
}

/// A task between its submission and its end.
#[derive(Debug)]
struct TrackedTask {
    group: usize,
    seq: Option<u64>,
    time: Timestamp,
    state: TaskState,
    /// `true` if its submission is of the period.
    is_counted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TaskState {
    Submitted,
    Accepted,
    Ambiguous,
}

impl TaskTracker {
    /// Takes an entry whose type begins with `task_`. `is_counted` is `true` in the period.
    pub(super) fn add(&mut self, entry: &EntryView<'_>, is_counted: bool) {
        let task = TaskMembers::read(entry);
        let one = u64::from(is_counted);
        match entry.event_type {
            b"task_submitted" => {
                let group = self.group(&task);
                self.groups[group].counts.submitted += one;
                if let Some(id) = task.id {
                    let task = TrackedTask {
                        group,
                        seq: entry.seq,
                        time: entry.time,
                        state: TaskState::Submitted,
                        is_counted,
                    };
                    self.open.insert(id.to_vec(), task);
                }
            }
            b"task_accepted" => {
                let group = self.advance(&task, TaskState::Accepted);
                self.groups[group].counts.accepted += one;
            }
            b"task_ambiguous" => {
                let group = self.advance(&task, TaskState::Ambiguous);
                self.groups[group].counts.ambiguous += one;
            }
            b"task_refused" => {
                let group = self.end(entry, &task, false);
                self.groups[group].counts.refused += one;
                self.reason("task_refused", entry, is_counted);
            }
            b"task_completed" => {
                let group = self.end(entry, &task, is_counted);
                self.groups[group].counts.completed += one;
            }
            b"task_failed" => {
                let group = self.end(entry, &task, false);
                self.groups[group].counts.failed += one;
                self.reason("task_failed", entry, is_counted);
            }
            _ => {}
        }
    }

    /// Returns the counts by action and model, sorted by the number of submissions.
    pub(super) fn counts(&self) -> Vec<TaskCounts> {
        let mut counts: Vec<TaskCounts> =
            self.groups.iter().map(TaskGroup::counts).filter(TaskCounts::any).collect();
        counts.sort_by(|a, b| (b.submitted, &a.action, &a.model).cmp(&(a.submitted, &b.action, &b.model)));
        counts
    }

    /// Returns the reasons, the most frequent first.
    pub(super) fn reasons(&self) -> Capped<Reason> {
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|&(key, count)| (std::cmp::Reverse(*count), key));
        Capped::of(reasons, |((event_type, code, reason), count)| Reason {
            event_type: (*event_type).to_owned(),
            code: *code,
            reason: reason.clone(),
            count: *count,
        })
    }

    /// Submissions of the period without any outcome, as a crash between request and answer leaves them.
    pub(super) fn without_outcome(&self) -> Capped<OpenTask> {
        self.open_in(TaskState::Submitted)
    }

    /// Tasks of the period that Kling accepted, without a recorded end.
    pub(super) fn unfinished(&self) -> Capped<OpenTask> {
        self.open_in(TaskState::Accepted)
    }

    /// Submissions of the period with an unknown outcome.
    pub(super) fn ambiguous(&self) -> Capped<OpenTask> {
        self.open_in(TaskState::Ambiguous)
    }

    fn open_in(&self, state: TaskState) -> Capped<OpenTask> {
        let mut open: Vec<_> =
            self.open.iter().filter(|(_, open)| open.state == state && open.is_counted).collect();
        open.sort_by(|(a_id, a), (b_id, b)| (a.seq, a.time, a_id).cmp(&(b.seq, b.time, b_id)));
        Capped::of(open, |(id, open)| OpenTask {
            seq: open.seq,
            timestamp: open.time.to_string(),
            action: self.groups[open.group].counts.action.clone(),
            external_task_id: fields::decoded(id),
        })
    }

    /// Sets the state of an open task. Returns its group.
    fn advance(&mut self, task: &TaskMembers<'_>, state: TaskState) -> usize {
        match task.id.and_then(|id| self.open.get_mut(id)) {
            Some(open) => {
                open.state = state;
                open.group
            }
            None => self.group(task),
        }
    }

    /// Forgets a task, and measures its duration if `is_measured`. Returns its group.
    fn end(&mut self, entry: &EntryView<'_>, task: &TaskMembers<'_>, is_measured: bool) -> usize {
        match task.id.and_then(|id| self.open.remove(id)) {
            Some(open) => {
                if is_measured {
                    self.groups[open.group].measure(entry.time.micros() - open.time.micros());
                }
                open.group
            }
            None => self.group(task),
        }
    }

    /// Counts the reason of a refused or failed task of the period.
    fn reason(&mut self, event_type: &'static str, entry: &EntryView<'_>, is_counted: bool) {
        if !is_counted {
            return;
        }
        let code =
            fields::text(entry.details, "code").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let reason = fields::string(entry.details, "reason").map(fields::decoded).unwrap_or_default();
        let key = (event_type, code, reason);
        if self.reasons.len() < MAX_REASONS || self.reasons.contains_key(&key) {
            *self.reasons.entry(key).or_default() += 1;
        } else {
            *self.reasons.entry((event_type, None, "…".to_owned())).or_default() += 1;
        }
    }

    /// Returns the index of the group of a task.
    fn group(&mut self, task: &TaskMembers<'_>) -> usize {
        let latest = self.groups.get(self.latest);
        if latest.is_some_and(|group| group.action == task.action && group.model == task.model) {
            return self.latest;
        }
        let key = (task.action.to_vec(), task.model.to_vec());
        if let Some(&group) = self.known.get(&key) {
            self.latest = group;
            return group;
        }
        let counts = TaskCounts {
            action: fields::decoded(task.action),
            model: string_text(task.model).map(fields::decoded),
            ..TaskCounts::default()
        };
        let (action, model) = key.clone();
        self.groups.push(TaskGroup { counts, action, model, ..TaskGroup::default() });
        self.latest = self.groups.len() - 1;
        self.known.insert(key, self.latest);
        self.latest
    }
}

impl TaskGroup {
    fn measure(&mut self, micros: i64) {
        self.min = if self.measured == 0 { micros } else { self.min.min(micros) };
        self.max = if self.measured == 0 { micros } else { self.max.max(micros) };
        self.total += i128::from(micros);
        self.measured += 1;
    }

    fn counts(&self) -> TaskCounts {
        let seconds = |micros: f64| micros / 1e6;
        let durations = Durations {
            count: self.measured,
            min: seconds(self.min as f64),
            mean: seconds(self.total as f64 / self.measured.max(1) as f64),
            max: seconds(self.max as f64),
        };
        TaskCounts { seconds: (self.measured > 0).then_some(durations), ..self.counts.clone() }
    }
}

impl TaskCounts {
    fn any(&self) -> bool {
        self.submitted + self.accepted + self.refused + self.ambiguous + self.completed + self.failed > 0
    }
}
