//! A batch: linked lines in memory, between linking under the log's lock and writing outside of it.
//!
//! Linking copies a prepared entry of up to 1 KiB into `bytes`. A larger one is moved, not copied, so that the time
//! under the lock does not grow with the entry (bench row "serial section with 10 KB of details" against 200 B).
//! `gather` puts it into its place later, outside the lock. Lines 0 and 2 are small here, line 1 is large:
//!
//! ```text
//! bytes   | line 0          | suffix of 1 | line 2     |      before gather
//! large                     ^ at: prepared text of 1
//!
//! bytes   | line 0          | prepared text of 1 | suffix of 1 | line 2     |      after gather: the bytes to write
//! lines        ends and seqs: ^                                ^            ^
//! rolls   where lines go on in a new file: offsets of line starts in the gathered bytes
//! private records of line 1, by the offset where line 1 ends
//! ```
//!
//! All offsets but those of `large` count gathered bytes. With them, a partial write is reported as whole lines.
//! Pure.

use std::ops::Range;

use chrono::NaiveDate;

use crate::{
    codec::{
        digest::{Digest, HashLength},
        timestamp::Timestamp,
    },
    format::{file_name::SegmentName, prepared_entry::LinkedEntry},
};

/// Bytes of prepared text from which on it is moved instead of copied.
const LARGE_PREPARED_BYTES: usize = 1024;

/// Most capacity of `bytes` that the next batch uses again.
const MAX_REUSED_BATCH_BYTES: usize = 1024 * 1024;

/// Linked lines in the order of their `seq`.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Text of all lines, without the prepared texts in `large`.
    bytes: Vec<u8>,
    /// Prepared texts of large lines that are not gathered yet, in the order of their lines.
    large: Vec<LargeText>,
    /// Bytes of all lines, gathered or not.
    length: usize,
    lines: Vec<BatchLine>,
    private: Vec<PrivateRecords>,
    /// Bytes of all private records.
    private_length: usize,
    /// New files, in the order of their lines.
    rolls: Vec<Roll>,
}

/// Prepared text of a large line.
#[derive(Debug)]
struct LargeText {
    /// Offset in `Batch::bytes` at which the text belongs.
    at: usize,
    text: Vec<u8>,
}

/// Private records of a line's erasable values.
#[derive(Debug)]
struct PrivateRecords {
    /// End of the line.
    line_end: usize,
    records: Vec<u8>,
}

/// A new file within the batch.
#[derive(Clone, Copy, Debug)]
struct Roll {
    /// Start of the first line in the new file.
    at: usize,
    file: SegmentName,
}

/// A line of a batch. It has at most 64 bytes: one is written per entry under the lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLine {
    /// End of the line, newline included.
    end: usize,
    pub(crate) seq: u64,
    /// Full hash, which checkpoints contain.
    pub(crate) leaf: [u8; 32],
    /// Length of the printed hash.
    printed: HashLength,
    pub(crate) time: Timestamp,
    /// `true` for an entry that a caller appended, `false` for one of the log's own.
    pub(crate) is_from_caller: bool,
}

const _: () = assert!(size_of::<BatchLine>() <= 64);

impl BatchLine {
    /// Returns the printed hash.
    pub(crate) fn hash(&self) -> Digest {
        Digest::new(self.leaf, self.printed)
    }
}

/// Lines of a batch that go into one file.
pub(crate) struct BatchPart<'a> {
    /// File to create for them. `None` if they go into the live file.
    pub(crate) new_file: Option<SegmentName>,
    /// Their position in the batch.
    pub(crate) range: Range<usize>,
    pub(crate) bytes: &'a [u8],
}

impl Batch {
    /// Begins a line with its prepared text. The caller appends the rest of the line to the returned buffer, then calls
    /// [`push`](Self::push).
    #[inline]
    pub(crate) fn begin(&mut self, prepared: &[u8]) -> &mut Vec<u8> {
        if prepared.len() < LARGE_PREPARED_BYTES {
            self.bytes.extend_from_slice(prepared);
        }
        &mut self.bytes
    }

    /// Completes the line that [`begin`](Self::begin) began. `prepared` is its prepared text again, which is taken out
    /// if it is large; `length` is the length of the whole line, newline included.
    #[inline]
    pub(crate) fn push(
        &mut self,
        entry: LinkedEntry,
        (prepared, length): (&mut Vec<u8>, usize),
        private: Vec<u8>,
        is_from_caller: bool,
    ) {
        let LinkedEntry { seq, time, hash, leaf } = entry;
        if prepared.len() >= LARGE_PREPARED_BYTES {
            debug_assert!(prepared.len() <= length && length - prepared.len() <= self.bytes.len());
            let at = (self.bytes.len() + prepared.len()).saturating_sub(length);
            self.large.push(LargeText { at, text: std::mem::take(prepared) });
        }
        self.length += length;
        if !private.is_empty() {
            self.private_length += private.len();
            self.private.push(PrivateRecords { line_end: self.length, records: private });
        }
        self.lines.push(BatchLine {
            end: self.length,
            seq,
            leaf,
            printed: hash.length(),
            time,
            is_from_caller,
        });
    }

