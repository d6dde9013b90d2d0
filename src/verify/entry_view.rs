//! One entry as it is shown to an observer of the scan, in either format.

use crate::codec::{json::shape_cache::CAPTURED_FIELDS, timestamp::Timestamp};

/// One entry, borrowed from the block that it was read in. Nothing is decoded: texts are canonical JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryView<'a> {
    /// Canonical text between its quotes.
    pub(crate) actor: &'a [u8],
    /// Canonical text between its quotes.
    pub(crate) event_type: &'a [u8],
    pub(crate) time: Timestamp,
    /// `None` in logs of the Python tool, whose entries have no numbers.
    pub(crate) seq: Option<u64>,
    /// Canonical text of the object; empty in an entry without one.
    pub(crate) context: &'a [u8],
    /// Canonical text of the object.
    pub(crate) details: &'a [u8],
    /// Texts of the members [`CAPTURED_NAMES`](Self::CAPTURED_NAMES) of `details`, if the parser captured them.
    /// `None` means that the observer has to search `details` itself.
    pub(crate) captured: Option<[Option<&'a [u8]>; CAPTURED_FIELDS]>,
}

impl EntryView<'_> {
    /// Names of the members that the parser captures: together they identify a task. The parser passes over each
    /// member anyway, so a report need not search `details` again; the row "report, 1 thread" of `benches/RESULTS.md`
    /// shows the gain.
    pub(crate) const CAPTURED_NAMES: [&'static str; CAPTURED_FIELDS] =
        ["action", "external_task_id", "model"];

    /// Another name of [`CAPTURED_NAMES`](Self::CAPTURED_NAMES).
    pub(crate) const CAPTURED_FIELDS: [&'static str; CAPTURED_FIELDS] = Self::CAPTURED_NAMES;
}
