//! Credentials of an account: a pair of keys, or one API key.
//!
//! `Debug`, errors and entries show at most the first characters of the access key or the API key.

use std::{env, fmt};

use crate::kling::error::CredentialsError;

/// Environment variable with an API key.
const API_KEY_VARIABLE: &str = "KLING_API_KEY";
/// Environment variable with an access key.
const ACCESS_KEY_VARIABLE: &str = "KLING_ACCESS_KEY";
/// Environment variable with a secret key.
const SECRET_KEY_VARIABLE: &str = "KLING_SECRET_KEY";
/// Number of characters of a key that entries show.
const KEY_PREFIX_CHARS: usize = 8;

/// An access key and its secret key, or an API key, as Kling's console shows them.
///
/// Endpoints whose path names the model accept only an API key. For the endpoints below `/v1` Kling documents the pair,
/// and only implies that they accept an API key too.
///
/// `Debug` shows only the [`access_key_prefix`](Credentials::access_key_prefix).
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
    keys: Keys,
}

#[derive(Clone)]
enum Keys {
    Pair { access_key: String, secret_key: String },
    Api(String),
}

impl Credentials {
    /// Returns credentials of two keys, without trimming or decoding them.
    ///
    /// [`Builder::build`](crate::kling::Builder::build) refuses blank keys.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Credentials {
        Credentials { keys: Keys::Pair { access_key: access_key.into(), secret_key: secret_key.into() } }
    }

    /// Returns credentials of an API key, without trimming it.
    ///
    /// [`Builder::build`](crate::kling::Builder::build) refuses a blank key.
    pub fn api_key(api_key: impl Into<String>) -> Credentials {
        Credentials { keys: Keys::Api(api_key.into()) }
    }

    /// Reads `KLING_API_KEY`, or without it `KLING_ACCESS_KEY` and `KLING_SECRET_KEY`, from the environment.
    ///
    /// White space around a key is removed. A blank variable counts as absent.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] names the variable of the pair that is absent, blank or not Unicode.
    pub fn from_env() -> Result<Credentials, CredentialsError> {
        // An unusable API key is no error: the pair may be there.
        if let Ok(api_key) = variable(API_KEY_VARIABLE) {
            return Ok(Credentials::api_key(api_key));
        }
        Ok(Credentials::new(variable(ACCESS_KEY_VARIABLE)?, variable(SECRET_KEY_VARIABLE)?))
    }

    /// Name of the credentials in entries: the first 8 characters of the access key or the API key, and `...`.
    ///
    /// A key of 8 characters or fewer is shown by half, so that the prefix is never the key.
    pub fn access_key_prefix(&self) -> String {
        let key = self.shown_key();
        let length = key.chars().count();
        let shown = if length > KEY_PREFIX_CHARS { KEY_PREFIX_CHARS } else { length / 2 };
        let mut prefix: String = key.chars().take(shown).collect();
        prefix.push_str("...");
        prefix
    }

    /// `credential_kind` in entries: `access_key` or `api_key`.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.keys {
            Keys::Pair { .. } => "access_key",
            Keys::Api(_) => "api_key",
        }
    }

    /// Returns the access key and the secret key, or `None` for an API key.
    pub(crate) fn pair(&self) -> Option<(&str, &str)> {
        match &self.keys {
            Keys::Pair { access_key, secret_key } => Some((access_key, secret_key)),
            Keys::Api(_) => None,
        }
    }

    /// Texts that no entry and no error may repeat.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        match &self.keys {
            Keys::Pair { access_key, secret_key } => vec![secret_key, access_key],
            Keys::Api(key) => vec![key],
        }
    }

    /// Name of the first blank key.
    pub(crate) fn blank(&self) -> Option<&'static str> {
        let keys: &[(&'static str, &String)] = match &self.keys {
            Keys::Pair { access_key, secret_key } => {
                &[("access key", access_key), ("secret key", secret_key)]
            }
            Keys::Api(key) => &[("API key", key)],
        };
        keys.iter().find(|(_, key)| key.trim().is_empty()).map(|(name, _)| *name)
    }

    fn shown_key(&self) -> &str {
        match &self.keys {
            Keys::Pair { access_key, .. } => access_key,
            Keys::Api(key) => key,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field(self.kind(), &self.access_key_prefix()).finish_non_exhaustive()
    }
}

fn variable(name: &'static str) -> Result<String, CredentialsError> {
    match env::var(name) {
        Ok(value) if value.trim().is_empty() => Err(CredentialsError::new(name, "is blank")),
        Ok(value) => Ok(value.trim().to_owned()),
        Err(env::VarError::NotPresent) => Err(CredentialsError::new(name, "is not set")),
        Err(env::VarError::NotUnicode(_)) => Err(CredentialsError::new(name, "is not Unicode")),
    }
}

#[cfg(test)]
mod tests {
    use crate::kling::auth::credentials::Credentials;

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
            assert_eq!(Credentials::api_key(key).access_key_prefix(), shown);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!(
            "{:#?} {:?}",
            Credentials::new("access-key-in-full", "the-secret"),
            Credentials::api_key("api-key-in-full")
        );

        assert!(!shown.contains("the-secret") && !shown.contains("access-key"), "{shown}");
        assert!(!shown.contains("in-full"), "{shown}");
    }
}
