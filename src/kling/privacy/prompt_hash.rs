//! Hashes of prompts for entries. A keyed hash cannot be checked against a guess without the key.

use std::{env, fmt, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::{codec::json::write::hex_digits, kling::error::Error};

/// Environment variable that [`PromptKey::from_env`] reads.
const PROMPT_KEY_VARIABLE: &str = "KLING_AUDIT_PROMPT_KEY";
/// Least length of a key.
const MIN_PROMPT_KEY_BYTES: usize = 16;
/// `prompt_hash_kind` of hashes without a key.
const UNKEYED_HASH_KIND: &str = "sha256-16";

/// A key for hashes of prompts with HMAC-SHA256, so that a trail does not reveal its prompts.
///
/// Without a key an entry has the first 16 hexadecimal digits of the prompt's SHA-256. That hides a long, unlikely
/// text. It hardly hides a short one: every reader of the trail can hash millions of guesses. With a key only its
/// owners can. `prompt_length` is recorded in both cases and narrows a guess.
///
/// Keep the key apart from the trail, and as long as the trail: without it no hash can be compared again. `Debug` shows
/// only its [`id`](PromptKey::id).
///
/// # Examples
///
/// ```
/// use kling_audit::kling::PromptKey;
///
/// let key = PromptKey::new("correct horse battery staple")?;
///
/// assert_eq!(key.kind(), format!("hmac-sha256:{}", key.id()));
/// assert_eq!(key.hash("a red fox in snow").len(), 64);
/// # Ok::<(), kling_audit::kling::Error>(())
/// ```
#[derive(Clone)]
pub struct PromptKey {
    key: Arc<[u8]>,
    id: String,
}

impl PromptKey {
    /// Returns a key of these bytes. It needs 16 bytes or more, preferably random ones.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for a shorter key.
    pub fn new(key: impl AsRef<[u8]>) -> Result<PromptKey, Error> {
        let key = key.as_ref();
        if key.len() < MIN_PROMPT_KEY_BYTES {
            return Err(Error::Configuration {
                setting: "prompt key",
                rule: format!("must have at least {MIN_PROMPT_KEY_BYTES} bytes"),
            });
        }
        // The id is a MAC too. A plain hash of the key would let a reader of the trail check guesses of the key faster
        // than the hashes in entries do.
        let id = hex_digits(&mac(key, b"kling-audit: id of a prompt key")[..4]);
        Ok(PromptKey { key: key.into(), id })
    }

    /// Reads `KLING_AUDIT_PROMPT_KEY`. Its text without surrounding white space is the key. Returns `None` if it is not
    /// set or blank.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for a value that is too short or not Unicode.
    pub fn from_env() -> Result<Option<PromptKey>, Error> {
        match env::var(PROMPT_KEY_VARIABLE) {
            Ok(value) if value.trim().is_empty() => Ok(None),
            Ok(value) => PromptKey::new(value.trim()).map(Some),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => {
                Err(Error::Configuration { setting: PROMPT_KEY_VARIABLE, rule: "must be Unicode".to_owned() })
            }
        }
    }

    /// Eight hexadecimal digits that distinguish keys.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `prompt_hash_kind` in entries: `hmac-sha256:` and the [`id`](PromptKey::id).
    pub fn kind(&self) -> String {
        format!("hmac-sha256:{}", self.id)
    }

    /// Returns the `prompt_hash` of a prompt: 64 hexadecimal digits.
    pub fn hash(&self, prompt: &str) -> String {
        self.hash_bytes(prompt.as_bytes())
    }

    /// As [`hash`](PromptKey::hash), for the body that contains a prompt.
    pub(crate) fn hash_bytes(&self, bytes: &[u8]) -> String {
        hex_digits(&mac(&self.key, bytes))
    }
}

impl fmt::Debug for PromptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Returns the `prompt_hash` of a prompt without a key: the first 16 hexadecimal digits of its SHA-256.
///
/// Its `prompt_hash_kind` in entries is `sha256-16`. Every reader can check a guess of the prompt: see [`PromptKey`].
pub fn unkeyed_prompt_hash(prompt: &str) -> String {
    short_hash(prompt.as_bytes())
}

/// As [`unkeyed_prompt_hash`], for the body that contains a prompt.
pub(crate) fn short_hash(bytes: &[u8]) -> String {
    hex_digits(&Sha256::digest(bytes)[..8])
}

/// Hash of a prompt as entries have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromptHash {
    pub(crate) hash: String,
    pub(crate) kind: String,
    /// Length of the prompt in Unicode scalar values.
    pub(crate) length: u64,
}

impl PromptHash {
    pub(crate) fn of(prompt: &str, key: Option<&PromptKey>) -> PromptHash {
        let (hash, kind) = match key {
            Some(key) => (key.hash(prompt), key.kind()),
            None => (unkeyed_prompt_hash(prompt), UNKEYED_HASH_KIND.to_owned()),
        };
        PromptHash { hash, kind, length: prompt.chars().count() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_hmac_of_rfc_4231() {
        // Test case 2 has a key that is too short for us, test case 6 one that is long enough.
        let key = PromptKey::new([0xaa; 131]).expect("a long key");

        assert_eq!(
            key.hash("Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn keys_have_ids_of_their_own_and_debug_shows_nothing_else() {
        let one = PromptKey::new("0123456789abcdef").expect("a key");
        let other = PromptKey::new("0123456789abcdeg").expect("a key");

        assert_ne!(one.id(), other.id());
        assert_eq!(format!("{one:?}"), format!("PromptKey {{ id: {:?}, .. }}", one.id()));
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(matches!(PromptKey::new("0123456789abcde"), Err(Error::Configuration { .. })));
    }
}
