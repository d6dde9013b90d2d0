//! The states of a log, from open to closed.

use std::path::Path;

use crate::error::Error;

/// The state of a log.
///
/// Invariant: a log moves from `Open` to `Closing` or `Poisoned`, from `Closing` to `Poisoned`, and last to `Closed`.
/// Only an open log links entries of callers.
#[derive(Debug)]
pub(crate) enum Lifecycle {
    /// Entries are linked and written.
    Open,
    /// An earlier failure poisoned the log: a failed sync, or an error while the log checked its files. Contains the
    /// text of that error. Nothing is linked or written any more.
    Poisoned(String),
    /// No entry of a caller is linked any more. Linked lines are still written.
    Closing,
    /// The writer is gone.
    Closed,
}

impl Lifecycle {
    /// Returns the error of a write in this state, or `None` while linked entries are still written.
    #[inline]
    pub(crate) fn write_error(&self, directory: &Path) -> Option<Error> {
        let path = || directory.to_owned();
        match self {
            Self::Open | Self::Closing => None,
            Self::Poisoned(cause) => Some(Error::Poisoned { path: path(), cause: cause.clone() }),
            Self::Closed => Some(Error::Closed { path: path() }),
        }
    }

    /// Refuses to link an entry unless the log is open.
    #[inline]
    pub(crate) fn require_open(&self, directory: &Path) -> Result<(), Error> {
        match self {
            Self::Closing => Err(Error::Closed { path: directory.to_owned() }),
            state => state.write_error(directory).map_or(Ok(()), Err),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linking_stops_before_writing_does() {
        let directory = Path::new("audit");

        assert!(Lifecycle::Open.require_open(directory).is_ok());
        assert!(Lifecycle::Closing.write_error(directory).is_none());
        assert!(matches!(Lifecycle::Closing.require_open(directory), Err(Error::Closed { .. })));
        assert!(matches!(Lifecycle::Closed.write_error(directory), Some(Error::Closed { .. })));
        let poisoned = Lifecycle::Poisoned("sync: no".to_owned());
        assert!(matches!(poisoned.require_open(directory), Err(Error::Poisoned { .. })));
    }
}
