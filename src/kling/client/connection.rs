//! The state that the calls of a client share, and [`Connection::send`], which every request to Kling passes.
//!
//! `send` records each call that is no submission, each refused token and each refusal that concerns the account. It
//! does not record the outcome of a submission: its caller does, and has recorded the intent before.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    kling::{
        api::{
            answer::Answer, call::Call, clock::unix_seconds, design::ApiDesign, envelope::Envelope,
            transport::Transport,
        },
        auth::{credentials::Credentials, token::Token, token_cache::TokenCache},
        client::{answers::refusal, backoff::Backoff, concurrency::Permits, settings::Settings},
        error::Error,
        events::{
            account,
            outcomes::{self, CallSummary},
            recorder::Recorder,
            subject::Subject,
            submissions::{self, TaskStage},
        },
        privacy::scrub::Scrubber,
    },
    log::{not_recorded::NotRecorded, pending_receipt::PendingReceipt},
};

/// Transport, tokens, settings and concurrency permits of a client, and the recorder of its actor.
///
/// A clone is a few pointers to the same state.
#[derive(Clone)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    recorder: Recorder,
}

struct Shared {
    transport: Transport,
    tokens: TokenCache,
    settings: Settings,
    permits: Permits,
}

impl Connection {
    pub(crate) fn new(
        credentials: Credentials,
        transport: Transport,
        recorder: Recorder,
        settings: Settings,
        permits: Permits,
    ) -> Connection {
        let shared = Shared { transport, tokens: TokenCache::new(credentials), settings, permits };
        Connection { shared: Arc::new(shared), recorder }
    }

    /// The same state for another actor.
    pub(crate) fn acting_as(&self, actor: &str) -> Connection {
        Connection { shared: Arc::clone(&self.shared), recorder: self.recorder.acting_as(actor) }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.shared.transport
    }

