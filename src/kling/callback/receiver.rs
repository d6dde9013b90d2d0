//! Takes callbacks. Its promise: each is an entry before anybody acts on it, with the reason where it was refused; what
//! was said before is known again; and without a proof nothing passes, unless the receiver was told to let it.

use std::{fmt, path::PathBuf, sync::Arc};

use chrono::Utc;
use parking_lot::{Mutex, RwLock};

use super::{
    memory::{self, Change, Memory, Recalled},
    received::Callback,
    signature::{self, Fault, Proof, Secret},
};
use crate::{
    kling::{client, envelope::is_word, error::Error, recorder::Recorder},
    log::{AuditLog, not_recorded::NotRecorded},
};

/// The most bytes of a body.
pub(super) const LIMIT: usize = 1 << 20;
/// How many days back the trail is read.
const DAYS: u32 = 3;

type Known = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Takes callbacks and records each. Clones share what they remember.
#[derive(Clone)]
pub struct Receiver {
    inner: Arc<Inner>,
}

struct Inner {
    recorder: Recorder,
    secrets: RwLock<Vec<Secret>>,
    unsigned: bool,
    known: Option<Known>,
    seen: Mutex<Memory>,
}

/// Settings of a [`Receiver`].
///
/// | setting | default |
/// |---|---|
/// | `secret` | none: one is needed, or `accept_unsigned` |
/// | `accept_unsigned` | refused |
/// | `known_tasks` | all |
/// | `actor` | `kling` |
/// | `remember_days` | 3 |
#[must_use]
pub struct ReceiverBuilder {
    log: AuditLog,
    actor: String,
    secrets: Vec<Secret>,
    unsigned: bool,
    known: Option<Known>,
    days: u32,
}

/// A callback that was refused. The reason is in the trail.
#[derive(Debug, thiserror::Error)]
#[error("refuse a callback: {reason}")]
pub struct Rejected {
    reason: &'static str,
    source: Option<Box<NotRecorded>>,
}

impl Rejected {
    /// `missing_headers`, `bad_signature`, `stale`, `unsigned_by_policy`, `malformed`, `too_long`, `incomplete`,
    /// `unknown_task`, or `not_recorded`: the trail could not be written.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// What to answer. 500 where trying again may help.
    pub fn http_status(&self) -> u16 {
        match self.reason {
            "not_recorded" => 500,
            "too_long" => 413,
            "malformed" | "incomplete" | "unknown_task" => 400,
            _ => 401,
        }
    }
}

impl ReceiverBuilder {
    /// A secret that signatures may be made with. Set the old one and the new one while they change.
    pub fn secret(mut self, secret: Secret) -> ReceiverBuilder {
        self.secrets.push(secret);
        self
    }

    /// Takes callbacks without a signature too: anybody who finds the URL can send one. A signature that is there still
    /// has to hold, and a callback without one does not make one with it look had. Of what it says words alone reach an
    /// entry (up to 64 letters, digits, `-`, `_` and `.`): with another task id or status it is `malformed`, another
    /// external task id or amount is left out.
    pub fn accept_unsigned(mut self) -> ReceiverBuilder {
        self.unsigned = true;
        self
    }

    /// Refuses callbacks about tasks that `known` says no to.
    pub fn known_tasks(mut self, known: impl Fn(&str) -> bool + Send + Sync + 'static) -> ReceiverBuilder {
        self.known = Some(Box::new(known));
        self
    }

    /// Whom entries name.
    pub fn actor(mut self, actor: impl Into<String>) -> ReceiverBuilder {
        self.actor = actor.into();
        self
    }

    /// How many days back the trail is read when the receiver is built, so that a change which an earlier run accepted
    /// is known again: the files of today and of so many days before it; 0 reads those of today. Of what they name the
    /// latest 10,000 changes are kept. How long the vendor tries again is not documented.
    pub fn remember_days(mut self, days: u32) -> ReceiverBuilder {
        self.days = days;
        self
    }

