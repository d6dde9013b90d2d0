//! Errors of the client: [`Error`], [`RequestError`] and [`CredentialsError`].
//!
//! A text names the action, its object and the cause. It never contains a prompt, a key, a token or the query string of
//! a URL. Texts from Kling and from other servers are escaped, so that they cannot control a terminal.

use std::{borrow::Cow, time::Duration};

use crate::{codec::terminal::Escaped, log::not_recorded::NotRecorded};

/// Failure of a call of the client.
///
/// The variant shows whether Kling made a task, for which it may charge:
///
/// | error | at Kling |
/// |---|---|
/// | `Credentials`, `Configuration`, `Request`, `NotRecorded`, `Queue` | no task |
/// | `Refused`, `Transport` from `submit` | no task |
/// | `Ambiguous` | perhaps a task: look it up |
/// | `OutcomeNotRecorded` | perhaps a task: the ids are in the error |
/// | `Failed` | a task that failed |
/// | `Download`, `Trail` | no change |
/// | `Deadline`, and other errors from `query` and `wait` | the task continues |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The environment has no usable credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),

    /// A setting of the builder is unusable.
    #[error("build the Kling client: {setting} {}", Escaped(rule.as_str()))]
    #[non_exhaustive]
    Configuration {
        /// Name of the setting.
        setting: &'static str,
        /// Rule that the setting breaks.
        rule: String,
    },

    /// The request breaks a documented rule. Nothing was sent.
    #[error("check the request: {0}")]
    Request(#[from] RequestError),

    /// An entry could not be recorded. Nothing was sent after it was due.
    #[error("{action}: not sent, because {event} could not be recorded")]
    #[non_exhaustive]
    NotRecorded {
        /// Action, such as `text_to_video`.
        action: &'static str,
        /// Event that is missing from the trail.
        event: &'static str,
        /// Cause.
        source: Box<NotRecorded>,
    },

    /// Kling has answered, and the entry about it could not be recorded. The trail lacks these ids.
    #[error(
        "{action}: {event} could not be recorded (task id {}, external task id {})",
        Escaped(task_id.as_deref().unwrap_or("unknown")),
        Escaped(external_task_id.as_deref().unwrap_or("unknown"))
    )]
    #[non_exhaustive]
    OutcomeNotRecorded {
        /// Action.
        action: &'static str,
        /// Event that is missing from the trail.
        event: &'static str,
        /// Kling's id of the task, if it is known.
        task_id: Option<String>,
        /// Id that the task was submitted under, if it is known.
        external_task_id: Option<String>,
        /// Cause.
        source: Box<NotRecorded>,
    },

    /// Kling refused the request.
    #[error(
        "{action}: refused: {} (http {http}, code {}, request {})",
        Escaped(message.as_str()),
        code.map_or_else(|| "none".to_owned(), |code| code.to_string()),
        Escaped(request_id.as_deref().unwrap_or("unknown"))
    )]
    #[non_exhaustive]
    Refused {
        /// Action.
        action: &'static str,
        /// HTTP status.
        http: u16,
        /// Kling's code, or `None` if another server answered.
        code: Option<i64>,
        /// Kling's message, withheld if it repeats the prompt.
        message: String,
        /// Kling's id of the request.
        request_id: Option<String>,
    },

    /// A request was sent, and its outcome is unknown: Kling may have made a task.
    #[error(
        "{action}: sent, but the outcome is unknown: {}; {} before sending it again",
        Escaped(cause.as_str()),
        external_task_id.as_ref().map_or_else(
            || "check Kling's console".to_owned(),
            |id| format!("look up external task id {}", Escaped(id.as_str()))
        )
    )]
    #[non_exhaustive]
    Ambiguous {
        /// Action.
        action: &'static str,
        /// Id for [`Client::look_up`](crate::kling::Client::look_up) or for Kling's console. `None` for an immediate
        /// call, which has no such id.
        external_task_id: Option<String>,
        /// Cause.
        cause: String,
    },

    /// No concurrency permit became free in time. Nothing was sent.
    #[error("{action}: not sent: all {limit} {pack} permits were taken for {:.1} s", waited.as_secs_f64())]
    #[non_exhaustive]
    Queue {
        /// Action.
        action: &'static str,
        /// Resource pack: `video`, `image` or `try-on`.
        pack: &'static str,
        /// Number of permits.
        limit: u32,
        /// Time of the wait.
        waited: Duration,
    },

    /// A download failed. No part of the file is left on disk.
    #[error("download from {}: {}", Escaped(host.as_str()), Escaped(cause.as_str()))]
    #[non_exhaustive]
    Download {
        /// Host of the URL.
        host: String,
        /// Cause.
        cause: String,
    },

    /// A trail could not be read.
    #[error("read the trail")]
    #[non_exhaustive]
    Trail {
        /// Cause.
        source: Box<crate::error::Error>,
    },

    /// The task failed.
    #[error("{action}: task {} failed: {}", Escaped(task_id.as_str()), Escaped(reason.as_str()))]
    #[non_exhaustive]
    Failed {
        /// Action.
        action: &'static str,
        /// Kling's id of the task.
        task_id: String,
        /// Kling's reason, withheld if it repeats the prompt.
        reason: String,
        /// Cost in credits, in Kling's spelling.
        credits: Option<String>,
    },

    /// The task had not ended by the deadline. It continues.
    #[error(
        "{action}: task {} had not ended after {:.1} s ({}); wait for it again by its id",
        Escaped(task_id.as_str()),
        waited.as_secs_f64(),
        Escaped(last.as_str())
    )]
    #[non_exhaustive]
    Deadline {
        /// Action.
        action: &'static str,
        /// Kling's id of the task, for [`Task::resume`](crate::kling::Task::resume).
        task_id: String,
        /// Time of the wait.
        waited: Duration,
        /// Result of the last query.
        last: String,
    },

    /// Kling sent no answer. From `submit`: Kling certainly has not received the request.
    #[error("{action}: no answer from Kling: {}", Escaped(cause.as_str()))]
    #[non_exhaustive]
    Transport {
        /// Action.
        action: &'static str,
        /// Cause, such as `connection refused`.
        cause: String,
        /// Error of the HTTP client, without its URL.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The answer to a query cannot be parsed, or lacks the expected content.
    #[error("{action}: unreadable answer (http {http}): {}", Escaped(cause.as_str()))]
    #[non_exhaustive]
    Unreadable {
        /// Action.
        action: &'static str,
        /// HTTP status.
        http: u16,
        /// Fault of the answer.
        cause: String,
    },
}

