//! [`AuditLog`], the handle that a program holds: any number of threads append to one trail through it.
//!
//! An entry is recorded, or its caller gets an error. The files of a trail are the business of [`crate::write`].
//!
//! | file | contents |
//! |---|---|
//! | this one | `AuditLog` and `AuditLogBuilder`: the public methods and their documentation |
//! | [`open_log`] | the state that all clones share: commit queue, threads, orderly end |
//! | [`counters`] | counts of recorded and lost entries, the failure policy |
//! | [`erase`], [`prune`] | maintenance of an open trail |
//! | [`not_recorded`], [`outcome`], [`pending_receipt`] | results of the macros |

pub(crate) mod counters;
pub(crate) mod erase;
pub(crate) mod not_recorded;
pub(crate) mod open_log;
pub(crate) mod outcome;
pub(crate) mod pending_receipt;
pub(crate) mod prune;

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use parking_lot::RwLock;

pub use crate::log::counters::Counters;
use crate::{
    checkpoint::{policy::Checkpoints, statement::SignedCheckpoint},
    codec::digest::HashLength,
    error::{DraftError, Error},
    findings::verification::Verification,
    format::{
        draft::{Draft, Origin},
        prepared_entry::{EntryDefaults, PreparedEntry},
        receipt::{Receipt, TrailId},
        redaction::Redaction,
    },
    log::{
        erase::EraseRequest,
        not_recorded::NotRecorded,
        open_log::OpenLog,
        pending_receipt::PendingReceipt,
        prune::{Pruning, Retention},
    },
    storage::permissions::Permissions,
    write::{
        adopt,
        clock::Clock,
        commit::{awaited_entry::WaitFor, queue::CommitQueue},
        health::Health,
        open,
        settings::{Durability, OnFailure, Settings},
    },
};

/// The log that [`AuditLog::set_global`] has set.
static GLOBAL_LOG: RwLock<Option<AuditLog>> = RwLock::new(None);

/// An open trail. Clones are cheap and share it.
///
/// A trail has one writer, and this type is that writer: a second `open` of the same directory fails with
/// [`Error::Locked`].
///
/// Dropping the last clone closes the trail as [`close`](Self::close) does, but an error can then only be printed.
/// A global `tracing` subscriber is never dropped, and the layer in it holds a clone. A program that installs one
/// therefore calls `close` before it ends.
///
/// ```
/// use kling_audit::{AuditLog, Draft};
///
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("audit");
/// let log = AuditLog::open(&directory)?;
/// let receipt = log.append(Draft::new("quota_changed").actor("alice").detail("value", 5))?;
/// log.close()?;
///
/// assert_eq!(receipt.seq, 1, "0 is the log's own `audit_started`");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AuditLog {
    open_log: Arc<OpenLog>,
    /// Level that entries recorded through this clone wait for at least.
    min_wait: WaitFor,
}