    /// Builds the receiver: reads the trail of the last [days](ReceiverBuilder::remember_days), off the runtime's
    /// workers.
    ///
    /// Where that trail names other secrets than these as the last ones, or none, `auth_event` `credential_changed` is
    /// recorded.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] without a secret, unless unsigned callbacks are accepted, and for a blank actor;
    /// [`Error::Trail`] where the trail can't be read; [`Error::NotRecorded`].
    pub async fn build(self) -> Result<Receiver, Error> {
        if self.actor.trim().is_empty() {
            let rule = "must not be blank".to_owned();
            return Err(Error::Configuration { setting: "actor", rule });
        }
        check(&self.secrets, self.unsigned)?;
        let Recalled { memory, secrets: before } =
            recalled(self.log.directory().to_owned(), self.days).await?;
        let receiver = Receiver {
            inner: Arc::new(Inner {
                recorder: Recorder::new(self.log, &self.actor),
                secrets: RwLock::default(),
                unsigned: self.unsigned,
                known: self.known,
                seen: Mutex::new(memory),
            }),
        };
        receiver.take_into_use(self.secrets, before.as_deref().unwrap_or("unknown")).await?;
        Ok(receiver)
    }
}

fn check(secrets: &[Secret], unsigned: bool) -> Result<(), Error> {
    if secrets.is_empty() && !unsigned {
        let rule = "must be set, or unsigned callbacks be accepted".to_owned();
        return Err(Error::Configuration { setting: "callback secret", rule });
    }
    Ok(())
}

async fn recalled(trail: PathBuf, days: u32) -> Result<Recalled, Error> {
    let path = trail.clone();
    let read = tokio::task::spawn_blocking(move || memory::recall(&trail, days, Utc::now().date_naive()));
    read.await
        .map_err(|error| crate::Error::io(crate::error::Operation::Read, path)(std::io::Error::other(error)))
        .flatten()
        .map_err(|error| Error::Trail { source: Box::new(error) })
}

impl fmt::Debug for ReceiverBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverBuilder").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

impl Receiver {
    /// Settings for a receiver that records in `log`.
    pub fn builder(log: AuditLog) -> ReceiverBuilder {
        ReceiverBuilder {
            log,
            actor: "kling".to_owned(),
            secrets: Vec::new(),
            unsigned: false,
            known: None,
            days: DAYS,
        }
    }

    /// Takes other secrets into use; clones do so too. While the vendor changes one, give the new one and the old one,
    /// and a week later the new one alone.
    ///
    /// Recorded as `auth_event` `credential_changed` before they are used. Entries name a secret by a few digits of its
    /// SHA-256.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for none, unless unsigned callbacks are accepted; [`Error::NotRecorded`]: the old ones
    /// stay.
    pub async fn change_secrets(&self, secrets: impl IntoIterator<Item = Secret>) -> Result<(), Error> {
        let secrets: Vec<Secret> = secrets.into_iter().collect();
        check(&secrets, self.inner.unsigned)?;
        let before = signature::names(&self.inner.secrets.read());
        self.take_into_use(secrets, &before).await
    }

    async fn take_into_use(&self, secrets: Vec<Secret>, before: &str) -> Result<(), Error> {
        let names = signature::names(&secrets);
        if names != before {
            self.inner
                .recorder
                .credential_changed(before, &names, signature::KIND)
                .await
                .map_err(client::not_recorded("callback", "auth_event"))?;
        }
        *self.inner.secrets.write() = secrets;
        Ok(())
    }

