//! The states of a log, from open to closed.

use std::path::Path;

use crate::error::Error;

/// The state of a log. It never returns to [`Open`](Self::Open).
#[derive(Debug)]
pub(crate) enum Lifecycle {
    /// Entries are linked and written.
    Open,
    /// A failure left unknown what the disk holds. The text is that of the failure.
    Poisoned(String),
    /// The last entry is linked. What is linked is still written, and nothing more is linked.
    Closing,
    /// The writer is gone.
    Closed,
}

impl Lifecycle {
    /// Returns the error of a write in this state; `None` while linked entries are still written.
    pub(crate) fn write_error(&self, directory: &Path) -> Option<Error> {
        let path = || directory.to_owned();
        match self {
            Self::Open | Self::Closing => None,
            Self::Poisoned(cause) => Some(Error::Poisoned { path: path(), cause: cause.clone() }),
            Self::Closed => Some(Error::Closed { path: path() }),
        }
    }

    /// Refuses to link an entry unless the log is open.
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
