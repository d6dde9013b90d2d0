//! Why a call of the client gave nothing. Its promise: a text says what was done, to what, and the cause, and never holds
//! a prompt, a key, a token or the query string of a URL. What others wrote is shown so that it can't steer a terminal.

use std::{borrow::Cow, time::Duration};

use crate::{codec::terminal::Escaped, log::not_recorded::NotRecorded};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a call of the client gave nothing.
///
/// Whether a task was made, and so is paid for:
///
/// | error | at the vendor |
/// |---|---|
/// | `Credentials`, `Configuration`, `Request`, `NotRecorded`, `Queue` | nothing was made |
/// | `Refused`, `Transport` from `submit` | nothing was made |
/// | `Ambiguous` | nobody knows: look it up |
/// | `OutcomeNotRecorded` | something may have been made: the ids are in the error |
/// | `Failed` | it was made and failed |
/// | `Download`, `Trail` | nothing changed |
/// | `Deadline`, and the others from `query` and `wait` | the task goes on |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The environment holds no usable credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),

    /// A setting of the builder can't be used.
    #[error("build the Kling client: {setting} {}", Escaped(rule.as_str()))]
    #[non_exhaustive]
    Configuration {
        /// The setting at fault.
        setting: &'static str,
        /// The rule that it breaks.
        rule: String,
    },

    /// The request breaks a documented rule; nothing was sent.
    #[error("check the request: {0}")]
    Request(#[from] RequestError),

    /// An entry could not be recorded, so nothing was sent, or nothing further.
    #[error("{action}: not sent, since {event} could not be recorded")]
    #[non_exhaustive]
    NotRecorded {
        /// The action, such as `text_to_video`.
        action: &'static str,
        /// The event that is missing from the trail.
        event: &'static str,
        /// Why it could not be recorded.
        source: Box<NotRecorded>,
    },

    /// The vendor has answered, and that could not be recorded. The ids are what the trail lacks.
    #[error(
        "{action}: {event} could not be recorded (task id {}, external task id {})",
        Escaped(task_id.as_deref().unwrap_or("unknown")),
        Escaped(external_task_id.as_deref().unwrap_or("unknown"))
    )]
    #[non_exhaustive]
    OutcomeNotRecorded {
        /// The action.
        action: &'static str,
        /// The event that is missing from the trail.
        event: &'static str,
        /// The vendor's id of the task, where it is known.
        task_id: Option<String>,
        /// The id that the task was submitted under, where it is known.
        external_task_id: Option<String>,
        /// Why it could not be recorded.
        source: Box<NotRecorded>,
    },

    /// The vendor refused.
    #[error(
        "{action}: refused: {} (http {http}, code {}, request {})",
        Escaped(message.as_str()),
        code.map_or_else(|| "none".to_owned(), |code| code.to_string()),
        Escaped(request_id.as_deref().unwrap_or("unknown"))
    )]
    #[non_exhaustive]
    Refused {
        /// The action.
        action: &'static str,
        /// The HTTP status.
        http: u16,
        /// The vendor's code; `None` where the answer was not the vendor's.
        code: Option<i64>,
        /// The vendor's message, withheld where it repeats the prompt.
        message: String,
        /// The vendor's id of the request.
        request_id: Option<String>,
    },

    /// A request was sent and nobody knows whether the vendor made a task of it.
    #[error(
        "{action}: sent, and nobody knows whether it was accepted: {}; {} before sending it again",
        Escaped(cause.as_str()),
        external_task_id.as_ref().map_or_else(
            || "compare with the vendor's console".to_owned(),
            |id| format!("look up external task id {}", Escaped(id.as_str()))
        )
    )]
    #[non_exhaustive]
    Ambiguous {
        /// The action.
        action: &'static str,
        /// What to look up with [`Client::look_up`](crate::kling::Client::look_up), or in the vendor's console. `None`
        /// for what the vendor gives no name.
        external_task_id: Option<String>,
        /// What became of the answer.
        cause: String,
    },

    /// Too many tasks of this client were running for too long; nothing was sent.
    #[error("{action}: not sent: {limit} {pack} slots were taken for {:.1} s", waited.as_secs_f64())]
    #[non_exhaustive]
    Queue {
        /// The action.
        action: &'static str,
        /// What the slots are of: `video`, `image` or `try-on`.
        pack: &'static str,
        /// How many there are.
        limit: u32,
        /// How long it was waited for one.
        waited: Duration,
    },

    /// A download was given up; nothing is left of it on disk.
    #[error("download from {}: {}", Escaped(host.as_str()), Escaped(cause.as_str()))]
    #[non_exhaustive]
    Download {
        /// Where from.
        host: String,
        /// What went wrong.
        cause: String,
    },

    /// A trail could not be read.
    #[error("read the trail")]
    #[non_exhaustive]
    Trail {
        /// Why.
        source: Box<crate::Error>,
    },

    /// The task failed at the vendor.
    #[error("{action}: task {} failed: {}", Escaped(task_id.as_str()), Escaped(reason.as_str()))]
    #[non_exhaustive]
    Failed {
        /// The action.
        action: &'static str,
        /// The vendor's id of the task.
        task_id: String,
        /// The vendor's reason, withheld where it repeats the prompt.
        reason: String,
        /// What it cost, in the vendor's own spelling.
        credits: Option<String>,
    },

    /// The task had not ended by the deadline; it goes on.
    #[error(
        "{action}: task {} had not ended after {:.1} s ({}); wait for it again by its id",
        Escaped(task_id.as_str()),
        waited.as_secs_f64(),
        Escaped(last.as_str())
    )]
    #[non_exhaustive]
    Deadline {
        /// The action.
        action: &'static str,
        /// The vendor's id of the task, for [`Task::resume`](crate::kling::Task::resume).
        task_id: String,
        /// How long it was waited for.
        waited: Duration,
        /// What the last query found.
        last: String,
    },

    /// There was no answer. From `submit`: the request certainly was not delivered.
    #[error("{action}: no answer from the vendor: {}", Escaped(cause.as_str()))]
    #[non_exhaustive]
    Transport {
        /// The action.
        action: &'static str,
        /// What went wrong, such as `connection refused`.
        cause: String,
        /// The error beneath, without its URL.
        source: Source,
    },

    /// The answer to a query makes no sense.
    #[error("{action}: an answer that can't be read (http {http}): {}", Escaped(cause.as_str()))]
    #[non_exhaustive]
    Unreadable {
        /// The action.
        action: &'static str,
        /// The HTTP status.
        http: u16,
        /// What is wrong with it.
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

/// The environment holds no usable credentials.
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

    /// The name of the variable at fault.
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

/// A request breaks a rule that the vendor documents; nothing was sent.
///
/// The rule never repeats what the request holds.
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

    /// The field at fault, as the vendor spells it; nested ones with dots.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The rule that it breaks.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_does_not_steer_a_terminal() {
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
