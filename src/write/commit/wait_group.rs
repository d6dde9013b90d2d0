//! A round: the threads that wait for one commit, woken together when it is over.
//!
//! Only who waits for it wakes, and whoever is through goes on without the committer's lock. One of a round that nobody
//! writes for yet is called to do so. It knows no entries.

// A condition of std's wakes all by one system call; one of parking_lot's hands them a lock, one after the other.
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Waking a thread takes as long as linking its next entry: two wake the others, each those of its half.
const HALVES: usize = 2;

/// Threads whose entries are written together.
#[derive(Debug, Default)]
pub(super) struct WaitGroup {
    halves: [Wave; HALVES],
}

#[derive(Debug, Default)]
struct Wave {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    step: Step,
    /// Threads that sleep.
    asleep: u64,
    /// Somebody wakes the rest of them.
    spread: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Open,
    /// The next one who looks is to write for all.
    Called,
    Over(WakeReason),
}

/// What a thread that waited is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WakeReason {
    /// Every entry of the round is as durable as its caller needs it to be.
    Through,
    /// The round is over, and it is to see for itself what became of its entry.
    Over,
    /// Nobody writes for it yet.
    Called,
    /// Its patience is at an end.
    Late,
}

impl WaitGroup {
    /// Waits until there is something to tell, or for as long as `patience` lasts; `place` is what
    /// [`State::join`](crate::write::commit::State::join) said.
    pub(super) fn wait(&self, place: usize, patience: Option<Duration>) -> WakeReason {
        let until = patience.map(|patience| Instant::now() + patience);
        let half = self.half(place);
        let mut inner = half.lock();
        loop {
            match inner.step {
                Step::Open => {
                    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                    if left.is_some_and(|left| left.is_zero()) {
                        return WakeReason::Late;
                    }
                    inner.asleep += 1;
                    inner = half.sleep(inner, left);
                    inner.asleep -= 1;
                }
                Step::Called => {
                    inner.step = Step::Open;
                    return WakeReason::Called;
                }
                Step::Over(news) => {
                    let wakes = inner.asleep > 0 && !inner.spread;
                    inner.spread |= wakes;
                    drop(inner);
                    if wakes {
                        half.changed.notify_all();
                    }
                    return news;
                }
            }
        }
    }

    /// Calls one of those who wait, where somebody does: nobody writes.
    pub(super) fn call(&self) {
        // The first to come is of the first half.
        self.half(0).tell(Step::Called);
    }

    /// Tells all who wait, now and later.
    pub(super) fn end(&self, news: WakeReason) {
        self.halves.iter().for_each(|half| half.tell(Step::Over(news)));
    }

    fn half(&self, place: usize) -> &Wave {
        let [first, second] = &self.halves;
        if place.is_multiple_of(HALVES) { first } else { second }
    }
}

impl Wave {
    fn tell(&self, step: Step) {
        let mut inner = self.lock();
        // Another one may have written for them, and ended the round, before they could be called.
        if matches!(inner.step, Step::Over(_)) {
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
