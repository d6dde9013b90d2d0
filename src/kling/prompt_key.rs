//! How a prompt becomes the hash that stands in an entry. Its promise: with a key, whoever has the trail alone can't
//! check a guess; the hash says by which method and key it was made, and never the key.

use std::{env, fmt, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{error::Error, media::hex};

/// The environment variable that [`PromptKey::from_env`] reads.
const VARIABLE: &str = "KLING_AUDIT_PROMPT_KEY";
/// The fewest bytes of a key.
const SHORTEST: usize = 16;

/// A key under which prompts are hashed with HMAC-SHA256, so that a trail doesn't tell what was asked for.
///
/// Without a key a prompt leaves the first 16 hexadecimal digits of its SHA-256: that hides a long, unlikely text, and
/// next to nothing of a short one, since everybody who reads the trail can hash guesses by the million. With a key only
/// who has the key can. `prompt_length` stays in either case and narrows a guess.
///
/// The key is kept apart from the trail, and as long as the trail: without it no hash can be looked up again. `Debug`
/// shows its [`id`](PromptKey::id) alone.
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
    /// Takes the key as it is: 16 bytes or more, random ones by preference.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for a shorter key.
    pub fn new(key: impl AsRef<[u8]>) -> Result<PromptKey, Error> {
        let key = key.as_ref();
        if key.len() < SHORTEST {
            return Err(Error::Configuration {
                setting: "prompt key",
                rule: format!("must have at least {SHORTEST} bytes"),
            });
        }
        // Made with the key, so that the id helps nobody to guess it faster than an entry would.
        let id = hex(&mac(key, b"kling-audit: id of a prompt key")[..4]);
        Ok(PromptKey { key: key.into(), id })
    }

    /// Reads `KLING_AUDIT_PROMPT_KEY`: its text without white space around it is the key. `None` where it is not set
    /// or blank.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for a value that is too short or not Unicode.
    pub fn from_env() -> Result<Option<PromptKey>, Error> {
        match env::var(VARIABLE) {
            Ok(value) if value.trim().is_empty() => Ok(None),
            Ok(value) => PromptKey::new(value.trim()).map(Some),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => {
                Err(Error::Configuration { setting: VARIABLE, rule: "must be Unicode".to_owned() })
            }
        }
    }

    /// Eight hexadecimal digits that tell keys apart.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What entries name as `prompt_hash_kind`: `hmac-sha256:` and the [`id`](PromptKey::id).
    pub fn kind(&self) -> String {
        format!("hmac-sha256:{}", self.id)
    }

    /// The `prompt_hash` of a prompt: 64 hexadecimal digits.
    pub fn hash(&self, prompt: &str) -> String {
        hex(&mac(&self.key, prompt.as_bytes()))
    }

    /// As [`hash`](PromptKey::hash), for the body that a prompt went in.
    pub(crate) fn hash_bytes(&self, bytes: &[u8]) -> String {
        hex(&mac(&self.key, bytes))
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

/// The `prompt_hash` of a prompt without a key: the first 16 hexadecimal digits of its SHA-256.
///
/// Entries name it `sha256-16`. Whoever guesses the prompt can check the guess: [`PromptKey`] says what that is worth.
pub fn unkeyed_prompt_hash(prompt: &str) -> String {
    short_hash(prompt.as_bytes())
}

/// As [`unkeyed_prompt_hash`], for the body that a prompt went in.
pub(crate) fn short_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..8])
}

/// How [`unkeyed_prompt_hash`] is named in entries.
pub(crate) const UNKEYED: &str = "sha256-16";

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
