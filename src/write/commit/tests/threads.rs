//! Time limits for tests that could hang, and a gate that blocks a thread.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

/// A time that no test needs unless it hangs.
pub(super) const TEST_TIME_LIMIT: Duration = Duration::from_secs(120);

/// `true` if the environment asks for more rounds of each test.
pub(super) fn is_long_run() -> bool {
    std::env::var_os("KLING_AUDIT_LONG").is_some_and(|value| value == "1")
}

/// Runs `body` in another thread, and panics if it does not end within `limit`.
pub(super) fn run_with_limit(limit: Duration, body: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        body();
        ended.send(()).unwrap_or_default();
    });
    match end.recv_timeout(limit) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs"),
        // A body that panics drops its sender: joining the thread passes the panic on.
        _ => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

/// Polls `future` until it is ready; `None` if that takes longer than `limit`.
pub(super) fn poll_for<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    let deadline = Instant::now() + limit;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        let left = deadline.checked_duration_since(Instant::now())?;
        thread::park_timeout(left);
    }
}

/// Polls `future` until it is ready, and panics if it is never woken.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    poll_for(Duration::from_secs(60), future).expect("the future is woken")
}

/// Waits until `condition` holds, and panics if it never does.
pub(super) fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + TEST_TIME_LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "the condition never holds");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A place at which a thread blocks until the test opens it.
#[derive(Clone, Default)]
pub(super) struct ThreadGate(Arc<(parking_lot::Mutex<GateState>, parking_lot::Condvar)>);

#[derive(Default)]
struct GateState {
    is_reached: bool,
    is_open: bool,
}

impl ThreadGate {
    /// Blocks the calling thread until the gate is open.
    pub(super) fn block(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        state.is_reached = true;
        changed.notify_all();
        while !state.is_open {
            changed.wait(&mut state);
        }
    }

    /// Waits until a thread is at the gate.
    pub(super) fn wait_until_reached(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        while !state.is_reached {
            changed.wait(&mut state);
        }
    }

    /// Lets the blocked thread go on, and all that come later.
    pub(super) fn open(&self) {
        let (state, changed) = &*self.0;
        state.lock().is_open = true;
        changed.notify_all();
    }
}
