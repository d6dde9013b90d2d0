//! Linked lines on their way to the file: what one commit writes.
//!
//! Pure. It knows where each line ends, so that a write that stops in the middle can be told by whole lines.

use std::ops::Range;

use chrono::NaiveDate;

use crate::{digest::Digest, directory::Label, entry::Entry, timestamp::Timestamp};

/// Lines in the order of their `seq`.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    lines: Vec<Placed>,
    /// The private records of a line, by where it ends.
    private: Vec<(usize, Vec<u8>)>,
    /// Where, in bytes, the lines go on in a new file.
    turns: Vec<(usize, Label)>,
}

/// A line of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// Where it ends, its newline included.
    end: usize,
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
    /// The hash in full, for checkpoints.
    pub(crate) leaf: [u8; 32],
    pub(crate) time: Timestamp,
    /// Whether a caller waits to hear of it; else it is the log's own.
    pub(crate) asked_for: bool,
}

impl Batch {
    pub(crate) fn push(&mut self, entry: &Entry, asked_for: bool) {
        self.bytes.extend_from_slice(&entry.line);
        let end = self.bytes.len();
        if !entry.private.is_empty() {
            self.private.push((end, entry.private.clone()));
        }
        let Entry { seq, hash, leaf, time, .. } = *entry;
        self.lines.push(Placed { end, seq, hash, leaf, time, asked_for });
    }

    /// What comes from here on goes into a new file.
    pub(crate) fn turn(&mut self, label: Label) {
        self.turns.push((self.bytes.len(), label));
    }

    /// Whether the first line goes into the file that is live when it is written.
    pub(crate) fn is_unplaced(&self) -> bool {
        !self.is_empty() && self.turns.first().is_none_or(|(at, _)| *at > 0)
    }

    /// The day of the first line.
    pub(crate) fn first_day(&self) -> Option<NaiveDate> {
        self.lines.first().map(|line| line.time.date())
    }

    /// The first line goes into a new file.
    pub(crate) fn begin_in(&mut self, label: Label) {
        self.turns.insert(0, (0, label));
    }

    /// Whether all lines go into one new file.
    pub(crate) fn turns_once(&self) -> bool {
        matches!(self.turns[..], [(0, _)])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.lines.clear();
        self.private.clear();
        self.turns.clear();
    }

    /// The parts that go into one file each; before all but the first, a new file is begun.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Option<Label>, Range<usize>, &[u8])> {
        let first =
            std::iter::once((0, None)).chain(self.turns.iter().map(|(at, label)| (*at, Some(*label))));
        let ends = self.turns.iter().map(|(at, _)| *at).chain(std::iter::once(self.bytes.len()));
        first
            .zip(ends)
            .map(|((start, label), end)| (label, start..end, &self.bytes[start..end]))
            .filter(|(label, range, _)| label.is_some() || !range.is_empty())
    }

    /// The private records of the lines that end within `range`.
    pub(crate) fn private(&self, range: Range<usize>) -> Vec<u8> {
        let within = self.private.iter().filter(|(end, _)| range.start < *end && *end <= range.end);
        within.flat_map(|(_, records)| records).copied().collect()
    }

    /// The last line that ends within the first `bytes`.
    pub(crate) fn last_within(&self, bytes: usize) -> Option<Placed> {
        let count = self.lines.partition_point(|line| line.end <= bytes);
        count.checked_sub(1).map(|at| self.lines[at])
    }

    /// The lines that end within the first `bytes`.
    pub(crate) fn within(&self, bytes: usize) -> &[Placed] {
        &self.lines[..self.lines.partition_point(|line| line.end <= bytes)]
    }

    /// The lines that don't end within the first `bytes`.
    pub(crate) fn beyond(&self, bytes: usize) -> &[Placed] {
        &self.lines[self.lines.partition_point(|line| line.end <= bytes)..]
    }

    /// Where the last whole line within the first `bytes` ends.
    pub(crate) fn whole(&self, bytes: usize) -> usize {
        self.last_within(bytes).map_or(0, |line| line.end)
    }

    /// Takes out what was written: the first `bytes`, which end with a line, and the first `turns` to new files.
    pub(crate) fn remove_first(&mut self, bytes: usize, turns: usize) {
        self.bytes.drain(..bytes);
        self.lines.retain_mut(|line| {
            let stays = line.end > bytes;
            line.end = line.end.saturating_sub(bytes);
            stays
        });
        self.private.retain_mut(|(end, _)| {
            let stays = *end > bytes;
            *end = end.saturating_sub(bytes);
            stays
        });
        self.turns.drain(..turns.min(self.turns.len()));
        for (at, _) in &mut self.turns {
            *at = at.saturating_sub(bytes);
        }
    }

    /// Adds the lines of `other` after these.
    pub(crate) fn append(&mut self, other: &mut Self) {
        let offset = self.bytes.len();
        self.bytes.append(&mut other.bytes);
        self.lines.extend(other.lines.drain(..).map(|line| Placed { end: line.end + offset, ..line }));
        self.private.extend(other.private.drain(..).map(|(end, records)| (end + offset, records)));
        self.turns.extend(other.turns.drain(..).map(|(at, label)| (at + offset, label)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::HashLength;

    fn entry(seq: u64, length: usize) -> Entry {
        let hash = Digest::new([0; 32], HashLength::Full);
        let time = chrono::DateTime::UNIX_EPOCH.into();
        Entry { seq, time, hash, leaf: [0; 32], line: vec![b'x'; length], private: Vec::new() }
    }

    fn label(number: u32) -> Label {
        Label { day: NaiveDate::MIN, number }
    }

    #[test]
    fn parts_go_into_one_file_each() {
        let mut batch = Batch::default();
        batch.push(&entry(0, 10), true);
        batch.turn(label(2));
        batch.push(&entry(1, 20), true);
        batch.push(&entry(2, 5), false);
        batch.turn(label(3));
        batch.push(&entry(3, 7), true);

        let parts: Vec<_> =
            batch.parts().map(|(label, range, _)| (label.map(|label| label.number), range)).collect();

        assert_eq!(parts, [(None, 0..10), (Some(2), 10..35), (Some(3), 35..42)]);
        assert_eq!(batch.whole(34), 30);
        assert_eq!(batch.last_within(34).map(|line| line.seq), Some(1));
        assert_eq!(batch.beyond(34).len(), 2);
        assert_eq!(batch.whole(9), 0);
    }

    #[test]
    fn what_was_written_is_taken_out() {
        let mut batch = Batch::default();
        batch.push(&entry(0, 10), true);
        batch.turn(label(2));
        batch.push(&entry(1, 20), true);
        batch.turn(label(3));
        batch.push(&entry(2, 5), true);

        batch.remove_first(30, 2);

        let parts: Vec<_> =
            batch.parts().map(|(label, range, _)| (label.map(|label| label.number), range)).collect();
        assert_eq!(parts, [(None, 0..5)]);
        let mut other = Batch::default();
        other.push(&entry(3, 5), true);
        batch.append(&mut other);
        assert_eq!(batch.length(), 10);
        assert_eq!(batch.beyond(5).len(), 1);
    }
}
