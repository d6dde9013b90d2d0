//! Why a command could not be carried out, and what its exit code is then.

use std::{fmt, io, process::ExitCode};

use kling_audit::verify::Verdict;

/// Why a command could not be carried out.
#[derive(Debug)]
pub(crate) enum Failure {
    Audit(kling_audit::Error),
    /// What was done with a standard stream, and the cause.
    Stream(&'static str, io::Error),
    /// The number of an input line, and what is wrong with it.
    Input(u64, String),
    Usage(String),
}

pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Something could not be done, or not be looked at.
pub(crate) const COULD_NOT: u8 = 2;

/// Of two exit codes the one that counts: 1, then 2, then 3, then 0.
pub(crate) fn worse(one: u8, other: u8) -> u8 {
    let tampered = Verdict::Tampered.exit_code();
    let unverifiable = Verdict::Unverifiable.exit_code();
    [tampered, COULD_NOT, unverifiable].into_iter().find(|code| [one, other].contains(code)).unwrap_or(0)
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
            Self::Usage(cause) => f.write_str(cause),
        }
    }
}
