//! What became of tasks: each submission followed to its end.
//!
//! A task is held from its submission to its end, and no longer; what is left is what nobody knows the end of.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::report::{capped_list::Capped, fields};
use crate::{
    codec::{json::object_reader::string_text, timestamp::Timestamp},
    verify::scan::Said,
};

/// How many different reasons are told apart; further ones are counted together.
const REASONS: usize = 1_000;

/// Tasks of one action and model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TaskCounts {
    /// What was asked for, such as `text_to_video`; empty where the entry doesn't say.
    pub action: String,
    /// The model; `None` where the entry doesn't say.
    pub model: Option<String>,
    /// Intents recorded.
    pub submitted: u64,
    /// Tasks that the vendor made.
    pub accepted: u64,
    /// Submissions that the vendor refused.
    pub refused: u64,
    /// Times that nobody knew what became of one.
    pub ambiguous: u64,
    /// Tasks that succeeded.
    pub completed: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Seconds from the submission to success, of tasks whose submission was read.
    pub seconds: Option<Durations>,
}

/// Durations, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Durations {
    /// How many were measured.
    pub count: u64,
    /// The shortest.
    pub min: f64,
    /// Their mean.
    pub mean: f64,
    /// The longest.
    pub max: f64,
}

/// Why tasks were refused or failed, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reason {
    /// `task_refused` or `task_failed`.
    pub event_type: String,
    /// The vendor's code, where there is one.
    pub code: Option<i64>,
    /// The reason as recorded; `…` for those beyond the first 1,000 different ones.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// A task whose end is not in the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenTask {
    /// The `seq` of its `task_submitted`.
    pub seq: Option<u64>,
    /// When that was recorded.
    pub timestamp: String,
    /// What was asked for.
    pub action: String,
    /// The id that it was submitted under.
    pub external_task_id: String,
}

/// Follows tasks.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    groups: Vec<Group>,
    known: HashMap<(Vec<u8>, Vec<u8>), usize>,
    /// The group of the latest task: it is often that of the next one too.
    latest: usize,
    open: HashMap<Vec<u8>, Open>,
    reasons: BTreeMap<(&'static str, Option<i64>, String), u64>,
}

/// What an entry says about its task, as canonical text.
struct Task<'a> {
    /// Between its quotes.
    id: Option<&'a [u8]>,
    /// Between its quotes; empty where there is none.
    action: &'a [u8],
    /// A value; empty where there is none.
    model: &'a [u8],
}

impl<'a> Task<'a> {
    fn read(said: &Said<'a>) -> Self {
        let [action, id, model] = said.noted.unwrap_or_else(|| fields::texts(said.details, Said::NOTED));
        Self {
            id: id.and_then(string_text),
            action: action.and_then(string_text).unwrap_or_default(),
            model: model.unwrap_or_default(),
        }
    }
}

#[derive(Debug, Default)]
struct Group {
    counts: TaskCounts,
    /// As they stand in entries.
    action: Vec<u8>,
    model: Vec<u8>,
    /// In microseconds.
    total: i128,
    min: i64,
    max: i64,
    measured: u64,
}

#[derive(Debug)]
struct Open {
    group: usize,
    seq: Option<u64>,
    time: Timestamp,
    state: State,
    counted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Submitted,
    Accepted,
    Ambiguous,
}

impl Tasks {
    /// Takes an entry whose type begins with `task_`; `counted` if it is of the period.
    pub(super) fn take(&mut self, said: &Said<'_>, counted: bool) {
        let task = Task::read(said);
        let one = u64::from(counted);
        match said.event_type {
            b"task_submitted" => {
                let group = self.group(&task);
                self.groups[group].counts.submitted += one;
                if let Some(id) = task.id {
                    let open =
                        Open { group, seq: said.seq, time: said.time, state: State::Submitted, counted };
                    self.open.insert(id.to_vec(), open);
                }
            }
            b"task_accepted" => {
                let group = self.advance(&task, State::Accepted);
                self.groups[group].counts.accepted += one;
            }
            b"task_ambiguous" => {
                let group = self.advance(&task, State::Ambiguous);
                self.groups[group].counts.ambiguous += one;
            }
            b"task_refused" => {
                let group = self.end(said, &task, false);
                self.groups[group].counts.refused += one;
                self.reason("task_refused", said, counted);
            }
            b"task_completed" => {
                let group = self.end(said, &task, counted);
                self.groups[group].counts.completed += one;
            }
            b"task_failed" => {
                let group = self.end(said, &task, false);
                self.groups[group].counts.failed += one;
                self.reason("task_failed", said, counted);
            }
            _ => {}
        }
    }

    /// Counts by action and model, those with the most submissions first.
    pub(super) fn counts(&self) -> Vec<TaskCounts> {
        let mut counts: Vec<TaskCounts> =
            self.groups.iter().map(Group::counts).filter(TaskCounts::any).collect();
        counts.sort_by(|a, b| (b.submitted, &a.action, &a.model).cmp(&(a.submitted, &b.action, &b.model)));
        counts
    }

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

    /// Submissions of the period without any outcome: what a crash in the middle leaves.
    pub(super) fn without_outcome(&self) -> Capped<OpenTask> {
        self.open_in(State::Submitted)
    }

    /// Tasks of the period that the vendor made and whose end was not seen.
    pub(super) fn unfinished(&self) -> Capped<OpenTask> {
        self.open_in(State::Accepted)
    }

    /// Tasks of the period of which nobody knows what became.
    pub(super) fn ambiguous(&self) -> Capped<OpenTask> {
        self.open_in(State::Ambiguous)
    }

    fn open_in(&self, state: State) -> Capped<OpenTask> {
        let mut open: Vec<_> =
            self.open.iter().filter(|(_, open)| open.state == state && open.counted).collect();
        open.sort_by(|(a_id, a), (b_id, b)| (a.seq, a.time, a_id).cmp(&(b.seq, b.time, b_id)));
        Capped::of(open, |(id, open)| OpenTask {
            seq: open.seq,
            timestamp: open.time.to_string(),
            action: self.groups[open.group].counts.action.clone(),
            external_task_id: fields::decoded(id),
        })
    }

    fn advance(&mut self, task: &Task<'_>, state: State) -> usize {
        match task.id.and_then(|id| self.open.get_mut(id)) {
            Some(open) => {
                open.state = state;
                open.group
            }
            None => self.group(task),
        }
    }

    fn end(&mut self, said: &Said<'_>, task: &Task<'_>, measured: bool) -> usize {
        match task.id.and_then(|id| self.open.remove(id)) {
            Some(open) => {
                if measured {
                    self.groups[open.group].measure(said.time.micros() - open.time.micros());
                }
                open.group
            }
            None => self.group(task),
        }
    }

    fn reason(&mut self, event_type: &'static str, said: &Said<'_>, counted: bool) {
        if !counted {
            return;
        }
        let code =
            fields::text(said.details, "code").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let reason = fields::string(said.details, "reason").map(fields::decoded).unwrap_or_default();
        let key = (event_type, code, reason);
        if self.reasons.len() < REASONS || self.reasons.contains_key(&key) {
            *self.reasons.entry(key).or_default() += 1;
        } else {
            *self.reasons.entry((event_type, None, "…".to_owned())).or_default() += 1;
        }
    }

    fn group(&mut self, task: &Task<'_>) -> usize {
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
        self.groups.push(Group { counts, action, model, ..Group::default() });
        self.latest = self.groups.len() - 1;
        self.known.insert(key, self.latest);
        self.latest
    }
}

impl Group {
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
