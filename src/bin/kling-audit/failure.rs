//! Failures of the command, and their exit statuses.

use std::{fmt, io, process::ExitCode};

use kling_audit::verify::Verdict;

/// A failure of the command.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An operation on a trail failed.
    Audit(kling_audit::Error),
    /// An operation on a standard stream or on the runtime failed: the operation, and the cause.
    Stream(&'static str, io::Error),
    /// A line of standard input is no entry: the number of the line, and the cause.
    Input(u64, String),
    /// Another failure: its message.
    Message(String),
}

/// The exit status of a command that ran, or its failure.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Exit status of a command that could not do its work.
pub(crate) const EXIT_FAILED: u8 = 2;

/// Returns the worse of two exit statuses, in the order 1, 2, 3, 0.
pub(crate) fn worse(one: u8, other: u8) -> u8 {
    let tampered = Verdict::Tampered.exit_code();
    let unverifiable = Verdict::Unverifiable.exit_code();
    [tampered, EXIT_FAILED, unverifiable]
        .into_iter()
        .find(|status| [one, other].contains(status))
        .unwrap_or(0)
}

impl From<kling_audit::Error> for Failure {
    fn from(error: kling_audit::Error) -> Self {
        Self::Audit(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audit(error) => error.fmt(f),
            Self::Stream(action, error) => write!(f, "{action}: {error}"),
            Self::Input(line, cause) => write!(f, "standard input, line {line}: {cause}"),
            Self::Message(message) => f.write_str(message),
        }
    }
}
