//! Whether this thread is inside a log just now.
//!
//! What it emits meanwhile, from a hook or a clock that the log calls, would have to be recorded by a log that is busy
//! recording. It is not, and who emits it is told.

use std::cell::Cell;

thread_local! {
    static IN_SINK: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, what this thread emits comes from a log itself and is not recorded.
pub(crate) struct ReentrancyGuard(());

impl ReentrancyGuard {
    /// `None` inside another one.
    pub(crate) fn enter() -> Option<Self> {
        // Not `then_some`: a guard that is made and dropped would end the one around it.
        (!IN_SINK.replace(true)).then(|| Self(()))
    }

    pub(crate) fn is_active() -> bool {
        IN_SINK.get()
    }
}

impl Drop for ReentrancyGuard {
    fn drop(&mut self) {
        IN_SINK.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_guard_is_the_one_that_counts() {
        assert!(!ReentrancyGuard::is_active());
        let outer = ReentrancyGuard::enter();

        let inner = ReentrancyGuard::enter();
        assert!(outer.is_some() && inner.is_none() && ReentrancyGuard::is_active());
        drop(inner);
        assert!(ReentrancyGuard::is_active());
        drop(outer);

        assert!(!ReentrancyGuard::is_active());
    }
}
