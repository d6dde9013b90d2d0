//! Meaning of an answer to a query: the task in it, the absence of a task, or an error.

use std::borrow::Cow;

use crate::kling::{
    api::{answer::Answer, design::ApiDesign, urls::escape_segment},
    error::Error,
    outputs::task_data::TaskData,
    privacy::scrub::Scrubber,
};

/// Kind of id that a query names a task by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IdKind {
    /// Kling's id of the task.
    Task,
    /// The id that the caller submitted the task under.
    External,
}

/// Returns the path of the query for a task, and the path that entries show for it.
pub(crate) fn locate(
    design: ApiDesign,
    path: &'static str,
    id: &str,
    kind: IdKind,
) -> (String, Cow<'static, str>) {
    let id = escape_segment(id);
    match (design, kind) {
        (ApiDesign::Legacy, _) => (format!("{path}/{id}"), Cow::Owned(format!("{path}/{{id}}"))),
        (ApiDesign::New, IdKind::Task) => (format!("/tasks?task_ids={id}"), Cow::Borrowed("/tasks")),
        (ApiDesign::New, IdKind::External) => {
            (format!("/tasks?external_task_ids={id}"), Cow::Borrowed("/tasks"))
        }
    }
}

/// Returns `true` if Kling answered a query that it knows no such task.
pub(crate) fn is_unknown_task(answer: &Answer) -> bool {
    match answer {
        Answer::Envelope(200..=299, envelope) if envelope.code == 0 => {
            envelope.data.as_array().is_some_and(Vec::is_empty)
        }
        Answer::Envelope(_, envelope) => is_not_found(envelope.code, &envelope.message),
        _ => false,
    }
}

/// Returns `true` if this refusal means that there is no such task.
///
/// Kling has one code (1201) both for this and for wrong fields. Only the message distinguishes the two.
fn is_not_found(code: i64, message: &str) -> bool {
    code == 1203 || (code == 1201 && message.to_ascii_lowercase().contains("not found"))
}

/// Returns the task in a successful answer.
pub(crate) fn task_in(answer: &Answer, scrubber: &Scrubber) -> Option<TaskData> {
    match answer {
        Answer::Envelope(200..=299, envelope) if envelope.code == 0 => {
            // The new design answers with a list of tasks, even for a single one.
            let data = envelope.data.as_array().map_or(Some(&envelope.data), |tasks| tasks.first())?;
            TaskData::decode(data, scrubber)
        }
        _ => None,
    }
}

/// Returns the task in the answer to a query by `external_task_id`, if it is the task of that submission.
///
/// The new design repeats the external id in each task. The legacy design may leave it out, and its path takes Kling's
/// own ids as well: if such an answer has no external id and its task id is the one that was asked for, the query has
/// found an unrelated task.
pub(crate) fn task_by_external_id(
    design: ApiDesign,
    answer: &Answer,
    external_task_id: &str,
    scrubber: &Scrubber,
) -> Option<TaskData> {
    let data = task_in(answer, scrubber)?;
    let is_it = match (&data.external_task_id, design) {
        (Some(name), _) => name == external_task_id,
        (None, ApiDesign::Legacy) => data.task_id != external_task_id,
        (None, ApiDesign::New) => false,
    };
    is_it.then_some(data)
}

/// Returns the error for an answer without the expected data.
pub(crate) fn refusal(action: &'static str, answer: Answer) -> Error {
    match answer {
        Answer::Envelope(http, envelope) if envelope.code != 0 => Error::Refused {
            action,
            http,
            code: Some(envelope.code),
            message: envelope.message,
            request_id: envelope.request_id,
        },
        Answer::Envelope(http, _) => {
            Error::Unreadable { action, http, cause: "no task, or another one, in the answer".to_owned() }
        }
        Answer::Unparseable(http, what) if (300..500).contains(&http) => {
            Error::Refused { action, http, code: None, message: what.to_owned(), request_id: None }
        }
        Answer::Unparseable(http, what) => Error::Unreadable { action, http, cause: what.to_owned() },
        Answer::Lost(fault) | Answer::NotSent(fault) => {
            Error::Transport { action, cause: fault.cause, source: fault.source }
        }
    }
}
