//! What the vendor issues to tell accounts apart: a pair of keys, or one API key. Its promise: no key ever leaves
//! through `Debug`, an error or an entry; what may be shown are the first characters of the access key or the API key.
//! It does not know what a token looks like.

use std::{env, fmt};

use crate::kling::error::CredentialsError;

/// The environment variable that [`Credentials::from_env`] reads an API key from.
const API_KEY: &str = "KLING_API_KEY";
/// The environment variable that [`Credentials::from_env`] reads the access key from.
const ACCESS_KEY: &str = "KLING_ACCESS_KEY";
/// The environment variable that [`Credentials::from_env`] reads the secret key from.
const SECRET_KEY: &str = "KLING_SECRET_KEY";
/// How much of an access key may be shown.
const SHOWN: usize = 8;

/// An access key and its secret key, or an API key, as the vendor's console shows them.
///
/// Endpoints whose path names the model take an API key alone. Below `/v1` the pair is what the vendor documents; that
/// an API key is good there too the vendor implies and does not say.
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
    keys: Keys,
}

#[derive(Clone)]
enum Keys {
    Pair { access_key: String, secret_key: String },
    Api(String),
}

impl Credentials {
    /// Takes the two keys as they are: no trimming, no decoding.
    ///
    /// That they are not blank is checked by [`Builder::build`](crate::kling::Builder::build).
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Credentials {
        Credentials { keys: Keys::Pair { access_key: access_key.into(), secret_key: secret_key.into() } }
    }

    /// Takes an API key as it is.
    ///
    /// That it is not blank is checked by [`Builder::build`](crate::kling::Builder::build).
    pub fn api_key(api_key: impl Into<String>) -> Credentials {
        Credentials { keys: Keys::Api(api_key.into()) }
    }

    /// Reads `KLING_API_KEY`, or where that is absent `KLING_ACCESS_KEY` and `KLING_SECRET_KEY`, from the environment.
    ///
    /// White space around a key is taken off. A blank variable counts as absent.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] names the variable of the pair that is absent, blank or not Unicode.
    pub fn from_env() -> Result<Credentials, CredentialsError> {
        if let Ok(api_key) = variable(API_KEY) {
            return Ok(Credentials::api_key(api_key));
        }
        Ok(Credentials::new(variable(ACCESS_KEY)?, variable(SECRET_KEY)?))
    }

    /// The first 8 characters of the access key or the API key and `...`, which is how entries name a credential.
    ///
    /// Of a key with 8 characters or fewer no more than half is shown, so that the prefix never is the key.
    pub fn access_key_prefix(&self) -> String {
        let key = self.shown_key();
        let length = key.chars().count();
        let shown = if length > SHOWN { SHOWN } else { length / 2 };
        let mut prefix: String = key.chars().take(shown).collect();
        prefix.push_str("...");
        prefix
    }

    /// `access_key` or `api_key`.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.keys {
            Keys::Pair { .. } => "access_key",
            Keys::Api(_) => "api_key",
        }
    }

    /// The pair; `None` for an API key.
    pub(crate) fn pair(&self) -> Option<(&str, &str)> {
        match &self.keys {
            Keys::Pair { access_key, secret_key } => Some((access_key, secret_key)),
            Keys::Api(_) => None,
        }
    }

    /// What must not be repeated anywhere.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        match &self.keys {
            Keys::Pair { access_key, secret_key } => vec![secret_key, access_key],
            Keys::Api(key) => vec![key],
        }
    }

    /// The name of the key that is blank.
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
