//! Entries that the log wrote about itself: its runs, and its incidents.

use serde::Serialize;

use crate::{
    report::{capped_list::Capped, fields},
    verify::entry_view::EntryView,
};

/// Counts of the log's runs. A run is from an `audit_started` to an `audit_stopped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Runs {
    /// Number of times the log was opened.
    pub started: u64,
    /// Number of times the log was closed.
    pub stopped: u64,
    /// Number of times the log was opened while the run before had no end: the program crashed, or did not close the
    /// log.
    pub not_stopped: u64,
}

/// An entry in which the log describes an incident, such as `audit_recovered`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LogEvent {
    /// Number of the entry. `None` in logs of the Python tool.
    pub seq: Option<u64>,
    /// Time of the entry.
    pub timestamp: String,
    /// Type of the entry.
    pub event_type: String,
    /// Details of the entry.
    pub details: serde_json::Value,
}

/// Runs and incidents of the period.
#[derive(Debug, Default)]
pub(super) struct LogEvents {
    pub(super) runs: Runs,
    pub(super) listed: Capped<LogEvent>,
    is_running: bool,
}

impl LogEvents {
    /// Takes an entry whose type begins with `audit_`. `is_counted` is `true` in the period.
    pub(super) fn add(&mut self, entry: &EntryView<'_>, is_counted: bool) {
        let one = u64::from(is_counted);
        match entry.event_type {
            b"audit_started" => {
                self.runs.started += one;
                if std::mem::replace(&mut self.is_running, true) {
                    self.runs.not_stopped += one;
                }
            }
            b"audit_stopped" => {
                self.runs.stopped += one;
                self.is_running = false;
            }
            // These are part of normal work. The counts by type have them.
            b"audit_verified" | b"audit_checkpoint" | b"audit_self_test" => {}
            _ if is_counted => self.listed.push_with(|| LogEvent {
                seq: entry.seq,
                timestamp: entry.time.to_string(),
                event_type: fields::decoded(entry.event_type),
                // Canonical text is JSON.
                details: serde_json::from_slice(entry.details).unwrap_or_default(),
            }),
            _ => {}
        }
    }
}
