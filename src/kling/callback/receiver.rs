//! Receipt of callbacks. Each one is recorded before the caller gets it, a refused one with the reason.

use std::{fmt, sync::Arc};

use chrono::Utc;
use parking_lot::{Mutex, RwLock};

use crate::{
    kling::{
        api::clock::unix_seconds,
        callback::{
            headers::{Signing, WebhookHeaders},
            received::Callback,
            rejected::{RejectReason, Rejected},
            seen::{self, Change, SeenChanges, TrailMemory},
            signature::{self, Secret, SignatureFault},
        },
        error::Error,
        events::{
            account,
            assets::{self, CallbackSummary},
            recorder::Recorder,
        },
    },
    log::AuditLog,
};

/// Longest accepted body.
pub(super) const MAX_CALLBACK_BYTES: usize = 1 << 20;
/// Default number of days for which the trail is read.
const DEFAULT_REMEMBERED_DAYS: u32 = 3;

/// Returns `true` for the id of a task that the service knows.
type KnowsTask = dyn Fn(&str) -> bool + Send + Sync;

/// Receives callbacks and records each. Clones share their state.
#[derive(Clone)]
pub struct Receiver {
    shared: Arc<Shared>,
}

struct Shared {
    recorder: Recorder,
    secrets: RwLock<Vec<Secret>>,
    accepts_unsigned: bool,
    knows_task: Option<Box<KnowsTask>>,
    seen: Mutex<SeenChanges>,
}

/// Settings of a [`Receiver`].
///
/// | setting | default |
/// |---|---|
/// | `secret` | none: one is required, or `accept_unsigned` |
/// | `accept_unsigned` | refused |
/// | `known_tasks` | all |
/// | `actor` | `kling` |
/// | `remember_days` | 3 |
#[must_use]
pub struct ReceiverBuilder {
    log: AuditLog,
    actor: String,
    secrets: Vec<Secret>,
    accepts_unsigned: bool,
    knows_task: Option<Box<KnowsTask>>,
    days: u32,
}

impl ReceiverBuilder {
    /// Adds a secret for signatures. During a change of secrets, add both the old and the new one.
    pub fn secret(mut self, secret: Secret) -> ReceiverBuilder {
        self.secrets.push(secret);
        self
    }

    /// Accepts callbacks without a signature too. Any sender that knows the URL can send one.
    ///
    /// A signature that is there must still be valid. An unsigned callback does not make a later signed one count as
    /// received before. Its texts reach an entry only as words (up to 64 letters, digits, `-`, `_` and `.`): with
    /// another task id or status it is `malformed`, and another external task id or amount is left out.
    pub fn accept_unsigned(mut self) -> ReceiverBuilder {
        self.accepts_unsigned = true;
        self
    }

    /// Refuses callbacks about tasks for which `known` returns `false`.
    pub fn known_tasks(mut self, known: impl Fn(&str) -> bool + Send + Sync + 'static) -> ReceiverBuilder {
        self.knows_task = Some(Box::new(known));
        self
    }

    /// Sets the actor of the receiver's entries.
    pub fn actor(mut self, actor: impl Into<String>) -> ReceiverBuilder {
        self.actor = actor.into();
        self
    }

    /// Sets the number of days before today for which the trail is read when the receiver is built. With 0 only the
    /// files of today are read.
    ///
    /// A change that an earlier run accepted in these days counts as received before. The latest 10,000 changes are
    /// kept. Kling does not document for how long it repeats a callback.
    pub fn remember_days(mut self, days: u32) -> ReceiverBuilder {
        self.days = days;
        self
    }

