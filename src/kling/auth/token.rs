//! Bearer tokens: HS256 JSON Web Tokens (RFC 7519, RFC 7515) made from a key pair, or an API key as it is.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Seconds from the minting of a token to its expiry.
const TOKEN_LIFETIME_SECONDS: i64 = 1800;
/// Seconds by which the start of a token precedes its minting, because Kling's clock may be behind the local one.
const BACKDATED_SECONDS: i64 = 5;
/// Seconds before its expiry from which a token is no longer used.
const RENEWED_BEFORE_SECONDS: i64 = 300;

/// Text that authorises a request. `Debug` does not show it.
#[derive(Clone)]
pub(crate) enum Token {
    /// A token that was made from a key pair, and expires.
    Minted(MintedToken),
    /// An API key, which does not expire.
    ApiKey {
        text: Arc<str>,
        /// Name of the credential in entries.
        prefix: Arc<str>,
    },
}

/// A token that was made from a key pair.
#[derive(Clone)]
pub(crate) struct MintedToken {
    text: Arc<str>,
    /// Expiry in Unix seconds.
    expires: i64,
    /// Number of the token, by which two tokens of the same second differ.
    generation: u64,
    /// Name of the credential in entries.
    prefix: Arc<str>,
}

impl Token {
    /// Text after `Bearer` in the header.
    pub(crate) fn text(&self) -> &str {
        match self {
            Token::Minted(token) => &token.text,
            Token::ApiKey { text, .. } => text,
        }
    }

    /// Name of the credential in entries.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Token::Minted(token) => &token.prefix,
            Token::ApiKey { prefix, .. } => prefix,
        }
    }

    /// Returns `true` if the token may be used at `now` (Unix seconds).
    pub(crate) fn is_usable_at(&self, now: i64) -> bool {
        match self {
            Token::Minted(token) => {
                // The second comparison is for a local clock that was set back: the token would otherwise count as
                // valid for longer than its lifetime.
                now < token.expires - RENEWED_BEFORE_SECONDS
                    && now >= token.expires - TOKEN_LIFETIME_SECONDS - BACKDATED_SECONDS
            }
            Token::ApiKey { .. } => true,
        }
    }

    /// Returns `true` if both are the same minted token.
    pub(crate) fn is_same_minted(&self, other: &Token) -> bool {
        match (self, other) {
            (Token::Minted(one), Token::Minted(other)) => one.generation == other.generation,
            _ => false,
        }
    }
}

impl MintedToken {
    pub(crate) fn mint(
        (access_key, secret_key): (&str, &str),
        now: i64,
        generation: u64,
        prefix: Arc<str>,
    ) -> MintedToken {
        let text = encode(access_key, secret_key, now).into();
        MintedToken { text, expires: now + TOKEN_LIFETIME_SECONDS, generation, prefix }
    }

    /// Expiry in Unix seconds.
    pub(crate) fn expires(&self) -> i64 {
        self.expires
    }

    /// Name of the credential in entries.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Minted(token) => token.fmt(f),
            Token::ApiKey { .. } => f.debug_struct("ApiKey").finish_non_exhaustive(),
        }
    }
}

impl fmt::Debug for MintedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedToken").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Mints the token that Kling documents, with issuer, expiry and start.
fn encode(access_key: &str, secret_key: &str, now: i64) -> String {
    // `Value` escapes quotes in the key.
    let issuer = serde_json::Value::from(access_key);
    let claims = format!(
        r#"{{"iss":{issuer},"exp":{},"nbf":{}}}"#,
        now + TOKEN_LIFETIME_SECONDS,
        now - BACKDATED_SECONDS
    );
    sign(secret_key.as_bytes(), r#"{"alg":"HS256","typ":"JWT"}"#, &claims)
}

/// Returns the compact serialization of RFC 7515, section 3.1.
fn sign(key: &[u8], header: &str, claims: &str) -> String {
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(mac.finalize().into_bytes(), &mut token);
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7515_appendix_a_1_holds() {
        let key = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .expect("base64url");
        let claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

        let token = sign(&key, "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", claims);

        assert_eq!(
            token,
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
             .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
             .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        );
    }

    #[test]
    fn a_token_equals_that_of_another_implementation() {
        let token = encode("ak_test_0123456789", "sk_test_abcdefghijklmnopqrstuvwxyz", 1_722_769_557);

        assert_eq!(
            token,
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\
             .eyJpc3MiOiJha190ZXN0XzAxMjM0NTY3ODkiLCJleHAiOjE3MjI3NzEzNTcsIm5iZiI6MTcyMjc2OTU1Mn0\
             .5i9ars1Agn4S6WcVouEF6AdPSXQSuTfw8YhcDjy4JAY"
        );
    }

    #[test]
    fn debug_shows_no_token() {
        let minted =
            MintedToken { text: "the-token".into(), expires: 1, generation: 0, prefix: "a...".into() };
        let api_key = Token::ApiKey { text: "the-key".into(), prefix: "a...".into() };

        assert_eq!(format!("{:?}", Token::Minted(minted)), "MintedToken { expires: 1, .. }");
        assert_eq!(format!("{api_key:?}"), "ApiKey { .. }");
    }
}
