//! What `audit!` gives: a result that a statement may ignore.

use crate::{format::receipt::Receipt, log::not_recorded::NotRecorded};

/// What became of an event of [`audit!`](crate::audit).
///
/// It may be ignored. A loss was then said on standard error, once for each kind of loss, and counted by the log; use
/// [`try_audit!`](crate::try_audit) where what happens next depends on the record.
#[derive(Debug)]
pub struct Outcome(Result<Receipt, NotRecorded>);

impl Outcome {
    #[inline]
    pub(crate) fn new(result: Result<Receipt, NotRecorded>) -> Self {
        if let Err(failure) = &result {
            failure.tell();
        }
        Self(result)
    }

    /// Where the event was recorded, if it was.
    #[must_use]
    pub fn receipt(&self) -> Option<Receipt> {
        self.0.as_ref().ok().copied()
    }

    /// The result that [`try_audit!`](crate::try_audit) would have given.
    ///
    /// # Errors
    ///
    /// Why the event was not recorded.
    pub fn into_result(self) -> Result<Receipt, NotRecorded> {
        self.0
    }
}

impl From<Outcome> for Result<Receipt, NotRecorded> {
    fn from(outcome: Outcome) -> Self {
        outcome.0
    }
}