impl AuditLog {
    /// Opens the trail in `directory`, or creates one there, with the defaults of [`AuditLogBuilder`].
    ///
    /// # Errors
    ///
    /// The errors of [`AuditLogBuilder::open`].
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::builder(directory).open()
    }

    /// Returns a builder that opens the trail in `directory` with other settings than the defaults.
    pub fn builder(directory: impl Into<PathBuf>) -> AuditLogBuilder {
        AuditLogBuilder { settings: Settings::new(directory.into()), checkpoints: None }
    }

    /// Records `draft` and returns the receipt of its entry.
    ///
    /// After `Ok`, the entry is as durable as the log's [`Durability`] promises, or as the draft asked for. The call
    /// may wait for the disk. Many threads that wait share one write and one sync.
    ///
    /// After `Err`, the entry is nowhere in the trail, with two exceptions. A [critical](Draft::critical) draft in a
    /// buffered log stays queued and may be written later. An entry whose sync failed ([`Error::Poisoned`]) may be in
    /// the file.
    ///
    /// # Errors
    ///
    /// - [`Error::Draft`]: the draft cannot become an entry. Its type is empty or reserved, or a detail has no JSON
    ///   text.
    /// - [`Error::Closed`]: [`close`](Self::close) was called before.
    /// - [`Error::Poisoned`]: an earlier failure poisoned the log: a failed sync, or an error while the log checked its
    ///   files. Reopen the trail.
    /// - [`Error::Forked`]: the process is a forked child of the one that opened the trail.
    /// - [`Error::Io`]: the OS refused. The next call tries again.
    pub fn append(&self, draft: Draft) -> Result<Receipt, Error> {
        self.open_log.append(draft, self.min_wait)
    }

    /// Records `draft` without blocking the thread. The future is ready when [`append`](Self::append) would return.
    ///
    /// The entry gets its place in the trail during this call and keeps it if the future is dropped. The log's own
    /// thread writes it. The future needs no particular runtime.
    ///
    /// ```
    /// # async fn example(log: kling_audit::AuditLog) -> Result<(), kling_audit::Error> {
    /// use kling_audit::Draft;
    ///
    /// let receipt = log.append_async(Draft::new("quota_changed").actor("alice")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn append_async(&self, draft: Draft) -> PendingReceipt {
        PendingReceipt::new(self.open_log.append_async(draft, self.min_wait))
    }

    /// Records the result of a verification of this trail as `audit_verified`. `by` names the verifying party.
    ///
    /// The entry names the last entry that the verification read, so the trail may have grown since.
    ///
    /// # Errors
    ///
    /// The errors of [`append`](Self::append).
    pub fn record_verification(&self, verification: &Verification, by: &str) -> Result<Receipt, Error> {
        let (first, last) = (verification.first(), verification.last());
        let verified = Draft::from_origin("audit_verified", Origin::Log)
            .detail("verdict", verification.verdict().name())
            .detail("entries", verification.entries())
            .detail("first_seq", first.and_then(|entry| entry.seq))
            .detail("last_seq", last.and_then(|entry| entry.seq))
            .detail("last_hash", last.map(|entry| entry.hash.to_string()))
            .detail("findings", verification.findings_total())
            .detail("by", by);
        self.append(verified)
    }

    /// Syncs all entries recorded so far to the device, whatever the log's [`Durability`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Poisoned`], [`Error::Closed`] or [`Error::Forked`]. A failed sync poisons the log.
    pub fn flush(&self) -> Result<(), Error> {
        self.open_log.flush()
    }

    /// Signs a checkpoint over all entries recorded so far and syncs it to the device.
    ///
    /// The signer is that of [`AuditLogBuilder::checkpoints`]. The checkpoint goes to the sinks as well, and an
    /// `audit_checkpoint` entry describes it.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if the log was opened without checkpoints, if the trail does not continue from its last
    /// checkpoint, or if the key signs another trail. Otherwise the errors of [`flush`](Self::flush).
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, Error> {
        self.open_log.checkpoint()
    }

    /// Erases the value of an [erasable](crate::erasable()) field and records that as `audit_erased`. Returns the
    /// receipt of that record.
    ///
    /// `seq` is the entry that has the field. With `None` as `field`, all erasable values of the entry are erased.
    ///
    /// The value and its salt are overwritten in `audit.private/`. The entry itself, which holds a salted commitment
    /// to the value, does not change: the trail verifies before and after. Without the salt, the commitment does not
    /// let anyone test a guess of the value. The record contains `actor`, `reason` and the field's name: put no
    /// personal data into them.
    ///
    /// Copies are out of reach: backups, snapshots of the file system, and blocks that a device has replaced
    /// internally.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use kling_audit::{AuditLog, Draft};
    ///
    /// let log = AuditLog::open(directory)?;
    /// let opened = log.append(Draft::new("account_opened").erasable("email", "alice@example.com"))?;
    ///
    /// log.erase(opened.seq, "email", "privacy office", "request 4711")?;
    /// # log.close()?;
    /// # kling_audit::verify(directory)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if there is no such entry or it has no such value. Otherwise the errors of
    /// [`append`](Self::append). An erasure that fails after it began is completed by the next call, or by the next
    /// opening of the trail.
    pub fn erase<'a>(
        &self,
        seq: u64,
        field: impl Into<Option<&'a str>>,
        actor: &str,
        reason: &str,
    ) -> Result<Receipt, Error> {
        erase::erase(&self.open_log, &EraseRequest { seq, field: field.into(), actor, reason })
    }

    /// Removes or archives the files whose entries are all older than `retention` allows. Records that first, as
    /// `audit_pruned`. If no file is old enough, nothing is recorded.
    ///
    /// Age is measured from the log's clock or from the last entry, whichever is earlier: a clock that is wrong
    /// prunes nothing early. The live file stays. Private values of pruned entries are pruned with them.
    ///
    /// Only a log with [`checkpoints`](AuditLogBuilder::checkpoints) prunes. It signs one before the record and one
    /// after it, and only then removes files. Afterwards the trail is intact for a verifier that has the key of a
    /// checkpoint over the `audit_pruned` entry; without the key its verdict is `unverifiable`. See
    /// [the manual](crate::manual::retention).
    ///
    /// # Errors
    ///
    /// - [`Error::NotIntact`]: the trail does not verify.
    /// - [`Error::Conflict`]: the trail has promised to keep entries for longer
    ///   ([`min_retention_days`](AuditLogBuilder::min_retention_days)), or the log signs no checkpoints.
    /// - [`Error::Io`] and the errors of [`append`](Self::append): a second call continues where this one stopped.
    pub fn prune(&self, retention: &Retention) -> Result<Pruning, Error> {
        prune::prune(&self.open_log, retention)
    }

    /// Ends the trail in order, for all clones of this log and for the layers that record in it.
    ///
    /// The log records `audit_stopped`, syncs everything to the device, signs a last checkpoint if it signs any, and
    /// releases its lock. Later events are not recorded. A second call does nothing.
    ///
    /// # Errors
    ///
    /// The errors of [`append`](Self::append) and [`flush`](Self::flush). The log is closed in any case.
    pub fn close(&self) -> Result<(), Error> {
        self.open_log.close()
    }

    /// Makes this log the target of [`audit!`](crate::audit) and [`try_audit!`](crate::try_audit) wherever the
    /// current subscriber shows no [`AuditLayer`](crate::AuditLayer).
    ///
    /// Two kinds of programs need it: those without a subscriber, and those whose layer is hidden inside a wrapper
    /// such as `tracing_subscriber::reload`. It replaces the log that was set before. The log stays set until the
    /// process ends and is never dropped: [`close`](Self::close) it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use kling_audit::{AuditLog, try_audit};
    ///
    /// let log = AuditLog::open(directory)?;
    /// log.set_global();
    ///
    /// let receipt = try_audit!("job_started", actor = "cron", job = 17)?;
    /// assert_eq!(receipt.seq, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_global(&self) {
        // The replaced log may be the last handle on its trail, and its drop closes the trail. That takes as long as
        // a sync and may call a hook which uses the macros, so it happens after the lock is released.
        let replaced = GLOBAL_LOG.write().replace(self.clone());
        drop(replaced);
    }

    /// Returns counts since the log was opened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.open_log.counters()
    }

    /// Returns the state of the log, for a health check.
    #[must_use]
    pub fn health(&self) -> Health {
        self.open_log.health()
    }

    /// Returns the trail's id, which each receipt contains.
    #[must_use]
    pub fn trail_id(&self) -> TrailId {
        self.open_log.trail_id()
    }

    /// Returns the trail's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.open_log.directory()
    }

    fn start_with(
        settings: Settings,
        checkpoints: Option<Checkpoints>,
        open: impl FnOnce(Settings) -> Result<CommitQueue, Error>,
    ) -> Result<Self, Error> {
        let open_log = OpenLog::start(settings, checkpoints, open)?;
        Ok(Self { open_log: Arc::new(open_log), min_wait: WaitFor::Linked })
    }

    #[cfg(test)]
    pub(crate) fn start(settings: Settings) -> Result<Self, Error> {
        Self::start_with(settings, None, open::open)
    }

    /// Returns the log that [`set_global`](Self::set_global) has set.
    pub(crate) fn global() -> Option<Self> {
        GLOBAL_LOG.read().clone()
    }

    /// Records the event that `render` prepares.
    pub(crate) fn record_event(
        &self,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> Result<Receipt, Error> {
        self.open_log.append_event(self.min_wait, render)
    }

    /// Records the event that `render` prepares without blocking the thread.
    pub(crate) fn append_event_async(
        &self,
        render: impl FnOnce(&EntryDefaults) -> Result<PreparedEntry, DraftError>,
    ) -> PendingReceipt<NotRecorded> {
        PendingReceipt::new(self.open_log.append_event_async(self.min_wait, render))
    }

    /// Records an entry that no caller waits for. Returns its place in the trail, where it may not be durable yet.
    pub(crate) fn append_in_background(&self, draft: Draft) -> Result<Receipt, Error> {
        self.open_log.append_async(draft, self.min_wait).detach()
    }

    /// Records drafts and returns the time that this took after all of them were rendered. For benches.
    pub(crate) fn time_of_linking(&self, drafts: Vec<Draft>) -> Result<Duration, Error> {
        self.open_log.time_of_linking(drafts)
    }

    /// Returns the names of the fields that entries inherit from the spans around them.
    pub(crate) fn inherited(&self) -> &[String] {
        &self.open_log.defaults().inherit_fields
    }

    /// Returns a clone whose entries are handed to the OS before their receipts exist, even in a buffered log.
    #[cfg(feature = "kling")]
    pub(crate) fn at_least_written(&self) -> Self {
        Self { open_log: Arc::clone(&self.open_log), min_wait: WaitFor::Written }
    }

    /// Returns `true` if an entry whose caller got an error may stay queued and be written later.
    #[cfg(feature = "kling")]
    pub(crate) fn keeps_lines(&self) -> bool {
        self.open_log.keeps_lines()
    }

    /// Returns `true` if both are handles of one open trail.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.open_log, &other.open_log)
    }

    /// Marks the log as one that a layer records in.
    pub(crate) fn set_has_layer(&self) {
        self.open_log.set_has_layer();
    }

    /// Returns `true` if a layer was ever made for this log.
    pub(crate) fn has_layer(&self) -> bool {
        self.open_log.has_layer()
    }

    /// Counts an entry that was lost before it reached the log.
    pub(crate) fn count_not_recorded(&self) {
        self.open_log.count_not_recorded();
    }
}

