//! The running process and the boot of the machine it runs under.
//!
//! A fork of the process shares files and not threads, and must not write to a log. A trail that lost its end under
//! another boot may have lost it to a power failure; under the same boot, something truncated it.

/// The process that opened a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    id: u32,
    /// Number of forks between the program's start and this process, if the C library counts them.
    forks: Option<u32>,
}

impl Process {
    /// The calling process.
    pub(crate) fn this() -> Self {
        Self { id: std::process::id(), forks: forks::count() }
    }

    /// Returns `true` if the calling process is this one.
    ///
    /// Every append asks this before it takes a lock, since in a fork no thread is left to release a lock that was
    /// held. It reads a counter, because asking the OS for the process id takes about 220 ns: a quarter of an `event
    /// through the layer, buffered` in `benches/RESULTS.md`. A child made by another way than the C library's `fork` is
    /// not noticed.
    #[inline]
    pub(crate) fn is_this(self) -> bool {
        match self.forks {
            Some(_) => forks::count() == self.forks,
            None => self.is_this_by_id(),
        }
    }

    /// Returns `true` if the calling process is this one, however it was made. Costs a system call.
    pub(crate) fn is_this_by_id(self) -> bool {
        std::process::id() == self.id
    }
}

/// Returns the id of the machine's current boot, which Linux alone has.
pub(crate) fn boot_id() -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let id = id.trim();
        (id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
            .then(|| id.to_owned())
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Returns `true` if `recorded`, the boot id in a head, is that of another boot than the current one. A head without a
/// boot id proves nothing.
pub(crate) fn is_other_boot(recorded: Option<&str>) -> bool {
    recorded.is_some() && recorded != boot_id().as_deref()
}

#[cfg(unix)]
mod forks {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    static FORKS: AtomicU32 = AtomicU32::new(0);

    /// Number of forks that led to the calling process, or `None` if the handler could not be registered.
    #[inline]
    pub(super) fn count() -> Option<u32> {
        static IS_REGISTERED: OnceLock<bool> = OnceLock::new();
        IS_REGISTERED.get_or_init(register).then(|| FORKS.load(Ordering::Relaxed))
    }

    /// Registers the handler that counts. Returns `false` if the C library refused.
    #[allow(unsafe_code, reason = "the standard library has no handler for forks")]
    fn register() -> bool {
        extern "C" fn count_in_child() {
            FORKS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the handler is a function that exists as long as the program. It takes no argument, calls nothing,
        // takes no lock, allocates nothing and can't unwind, so it may run in the child of a program with threads.
        unsafe { libc::pthread_atfork(None, None, Some(count_in_child)) == 0 }
    }
}

#[cfg(not(unix))]
mod forks {
    /// There is no fork.
    #[inline]
    pub(super) fn count() -> Option<u32> {
        Some(0)
    }
}
