//! Which changes of tasks were had before, by this run or an earlier one. Its promise: what an intact trail says was had
//! in the last days is known, and an unsigned callback never makes a signed one look had. It holds the latest 10,000.

use std::{
    collections::{HashSet, VecDeque},
    path::Path,
};

use chrono::{Days, NaiveDate};
use memchr::memmem;
use serde_json::Value;

use crate::kling::callback::signature;
use crate::{
    error::{Error, Operation},
    format::line::{Line, MAX_LINE_BYTES},
    kling::envelope::text,
    storage::{line_reader::Piece, segments},
};

/// How many changes are remembered.
const REMEMBERED: usize = 10_000;

/// A status of a task, as a callback told it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Change {
    pub(super) task_id: String,
    pub(super) status: String,
    pub(super) is_signed: bool,
}

/// The changes that were accepted, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Memory {
    changes: HashSet<Change>,
    order: VecDeque<Change>,
}

/// What a trail says of callbacks.
#[derive(Debug, Default)]
pub(super) struct Recalled {
    pub(super) memory: Memory,
    /// The secrets that were in use last, as entries name them.
    pub(super) secrets: Option<String>,
}

impl Memory {
    /// Takes note of a change; `false` if it was had before.
    pub(super) fn note(&mut self, change: &Change) -> bool {
        let proven = Change { is_signed: true, ..change.clone() };
        if self.changes.contains(&proven) || !self.changes.insert(change.clone()) {
            return false;
        }
        self.order.push_back(change.clone());
        if self.order.len() > REMEMBERED
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

/// Reads the files of `today` and of so many days before it. A line that does not hold is passed over.
pub(super) fn recall(trail: &Path, days: u32, today: NaiveDate) -> Result<Recalled, Error> {
    let first = today.checked_sub_days(Days::new(days.into())).unwrap_or(NaiveDate::MIN);
    let received = memmem::Finder::new(b"\"event_type\": \"callback_received\"");
    let changed = memmem::Finder::new(signature::KIND);
    let mut recalled = Recalled::default();
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
                recalled.take(&line);
            }
        }
    }
    Ok(recalled)
}

impl Recalled {
    fn take(&mut self, line: &Line<'_>) {
        let Ok(details) = serde_json::from_slice::<Value>(line.details) else { return };
        if line.is("callback_received")
            && let (Some(task_id), Some(status)) = (text(&details, "task_id"), text(&details, "status"))
        {
            self.memory.note(&Change { task_id, status, is_signed: details["signed"] == true });
        }
        if line.is("auth_event") && details["credential_kind"] == signature::KIND {
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
    fn the_latest_are_remembered() {
        let mut memory = Memory::default();

        let news = (0..=REMEMBERED).filter(|&number| memory.note(&change(number, true))).count();

        assert_eq!(news, REMEMBERED + 1);
        assert!(!memory.note(&change(REMEMBERED, true)));
        assert!(memory.note(&change(0, true)), "the oldest made room");
    }

    #[test]
    fn what_is_not_proven_does_not_make_what_is_look_had() {
        let mut memory = Memory::default();

        assert!(memory.note(&change(1, false)) && memory.note(&change(1, true)));
        assert!(!memory.note(&change(1, true)) && !memory.note(&change(1, false)));
    }

    #[test]
    fn what_was_not_recorded_is_new_again() {
        let mut memory = Memory::default();
        memory.note(&change(1, true));

        memory.forget(&change(1, true));

        assert!(memory.note(&change(1, true)));
    }
}
