//! The bearer tokens of the vendor: HS256 JSON Web Tokens (RFC 7519, RFC 7515). Its promise: one token is in use at
//! a time, minted once however many tasks ask for it, and renewed before it expires. It does not know HTTP; what is
//! to be recorded of a minting it leaves to its caller.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::RwLock;
use sha2::Sha256;
use tokio::sync::Mutex;

use crate::kling::credentials::Credentials;

/// Seconds that a token is good for.
const LIFETIME: i64 = 1800;
/// Seconds that a token is valid before it was minted: the vendor's clock may be behind ours.
const BACKDATED: i64 = 5;
/// Seconds before its expiry from which a token is no longer used.
const RENEWED_BEFORE: i64 = 300;

/// A minted token, or an API key as it is. Its text is shown by nothing but [`Token::text`].
#[derive(Clone)]
pub(crate) struct Token {
    text: Arc<str>,
    expires: i64,
    generation: u64,
    prefix: Arc<str>,
}

impl Token {
    /// What goes behind `Bearer`.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// When it expires, in Unix seconds.
    pub(crate) fn expires(&self) -> i64 {
        self.expires
    }

    /// How entries name the credential that it was made of.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Why a token was minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    First,
    Renewal,
    AfterExpired,
    AfterEarly,
    Changed,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Reason::First => "first",
            Reason::Renewal => "renewal",
            Reason::AfterExpired => "after_1004",
            Reason::AfterEarly => "after_1003",
            Reason::Changed => "credential_changed",
        }
    }
}

/// The token in use.
#[derive(Debug)]
pub(crate) struct TokenCache {
    credentials: RwLock<Credentials>,
    slot: Mutex<Slot>,
}

#[derive(Debug)]
struct Slot {
    token: Option<Token>,
    reason: Reason,
    minted: u64,
    /// Seconds that the vendor's clock is ahead of ours, where the vendor said that a token came too early.
    skew: i64,
}

impl TokenCache {
    pub(crate) fn new(credentials: Credentials) -> TokenCache {
        let slot = Slot { token: None, reason: Reason::First, minted: 0, skew: 0 };
        TokenCache { credentials: RwLock::new(credentials), slot: Mutex::new(slot) }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.read().clone()
    }

    /// Takes other credentials into use. What is underway ends with the old ones.
    pub(crate) async fn change(&self, credentials: Credentials) {
        let mut slot = self.slot.lock().await;
        *self.credentials.write() = credentials;
        slot.token = None;
        slot.reason = Reason::Changed;
    }

    /// The token to use at `now` (Unix seconds). Where one has to be minted, `record` is called first, and a token
    /// whose minting could not be recorded is not used. An API key is the token, and nothing is minted.
    ///
    /// The lock is held meanwhile: whoever asks at the same time waits and gets the same token.
    pub(crate) async fn token<F, T, E>(
        &self,
        now: i64,
        record: impl FnOnce(&Token, Reason) -> F,
    ) -> Result<Token, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut slot = self.slot.lock().await;
        let now = now.saturating_add(slot.skew);
        if let Some(token) = &slot.token
            // The second half is for a clock that was set back: a token must not seem good for longer than it is.
            && (token.expires == i64::MAX
                || now < token.expires - RENEWED_BEFORE && now >= token.expires - LIFETIME - BACKDATED)
        {
            return Ok(token.clone());
        }
        let credentials = self.credentials();
        let prefix = credentials.access_key_prefix().into();
        let generation = slot.minted;
        let token = match credentials.pair() {
            Some((access_key, secret_key)) => {
                let text = mint(access_key, secret_key, now).into();
                let token = Token { text, expires: now + LIFETIME, generation, prefix };
                let recording = record(&token, slot.reason);
                // In use from here on, also where this future is dropped: the entry has its place.
                slot.token = Some(token.clone());
                if let Err(error) = recording.await {
                    slot.token = None;
                    return Err(error);
                }
                token
            }
            None => {
                Token { text: credentials.secrets().concat().into(), expires: i64::MAX, generation, prefix }
            }
        };
        slot.token = Some(token.clone());
        slot.reason = Reason::Renewal;
        slot.minted += 1;
        Ok(token)
    }

    /// Takes `rejected` out of use, which the vendor called expired. If another is in use by now, that one stays.
    /// `false` where another can't be made.
    pub(crate) async fn expired(&self, rejected: &Token) -> bool {
        self.drop_token(rejected, Reason::AfterExpired, None).await
    }

    /// The same for one that the vendor called too early: by so many seconds its clock is ahead of ours.
    pub(crate) async fn early(&self, rejected: &Token, skew: i64) -> bool {
        self.drop_token(rejected, Reason::AfterEarly, Some(skew)).await
    }

    async fn drop_token(&self, rejected: &Token, reason: Reason, skew: Option<i64>) -> bool {
        let mut slot = self.slot.lock().await;
        if self.credentials.read().pair().is_none() {
            return false;
        }
        if slot.token.as_ref().is_some_and(|token| token.generation == rejected.generation) {
            slot.token = None;
            slot.reason = reason;
            slot.skew = skew.unwrap_or(slot.skew);
        }
        true
    }
}

