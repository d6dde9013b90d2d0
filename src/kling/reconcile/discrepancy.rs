//! A difference between the trail and Kling's data.

use serde::Serialize;

use crate::kling::privacy::scrub::Scrubber;

/// A difference between the trail and Kling's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Discrepancy {
    /// Kind of the difference.
    pub kind: DiscrepancyKind,
    /// Kling's id of the task.
    pub task_id: String,
    /// Id that the task was submitted under, if either side has it.
    pub external_task_id: Option<String>,
    /// Kling's data in short.
    #[serde(rename = "vendor")]
    pub kling: Option<String>,
    /// The trail's data in short.
    pub trail: Option<String>,
}

impl Discrepancy {
    /// Returns the same difference with Kling's texts scrubbed, for an entry.
    pub(crate) fn scrubbed(mut self, scrubber: &Scrubber) -> Self {
        self.task_id = scrubber.scrub(&self.task_id);
        self.external_task_id = self.external_task_id.map(|id| scrubber.scrub(&id));
        self.kling = self.kling.map(|kling| scrubber.scrub(&kling));
        self
    }
}

/// Kind of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DiscrepancyKind {
    /// Kling has a task that the trail does not have: another user has the keys, or a trail is missing.
    UnknownTask,
    /// Kling has a task, and the trail has only its submission without an acceptance: the outcome was unknown, or the
    /// program ended before it could record one.
    OutcomeMissing,
    /// The trail has a task that Kling does not have.
    #[serde(rename = "missing_at_vendor")]
    MissingAtKling,
    /// The two sides have different costs of a task in credits.
    DifferentCredits,
    /// The two sides have different costs of a task in money.
    DifferentCash,
}

impl DiscrepancyKind {
    /// Name of the kind in JSON and in entries.
    pub fn as_str(self) -> &'static str {
        match self {
            DiscrepancyKind::UnknownTask => "unknown_task",
            DiscrepancyKind::OutcomeMissing => "outcome_missing",
            DiscrepancyKind::MissingAtKling => "missing_at_vendor",
            DiscrepancyKind::DifferentCredits => "different_credits",
            DiscrepancyKind::DifferentCash => "different_cash",
        }
    }
}
