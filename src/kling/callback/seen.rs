//! Changes of tasks that were received before, by this run or an earlier one.
//!
//! An unsigned callback never makes a signed one count as received before. The latest 10,000 changes are kept.

use std::{
    collections::{HashSet, VecDeque},
    path::Path,
};

use chrono::{Days, NaiveDate};
use memchr::memmem;
use serde_json::Value;

use crate::{
    error::{Error, Operation},
    format::line::{Line, MAX_LINE_BYTES},
    kling::{api::json_fields::text, callback::signature},
    storage::{line_reader::Piece, segments},
};

/// Number of changes that are remembered.
const MAX_REMEMBERED_CHANGES: usize = 10_000;

/// A status of a task that a callback reported.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Change {
    pub(super) task_id: String,
    pub(super) status: String,
    pub(super) is_signed: bool,
}

/// Accepted changes. `order` has the elements of `changes`, the oldest first.
#[derive(Debug, Default)]
pub(super) struct SeenChanges {
    changes: HashSet<Change>,
    order: VecDeque<Change>,
}

/// Changes and secrets that a trail names.
#[derive(Debug, Default)]
pub(super) struct TrailMemory {
    pub(super) changes: SeenChanges,
    /// Last secrets in use, by their names in entries.
    pub(super) secrets: Option<String>,
}

impl SeenChanges {
    /// Adds a change. Returns `false` if it was received before.
    pub(super) fn note(&mut self, change: &Change) -> bool {
        // An unsigned repetition of a signed change is not new. A signed change after an unsigned one is.
        let signed = Change { is_signed: true, ..change.clone() };
        if self.changes.contains(&signed) || !self.changes.insert(change.clone()) {
            return false;
        }
        self.order.push_back(change.clone());
        if self.order.len() > MAX_REMEMBERED_CHANGES
            && let Some(oldest) = self.order.pop_front()
        {
            self.changes.remove(&oldest);
        }
        true
    }

    pub(super) fn forget(&mut self, change: &Change) {
        self.changes.remove(change);
        self.order.retain(|known| known != change);
    }
}

/// Reads the files of `today` and of this many days before it. Damaged lines are ignored.
pub(super) fn recall(trail: &Path, days: u32, today: NaiveDate) -> Result<TrailMemory, Error> {
    let first = today.checked_sub_days(Days::new(days.into())).unwrap_or(NaiveDate::MIN);
    // Most lines contain neither text, and the search is faster than parsing the line.
    let received = memmem::Finder::new(b"\"event_type\": \"callback_received\"");
    let changed = memmem::Finder::new(signature::CREDENTIAL_KIND);
    let mut memory = TrailMemory::default();
    for file in segments::list(trail)? {
        if file.label.is_none_or(|label| label.day < first) {
            continue;
        }
        let mut lines = file.lines(MAX_LINE_BYTES)?;
        while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
            let Piece::Line { bytes, .. } = piece else { continue };
            if received.find(bytes).is_none() && changed.find(bytes).is_none() {
                continue;
            }
            if let Some(line) = Line::recognise(bytes).ok().filter(Line::holds) {
                memory.add(&line);
            }
        }
    }
    Ok(memory)
}

impl TrailMemory {
    fn add(&mut self, line: &Line<'_>) {
        let Ok(details) = serde_json::from_slice::<Value>(line.details) else { return };
        if line.is("callback_received")
            && let (Some(task_id), Some(status)) = (text(&details, "task_id"), text(&details, "status"))
        {
            self.changes.note(&Change { task_id, status, is_signed: details["signed"] == true });
        }
        if line.is("auth_event") && details["credential_kind"] == signature::CREDENTIAL_KIND {
            self.secrets = text(&details, "access_key_prefix");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: usize, is_signed: bool) -> Change {
        Change { task_id: number.to_string(), status: "succeed".to_owned(), is_signed }
    }

    #[test]
    fn the_latest_changes_are_remembered() {
        let mut changes = SeenChanges::default();

        let news = (0..=MAX_REMEMBERED_CHANGES).filter(|&number| changes.note(&change(number, true))).count();

        assert_eq!(news, MAX_REMEMBERED_CHANGES + 1);
        assert!(!changes.note(&change(MAX_REMEMBERED_CHANGES, true)));
        assert!(changes.note(&change(0, true)), "the oldest made room");
    }

    #[test]
    fn an_unsigned_change_does_not_hide_a_signed_one() {
        let mut changes = SeenChanges::default();

        assert!(changes.note(&change(1, false)) && changes.note(&change(1, true)));
        assert!(!changes.note(&change(1, true)) && !changes.note(&change(1, false)));
    }

    #[test]
    fn a_forgotten_change_is_new_again() {
        let mut changes = SeenChanges::default();
        changes.note(&change(1, true));

        changes.forget(&change(1, true));

        assert!(changes.note(&change(1, true)));
    }
}
