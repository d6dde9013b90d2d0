//! [`Outcome`], the result of `audit!`, which a statement may ignore.

use crate::{format::receipt::Receipt, log::not_recorded::NotRecorded};

/// Result of [`audit!`](crate::audit).
///
/// A statement may ignore it. A loss was then printed to standard error, once for each kind of loss, and counted by
/// the log. If the next step depends on the record, use [`try_audit!`](crate::try_audit).
#[derive(Debug)]
pub struct Outcome(Result<Receipt, NotRecorded>);

impl Outcome {
    #[inline]
    pub(crate) fn new(result: Result<Receipt, NotRecorded>) -> Self {
        if let Err(failure) = &result {
            failure.print_once();
        }
        Self(result)
    }

    /// Returns the receipt, if the event was recorded.
    #[must_use]
    pub fn receipt(&self) -> Option<Receipt> {
        self.0.as_ref().ok().copied()
    }

    /// Returns the result that [`try_audit!`](crate::try_audit) would have returned.
    ///
    /// # Errors
    ///
    /// The reason why the event was not recorded.
    pub fn into_result(self) -> Result<Receipt, NotRecorded> {
        self.0
    }
}

impl From<Outcome> for Result<Receipt, NotRecorded> {
    fn from(outcome: Outcome) -> Self {
        outcome.0
    }
}
