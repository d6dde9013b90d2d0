//! Linked lines on their way to the file: what one commit writes.
//!
//! Pure. It knows where each line ends, so that a write that stops in the middle can be told by whole lines.

use std::ops::Range;

use chrono::NaiveDate;

use crate::{
    codec::{
        digest::{Digest, HashLength},
        timestamp::Timestamp,
    },
    format::{file_name::SegmentName, prepared_entry::LinkedEntry},
};

/// A line whose first part is this long is not copied before it is gathered, nor touched: linking takes as long for it as
/// for any other.
const LARGE: usize = 1024;

/// Memory beyond this is not kept for the next batch.
const KEPT: usize = 1024 * 1024;

/// Lines in the order of their `seq`.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// All lines, but for the first parts that stand in `large`.
    bytes: Vec<u8>,
    /// The first parts of large lines until they are gathered, and where in `bytes` each belongs.
    large: Vec<(usize, Vec<u8>)>,
    /// Bytes of all lines.
    length: usize,
    lines: Vec<BatchLine>,
    /// The private records of a line, by where it ends.
    private: Vec<(usize, Vec<u8>)>,
    /// The bytes of all private records.
    withheld: usize,
    /// Where, in bytes, the lines go on in a new file.
    turns: Vec<(usize, SegmentName)>,
}

/// A line of a batch. It takes no more than 64 bytes: one is written for each entry, under a lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLine {
    /// Where it ends, its newline included.
    end: usize,
    pub(crate) seq: u64,
    /// The hash in full, for checkpoints.
    pub(crate) leaf: [u8; 32],
    /// How much of it the line states.
    stated: HashLength,
    pub(crate) time: Timestamp,
    /// Whether a caller waits to hear of it; else it is the log's own.
    pub(crate) asked_for: bool,
}

impl BatchLine {
    /// The hash, as the line states it.
    pub(crate) fn hash(&self) -> Digest {
        Digest::new(self.leaf, self.stated)
    }
}

impl Batch {
    /// Begins a line with `first`. What follows it is to be appended to what is given, and the line then
    /// [pushed](Self::push).
    #[inline]
    pub(crate) fn begin(&mut self, first: &[u8]) -> &mut Vec<u8> {
        if first.len() < LARGE {
            self.bytes.extend_from_slice(first);
        }
        &mut self.bytes
    }

    /// Takes in the line that was begun last: its first part again, which is taken where it is large, the `length` of all
    /// with its newline, and its private records.
    pub(crate) fn push(
        &mut self,
        entry: LinkedEntry,
        (first, length): (&mut Vec<u8>, usize),
        private: Vec<u8>,
        asked_for: bool,
    ) {
        let LinkedEntry { seq, time, hash, leaf } = entry;
        if first.len() >= LARGE {
            debug_assert!(first.len() <= length && length - first.len() <= self.bytes.len());
            let start = (self.bytes.len() + first.len()).saturating_sub(length);
            self.large.push((start, std::mem::take(first)));
        }
        self.length += length;
        if !private.is_empty() {
            self.withheld += private.len();
            self.private.push((self.length, private));
        }
        self.lines.push(BatchLine { end: self.length, seq, leaf, stated: hash.length(), time, asked_for });
    }

    /// Puts all lines one after the other, as they are written.
    pub(crate) fn gather(&mut self) {
        match &mut self.large[..] {
            [] => return,
            [(_, only)] if self.lines.len() == 1 => {
                only.append(&mut self.bytes);
                self.bytes = std::mem::take(only);
            }
            large => {
                let mut all = Vec::with_capacity(self.length);
                let mut from = 0;
                for (at, first) in large {
                    all.extend_from_slice(&self.bytes[from..*at]);
                    all.extend_from_slice(first);
                    from = *at;
                }
                all.extend_from_slice(&self.bytes[from..]);
                self.bytes = all;
            }
        }
        self.large.clear();
    }

    /// Empty, with the memory of this one unless that is unusually much.
    pub(crate) fn emptied(mut self) -> Self {
        if self.bytes.capacity() > KEPT {
            return Self::default();
        }
        self.clear();
        self
    }

