//! What the log said about itself: its runs, and what went wrong with them.

use serde::Serialize;

use crate::report::capped_list::Capped;
use crate::verify::scan::Said;

/// Runs of the log: from an `audit_started` to an `audit_stopped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Runs {
    /// How often it was opened.
    pub started: u64,
    /// How often it was closed in order.
    pub stopped: u64,
    /// How often it was opened again without having been closed: the program crashed, or forgot to.
    pub not_stopped: u64,
}

/// An entry in which the log remarks something about itself, such as `audit_recovered`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LogEvent {
    /// Its `seq`.
    pub seq: Option<u64>,
    /// Its time.
    pub timestamp: String,
    /// Its type.
    pub event_type: String,
    /// Its details.
    pub details: serde_json::Value,
}

/// Collects remarks.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub(super) runs: Runs,
    pub(super) remarks: Capped<LogEvent>,
    running: bool,
}

impl Remarks {
    /// Takes an entry whose type begins with `audit_`; `counted` if it is of the period.
    pub(super) fn take(&mut self, said: &Said<'_>, counted: bool) {
        let one = u64::from(counted);
        match said.event_type {
            b"audit_started" => {
                self.runs.started += one;
                if std::mem::replace(&mut self.running, true) {
                    self.runs.not_stopped += one;
                }
            }
            b"audit_stopped" => {
                self.runs.stopped += one;
                self.running = false;
            }
            // These come in the course of things, and are counted by type.
            b"audit_verified" | b"audit_checkpoint" | b"audit_self_test" => {}
            _ if counted => self.remarks.push_with(|| LogEvent {
                seq: said.seq,
                timestamp: said.time.to_string(),
                event_type: crate::report::fields::decoded(said.event_type),
                // Canonical text is JSON.
                details: serde_json::from_slice(said.details).unwrap_or_default(),
            }),
            _ => {}
        }
    }
}
