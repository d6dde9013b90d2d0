//! The one function that everything passes that is sent.

use std::time::{Duration, Instant};

use super::{Client, not_recorded, now, outcome_not_recorded};
use crate::{
    kling::{
        envelope::Envelope,
        error::Error,
        exchange::{Answer, Call},
        recorder::Subject,
        token::Token,
    },
    log::{not_recorded::NotRecorded, pending_receipt::PendingReceipt},
};

impl Client {
    /// Sends `call`, and once more with a new token if the vendor calls the token expired, or not yet valid by a clock
    /// that is behind ours: such a request was not accepted. Each query that was sent, each token that was refused and
    /// each refusal that concerns the account is recorded; what else is recorded of a submission is its caller's to
    /// decide, and the intent must have been.
    pub(crate) async fn send(&self, subject: Subject<'_>, call: &Call<'_>) -> Result<Answer, Error> {
        let mut renewed = false;
        let mut corrected = false;
        loop {
            let token = self.token(subject.action).await?;
            let started = Instant::now();
            let answer = self.inner.exchange.send(call, token.text()).await;
            let took = started.elapsed();
            let sent = call.purpose.map(|purpose| {
                let reason = match &answer {
                    Answer::Envelope(..) => None,
                    other => Some(other.describe()),
                };
                let place = (call.method(), &*call.shown);
                self.recorder.api_call(subject, purpose, place, answer.reply(), took, reason.as_deref())
            });
            let skew = match &answer {
                Answer::Envelope(_, envelope) => envelope.date.map(|date| date - now()),
                _ => None,
            };
            // Both have their places before either is waited for.
            let refused = self.note_refusal(subject, call, &token, &answer, skew);
            if let Some(sent) = sent {
                sent.await.map_err(outcome_not_recorded(subject, "api_call"))?;
            }
            if let Some((event, refused)) = refused {
                refused.await.map_err(not_recorded(subject.action, event))?;
            }
            let Answer::Envelope(_, envelope) = &answer else { return Ok(answer) };
            match (envelope.code, skew) {
                (1004, _) if !renewed && self.inner.tokens.expired(&token).await => renewed = true,
                // A clock that is not behind ours would call the next token early too.
                (1003, Some(skew @ ..=-1)) if !corrected && self.inner.tokens.early(&token, skew).await => {
                    corrected = true;
                }
                _ => return Ok(answer),
            }
        }
    }

    /// Records that a query was answered by: too busy. `delay` is until the next one, `None` where none follows.
    pub(crate) async fn note_throttled(
        &self,
        subject: Subject<'_>,
        answer: &Answer,
        attempt: u32,
        delay: Option<Duration>,
    ) -> Result<(), Error> {
        if let Answer::Envelope(_, Envelope { code: 1302 | 1303, .. }) = answer {
            self.recorder
                .throttled(subject, answer.reply(), attempt, delay)
                .await
                .map_err(outcome_not_recorded(subject, "throttled"))?;
        }
        Ok(())
    }

    /// Records what the vendor refused for the sake of the token, the account or the content.
    fn note_refusal(
        &self,
        subject: Subject<'_>,
        call: &Call<'_>,
        token: &Token,
        answer: &Answer,
        skew: Option<i64>,
    ) -> Option<(&'static str, PendingReceipt<NotRecorded>)> {
        let Answer::Envelope(_, envelope) = answer else { return None };
        let (reply, reason) = (answer.reply(), envelope.message.as_str());
        let (recorder, endpoint) = (&self.recorder, &call.shown);
        Some(match envelope.code {
            1000..=1004 => {
                let skew = skew.filter(|_| envelope.code == 1003);
                ("auth_event", recorder.token_rejected(token.prefix(), reply, endpoint, skew, reason))
            }
            1103 | 1304 => {
                ("access_denied", recorder.access_denied(subject, call.asked, reply, endpoint, reason))
            }
            1100..=1102 => ("account_blocked", recorder.account_blocked(subject, reply, reason)),
            1300 | 1301 => {
                let code = Some(envelope.code);
                ("content_blocked", recorder.content_blocked(subject, call.asked, "submit", code, reason))
            }
            _ => return None,
        })
    }
}