    /// What comes from here on goes into a new file.
    pub(crate) fn turn(&mut self, label: SegmentName) {
        self.turns.push((self.length, label));
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
    pub(crate) fn begin_in(&mut self, label: SegmentName) {
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
        self.length
    }

    /// The bytes that it holds in memory for lines and what they withhold.
    pub(crate) fn weight(&self) -> usize {
        self.length + self.withheld
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.large.clear();
        self.length = 0;
        self.lines.clear();
        self.private.clear();
        self.withheld = 0;
        self.turns.clear();
    }

    /// The parts that go into one file each, of what was gathered; before all but the first, a new file is begun.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Option<SegmentName>, Range<usize>, &[u8])> {
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
    pub(crate) fn last_within(&self, bytes: usize) -> Option<BatchLine> {
        let count = self.lines.partition_point(|line| line.end <= bytes);
        count.checked_sub(1).map(|at| self.lines[at])
    }

    /// The lines that end within the first `bytes`.
    pub(crate) fn within(&self, bytes: usize) -> &[BatchLine] {
        &self.lines[..self.lines.partition_point(|line| line.end <= bytes)]
    }

    /// The lines that don't end within the first `bytes`.
    pub(crate) fn beyond(&self, bytes: usize) -> &[BatchLine] {
        &self.lines[self.lines.partition_point(|line| line.end <= bytes)..]
    }

    /// Where the last whole line within the first `bytes` ends.
    pub(crate) fn whole(&self, bytes: usize) -> usize {
        self.last_within(bytes).map_or(0, |line| line.end)
    }

    /// Takes out what was written: the first `bytes`, which end with a line, and the first `turns` to new files.
    pub(crate) fn remove_first(&mut self, bytes: usize, turns: usize) {
        self.gather();
        self.bytes.drain(..bytes);
        self.length = self.bytes.len();
        self.lines.retain_mut(|line| {
            let stays = line.end > bytes;
            line.end = line.end.saturating_sub(bytes);
            stays
        });
        self.private.retain_mut(|(end, records)| {
            let stays = *end > bytes;
            self.withheld -= if stays { 0 } else { records.len() };
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
        self.gather();
        other.gather();
        let offset = self.length;
        self.bytes.append(&mut other.bytes);
        self.length = self.bytes.len();
        other.length = 0;
        self.lines.extend(other.lines.drain(..).map(|line| BatchLine { end: line.end + offset, ..line }));
        self.withheld += std::mem::take(&mut other.withheld);
        self.private.extend(other.private.drain(..).map(|(end, records)| (end + offset, records)));
        self.turns.extend(other.turns.drain(..).map(|(at, label)| (at + offset, label)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is added to the first part of each line.
    const END: &[u8] = b", ...\n";

    fn line(seq: u64, length: usize) -> Vec<u8> {
        let mut line = vec![b'0' + u8::try_from(seq).expect("a digit"); length.saturating_sub(END.len())];
        line.extend(&END[END.len() - (length - line.len())..]);
        line
    }

    fn push(batch: &mut Batch, seq: u64, length: usize) {
        let hash = Digest::new([0; 32], HashLength::Full);
        let time = chrono::DateTime::UNIX_EPOCH.into();
        let mut first = line(seq, length);
        let end = first.split_off(length.saturating_sub(END.len()));
        batch.begin(&first).extend(end);
        batch.push(LinkedEntry { seq, time, hash, leaf: [0; 32] }, (&mut first, length), Vec::new(), true);
    }

    fn label(number: u32) -> SegmentName {
        SegmentName { day: NaiveDate::MIN, number }
    }

    #[test]
    fn parts_go_into_one_file_each() {
        let mut batch = Batch::default();
        push(&mut batch, 0, 10);
        batch.turn(label(2));
        push(&mut batch, 1, 20);
        push(&mut batch, 2, 5);
        batch.turn(label(3));
        push(&mut batch, 3, 7);

        let parts: Vec<_> =
            batch.parts().map(|(label, range, _)| (label.map(|label| label.number), range)).collect();

        assert_eq!(parts, [(None, 0..10), (Some(2), 10..35), (Some(3), 35..42)]);
        assert_eq!(batch.whole(34), 30);
        assert_eq!(batch.last_within(34).map(|line| line.seq), Some(1));
        assert_eq!(batch.beyond(34).len(), 2);
        assert_eq!(batch.whole(9), 0);
    }

    #[test]
    fn large_lines_stand_in_their_places() {
        let least = LARGE + END.len();
        let lengths = [least, 3, least + 1, least, least - 1, 5];
        for count in 0..=lengths.len() {
            let mut batch = Batch::default();
            let mut expected = Vec::new();
            for (seq, &length) in (0..).zip(&lengths[..count]) {
                expected.extend(line(seq, length));
                push(&mut batch, seq, length);
            }
            assert_eq!(batch.length(), expected.len());

            batch.gather();

            let bytes: Vec<u8> = batch.parts().flat_map(|(_, _, bytes)| bytes.to_vec()).collect();
            assert_eq!(bytes, expected);
            assert_eq!(batch.whole(expected.len()), expected.len());
        }
    }

    #[test]
    fn large_lines_stay_in_their_places_whatever_is_done_to_the_batch() {
        let lengths = [40, 2 * LARGE, 3 * LARGE, 50, 4 * LARGE, 60, 2 * LARGE];
        let all: Vec<u8> = (0..).zip(lengths).flat_map(|(seq, length)| line(seq, length)).collect();
        let (mut batch, mut other) = (Batch::default(), Batch::default());
        for (seq, length) in (0..).zip(lengths) {
            push(if seq < 5 { &mut batch } else { &mut other }, seq, length);
            if seq == 1 {
                batch.gather();
            }
        }

        batch.append(&mut other);
        batch.gather();

        let bytes =
            |batch: &Batch| batch.parts().flat_map(|(_, _, bytes)| bytes.to_vec()).collect::<Vec<_>>();
        assert_eq!(bytes(&batch), all);
        assert_eq!((batch.length(), other.length()), (all.len(), 0));
        batch.remove_first(40 + 2 * LARGE, 0);
        assert_eq!(bytes(&batch), all[40 + 2 * LARGE..]);
        push(&mut batch, 7, LARGE + 10);
        batch.remove_first(3 * LARGE, 0);
        assert_eq!(bytes(&batch), [&all[40 + 5 * LARGE..], &line(7, LARGE + 10)].concat());
    }

    #[test]
    fn what_was_written_is_taken_out() {
        let mut batch = Batch::default();
        push(&mut batch, 0, 10);
        batch.turn(label(2));
        push(&mut batch, 1, 20);
        batch.turn(label(3));
        push(&mut batch, 2, 5);

        batch.remove_first(30, 2);

        let parts: Vec<_> =
            batch.parts().map(|(label, range, _)| (label.map(|label| label.number), range)).collect();
        assert_eq!(parts, [(None, 0..5)]);
        let mut other = Batch::default();
        push(&mut other, 3, 5);
        batch.append(&mut other);
        assert_eq!(batch.length(), 10);
        assert_eq!(batch.beyond(5).len(), 1);
    }
}
