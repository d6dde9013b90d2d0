//! Entries of the log's own that must not be lost: without them, the files look tampered with.

use crate::{error::Error, format::draft::Draft, write::commit::linker::Linker};

/// An entry that describes an event of the trail's files, such as a replaced file.
#[derive(Debug)]
struct OwnEntry {
    draft: Draft,
    /// The sequence number while the entry is linked; `None` while it waits to be linked.
    seq: Option<u64>,
}

/// Entries of the log's own that are not written yet, in the order of their events.
///
/// Invariant: an entry leaves the queue when it is written, and not before. If its commit fails it is linked again.
#[derive(Debug, Default)]
pub(crate) struct OwnEntries(Vec<OwnEntry>);

impl OwnEntries {
    /// Queues an entry; [`link`](Self::link) links it.
    pub(crate) fn push(&mut self, draft: Draft) {
        self.0.push(OwnEntry { draft, seq: None });
    }

    /// Links the entries that are not linked. On an error, the remaining ones stay queued.
    #[inline]
    pub(crate) fn link(&mut self, linker: &mut Linker) -> Result<(), Error> {
        for entry in self.0.iter_mut().filter(|entry| entry.seq.is_none()) {
            entry.seq = Some(linker.link_own(entry.draft.clone())?.seq);
        }
        Ok(())
    }

    /// Makes queued entries from `first_failed` on wait to be linked again: their lines are gone.
    pub(crate) fn requeue(&mut self, first_failed: u64) {
        for entry in &mut self.0 {
            entry.seq = entry.seq.filter(|seq| *seq < first_failed);
        }
    }

    /// Drops queued entries whose sequence number is below `written`.
    #[inline]
    pub(crate) fn drop_written(&mut self, written: u64) {
        self.0.retain(|entry| entry.seq.is_none_or(|seq| seq >= written));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::draft::Origin;

    fn queue(numbers: &[Option<u64>]) -> OwnEntries {
        let entry = |seq: &Option<u64>| OwnEntry {
            draft: Draft::from_origin("audit_recovered", Origin::Log),
            seq: *seq,
        };
        OwnEntries(numbers.iter().map(entry).collect())
    }

    fn numbers(entries: &OwnEntries) -> Vec<Option<u64>> {
        entries.0.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn an_entry_whose_commit_failed_is_queued_again() {
        let mut entries = queue(&[Some(4), Some(5), None]);

        entries.requeue(5);

        assert_eq!(numbers(&entries), [Some(4), None, None]);
    }

    #[test]
    fn an_entry_leaves_the_queue_when_it_is_written() {
        let mut entries = queue(&[Some(4), Some(5), None]);

        entries.drop_written(5);

        assert_eq!(numbers(&entries), [Some(5), None]);
    }
}