/// The token that the vendor documents: issuer, expiry and start, nothing else.
fn mint(access_key: &str, secret_key: &str, now: i64) -> String {
    let issuer = serde_json::Value::from(access_key);
    let claims = format!(r#"{{"iss":{issuer},"exp":{},"nbf":{}}}"#, now + LIFETIME, now - BACKDATED);
    sign(secret_key.as_bytes(), r#"{"alg":"HS256","typ":"JWT"}"#, &claims)
}

/// RFC 7515, section 3.1: the compact serialization.
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
    use std::{convert::Infallible, future::ready};

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
    fn a_token_is_what_another_implementation_makes_of_the_same_keys() {
        let token = mint("ak_test_0123456789", "sk_test_abcdefghijklmnopqrstuvwxyz", 1_722_769_557);

        assert_eq!(
            token,
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\
             .eyJpc3MiOiJha190ZXN0XzAxMjM0NTY3ODkiLCJleHAiOjE3MjI3NzEzNTcsIm5iZiI6MTcyMjc2OTU1Mn0\
             .5i9ars1Agn4S6WcVouEF6AdPSXQSuTfw8YhcDjy4JAY"
        );
    }

    #[tokio::test]
    async fn a_token_is_renewed_300_seconds_before_it_expires() {
        let cache = TokenCache::new(Credentials::new("access", "secret"));
        let mut minted = Vec::new();

        for now in [1000, 2499, 2500, 2501, 900] {
            cache
                .token(now, |token, reason| {
                    minted.push((token.expires(), reason));
                    ready(Ok::<(), Infallible>(()))
                })
                .await
                .expect("recorded");
        }

        assert_eq!(minted, [(2800, Reason::First), (4300, Reason::Renewal), (2700, Reason::Renewal)]);
    }

    #[tokio::test]
    async fn a_token_that_was_called_expired_is_minted_anew_once() {
        let cache = TokenCache::new(Credentials::new("access", "secret"));
        let first = cache.token(1000, |_, _| ready(Ok::<(), Infallible>(()))).await.expect("recorded");
        let mut reasons = Vec::new();

        for _ in 0..3 {
            cache.expired(&first).await;
            cache
                .token(1001, |_, reason| {
                    reasons.push(reason);
                    ready(Ok::<(), Infallible>(()))
                })
                .await
                .expect("recorded");
        }

        assert_eq!(reasons, [Reason::AfterExpired]);
    }

    #[tokio::test]
    async fn a_token_that_came_too_early_is_minted_by_the_vendors_clock() {
        let cache = TokenCache::new(Credentials::new("access", "secret"));
        let first = cache.token(1000, |_, _| ready(Ok::<(), Infallible>(()))).await.expect("recorded");

        assert!(cache.early(&first, -60).await);
        let second = cache.token(1000, |_, _| ready(Ok::<(), Infallible>(()))).await.expect("recorded");

        assert_eq!((first.expires(), second.expires()), (2800, 2740));
    }

    #[tokio::test]
    async fn an_api_key_is_its_own_token_and_never_renewed() {
        let cache = TokenCache::new(Credentials::api_key("the-api-key"));

        let token = cache.token(1000, |_, _| ready(Err::<(), _>("minted"))).await.expect("not minted");

        assert_eq!(token.text(), "the-api-key");
        assert!(!cache.expired(&token).await);
    }

    #[tokio::test]
    async fn a_token_whose_minting_was_not_recorded_is_not_used() {
        let cache = TokenCache::new(Credentials::new("access", "secret"));

        let refused = cache.token(1000, |_, _| ready(Err::<(), _>("disk full"))).await.map(|_| ());
        let reason = cache
            .token(1000, |_, reason| ready(if reason == Reason::First { Ok(()) } else { Err("") }))
            .await;

        assert_eq!(refused, Err("disk full"));
        assert!(reason.is_ok());
    }

    #[test]
    fn debug_shows_no_token() {
        let token = Token { text: "the-token".into(), expires: 1, generation: 0, prefix: "a...".into() };

        assert_eq!(format!("{token:?}"), "Token { expires: 1, .. }");
    }
}
