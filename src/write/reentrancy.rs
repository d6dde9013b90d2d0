//! A guard against reentrancy: events that a thread emits while a log runs code on it.
//!
//! A log calls hooks, clocks, signers and sinks. An event from inside such a call is not recorded: the log may hold
//! its lock, or would record its own recording without end. The caller that emits the event receives an error.

use std::cell::Cell;

thread_local! {
    static IS_INSIDE_LOG: Cell<bool> = const { Cell::new(false) };
}

/// Marks the current thread as inside a log while the guard lives.
pub(crate) struct ReentrancyGuard(());

impl ReentrancyGuard {
    /// Enters a log. Returns `None` if the thread is inside one already.
    pub(crate) fn enter() -> Option<Self> {
        // Not `then_some`, which evaluates its argument: a second guard would be created and dropped, and its drop
        // would unmark the thread under the outer guard.
        (!IS_INSIDE_LOG.replace(true)).then(|| Self(()))
    }

    /// Returns `true` if the thread is inside a log.
    pub(crate) fn is_active() -> bool {
        IS_INSIDE_LOG.get()
    }
}

impl Drop for ReentrancyGuard {
    fn drop(&mut self) {
        IS_INSIDE_LOG.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_guard_does_not_end_the_outer_one() {
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