    /// Puts the prepared texts of large lines into their places, so that all lines are one text. A caller does this
    /// before it writes, outside the log's lock.
    pub(crate) fn gather(&mut self) {
        match &mut self.large[..] {
            [] => return,
            // A single line: its suffix is appended to its text, which is not copied even now.
            [LargeText { text, .. }] if self.lines.len() == 1 => {
                text.append(&mut self.bytes);
                self.bytes = std::mem::take(text);
            }
            large => {
                let mut all = Vec::with_capacity(self.length);
                let mut from = 0;
                for LargeText { at, text } in large {
                    all.extend_from_slice(&self.bytes[from..*at]);
                    all.extend_from_slice(text);
                    from = *at;
                }
                all.extend_from_slice(&self.bytes[from..]);
                self.bytes = all;
            }
        }
        self.large.clear();
    }

    /// Returns an empty batch that uses the memory of this one again, unless that is unusually much.
    pub(crate) fn recycled(mut self) -> Self {
        if self.bytes.capacity() > MAX_REUSED_BATCH_BYTES {
            return Self::default();
        }
        self.clear();
        self
    }

    /// Puts the next line, and those after it, into the new file `file`.
    pub(crate) fn roll(&mut self, file: SegmentName) {
        self.rolls.push(Roll { at: self.length, file });
    }

    /// Returns `true` if the first line goes into the file that is live when the batch is written.
    pub(crate) fn begins_in_live_file(&self) -> bool {
        !self.is_empty() && self.rolls.first().is_none_or(|roll| roll.at > 0)
    }

    /// Returns the day of the first line.
    pub(crate) fn first_day(&self) -> Option<NaiveDate> {
        self.lines.first().map(|line| line.time.date())
    }

    /// Puts the first line into the new file `file`.
    pub(crate) fn begin_in_file(&mut self, file: SegmentName) {
        self.rolls.insert(0, Roll { at: 0, file });
    }

    /// Returns `true` if all lines go into one new file.
    pub(crate) fn has_one_new_file(&self) -> bool {
        matches!(self.rolls[..], [Roll { at: 0, .. }])
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns the bytes of all lines.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Returns the bytes of all lines and private records.
    #[inline]
    pub(crate) fn weight(&self) -> usize {
        self.length + self.private_length
    }

    /// Removes all lines and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.large.clear();
        self.length = 0;
        self.lines.clear();
        self.private.clear();
        self.private_length = 0;
        self.rolls.clear();
    }