// The chain changes in one step under a lock that a panic does not poison. A caller that catches a panic therefore
// finds the log as it was before or after an entry, never in between.
impl UnwindSafe for AuditLog {}
impl RefUnwindSafe for AuditLog {}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("directory", &self.directory())
            .field("trail_id", &self.trail_id())
            .finish_non_exhaustive()
    }
}

/// Settings of an [`AuditLog`]; made by [`AuditLog::builder`].
///
/// | setting | default | effect |
/// |---|---|---|
/// | [`actor`](Self::actor) | `system` | actor of entries that name none |
/// | [`adopt`](Self::adopt) | | opens a new trail and seals the present one |
/// | [`checkpoints`](Self::checkpoints) | none | signed statements about the trail |
/// | [`clock`](Self::clock) | the OS clock | timestamps, for tests |
/// | [`durability`](Self::durability) | [`Durability::Written`] | promise of a receipt |
/// | [`group_readable`](Self::group_readable) | off: modes 0700, 0600 | lets the group read |
/// | [`hash_length`](Self::hash_length) | that of the trail; 64 digits if it is new | hash digits in each entry |
/// | [`inherit_fields`](Self::inherit_fields) | none | span fields that entries repeat |
/// | [`max_file_size`](Self::max_file_size) | no limit: one file a day | size at which the trail rolls |
/// | [`min_retention_days`](Self::min_retention_days) | 0 | period that entries must be kept |
/// | [`on_error`](Self::on_error) | print to standard error | hook for lost entries |
/// | [`on_failure`](Self::on_failure) | [`OnFailure::Report`] | policy for lost entries |
/// | [`redact`](Self::redact) | `password`, `secret`, `token`, `authorization`, `api_key`, `private_key`, `cookie`, `prompt` | names of fields whose values are left out |
/// | [`service`](Self::service), [`version`](Self::version) | none | name and version in `audit_started` |
/// | [`source_location`](Self::source_location) | off | module and line in each entry |
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// use kling_audit::{AuditLog, Durability};
///
/// let log = AuditLog::builder(directory)
///     .service("studio")
///     .durability(Durability::Synced)
///     .inherit_fields(["request_id"])
///     .open()?;
/// # log.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder opens nothing before `open`"]
pub struct AuditLogBuilder {
    settings: Settings,
    checkpoints: Option<Checkpoints>,
}