    pub(crate) fn tokens(&self) -> &TokenCache {
        &self.shared.tokens
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn permits(&self) -> &Permits {
        &self.shared.permits
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Returns `true` if endpoints of the new design accept the credentials.
    pub(crate) fn has_api_key(&self) -> bool {
        self.tokens().credentials().pair().is_none()
    }

    /// Refuses endpoints of the new design without an API key: they accept no token of a key pair.
    pub(crate) fn check_design(&self, design: ApiDesign) -> Result<(), Error> {
        if design == ApiDesign::New && !self.has_api_key() {
            let rule = "must be an API key for endpoints that name the model in their path".to_owned();
            return Err(Error::Configuration { setting: "credentials", rule });
        }
        Ok(())
    }

    /// `scrubber` with the keys in use added.
    pub(crate) fn scrubber(&self, scrubber: &Scrubber) -> Scrubber {
        scrubber.and(self.tokens().credentials().secrets())
    }

    /// Returns the token in use. If a token has to be minted, that is recorded before its use.
    pub(crate) async fn token(&self, action: &'static str) -> Result<Token, Error> {
        self.tokens()
            .token(unix_seconds(), |token, reason| account::token_minted(&self.recorder, token, reason))
            .await
            .map_err(Error::not_recorded(action, "auth_event"))
    }

    /// Sends `call`. If Kling refuses the token for its time, sends `call` once more with a new token: Kling has not
    /// accepted such a request.
    pub(crate) async fn send(&self, subject: Subject<'_>, call: &Call<'_>) -> Result<Answer, Error> {
        // Each correction is tried once. If Kling refuses the next token for the same reason, the caller gets that
        // answer.
        let mut renewed = false;
        let mut corrected = false;
        loop {
            let token = self.token(subject.action).await?;
            let started = Instant::now();
            let answer = self.transport().send(call, token.text()).await;
            let took = started.elapsed();
            // The `Date` header of the answer is the only sign of Kling's clock.
            let skew = match &answer {
                Answer::Envelope(_, envelope) => envelope.date.map(|date| date - unix_seconds()),
                _ => None,
            };
            // Both entries get their positions before either is awaited. If this future is dropped in between, neither
            // is missing from the trail.
            let sent = self.record_call(subject, call, &answer, took);
            let refused = self.record_refusal(subject, call, &token, &answer, skew);
            if let Some(sent) = sent {
                sent.await.map_err(subject.outcome_not_recorded("api_call"))?;
            }
            if let Some((event, refused)) = refused {
                refused.await.map_err(Error::not_recorded(subject.action, event))?;
            }
            let Answer::Envelope(_, envelope) = &answer else { return Ok(answer) };
            match (envelope.code, skew) {
                (1004, _) if !renewed && self.tokens().expired(&token).await => renewed = true,
                // Only a local clock that is ahead makes a token early. With any other clock the next token would be
                // refused in the same way.
                (1003, Some(skew @ ..=-1)) if !corrected && self.tokens().early(&token, skew).await => {
                    corrected = true;
                }
                _ => return Ok(answer),
            }
        }
    }

    /// Returns the `data` of the answer to a call that changes nothing. Sends the call again while Kling is busy or
    /// cannot be reached, as often as `retries` says.
    pub(crate) async fn read(&self, subject: Subject<'_>, call: &Call<'_>) -> Result<Value, Error> {
        let settings = self.settings();
        let mut backoff = Backoff::doubling(settings.backoff);
        let mut attempt = 1;
        loop {
            let answer = self.send(subject, call).await?;
            if let Answer::Envelope(200..=299, envelope) = &answer
                && envelope.code == 0
            {
                return Ok(envelope.data.clone());
            }
            // Nothing changes at Kling by such a call, so a lost answer is a reason to ask again.
            let is_temporary = match &answer {
                Answer::Envelope(http, envelope) => {
                    matches!(envelope.code, 1302 | 1303) || envelope.code >= 5000 || *http >= 500
                }
                Answer::Unparseable(http, _) => *http >= 500,
                Answer::Lost(_) | Answer::NotSent(_) => true,
            };
            let delay = (is_temporary && attempt <= settings.retries).then(|| backoff.delay());
            self.record_throttled(subject, &answer, attempt, delay).await?;
            let Some(delay) = delay else { return Err(refusal(subject.action, answer)) };
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }

    /// Records `throttled` if Kling answered a query that it is too busy. `delay` is the time until the next query,
    /// `None` if there is none.
    pub(crate) async fn record_throttled(
        &self,
        subject: Subject<'_>,
        answer: &Answer,
        attempt: u32,
        delay: Option<Duration>,
    ) -> Result<(), Error> {
        if let Answer::Envelope(_, Envelope { code: 1302 | 1303, .. }) = answer {
            submissions::throttled(&self.recorder, subject, answer.reply(), attempt, delay)
                .await
                .map_err(subject.outcome_not_recorded("throttled"))?;
        }
        Ok(())
    }

    /// Records an `api_call`, unless the call is a submission.
    fn record_call(
        &self,
        subject: Subject<'_>,
        call: &Call<'_>,
        answer: &Answer,
        took: Duration,
    ) -> Option<PendingReceipt<NotRecorded>> {
        let summary = CallSummary { purpose: call.purpose?, method: call.method(), path: &call.shown };
        let reason = match answer {
            Answer::Envelope(..) => None,
            other => Some(other.describe()),
        };
        Some(outcomes::api_call(&self.recorder, subject, summary, answer.reply(), took, reason.as_deref()))
    }

    /// Records a refusal that concerns the token, the account or the content.
    fn record_refusal(
        &self,
        subject: Subject<'_>,
        call: &Call<'_>,
        token: &Token,
        answer: &Answer,
        skew: Option<i64>,
    ) -> Option<(&'static str, PendingReceipt<NotRecorded>)> {
        let Answer::Envelope(_, envelope) = answer else { return None };
        let (recorder, reply, reason) = (&self.recorder, answer.reply(), envelope.message.as_str());
        Some(match envelope.code {
            1000..=1004 => {
                let skew = skew.filter(|_| envelope.code == 1003);
                let entry =
                    account::token_rejected(recorder, token.prefix(), reply, &call.shown, skew, reason);
                ("auth_event", entry)
            }
            1103 | 1304 => {
                let entry =
                    account::access_denied(recorder, subject, call.summary, reply, &call.shown, reason);
                ("access_denied", entry)
            }
            1100..=1102 => ("account_blocked", account::account_blocked(recorder, subject, reply, reason)),
            1300 | 1301 => {
                let (stage, code) = (TaskStage::Submit, Some(envelope.code));
                let entry =
                    submissions::content_blocked(recorder, subject, call.summary, stage, code, reason);
                ("content_blocked", entry)
            }
            _ => return None,
        })
    }
}
