//! Work that no caller waits for, and the time when the flusher thread has to do it.

use std::time::{Duration, Instant};

/// The longest time that a buffered line waits before it is handed to the OS.
const FLUSH_INTERVAL: Duration = Duration::from_millis(15);

/// The pause of the flusher thread after a failure. Callers retry at once.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The work of the flusher thread.
///
/// Invariant: a thread that makes work due earlier than before notifies the flusher, or sets `notify_flusher` for the
/// end of the commit under way. Otherwise the flusher oversleeps.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// Time of the oldest line that no caller waits for. `None` without such a line.
    lines_since: Option<Instant>,
    /// End of the pause after a failure.
    not_before: Option<Instant>,
    /// `true` if entries are written that the head does not name yet.
    head_is_due: bool,
    /// `true` if the last attempt to write the head failed.
    head_failed: bool,
    /// `true` if a future waits, which cannot write its entry itself.
    flush_now: bool,
    /// `true` if the lines that no caller waits for fill the buffer.
    buffer_is_full: bool,
    /// `true` if the end of the commit under way must notify the flusher.
    notify_flusher: bool,
}

impl Schedule {
    /// Returns the time when the flusher has to commit, or `None` if there is nothing to do. `head_due_at` is the time
    /// when the head may be written next.
    #[inline]
    pub(crate) fn due(&self, head_due_at: Instant, now: Instant) -> Option<Instant> {
        let lines = self.lines_since.map(|since| since + FLUSH_INTERVAL);
        let pause = if self.head_failed { RETRY_INTERVAL } else { Duration::ZERO };
        let head = self.head_is_due.then(|| head_due_at + pause);
        let at_once = (self.flush_now || self.buffer_is_full).then_some(now);
        let due = [lines, head, at_once].into_iter().flatten().min()?;
        Some(self.not_before.map_or(due, |not_before| due.max(not_before)))
    }

    /// Records that lines wait without a caller. Returns `true` if they are the first: the flusher has to be notified.
    #[inline]
    pub(crate) fn lines_wait(&mut self) -> bool {
        let are_first = self.lines_since.is_none();
        if are_first {
            self.lines_since = Some(Instant::now());
        }
        are_first
    }

    /// Records that the buffer is full. Returns `true` if it was not before: the flusher has to be notified.
    #[inline]
    pub(crate) fn fill_buffer(&mut self) -> bool {
        !std::mem::replace(&mut self.buffer_is_full, true)
    }

    /// Makes the flusher commit at once, because a future waits.
    pub(crate) fn flush_now(&mut self) {
        self.flush_now = true;
    }

    /// Records that a commit has taken all lines.
    #[inline]
    pub(crate) fn begin_commit(&mut self) {
        self.lines_since = None;
        self.flush_now = false;
        self.buffer_is_full = false;
    }

    /// Ends the pause after a failure.
    #[inline]
    pub(crate) fn end_pause(&mut self) {
        self.not_before = None;
    }

    /// Makes the flusher retry lines after a pause. A commit could not write them and has put them back.
    pub(crate) fn retry_lines(&mut self) {
        let now = Instant::now();
        self.lines_since = Some(now);
        self.not_before = Some(now + RETRY_INTERVAL);
    }

    /// Returns `true` during the pause after a failure.
    pub(crate) fn is_paused(&self) -> bool {
        self.not_before.is_some_and(|at| at > Instant::now())
    }

    /// Records that the commit wrote entries and left the head as it was.
    #[inline]
    pub(crate) fn head_fell_behind(&mut self) {
        self.head_is_due = true;
    }

    /// Records that the commit wrote the head.
    #[inline]
    pub(crate) fn head_is_current(&mut self) {
        self.head_is_due = false;
        self.head_failed = false;
    }

    /// Records that the commit could not write the head. Returns `true` for the first of several such failures in a
    /// row: only that one is reported.
    pub(crate) fn head_failed(&mut self) -> bool {
        self.head_is_due = true;
        !std::mem::replace(&mut self.head_failed, true)
    }

    /// Returns `true` if the head is behind the entries.
    #[inline]
    pub(crate) fn is_head_due(&self) -> bool {
        self.head_is_due
    }

    /// Ends a commit: the flusher is notified if the commit left new work. `head_was_due` is the state of the head
    /// before the commit.
    #[inline]
    pub(crate) fn end_commit(&mut self, head_was_due: bool) {
        self.notify_flusher |=
            self.flush_now || self.lines_since.is_some() || self.head_is_due && !head_was_due;
    }

    /// Notifies the flusher after the commit under way. The flusher calls it when it can do nothing before.
    pub(crate) fn notify_after_commit(&mut self) {
        self.notify_flusher = true;
    }

    /// Returns `true` once after the flusher has to be notified. Not every commit notifies it: waking a thread costs
    /// more than writing a line.
    #[inline]
    pub(crate) fn take_notification(&mut self) -> bool {
        std::mem::take(&mut self.notify_flusher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_at_first() {
        let now = Instant::now();

        assert_eq!(Schedule::default().due(now, now), None);
    }

    #[test]
    fn lines_are_due_after_the_flush_interval() {
        let mut schedule = Schedule::default();
        let before = Instant::now();
        assert!(schedule.lines_wait());
        assert!(!schedule.lines_wait(), "the flusher was notified of the first");

        let due = schedule.due(before, before).expect("lines");
        assert!(due >= before + FLUSH_INTERVAL && due <= Instant::now() + FLUSH_INTERVAL);

        schedule.begin_commit();
        assert_eq!(schedule.due(before, before), None);
    }

    #[test]
    fn a_future_and_a_full_buffer_are_due_at_once() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.flush_now();
        assert_eq!(schedule.due(now, now), Some(now));

        let mut schedule = Schedule::default();
        assert!(schedule.fill_buffer() && !schedule.fill_buffer());
        assert_eq!(schedule.due(now, now), Some(now));
    }

    #[test]
    fn a_failure_pauses_everything() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.retry_lines();
        schedule.flush_now();

        assert!(schedule.is_paused());
        assert!(schedule.due(now, now).is_some_and(|due| due >= now + RETRY_INTERVAL));
        schedule.end_pause();
        assert_eq!(schedule.due(now, now), Some(now));
    }

    #[test]
    fn a_head_that_failed_is_reported_once_and_tried_later() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.head_fell_behind();
        assert_eq!(schedule.due(now, now), Some(now));

        assert!(schedule.head_failed() && !schedule.head_failed());
        assert_eq!(schedule.due(now, now), Some(now + RETRY_INTERVAL));
        schedule.head_is_current();
        assert_eq!(schedule.due(now, now), None);
        assert!(schedule.head_failed(), "a later failure is a new one");
    }

    #[test]
    fn the_flusher_is_notified_of_new_work_only() {
        let mut schedule = Schedule::default();
        schedule.head_fell_behind();
        schedule.end_commit(true);
        assert!(!schedule.take_notification(), "it knows of the head");

        schedule.end_commit(false);
        assert!(schedule.take_notification() && !schedule.take_notification());
    }
}