impl Error {
    /// Returns the conversion for a failed record of `event`, before which nothing further was sent.
    pub(crate) fn not_recorded(
        action: &'static str,
        event: &'static str,
    ) -> impl FnOnce(NotRecorded) -> Error {
        move |source| Error::NotRecorded { action, event, source: Box::new(source) }
    }

    /// Returns the error for an answer with a success code and unexpected content.
    pub(crate) fn unreadable(action: &'static str, cause: &str) -> Error {
        Error::Unreadable { action, http: 200, cause: cause.to_owned() }
    }
}

/// The environment has no usable credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read Kling credentials from the environment: {variable} {fault}")]
pub struct CredentialsError {
    variable: &'static str,
    fault: &'static str,
}

impl CredentialsError {
    pub(crate) fn new(variable: &'static str, fault: &'static str) -> CredentialsError {
        CredentialsError { variable, fault }
    }

    /// Name of the variable at fault.
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

/// A request breaks a rule that Kling documents. Nothing was sent.
///
/// The text never repeats a value of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct RequestError {
    field: &'static str,
    rule: Cow<'static, str>,
}

impl RequestError {
    pub(crate) fn new(field: &'static str, rule: &'static str) -> RequestError {
        RequestError { field, rule: Cow::Borrowed(rule) }
    }

    pub(crate) fn of(field: &'static str, rule: String) -> RequestError {
        RequestError { field, rule: Cow::Owned(rule) }
    }

    /// Field at fault, in Kling's spelling, with dots between levels.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Rule that the field breaks.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_other_servers_cannot_control_a_terminal() {
        let text = || "a\u{1b}[2J\r\nb\u{202e}".to_owned();
        let errors = [
            Error::Configuration { setting: "base_url", rule: text() },
            Error::OutcomeNotRecorded {
                action: "a",
                event: "e",
                task_id: Some(text()),
                external_task_id: Some(text()),
                source: Box::new(NotRecorded::NoLog),
            },
            Error::Refused { action: "a", http: 400, code: None, message: text(), request_id: Some(text()) },
            Error::Ambiguous { action: "a", external_task_id: Some(text()), cause: text() },
            Error::Download { host: text(), cause: text() },
            Error::Failed { action: "a", task_id: text(), reason: text(), credits: None },
            Error::Deadline { action: "a", task_id: text(), waited: Duration::ZERO, last: text() },
            Error::Transport { action: "a", cause: text(), source: "b".into() },
            Error::Unreadable { action: "a", http: 200, cause: text() },
        ];

        for error in errors {
            let shown = error.to_string();
            assert!(shown.contains("a\\u{1b}[2J\\r\\nb\\u{202e}"), "{shown}");
            assert!(!shown.contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown:?}");
        }
    }
}
