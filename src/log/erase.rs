//! Erasing values of a trail that is open.

use crate::{error::Error, format::receipt::Receipt, log::AuditLog, write::erasure::Erasure};

impl AuditLog {
    /// Erases a value that an entry withholds ([`erasable`](crate::erasable), [`Draft::erasable`](crate::Draft::erasable)),
    /// and records that as `audit_erased`, whose receipt it gives.
    ///
    /// Without a `field`, all values of the entry `seq` are erased. The value and its salt are overwritten in
    /// `audit.private/`; the entry stays as it is, so the trail verifies before and after, and nobody can find out the
    /// value by guessing. The record names `actor`, `reason` and the field: put nothing personal into them.
    ///
    /// Copies are not reached: backups, snapshots of the file system, what a device keeps of overwritten blocks.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use kling_audit::{AuditLog, Draft};
    ///
    /// let log = AuditLog::open(directory)?;
    /// let opened = log.append(Draft::new("account_opened").erasable("email", "alice@example.com"))?;
    ///
    /// log.erase(opened.seq, "email", "privacy office", "request 4711")?;
    /// # log.close()?;
    /// # kling_audit::verify(directory)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if there is no such entry or nothing of it to erase. Else as [`append`](Self::append): once
    /// begun, an erasure that fails is completed by the next one, or when the trail is opened again.
    pub fn erase<'a>(
        &self,
        seq: u64,
        field: impl Into<Option<&'a str>>,
        actor: &str,
        reason: &str,
    ) -> Result<Receipt, Error> {
        let field = field.into();
        // What is buffered is not in a file yet, and a closed log or a fork is told apart.
        self.flush()?;
        let _one_at_a_time = self.erasing().lock();
        let trail = self.directory();
        if let Some(earlier) = Erasure::pending(trail)? {
            let receipt = self.complete(&earlier)?;
            if earlier.covers(seq, field) {
                return Ok(receipt);
            }
        }
        let erasure = Erasure::find(trail, seq, field, (actor, reason), self.next_seq())?;
        erasure.begin(trail)?;
        self.complete(&erasure)
    }

    fn complete(&self, erasure: &Erasure) -> Result<Receipt, Error> {
        let receipt = match erasure.find_record(self.directory(), self.trail_id())? {
            Some(receipt) => receipt,
            None => self.record(erasure.draft())?,
        };
        erasure.finish(self.directory())?;
        Ok(receipt)
    }
}
