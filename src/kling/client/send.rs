//! The one function that everything passes that is sent.

use std::time::Instant;

use super::{Client, not_recorded, now, outcome_not_recorded};
use crate::kling::{
    error::Error,
    exchange::{Answer, Call},
    recorder::Subject,
    token::Token,
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
            if let Some(purpose) = call.purpose {
                let reason = match &answer {
                    Answer::Envelope(..) => None,
                    other => Some(other.describe()),
                };
                let took = started.elapsed();
                self.recorder
                    .api_call(
                        subject,
                        purpose,
                        (call.method(), &call.shown),
                        answer.reply(),
                        took,
                        reason.as_deref(),
                    )
                    .await
                    .map_err(outcome_not_recorded(subject, "api_call"))?;
            }
            let Answer::Envelope(_, envelope) = &answer else { return Ok(answer) };
            let skew = envelope.date.map(|date| date - now());
            self.note_refusal(subject, call, &token, &answer, skew).await?;
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

    /// Records what the vendor refused for the sake of the token, the account or the content.
    async fn note_refusal(
        &self,
        subject: Subject<'_>,
        call: &Call<'_>,
        token: &Token,
        answer: &Answer,
        skew: Option<i64>,
    ) -> Result<(), Error> {
        let Answer::Envelope(_, envelope) = answer else { return Ok(()) };
        let (reply, reason) = (answer.reply(), envelope.message.as_str());
        let (recorder, endpoint) = (&self.recorder, &call.shown);
        let (event, recorded) = match envelope.code {
            1003 => ("auth_event", recorder.token_rejected(token.prefix(), reply, endpoint, skew, reason)),
            1000..=1004 => {
                ("auth_event", recorder.token_rejected(token.prefix(), reply, endpoint, None, reason))
            }
            1103 | 1304 => ("access_denied", recorder.access_denied(subject, reply, endpoint, reason)),
            1100..=1102 => ("account_blocked", recorder.account_blocked(subject, reply, reason)),
            1300 | 1301 => {
                ("content_blocked", recorder.content_blocked(subject, "submit", Some(envelope.code), reason))
            }
            _ => return Ok(()),
        };
        recorded.await.map_err(not_recorded(subject.action, event))?;
        Ok(())
    }
}