    /// Builds the receiver. Reads the trail of the last [days](ReceiverBuilder::remember_days) on a blocking thread.
    ///
    /// If the last secrets in that trail differ from these, or it has none, `auth_event` `credential_changed` is
    /// recorded.
    ///
    /// # Errors
    ///
    /// - [`Error::Configuration`] without a secret, unless unsigned callbacks are accepted, and for a blank actor.
    /// - [`Error::Trail`] if the trail cannot be read.
    /// - [`Error::NotRecorded`] if the change of secrets is not in the trail.
    pub async fn build(self) -> Result<Receiver, Error> {
        if self.actor.trim().is_empty() {
            let rule = "must not be blank".to_owned();
            return Err(Error::Configuration { setting: "actor", rule });
        }
        check_secrets(&self.secrets, self.accepts_unsigned)?;
        let TrailMemory { changes, secrets: last_secrets } = recall(&self.log, self.days).await?;
        let receiver = Receiver {
            shared: Arc::new(Shared {
                recorder: Recorder::new(self.log, &self.actor),
                secrets: RwLock::default(),
                accepts_unsigned: self.accepts_unsigned,
                knows_task: self.knows_task,
                seen: Mutex::new(changes),
            }),
        };
        receiver.use_secrets(self.secrets, last_secrets.as_deref().unwrap_or("unknown")).await?;
        Ok(receiver)
    }
}

fn check_secrets(secrets: &[Secret], accepts_unsigned: bool) -> Result<(), Error> {
    if secrets.is_empty() && !accepts_unsigned {
        let rule = "must be set, or unsigned callbacks be accepted".to_owned();
        return Err(Error::Configuration { setting: "callback secret", rule });
    }
    Ok(())
}

/// Reads the changes and secrets of earlier runs. The runtime's workers must not wait for the disk.
async fn recall(log: &AuditLog, days: u32) -> Result<TrailMemory, Error> {
    let trail = log.directory().to_owned();
    let path = trail.clone();
    let read = tokio::task::spawn_blocking(move || seen::recall(&trail, days, Utc::now().date_naive()));
    read.await
        .map_err(|error| {
            crate::error::Error::io(crate::error::Operation::Read, path)(std::io::Error::other(error))
        })
        .flatten()
        .map_err(|error| Error::Trail { source: Box::new(error) })
}

impl fmt::Debug for ReceiverBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverBuilder").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

impl Receiver {
    /// Returns the settings for a receiver that records in `log`.
    pub fn builder(log: AuditLog) -> ReceiverBuilder {
        ReceiverBuilder {
            log,
            actor: "kling".to_owned(),
            secrets: Vec::new(),
            accepts_unsigned: false,
            knows_task: None,
            days: DEFAULT_REMEMBERED_DAYS,
        }
    }

    /// Uses other secrets from now on, in clones too. While Kling changes its secret, pass both the new and the old
    /// one. A week later, pass the new one alone.
    ///
    /// Recorded as `auth_event` `credential_changed` before the secrets are used. Entries name a secret by a few digits
    /// of its SHA-256.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for an empty list, unless unsigned callbacks are accepted, and [`Error::NotRecorded`].
    /// The old secrets stay in use.
    pub async fn change_secrets(&self, secrets: impl IntoIterator<Item = Secret>) -> Result<(), Error> {
        let secrets: Vec<Secret> = secrets.into_iter().collect();
        check_secrets(&secrets, self.shared.accepts_unsigned)?;
        let before = signature::names(&self.shared.secrets.read());
        self.use_secrets(secrets, &before).await
    }

    async fn use_secrets(&self, secrets: Vec<Secret>, before: &str) -> Result<(), Error> {
        let names = signature::names(&secrets);
        if names != before {
            account::credential_changed(&self.shared.recorder, before, &names, signature::CREDENTIAL_KIND)
                .await
                .map_err(Error::not_recorded("callback", "auth_event"))?;
        }
        // The entry is durable, so the trail names the secrets of every later callback.
        *self.shared.secrets.write() = secrets;
        Ok(())
    }

