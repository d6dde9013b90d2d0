//! The token in use. It is minted once, however many tasks request it, and renewed before it expires.
//!
//! The cache sends nothing. Its caller records that a token was minted.

use parking_lot::RwLock;
use tokio::sync::Mutex;

use crate::kling::auth::{
    credentials::Credentials,
    token::{MintedToken, Token},
};

/// Reason for minting a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MintReason {
    First,
    Renewal,
    /// Kling answered 1004 to the token before.
    AfterExpired,
    /// Kling answered 1003 to the token before.
    AfterEarly,
    CredentialChanged,
}

impl MintReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            MintReason::First => "first",
            MintReason::Renewal => "renewal",
            MintReason::AfterExpired => "after_1004",
            MintReason::AfterEarly => "after_1003",
            MintReason::CredentialChanged => "credential_changed",
        }
    }
}

/// Credentials in use, and the token that was made from them.
#[derive(Debug)]
pub(crate) struct TokenCache {
    credentials: RwLock<Credentials>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    token: Option<Token>,
    /// Reason for the next token.
    reason: MintReason,
    /// Number of minted tokens.
    minted: u64,
    /// Seconds that Kling's clock is ahead of the local clock, measured when Kling refused a token as early.
    skew: i64,
}

impl TokenCache {
    pub(crate) fn new(credentials: Credentials) -> TokenCache {
        let state = State { token: None, reason: MintReason::First, minted: 0, skew: 0 };
        TokenCache { credentials: RwLock::new(credentials), state: Mutex::new(state) }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.read().clone()
    }

    /// Uses other credentials from now on. Requests that are under way end with the old ones.
    pub(crate) async fn change(&self, credentials: Credentials) {
        let mut state = self.state.lock().await;
        *self.credentials.write() = credentials;
        state.token = None;
        state.reason = MintReason::CredentialChanged;
    }

    /// Returns the token to use at `now` (Unix seconds).
    ///
    /// If a token has to be minted, `record` is called first. If that fails, the token is not used. An API key is its
    /// own token, and nothing is recorded. The lock is held meanwhile, so that concurrent callers wait for the same
    /// token.
    pub(crate) async fn token<F, T, E>(
        &self,
        now: i64,
        record: impl FnOnce(&MintedToken, MintReason) -> F,
    ) -> Result<Token, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut state = self.state.lock().await;
        // The time by Kling's clock, as far as a refusal has shown it.
        let now = now.saturating_add(state.skew);
        if let Some(token) = &state.token
            && token.is_usable_at(now)
        {
            return Ok(token.clone());
        }
        let credentials = self.credentials();
        let prefix = credentials.access_key_prefix().into();
        let token = match credentials.pair() {
            Some(pair) => {
                let minted = MintedToken::mint(pair, now, state.minted, prefix);
                let recording = record(&minted, state.reason);
                let token = Token::Minted(minted);
                // The entry has its position in the trail, so the token is in use, even if this future is dropped now.
                // Otherwise the next caller would mint and record a second one.
                state.token = Some(token.clone());
                if let Err(error) = recording.await {
                    state.token = None;
                    return Err(error);
                }
                token
            }
            None => Token::ApiKey { text: credentials.secrets().concat().into(), prefix },
        };
        // Only a recorded token counts. After a failure the next attempt has the same reason and number.
        state.token = Some(token.clone());
        state.reason = MintReason::Renewal;
        state.minted += 1;
        Ok(token)
    }

    /// Drops the token that Kling refused as expired, unless another one is in use by now. Returns `false` if no other
    /// token can be made.
    pub(crate) async fn expired(&self, rejected: &Token) -> bool {
        self.drop_token(rejected, MintReason::AfterExpired, None).await
    }

    /// Drops the token that Kling refused as early. `skew` is the number of seconds that Kling's clock is ahead of the
    /// local clock.
    pub(crate) async fn early(&self, rejected: &Token, skew: i64) -> bool {
        self.drop_token(rejected, MintReason::AfterEarly, Some(skew)).await
    }

    async fn drop_token(&self, rejected: &Token, reason: MintReason, skew: Option<i64>) -> bool {
        let mut state = self.state.lock().await;
        // An API key cannot be renewed. The caller returns the refusal.
        if self.credentials.read().pair().is_none() {
            return false;
        }
        if state.token.as_ref().is_some_and(|token| token.is_same_minted(rejected)) {
            state.token = None;
            state.reason = reason;
            state.skew = skew.unwrap_or(state.skew);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::ready};

    use super::*;

    fn expires(token: &Token) -> Option<i64> {
        match token {
            Token::Minted(token) => Some(token.expires()),
            Token::ApiKey { .. } => None,
        }
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

        assert_eq!(
            minted,
            [(2800, MintReason::First), (4300, MintReason::Renewal), (2700, MintReason::Renewal)]
        );
    }

    #[tokio::test]
    async fn a_token_refused_as_expired_is_replaced_once() {
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

        assert_eq!(reasons, [MintReason::AfterExpired]);
    }

    #[tokio::test]
    async fn a_token_refused_as_early_is_replaced_by_klings_clock() {
        let cache = TokenCache::new(Credentials::new("access", "secret"));
        let first = cache.token(1000, |_, _| ready(Ok::<(), Infallible>(()))).await.expect("recorded");

        assert!(cache.early(&first, -60).await);
        let second = cache.token(1000, |_, _| ready(Ok::<(), Infallible>(()))).await.expect("recorded");

        assert_eq!((expires(&first), expires(&second)), (Some(2800), Some(2740)));
    }

    #[tokio::test]
    async fn an_api_key_is_its_own_token_and_never_renewed() {
        let cache = TokenCache::new(Credentials::api_key("the-api-key"));

        let token = cache.token(1000, |_, _| ready(Err::<(), _>("minted"))).await.expect("not minted");

        assert_eq!(token.text(), "the-api-key");
        assert!(!cache.expired(&token).await);
    }

    #[tokio::test]
    async fn a_token_without_a_recorded_minting_is_not_used() {
        let cache = TokenCache::new(Credentials::new("access", "secret"));

        let refused = cache.token(1000, |_, _| ready(Err::<(), _>("disk full"))).await.map(|_| ());
        let reason = cache
            .token(1000, |_, reason| ready(if reason == MintReason::First { Ok(()) } else { Err("") }))
            .await;

        assert_eq!(refused, Err("disk full"));
        assert!(reason.is_ok());
    }
}
