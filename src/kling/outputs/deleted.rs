//! The answer to a deletion.

use serde_json::Value;

use crate::kling::api::{json_fields::text, status::TaskStatus};

/// State of a deletion.
///
/// Only a deletion that succeeded is recorded as `element_deleted` or `voice_deleted`, because one that is still under
/// way may fail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deleted {
    /// Kling's id of the deletion.
    pub task_id: Option<String>,
    /// Status of the deletion.
    pub status: Option<TaskStatus>,
}

impl Deleted {
    pub(crate) fn decode(data: &Value) -> Option<Deleted> {
        let status = TaskStatus::from(text(data, "task_status")?.as_str());
        Some(Deleted { task_id: text(data, "task_id"), status: Some(status) })
    }

    pub(crate) fn has_succeeded(&self) -> bool {
        self.status == Some(TaskStatus::Succeed)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.status == Some(TaskStatus::Failed)
    }
}
