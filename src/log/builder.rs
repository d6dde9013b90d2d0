//! Opening a log with other than the defaults.

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, Utc};

use crate::{
    checkpoint::policy::Checkpoints,
    codec::digest::HashLength,
    error::Error,
    format::redaction::Redaction,
    log::AuditLog,
    storage::permissions::Permissions,
    write::{
        clock::Clock,
        settings::{Durability, OnFailure, Settings},
    },
};

/// Opens an [`AuditLog`] with other than the defaults; made by [`AuditLog::builder`].
///
/// | setting | default |
/// |---|---|
/// | [`actor`](Self::actor) | `system` |
/// | [`durability`](Self::durability) | [`Durability::Written`] |
/// | [`on_failure`](Self::on_failure), [`on_error`](Self::on_error) | [`OnFailure::Report`], standard error |
/// | [`hash_length`](Self::hash_length) | as the trail has it; 64 digits for a new one |
/// | [`inherit_fields`](Self::inherit_fields) | nothing but the actor |
/// | [`max_file_size`](Self::max_file_size) | none: one file a day |
/// | [`group_readable`](Self::group_readable) | the owner alone reads |
/// | [`redact`](Self::redact) | `password`, `secret`, `token`, `authorization`, `api_key`, `private_key`, `cookie`, `prompt` |
/// | [`min_retention_days`](Self::min_retention_days) | 0 |
/// | [`service`](Self::service), [`version`](Self::version) | none |
/// | [`source_location`](Self::source_location) | not recorded |
/// | [`clock`](Self::clock) | the system's |
/// | [`checkpoints`](Self::checkpoints) | none are signed |
#[derive(Clone, Debug)]
#[must_use = "nothing is opened before `open`"]
pub struct AuditLogBuilder {
    settings: Settings,
    checkpoints: Option<Checkpoints>,
}

