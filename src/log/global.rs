//! The process-wide log, for programs and threads without a subscriber.

use parking_lot::RwLock;

use crate::log::AuditLog;

static GLOBAL: RwLock<Option<AuditLog>> = RwLock::new(None);

impl AuditLog {
    /// Makes this the log of [`audit!`](crate::audit) and [`try_audit!`](crate::try_audit) wherever the current
    /// subscriber shows no [`AuditLayer`](crate::AuditLayer).
    ///
    /// For programs without a subscriber, and for layers that are wrapped so that nobody can look inside, as
    /// `tracing_subscriber::reload` does. The log that was set before is replaced. It is kept until the process ends,
    /// so [`close`](Self::close) it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use kling_audit::{AuditLog, try_audit};
    ///
    /// let log = AuditLog::open(directory)?;
    /// log.set_global();
    ///
    /// let receipt = try_audit!("job_started", actor = "cron", job = 17)?;
    /// assert_eq!(receipt.seq, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_global(&self) {
        // The log that was there may be the last handle on its trail: let go of it outside the lock.
        let before = GLOBAL.write().replace(self.clone());
        drop(before);
    }
}

/// The log that was set, if one was.
pub(crate) fn get() -> Option<AuditLog> {
    GLOBAL.read().clone()
}