    /// Iterates over the parts of the gathered lines that go into one file each.
    pub(crate) fn parts(&self) -> impl Iterator<Item = BatchPart<'_>> {
        let live = std::iter::once((0, None));
        let starts = live.chain(self.rolls.iter().map(|roll| (roll.at, Some(roll.file))));
        let ends = self.rolls.iter().map(|roll| roll.at).chain(std::iter::once(self.bytes.len()));
        starts
            .zip(ends)
            .map(|((start, new_file), end)| BatchPart {
                new_file,
                range: start..end,
                bytes: &self.bytes[start..end],
            })
            // A new file is created even for no line: its number is planned.
            .filter(|part| part.new_file.is_some() || !part.range.is_empty())
    }

    /// Returns the private records of the lines that end within `range`.
    pub(crate) fn private(&self, range: Range<usize>) -> Vec<u8> {
        let within = self.private.iter().filter(|it| range.start < it.line_end && it.line_end <= range.end);
        within.flat_map(|it| &it.records).copied().collect()
    }

    /// Returns the last line that ends within the first `bytes`.
    pub(crate) fn last_within(&self, bytes: usize) -> Option<BatchLine> {
        self.within(bytes).last().copied()
    }

    /// Returns the lines that end within the first `bytes`.
    pub(crate) fn within(&self, bytes: usize) -> &[BatchLine] {
        &self.lines[..self.lines.partition_point(|line| line.end <= bytes)]
    }

    /// Returns the lines that end beyond the first `bytes`.
    pub(crate) fn beyond(&self, bytes: usize) -> &[BatchLine] {
        &self.lines[self.lines.partition_point(|line| line.end <= bytes)..]
    }

    /// Returns how many of the first `bytes` are whole lines.
    pub(crate) fn whole(&self, bytes: usize) -> usize {
        self.last_within(bytes).map_or(0, |line| line.end)
    }

    /// Removes what was written: the first `bytes`, which must end with a line, and the first `rolls` new files.
    pub(crate) fn remove_first(&mut self, bytes: usize, rolls: usize) {
        self.gather();
        self.bytes.drain(..bytes);
        self.length = self.bytes.len();
        self.lines.retain_mut(|line| {
            let stays = line.end > bytes;
            line.end = line.end.saturating_sub(bytes);
            stays
        });
        self.private.retain_mut(|PrivateRecords { line_end, records }| {
            let stays = *line_end > bytes;
            self.private_length -= if stays { 0 } else { records.len() };
            *line_end = line_end.saturating_sub(bytes);
            stays
        });
        self.rolls.drain(..rolls.min(self.rolls.len()));
        for roll in &mut self.rolls {
            roll.at = roll.at.saturating_sub(bytes);
        }
    }

    /// Moves the lines of `other` behind these.
    pub(crate) fn append(&mut self, other: &mut Self) {
        self.gather();
        other.gather();
        let offset = self.length;
        self.bytes.append(&mut other.bytes);
        self.length = self.bytes.len();
        other.length = 0;
        self.lines.extend(other.lines.drain(..).map(|line| BatchLine { end: line.end + offset, ..line }));
        self.private_length += std::mem::take(&mut other.private_length);
        self.private.extend(
            other.private.drain(..).map(|it| PrivateRecords { line_end: it.line_end + offset, ..it }),
        );
        self.rolls.extend(other.rolls.drain(..).map(|roll| Roll { at: roll.at + offset, ..roll }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Suffix of each line.
    const SUFFIX: &[u8] = b", ...\n";

    fn line(seq: u64, length: usize) -> Vec<u8> {
        let mut line = vec![b'0' + u8::try_from(seq).expect("a digit"); length.saturating_sub(SUFFIX.len())];
        line.extend(&SUFFIX[SUFFIX.len() - (length - line.len())..]);
        line
    }

    fn push(batch: &mut Batch, seq: u64, length: usize) {
        let hash = Digest::new([0; 32], HashLength::Full);
        let time = chrono::DateTime::UNIX_EPOCH.into();
        let mut prepared = line(seq, length);
        let suffix = prepared.split_off(length.saturating_sub(SUFFIX.len()));
        batch.begin(&prepared).extend(suffix);
        let entry = LinkedEntry { seq, time, hash, leaf: [0; 32] };
        batch.push(entry, (&mut prepared, length), Vec::new(), true);
    }

    fn file(number: u32) -> SegmentName {
        SegmentName { day: NaiveDate::MIN, number }
    }

    fn number_and_range(part: BatchPart<'_>) -> (Option<u32>, Range<usize>) {
        (part.new_file.map(|file| file.number), part.range)
    }

    #[test]
    fn parts_go_into_one_file_each() {
        let mut batch = Batch::default();
        push(&mut batch, 0, 10);
        batch.roll(file(2));
        push(&mut batch, 1, 20);
        push(&mut batch, 2, 5);
        batch.roll(file(3));
        push(&mut batch, 3, 7);

        let parts: Vec<_> = batch.parts().map(number_and_range).collect();

        assert_eq!(parts, [(None, 0..10), (Some(2), 10..35), (Some(3), 35..42)]);
        assert_eq!(batch.whole(34), 30);
        assert_eq!(batch.last_within(34).map(|line| line.seq), Some(1));
        assert_eq!(batch.beyond(34).len(), 2);
        assert_eq!(batch.whole(9), 0);
    }

    #[test]
    fn gather_puts_large_lines_into_their_places() {
        let least = LARGE_PREPARED_BYTES + SUFFIX.len();
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

            let bytes: Vec<u8> = batch.parts().flat_map(|part| part.bytes.to_vec()).collect();
            assert_eq!(bytes, expected);
            assert_eq!(batch.whole(expected.len()), expected.len());
        }
    }

    #[test]
    fn large_lines_keep_their_places_when_batches_are_joined() {
        let lengths = [
            40,
            2 * LARGE_PREPARED_BYTES,
            3 * LARGE_PREPARED_BYTES,
            50,
            4 * LARGE_PREPARED_BYTES,
            60,
            2 * LARGE_PREPARED_BYTES,
        ];
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

        let bytes = |batch: &Batch| batch.parts().flat_map(|part| part.bytes.to_vec()).collect::<Vec<_>>();
        assert_eq!(bytes(&batch), all);
        assert_eq!((batch.length(), other.length()), (all.len(), 0));
        batch.remove_first(40 + 2 * LARGE_PREPARED_BYTES, 0);
        assert_eq!(bytes(&batch), all[40 + 2 * LARGE_PREPARED_BYTES..]);
        push(&mut batch, 7, LARGE_PREPARED_BYTES + 10);
        batch.remove_first(3 * LARGE_PREPARED_BYTES, 0);
        assert_eq!(
            bytes(&batch),
            [&all[40 + 5 * LARGE_PREPARED_BYTES..], &line(7, LARGE_PREPARED_BYTES + 10)].concat()
        );
    }

    #[test]
    fn remove_first_removes_lines_and_new_files() {
        let mut batch = Batch::default();
        push(&mut batch, 0, 10);
        batch.roll(file(2));
        push(&mut batch, 1, 20);
        batch.roll(file(3));
        push(&mut batch, 2, 5);

        batch.remove_first(30, 2);

        let parts: Vec<_> = batch.parts().map(number_and_range).collect();
        assert_eq!(parts, [(None, 0..5)]);
        let mut other = Batch::default();
        push(&mut other, 3, 5);
        batch.append(&mut other);
        assert_eq!(batch.length(), 10);
        assert_eq!(batch.beyond(5).len(), 1);
    }
}