    /// Receives one callback: its headers, with names in any case, and the unchanged bytes of its body.
    ///
    /// # Errors
    ///
    /// [`Rejected`] has the reason, and the [status](Rejected::http_status) to answer with. A callback that was
    /// received before is no error: see [`Callback::is_new`].
    pub async fn receive<'a>(
        &self,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: &[u8],
    ) -> Result<Callback, Rejected> {
        let headers = WebhookHeaders::of(headers);
        let summary = headers.summary(body.len());
        match self.check(headers.signing(), body) {
            Ok(callback) => self.accept(callback, summary).await,
            Err(reason) => Err(self.refuse(reason, summary).await),
        }
    }

    fn check(&self, signing: Signing<'_>, body: &[u8]) -> Result<Callback, RejectReason> {
        // An overlong body is neither hashed nor parsed.
        if body.len() > MAX_CALLBACK_BYTES {
            return Err(RejectReason::TooLong);
        }
        let secrets = self.shared.secrets.read();
        let is_signed = match signing {
            Signing::Unsigned if self.shared.accepts_unsigned => false,
            Signing::Unsigned => return Err(RejectReason::UnsignedByPolicy),
            // Without a secret a signature can be neither proven nor disproven.
            _ if secrets.is_empty() => false,
            Signing::Incomplete => return Err(RejectReason::MissingHeaders),
            Signing::Signed(proof) => match proof.check(&secrets, body, unix_seconds()) {
                Ok(()) => true,
                Err(SignatureFault::Stale) => return Err(RejectReason::Stale),
                Err(SignatureFault::Mismatch) => return Err(RejectReason::BadSignature),
            },
        };
        drop(secrets);
        // The body is parsed after its signature was verified: an unknown sender reaches the parser only if unsigned
        // callbacks are accepted.
        let Some(callback) = Callback::read(body, is_signed).filter(Callback::may_be_recorded) else {
            return Err(RejectReason::Malformed);
        };
        match &self.shared.knows_task {
            Some(knows) if !knows(callback.task_id()) => Err(RejectReason::UnknownTask),
            _ => Ok(callback),
        }
    }

    /// Records an accepted callback.
    ///
    /// Of two equal callbacks at the same time only one is new. A callback whose entry fails, or whose caller is gone
    /// before it returns, does not count as received: when Kling repeats it, it is new again.
    async fn accept(&self, callback: Callback, summary: CallbackSummary<'_>) -> Result<Callback, Rejected> {
        let change = Change {
            task_id: callback.task_id().to_owned(),
            status: callback.status().as_str().to_owned(),
            is_signed: callback.is_signed(),
        };
        let (callback, recording) = {
            // Under the lock, the entry of a new change gets its position before that of a repetition.
            let mut seen = self.shared.seen.lock();
            let callback = if seen.note(&change) { callback } else { callback.again() };
            let recording = assets::callback_received(&self.shared.recorder, summary, callback.accepted());
            (callback, recording)
        };
        let change = callback.is_new().then_some(change);
        let mut undelivered = Undelivered { seen: &self.shared.seen, change };
        recording.await.map_err(|error| Rejected::new(RejectReason::NotRecorded, Some(error)))?;
        // The caller gets the callback, so the change stays known.
        undelivered.change = None;
        Ok(callback)
    }

    /// Records a refusal. The callback stays refused even if that fails.
    pub(super) async fn refuse(&self, reason: RejectReason, summary: CallbackSummary<'_>) -> Rejected {
        let recorded = assets::callback_rejected(&self.shared.recorder, summary, reason.as_str()).await;
        Rejected::new(reason, recorded.err())
    }
}

/// A change that the caller has not got yet. On drop, for example with the connection of the callback, the change is
/// forgotten.
struct Undelivered<'a> {
    seen: &'a Mutex<SeenChanges>,
    change: Option<Change>,
}

impl Drop for Undelivered<'_> {
    fn drop(&mut self) {
        if let Some(change) = &self.change {
            self.seen.lock().forget(change);
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("secrets", &self.shared.secrets.read().len())
            .field("unsigned", &self.shared.accepts_unsigned)
            .finish_non_exhaustive()
    }
}