impl AuditLogBuilder {
    /// Sets the actor of entries for which neither the event nor a span around it names one.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.settings.actor = actor.into();
        self
    }

    /// Sets the durability that a receipt promises.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.settings.durability = durability;
        self
    }

    /// Sets a function that the log calls with the error of each entry that was not recorded. The log also calls it
    /// with failures that no caller receives, such as a failed write of buffered entries.
    ///
    /// Without a hook, failures of the second kind are printed to standard error. The hook runs on the thread that
    /// found the failure. It must not append to this log. Events that it emits are not recorded, because the log is
    /// busy at that moment.
    pub fn on_error(mut self, hook: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.settings.hook = Some(Arc::new(hook));
        self
    }

    /// Sets the policy for entries that could not be recorded.
    pub fn on_failure(mut self, policy: OnFailure) -> Self {
        self.settings.on_failure = policy;
        self
    }

    /// Sets the number of hash digits that each entry contains.
    ///
    /// A trail never mixes lengths. [`open`](Self::open) fails if the trail has the other length.
    pub fn hash_length(mut self, length: HashLength) -> Self {
        self.settings.hash_length = Some(length);
        self
    }

    /// Names span fields that every entry inside the span repeats in its `context.fields`, such as `request_id` or
    /// `tenant`.
    ///
    /// Only audit spans count, that is spans with the target `audit`. If several spans around an event have the
    /// field, the innermost gives its latest value. The actor is inherited in any case. Replaces the names that were
    /// set before.
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

    /// Sets the largest size of a file in bytes. The trail rolls to a new file of the same day before a file would
    /// exceed it.
    ///
    /// An entry that is larger gets a file of its own.
    pub fn max_file_size(mut self, bytes: u64) -> Self {
        self.settings.max_file_size = Some(bytes);
        self
    }

    /// Lets the group read files that are created from now on: directory 0750, live file 0640, closed files 0440,
    /// instead of 0700, 0600 and 0400. Modes of existing files do not change.
    pub fn group_readable(mut self) -> Self {
        self.settings.access = Permissions::GroupReadable;
        self
    }

    /// Replaces the names of the fields whose values are recorded as `[redacted]`.
    ///
    /// A field is covered at any depth if its name contains one of `names` as whole words, in upper or lower case.
    /// Words end at `_`, `-`, `.` and space: `token` covers `Access-Token` and not `tokens_used`. A name with the
    /// word `hash`, `length`, `kind` or `prefix` is exempt.
    pub fn redact<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.settings.redaction = Redaction::of(names);
        self
    }

    /// Promises, in `audit_started`, to keep entries for at least this number of days.
    ///
    /// The promise can only grow: the highest number that a trail ever contained holds.
    pub fn min_retention_days(mut self, days: u32) -> Self {
        self.settings.min_retention_days = days;
        self
    }

    /// Sets the name of the service in `audit_started`.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.settings.service = Some(name.into());
        self
    }

    /// Sets the version of the service in `audit_started`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.settings.version = Some(version.into());
        self
    }

    /// Adds the origin of each entry as `context.source`: the way it came (`macro`, `event`, `span` or `append`),
    /// and module and line of its callsite.
    pub fn source_location(mut self) -> Self {
        self.settings.source_location = true;
        self
    }

    /// Replaces the OS clock, for tests such as a change of day.
    ///
    /// The log calls `clock` under its lock, so `clock` must not use the log.
    pub fn clock(mut self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.settings.clock = Clock::Given(Arc::new(clock));
        self
    }

    /// Signs checkpoints while the trail is written. The holder of a checkpoint can prove that the trail was
    /// rewritten or truncated later.
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

    /// Opens the trail, or creates one. A missing directory is created.
    ///
    /// The log reads the head and the ends of the files: the time grows with the number of files, not with their
    /// length. The log moves an unfinished last line, which a crash may have left, to a `*.torn` file in the directory,
    /// and describes it by `audit_recovered`. A refused opening ([`Error::Locked`], [`Error::CannotResume`],
    /// [`Error::HashLength`]) changes nothing on disk.
    ///
    /// # Errors
    ///
    /// - [`Error::Locked`]: another writer has the trail open.
    /// - [`Error::CannotResume`]: the files do not allow the trail to continue, for instance because they were
    ///   edited.
    /// - [`Error::HashLength`]: the trail has the other hash length.
    /// - [`Error::Io`]: the OS refused.
    pub fn open(self) -> Result<AuditLog, Error> {
        AuditLog::start_with(self.settings, self.checkpoints, open::open)
    }

    /// Seals the present trail, which [`open`](Self::open) cannot resume, and begins a new one.
    ///
    /// The old files are moved unchanged to `sealed/TRAIL_ID/` in the directory. The new trail's `audit_started`
    /// contains `actor`, `reason`, the verdict of a verification of the old trail, and the SHA-256 of each file.
    /// Verification checks those hashes and always reports the adoption as a notice.
    ///
    /// After an interruption, a second call continues where the first one stopped.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if there is no trail to seal; [`Error::Locked`] and [`Error::Io`].
    pub fn adopt(self, actor: &str, reason: &str) -> Result<AuditLog, Error> {
        let lock = adopt::seal(&self.settings, actor, reason)?;
        AuditLog::start_with(self.settings, self.checkpoints, |settings| open::open_locked(settings, lock))
    }
}
