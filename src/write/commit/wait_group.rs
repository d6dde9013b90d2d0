//! Threads that wait for one commit and are woken together when it is over.
//!
//! A woken thread continues without the queue's lock. A wait group knows no entries.
//!
//! Waking a thread takes about as long as linking its next entry. So the group has two waves: the committing thread
//! wakes one thread of each wave, and that thread wakes the rest of its wave. The row `64 threads, synced` of
//! `benches/RESULTS.md` depends on it.

// A condition variable of std wakes all its threads by one system call. One of parking_lot moves them to the lock's
// queue and wakes them one after the other.
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const WAVES: usize = 2;

/// Threads whose entries one commit writes.
#[derive(Debug, Default)]
pub(crate) struct WaitGroup {
    waves: [Wave; WAVES],
}

#[derive(Debug, Default)]
struct Wave {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    step: Step,
    /// Number of threads that sleep.
    asleep: u64,
    /// `true` if a thread wakes the rest of the wave, or has done so.
    is_spread: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Waiting,
    /// The next thread that wakes leads: it commits for the group.
    LeaderWanted,
    Ended(WakeReason),
}

/// The reason why a thread was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakeReason {
    /// Every entry of the group is as durable as its caller asked.
    Committed,
    /// The commit failed, or the log was closed: the thread has to look up the result of its entry.
    Over,
    /// No thread commits for the group yet: the woken thread leads.
    Elected,
    /// The thread waited for its whole delay.
    TimedOut,
}

impl WaitGroup {
    /// Waits until the thread is woken, for at most `delay`. `place` is the number of threads that joined before.
    pub(crate) fn wait(&self, place: usize, delay: Option<Duration>) -> WakeReason {
        let deadline = delay.map(|delay| Instant::now() + delay);
        let wave = self.wave(place);
        let mut inner = wave.lock();
        loop {
            match inner.step {
                Step::Waiting => {
                    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                    if left.is_some_and(|left| left.is_zero()) {
                        return WakeReason::TimedOut;
                    }
                    inner.asleep += 1;
                    inner = wave.sleep(inner, left);
                    inner.asleep -= 1;
                }
                Step::LeaderWanted => {
                    inner.step = Step::Waiting;
                    return WakeReason::Elected;
                }
                Step::Ended(reason) => {
                    let spreads = inner.asleep > 0 && !inner.is_spread;
                    inner.is_spread |= spreads;
                    drop(inner);
                    if spreads {
                        wave.changed.notify_all();
                    }
                    return reason;
                }
            }
        }
    }

    /// Wakes one thread, which becomes the leader: no thread commits for the group.
    pub(crate) fn elect_leader(&self) {
        // The first thread to join is in the first wave, so that wave has a thread if the group has one.
        self.wave(0).set(Step::LeaderWanted);
    }

    /// Ends the group: wakes its sleeping threads, and a thread that has not gone to sleep yet returns at once.
    pub(crate) fn end(&self, reason: WakeReason) {
        self.waves.iter().for_each(|wave| wave.set(Step::Ended(reason)));
    }

    fn wave(&self, place: usize) -> &Wave {
        let [first, second] = &self.waves;
        if place.is_multiple_of(WAVES) { first } else { second }
    }
}

impl Wave {
    fn set(&self, step: Step) {
        let mut inner = self.lock();
        // A leader may have committed, and ended the group, before another thread elected one.
        if matches!(inner.step, Step::Ended(_)) {
            return;
        }
        inner.step = step;
        let asleep = inner.asleep;
        drop(inner);
        if asleep > 0 {
            self.changed.notify_one();
        }
    }

    fn sleep<'a>(&self, inner: MutexGuard<'a, Inner>, left: Option<Duration>) -> MutexGuard<'a, Inner> {
        match left {
            None => self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
            Some(left) => self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