impl AuditLogBuilder {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { settings: Settings::new(directory), checkpoints: None }
    }

    /// Who acts where neither an event nor its span says who did.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.settings.actor = actor.into();
        self
    }

    /// What a receipt promises.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.settings.durability = durability;
        self
    }

    /// Is told of each entry that could not be recorded, and of failures that no caller is there to be told, instead
    /// of standard error. It must not append to this log; events that it emits are not recorded, since the log that they
    /// would go to is busy.
    pub fn on_error(mut self, hook: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.settings.hook = Some(Arc::new(hook));
        self
    }

    /// What happens when an entry could not be recorded.
    pub fn on_failure(mut self, policy: OnFailure) -> Self {
        self.settings.on_failure = policy;
        self
    }

    /// How many digits of its hash each entry states. A trail never mixes the two: asking for another length than
    /// an existing trail has is an error at [`open`](Self::open).
    pub fn hash_length(mut self, length: HashLength) -> Self {
        self.settings.hash_length = Some(length);
        self
    }

    /// Names fields of spans that every entry inside repeats, in its `context.fields`: `request_id`, `tenant`.
    ///
    /// Of the audit spans around an event (those with target `audit`), the nearest that has the field gives its
    /// latest value. The actor is taken over in any case. Replaces the names that were given before.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use kling_audit::{AuditLog, audit, audit_span};
    /// use tracing_subscriber::prelude::*;
    ///
    /// let log = AuditLog::builder(directory).inherit_fields(["request_id"]).open()?;
    /// tracing_subscriber::registry().with(log.layer()).init();
    ///
    /// let _request = audit_span!("request", request_id = "7f3a").entered();
    /// audit!("quota_changed", value = 5); // context.fields is {"request_id": "7f3a"}
    /// # Ok(())
    /// # }
    /// ```
    pub fn inherit_fields<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.settings.inherit_fields = names.into_iter().map(Into::into).collect();
        self
    }

    /// Goes on in a new file of the same day before a file would exceed `bytes`. An entry larger than that still
    /// gets a file, of its own.
    pub fn max_file_size(mut self, bytes: u64) -> Self {
        self.settings.max_file_size = Some(bytes);
        self
    }

    /// Lets the group read what is created from now on: directory 0750, live file 0640, closed files 0440, instead
    /// of 0700, 0600 and 0400. Modes of what exists are left alone.
    pub fn group_readable(mut self) -> Self {
        self.settings.access = Permissions::GroupReadable;
        self
    }

    /// Replaces the names of fields that are recorded as `[redacted]`.
    ///
    /// A field is covered where its name holds one of `names` as whole words, in any case, at any depth; words are
    /// split at `_`, `-`, `.` and space. Names with a word `hash`, `length`, `kind` or `prefix` are exempt.
    pub fn redact<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.settings.redaction = Redaction::of(names);
        self
    }

    /// States, in `audit_started`, how long entries must be kept at least. It may only rise: the highest that a
    /// trail ever stated holds.
    pub fn min_retention_days(mut self, days: u32) -> Self {
        self.settings.min_retention_days = days;
        self
    }

    /// Names the service in `audit_started`.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.settings.service = Some(name.into());
        self
    }

    /// Has every entry say, in its `context.source`, by which way it came (`macro`, `event`, `span` or `append`) and
    /// from which module and line.
    pub fn source_location(mut self) -> Self {
        self.settings.source_location = true;
        self
    }

    /// Names the service's version in `audit_started`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.settings.version = Some(version.into());
        self
    }

    /// Takes the time from `clock` instead of the system: for tests of what happens at midnight.
    pub fn clock(mut self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.settings.clock = Clock::Given(Arc::new(clock));
        self
    }

    /// Signs checkpoints while the trail is written, so that whoever holds one can tell if it is rewritten or cut.
    ///
    /// ```
    /// # let place = tempfile::tempdir()?;
    /// # let (directory, key, elsewhere) =
    /// #     (place.path().join("audit"), place.path().join("audit.key"), place.path().join("elsewhere"));
    /// # SigningKey::generate(&key, "example.com/audit")?;
    /// use kling_audit::{AuditLog, checkpoint::{CheckpointSink, Checkpoints, SigningKey}};
    ///
    /// let checkpoints = Checkpoints::new(SigningKey::open(&key)?).sink(CheckpointSink::file(&elsewhere));
    /// let log = AuditLog::builder(&directory).checkpoints(checkpoints).open()?;
    /// log.close()?;
    ///
    /// let key = SigningKey::open(&key)?;
    /// let verifier = kling_audit::verify::Verifier::new(&directory).key(key.verifying_key().clone());
    /// let verification = verifier.checkpoint(&elsewhere).run()?;
    /// assert_eq!(verification.signed_through(), Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// Opens the trail, or begins one; its directory is created where it is missing.
    ///
    /// Only the head and the ends of the files are read. An unfinished last line, which a crash leaves, is moved into
    /// a `*.torn` file beside and recorded as `audit_recovered`. A refused opening changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] while another writer has the trail; [`Error::CannotResume`] if the trail can't be continued as
    /// it stands; [`Error::HashLength`]; [`Error::Io`].
    pub fn open(self) -> Result<AuditLog, Error> {
        AuditLog::start_signing(self.settings, self.checkpoints)
    }

    /// Gives up the trail that is there, which [`open`](Self::open) refused to go on with, and begins a new one.
    ///
    /// What is there is moved to `sealed/TRAIL_ID/` in the directory, unchanged. The new trail's `audit_started` tells
    /// who gave it up, why, what verification said of it, and the SHA-256 of each file; verification reads them again
    /// and always remarks on it.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if there is nothing to give up; [`Error::Locked`], [`Error::Io`]. Run again after an
    /// interruption, it goes on where it was.
    pub fn adopt(self, actor: &str, reason: &str) -> Result<AuditLog, Error> {
        AuditLog::start_anew(self.settings, self.checkpoints, actor, reason)
    }
}
