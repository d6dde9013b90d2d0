//! The action, and the task where there is one, that an entry is about.

use crate::{kling::error::Error, log::not_recorded::NotRecorded};

/// Identification of the action, the task and the submission that an entry is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) action: &'static str,
    pub(crate) task_id: Option<&'a str>,
    pub(crate) external_task_id: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// An action that concerns no single task, such as a list.
    pub(crate) fn action(action: &'static str) -> Subject<'static> {
        Subject { action, task_id: None, external_task_id: None }
    }

    /// A submission that has no task id yet.
    pub(crate) fn submission(action: &'static str, external_task_id: Option<&'a str>) -> Subject<'a> {
        Subject { action, task_id: None, external_task_id }
    }

    /// The same subject with this task id.
    pub(crate) fn with_task(self, task_id: Option<&'a str>) -> Subject<'a> {
        Subject { task_id, ..self }
    }

    /// Returns the conversion for a failed record of `event`, which describes an answer that Kling has given.
    pub(crate) fn outcome_not_recorded(
        self,
        event: &'static str,
    ) -> impl FnOnce(NotRecorded) -> Error + use<> {
        let action = self.action;
        let task_id = self.task_id.map(str::to_owned);
        let external_task_id = self.external_task_id.map(str::to_owned);
        move |source| Error::OutcomeNotRecorded {
            action,
            event,
            task_id,
            external_task_id,
            source: Box::new(source),
        }
    }
}