    /// Takes one callback: its headers, with names in any case, and its body as it came, byte for byte.
    ///
    /// # Errors
    ///
    /// [`Rejected`] says why not; answer with its [`http_status`](Rejected::http_status). A callback that was had before
    /// is no error: [`Callback::is_new`] says so.
    pub async fn receive<'a>(
        &self,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: &[u8],
    ) -> Result<Callback, Rejected> {
        self.receive_at(headers, body, client::now()).await
    }

    async fn receive_at<'a>(
        &self,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: &[u8],
        now: i64,
    ) -> Result<Callback, Rejected> {
        let marks = Marks::of(headers);
        let notice = marks.notice(body.len());
        let Marks { id, timestamp, signatures } = marks;
        if body.len() > LIMIT {
            return Err(self.refuse("too_long", notice).await);
        }
        let is_signed = match (id, timestamp, signatures) {
            (None, None, None) if self.inner.unsigned => false,
            (None, None, None) => return Err(self.refuse("unsigned_by_policy", notice).await),
            // Without a secret a signature proves nothing and disproves nothing.
            _ if self.inner.secrets.read().is_empty() => false,
            (Some(id), Some(timestamp), Some(signatures)) => {
                let proof = Proof { id, timestamp, signatures };
                let held = proof.check(&self.inner.secrets.read(), body, now);
                match held {
                    Ok(()) => true,
                    Err(Fault::Stale) => return Err(self.refuse("stale", notice).await),
                    Err(Fault::Signature) => return Err(self.refuse("bad_signature", notice).await),
                }
            }
            _ => return Err(self.refuse("missing_headers", notice).await),
        };
        let Some(callback) = Callback::read(body, is_signed).filter(Callback::may_be_recorded) else {
            return Err(self.refuse("malformed", notice).await);
        };
        if self.inner.known.as_ref().is_some_and(|known| !known(callback.task_id())) {
            return Err(self.refuse("unknown_task", notice).await);
        }
        self.accept(callback, notice).await
    }

    /// Of two that come at once only one is new. What was not recorded stays new, and so does what nobody was told of.
    async fn accept(&self, callback: Callback, notice: Notice<'_>) -> Result<Callback, Rejected> {
        let change = Change {
            task_id: callback.task_id().to_owned(),
            status: callback.status().as_str().to_owned(),
            is_signed: callback.is_signed(),
        };
        let (callback, recording) = {
            let mut seen = self.inner.seen.lock();
            let callback = if seen.note(&change) { callback } else { callback.again() };
            let recording = self.inner.recorder.callback_received(notice, &callback);
            (callback, recording)
        };
        let mut news = News { seen: &self.inner.seen, change: callback.is_new().then_some(change) };
        recording
            .await
            .map_err(|error| Rejected { reason: "not_recorded", source: Some(Box::new(error)) })?;
        news.change = None;
        Ok(callback)
    }

    /// Records a refusal. That it could not be recorded does not let the callback pass.
    pub(super) async fn refuse(&self, reason: &'static str, notice: Notice<'_>) -> Rejected {
        match self.inner.recorder.callback_rejected(notice, reason).await {
            Ok(_) => Rejected { reason, source: None },
            Err(error) => Rejected { reason, source: Some(Box::new(error)) },
        }
    }
}

/// A change that nobody was told of yet. Dropped with it, such as with the connection that it came by, it is new again.
struct News<'a> {
    seen: &'a Mutex<Memory>,
    change: Option<Change>,
}

impl Drop for News<'_> {
    fn drop(&mut self) {
        if let Some(change) = &self.change {
            self.seen.lock().forget(change);
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("secrets", &self.inner.secrets.read().len())
            .field("unsigned", &self.inner.unsigned)
            .finish_non_exhaustive()
    }
}

/// The headers that matter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks<'a> {
    id: Option<&'a str>,
    timestamp: Option<&'a str>,
    signatures: Option<&'a str>,
}

impl<'a> Marks<'a> {
    pub(super) fn of(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Marks<'a> {
        let mut marks = Marks::default();
        for (name, value) in headers {
            match name.to_ascii_lowercase().as_str() {
                "webhook-id" => marks.id = Some(value),
                "webhook-timestamp" => marks.timestamp = Some(value),
                "webhook-signature" => marks.signatures = Some(value),
                _ => {}
            }
        }
        marks
    }

    /// What is not proven yet is the sender's to choose: words alone reach an entry.
    pub(super) fn notice(&self, bytes: usize) -> Notice<'a> {
        let word = |value: Option<&'a str>| value.filter(|value| is_word(value));
        Notice { webhook_id: word(self.id), timestamp: word(self.timestamp), bytes }
    }
}

/// What an entry says of a callback, whatever is in it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Notice<'a> {
    pub(crate) webhook_id: Option<&'a str>,
    pub(crate) timestamp: Option<&'a str>,
    pub(crate) bytes: usize,
}
