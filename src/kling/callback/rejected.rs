//! A refused callback and the reason.

use std::fmt;

use crate::log::not_recorded::NotRecorded;

/// A callback that was refused. The reason is in the trail.
#[derive(Debug, thiserror::Error)]
#[error("refuse a callback: {reason}")]
pub struct Rejected {
    reason: RejectReason,
    source: Option<Box<NotRecorded>>,
}

/// Reason for refusing a callback. `Display` shows the word that entries have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// `missing_headers`: only some of the three headers of a signature are there.
    MissingHeaders,
    /// `bad_signature`: no secret made any of the signatures.
    BadSignature,
    /// `stale`: the timestamp of the signature is too old, in the future, or no number.
    Stale,
    /// `unsigned_by_policy`: there is no signature, and the receiver accepts none without.
    UnsignedByPolicy,
    /// `malformed`: the body has neither of Kling's two formats.
    Malformed,
    /// `too_long`: the body has more than 1 MiB.
    TooLong,
    /// `incomplete`: the body ended early.
    Incomplete,
    /// `unknown_task`: [`known_tasks`](crate::kling::callback::ReceiverBuilder::known_tasks) does not know the task.
    UnknownTask,
    /// `not_recorded`: the trail could not be written.
    NotRecorded,
}

impl RejectReason {
    /// The word that entries have.
    pub fn as_str(self) -> &'static str {
        match self {
            RejectReason::MissingHeaders => "missing_headers",
            RejectReason::BadSignature => "bad_signature",
            RejectReason::Stale => "stale",
            RejectReason::UnsignedByPolicy => "unsigned_by_policy",
            RejectReason::Malformed => "malformed",
            RejectReason::TooLong => "too_long",
            RejectReason::Incomplete => "incomplete",
            RejectReason::UnknownTask => "unknown_task",
            RejectReason::NotRecorded => "not_recorded",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Rejected {
    pub(super) fn new(reason: RejectReason, source: Option<NotRecorded>) -> Rejected {
        Rejected { reason, source: source.map(Box::new) }
    }

    /// The reason.
    pub fn reason(&self) -> RejectReason {
        self.reason
    }

    /// Status to answer with. It is 500 if a later attempt may succeed.
    pub fn http_status(&self) -> u16 {
        match self.reason {
            RejectReason::NotRecorded => 500,
            RejectReason::TooLong => 413,
            RejectReason::Malformed | RejectReason::Incomplete | RejectReason::UnknownTask => 400,
            RejectReason::MissingHeaders
            | RejectReason::BadSignature
            | RejectReason::Stale
            | RejectReason::UnsignedByPolicy => 401,
        }
    }
}
