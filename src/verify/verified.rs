//! Proof that a trail is intact, as a type.

use std::{fmt, ops::Deref};

use serde::Serialize;

use crate::{
    error::Error,
    findings::verification::{Verdict, Verification},
};

/// Proof that a trail was verified and is intact.
///
/// [`verify`](crate::verify()) returns one. [`TryFrom`] makes one from a [`Verification`] with the verdict
/// [`Verdict::Intact`].
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Verified(Verification);

impl Deref for Verified {
    type Target = Verification;

    fn deref(&self) -> &Verification {
        &self.0
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<Verification> for Verified {
    type Error = Error;

    /// Returns [`Error::NotIntact`] with the verification in it for any verdict but [`Verdict::Intact`].
    fn try_from(verification: Verification) -> Result<Self, Error> {
        match verification.verdict {
            Verdict::Intact => Ok(Self(verification)),
            Verdict::Tampered | Verdict::Unverifiable => Err(Error::NotIntact(Box::new(verification))),
        }
    }
}
