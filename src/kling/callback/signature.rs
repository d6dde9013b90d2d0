//! Signatures of Standard Webhooks: HMAC-SHA256 over id, time and body, compared in constant time.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::{codec::json::write::hex_digits, kling::error::Error};

/// Seconds by which the timestamp of a signature may differ from the local clock.
const MAX_SIGNATURE_AGE_SECONDS: u64 = 300;
/// Number of signatures of one callback that are checked.
const MAX_SIGNATURES: usize = 16;

/// `credential_kind` of these secrets in entries.
pub(super) const CREDENTIAL_KIND: &str = "webhook_secret";

/// A secret for the signatures of callbacks, as Kling's console shows it: `whsec_` and Base64.
///
/// `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Parses a secret.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] unless the text is `whsec_` and Base64 of 16 bytes or more.
    pub fn new(secret: &str) -> Result<Secret, Error> {
        let refused = |rule: &str| Error::Configuration { setting: "callback secret", rule: rule.to_owned() };
        let encoded =
            secret.trim().strip_prefix("whsec_").ok_or_else(|| refused("must begin with whsec_"))?;
        let bytes = STANDARD.decode(encoded).map_err(|_| refused("must be Base64 after whsec_"))?;
        match bytes.len() {
            0..16 => Err(refused("must have at least 16 bytes")),
            _ => Ok(Secret(bytes)),
        }
    }
}

/// Returns the names of secrets in entries: the first 8 hexadecimal digits of the SHA-256 of each, or `none`. The
/// digits distinguish secrets and do not reveal them.
pub(super) fn names(secrets: &[Secret]) -> String {
    let digits = |Secret(bytes): &Secret| hex_digits(&Sha256::digest(bytes)[..4]);
    let mut names: Vec<String> = secrets.iter().map(|secret| format!("whsec:{}", digits(secret))).collect();
    names.sort();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

/// Headers that prove the origin of a callback.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proof<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) signatures: &'a str,
}

/// Fault of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureFault {
    /// The timestamp is too far from the local clock, or no number.
    Stale,
    /// No secret made any of the signatures.
    Mismatch,
}

impl Proof<'_> {
    /// Checks that one of the secrets made one of the signatures, at about `now` (Unix seconds).
    pub(super) fn check(&self, secrets: &[Secret], body: &[u8], now: i64) -> Result<(), SignatureFault> {
        let time: i64 = self.timestamp.parse().map_err(|_| SignatureFault::Stale)?;
        if now.abs_diff(time) > MAX_SIGNATURE_AGE_SECONDS {
            return Err(SignatureFault::Stale);
        }
        let claimed: Vec<Vec<u8>> = self
            .signatures
            .split(' ')
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            // Bounds the work that an unknown sender can cause.
            .take(MAX_SIGNATURES)
            .collect();
        let is_proven = secrets.iter().any(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes a key of any length");
            for part in [self.id.as_bytes(), b".", self.timestamp.as_bytes(), b".", body] {
                mac.update(part);
            }
            // `verify_slice` compares in constant time.
            claimed.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
        });
        if is_proven { Ok(()) } else { Err(SignatureFault::Mismatch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";
    const BODY: &str = concat!(
        r#"{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"#,
        r#""update_time":1781080794151}"#
    );
    const SIGNATURE: &str = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=";
    const NOW: i64 = 1_781_080_794;

    fn proof(signatures: &str) -> Proof<'_> {
        Proof { id: "9876543210", timestamp: "1781080794", signatures }
    }

    #[test]
    fn klings_test_vector_and_its_variants_hold() {
        let secrets = [Secret::new(SECRET).expect("a secret")];
        let undecoded = [Secret(SECRET.as_bytes()["whsec_".len()..].to_vec())];
        let flipped = BODY.replace("1234567890", "1234567891");
        let rotation = format!("v1,AAAA= v1,AAAA {SIGNATURE}");
        for (secrets, signatures, body, now, holds) in [
            (&secrets, SIGNATURE, BODY, NOW, Ok(())),
            (&secrets, SIGNATURE, flipped.as_str(), NOW, Err(SignatureFault::Mismatch)),
            (&secrets, SIGNATURE, BODY, NOW + 301, Err(SignatureFault::Stale)),
            (&secrets, SIGNATURE, BODY, NOW - 301, Err(SignatureFault::Stale)),
            (&secrets, SIGNATURE, BODY, NOW + 299, Ok(())),
            (&secrets, SIGNATURE, BODY, NOW - 300, Ok(())),
            (&secrets, &rotation, BODY, NOW, Ok(())),
            (&undecoded, SIGNATURE, BODY, NOW, Err(SignatureFault::Mismatch)),
            (&secrets, "", BODY, NOW, Err(SignatureFault::Mismatch)),
            (&secrets, &SIGNATURE.replace("v1,", "v2,"), BODY, NOW, Err(SignatureFault::Mismatch)),
            (&secrets, "v1,", BODY, NOW, Err(SignatureFault::Mismatch)),
        ] {
            assert_eq!(proof(signatures).check(secrets, body.as_bytes(), now), holds, "{signatures} {now}");
        }
        let no_time = Proof { timestamp: "soon", ..proof(SIGNATURE) };
        assert_eq!(no_time.check(&secrets, BODY.as_bytes(), NOW), Err(SignatureFault::Stale));
    }

    #[test]
    fn either_of_two_secrets_is_accepted() {
        let secrets = [
            Secret::new("whsec_YW5vdGhlcnNlY3JldGFub3RoZXJzZWNyZXQ=").expect("a secret"),
            Secret::new(SECRET).expect("a secret"),
        ];

        assert_eq!(proof(SIGNATURE).check(&secrets, BODY.as_bytes(), NOW), Ok(()));
    }

    #[test]
    fn a_malformed_secret_is_refused_and_debug_shows_none() {
        for text in ["", "dGVzdHNlY3JldHRlc3RzZWNyZXQ=", "whsec_%%%", "whsec_YQ=="] {
            assert!(Secret::new(text).is_err(), "{text}");
        }
        assert_eq!(format!("{:?}", Secret::new(SECRET)), "Ok(Secret { .. })");
    }
}
