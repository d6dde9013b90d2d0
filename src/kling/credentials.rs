//! The pair of keys that the vendor issues. Its promise: neither key ever leaves through `Debug`, an error or an
//! entry; what may be shown is the first characters of the access key. It does not know what a token looks like.

use std::{env, fmt};

/// The environment variable that [`Credentials::from_env`] reads the access key from.
const ACCESS_KEY: &str = "KLING_ACCESS_KEY";
/// The environment variable that [`Credentials::from_env`] reads the secret key from.
const SECRET_KEY: &str = "KLING_SECRET_KEY";
/// How much of an access key may be shown.
const SHOWN: usize = 8;

/// An access key and its secret key, as the vendor's console shows them.
///
/// `Debug` shows [`access_key_prefix`](Credentials::access_key_prefix) and nothing else.
///
/// # Examples
///
/// ```
/// use kling_audit::kling::Credentials;
///
/// let credentials = Credentials::new("ak_0123456789", "sk_abcdefghij");
///
/// assert_eq!(credentials.access_key_prefix(), "ak_01234...");
/// assert_eq!(format!("{credentials:?}"), r#"Credentials { access_key: "ak_01234...", .. }"#);
/// ```
#[derive(Clone)]
pub struct Credentials {
    access_key: String,
    secret_key: String,
}

impl Credentials {
    /// Takes the two keys as they are: no trimming, no decoding.
    ///
    /// That they are not blank is checked by [`Builder::build`](crate::kling::Builder::build).
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Credentials {
        Credentials { access_key: access_key.into(), secret_key: secret_key.into() }
    }

    /// Reads `KLING_ACCESS_KEY` and `KLING_SECRET_KEY` from the environment.
    ///
    /// White space around a key is taken off. A blank variable counts as absent.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] names the variable that is absent, blank or not Unicode.
    pub fn from_env() -> Result<Credentials, CredentialsError> {
        Ok(Credentials { access_key: variable(ACCESS_KEY)?, secret_key: variable(SECRET_KEY)? })
    }

    /// The first 8 characters of the access key and `...`, which is how entries name a credential.
    ///
    /// Of a key with 8 characters or fewer no more than half is shown, so that the prefix never is the key.
    pub fn access_key_prefix(&self) -> String {
        let length = self.access_key.chars().count();
        let shown = if length > SHOWN { SHOWN } else { length / 2 };
        let mut prefix: String = self.access_key.chars().take(shown).collect();
        prefix.push_str("...");
        prefix
    }

    pub(crate) fn access_key(&self) -> &str {
        &self.access_key
    }

    pub(crate) fn secret_key(&self) -> &str {
        &self.secret_key
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key_prefix()).finish_non_exhaustive()
    }
}

fn variable(name: &'static str) -> Result<String, CredentialsError> {
    match env::var(name) {
        Ok(value) if value.trim().is_empty() => Err(CredentialsError { variable: name, fault: "is blank" }),
        Ok(value) => Ok(value.trim().to_owned()),
        Err(env::VarError::NotPresent) => Err(CredentialsError { variable: name, fault: "is not set" }),
        Err(env::VarError::NotUnicode(_)) => {
            Err(CredentialsError { variable: name, fault: "is not Unicode" })
        }
    }
}

/// The environment holds no usable credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read Kling credentials from the environment: {variable} {fault}")]
pub struct CredentialsError {
    variable: &'static str,
    fault: &'static str,
}

impl CredentialsError {
    /// The name of the variable at fault.
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

#[cfg(test)]
mod tests {
    use super::Credentials;

    #[test]
    fn the_prefix_never_is_the_key() {
        for (key, shown) in [
            ("", "..."),
            ("a", "..."),
            ("ab", "a..."),
            ("12345678", "1234..."),
            ("123456789", "12345678..."),
            ("ключ-доступа", "ключ-дос..."),
        ] {
            assert_eq!(Credentials::new(key, "secret").access_key_prefix(), shown);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:#?}", Credentials::new("access-key-in-full", "the-secret"));

        assert!(!shown.contains("the-secret") && !shown.contains("access-key"), "{shown}");
    }
}
