//! Which process this is: a fork of it shares files and not threads, and must not go on with a log.

/// A process, as a log remembers the one that opened it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    id: u32,
    /// How many forks lie between the program's start and it, as far as they were counted.
    forks: Option<u32>,
}

impl Process {
    /// This one.
    pub(crate) fn this() -> Self {
        Self { id: std::process::id(), forks: forks::count() }
    }

    /// Whether it is this one. It costs no system call, and takes no lock; a child that was not made by `fork` of the
    /// C library is not noticed.
    pub(crate) fn is_this(self) -> bool {
        match self.forks {
            Some(_) => forks::count() == self.forks,
            None => self.is_this_by_id(),
        }
    }

    /// Whether it is this one, whatever made the child.
    pub(crate) fn is_this_by_id(self) -> bool {
        std::process::id() == self.id
    }
}

#[cfg(unix)]
mod forks {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    static FORKS: AtomicU32 = AtomicU32::new(0);

    /// How many forks lie behind this process; `None` where the system would not tell of them.
    pub(super) fn count() -> Option<u32> {
        static TOLD: OnceLock<bool> = OnceLock::new();
        TOLD.get_or_init(ask_to_be_told).then(|| FORKS.load(Ordering::Relaxed))
    }

    #[allow(unsafe_code, reason = "std has no way to be told of a fork")]
    fn ask_to_be_told() -> bool {
        extern "C" fn in_the_child() {
            FORKS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: a function is registered that is there as long as the program; it takes no argument, calls nothing,
        // takes no lock, allocates nothing and can't unwind, so it may run in the child of a program with threads.
        unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) == 0 }
    }
}

#[cfg(not(unix))]
mod forks {
    /// There is no fork.
    pub(super) fn count() -> Option<u32> {
        Some(0)
    }
}
