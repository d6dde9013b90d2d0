//! The callbacks of a scan, and the number of its threads.

use std::num::NonZero;

use crate::{findings::progress::Progress, verify::entry_view::EntryView};

/// The callbacks of a scan, all called on the thread that started it.
pub(crate) struct Observer<'w> {
    /// Number of threads that read and parse, the calling thread included.
    pub(crate) threads: NonZero<usize>,
    /// Called with each entry, in the trail's order.
    pub(crate) on_entry: Option<&'w mut dyn FnMut(EntryView<'_>)>,
    /// Called after each block.
    pub(crate) progress: &'w mut dyn FnMut(Progress),
}

impl Observer<'_> {
    /// Reborrows the callback for entries.
    pub(super) fn on_entry(&mut self) -> Option<&mut dyn FnMut(EntryView<'_>)> {
        match &mut self.on_entry {
            Some(on_entry) => Some(&mut **on_entry),
            None => None,
        }
    }
}
