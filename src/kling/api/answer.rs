//! The result of one HTTP request.

use std::error::Error as _;

use crate::kling::api::{envelope::Envelope, reply::Reply};

/// Result of one HTTP request. The variants differ in whether Kling may have received the request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// HTTP status, and an envelope from Kling.
    Envelope(u16, Envelope),
    /// HTTP status, and a complete answer that is no envelope. Describes the answer.
    Unparseable(u16, &'static str),
    /// No complete answer. Kling may have received the request.
    Lost(Fault),
    /// No answer. Kling certainly has not received the request.
    NotSent(Fault),
}

/// Cause of a missing answer.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) cause: String,
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
}

impl Fault {
    pub(crate) fn new(error: reqwest::Error) -> Fault {
        let error = error.without_url();
        let cause = if error.is_timeout() { "timed out".to_owned() } else { innermost_cause(&error) };
        Fault { cause, source: error.into() }
    }
}

impl Answer {
    /// Returns the part that entries record.
    pub(crate) fn reply(&self) -> Reply<'_> {
        match self {
            Answer::Envelope(http, envelope) => Reply {
                http: Some(*http),
                code: Some(envelope.code),
                request_id: envelope.request_id.as_deref(),
            },
            Answer::Unparseable(http, _) => Reply { http: Some(*http), ..Reply::default() },
            Answer::Lost(_) | Answer::NotSent(_) => Reply::default(),
        }
    }

    /// Describes the answer in a few words, for entries and errors.
    pub(crate) fn describe(&self) -> String {
        match self {
            Answer::Envelope(http, Envelope { code, message, .. }) => match message.as_str() {
                "" => format!("code {code}, http {http}"),
                message => format!("{message} (code {code}, http {http})"),
            },
            Answer::Unparseable(http, what) => format!("{what} (http {http})"),
            Answer::Lost(fault) | Answer::NotSent(fault) => fault.cause.clone(),
        }
    }
}

/// Returns the text of the innermost cause, such as `connection refused`. The outer text only repeats that the request
/// failed.
pub(crate) fn innermost_cause(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(error) = cause {
        text = match error.downcast_ref::<std::io::Error>() {
            // The text of the kind is in lower case and has no error number of the OS.
            Some(error) if error.raw_os_error().is_some() => error.kind().to_string(),
            _ => error.to_string(),
        };
        cause = error.source();
    }
    text
}
