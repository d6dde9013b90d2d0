//! Settings of a log.

use std::{fmt, path::PathBuf, sync::Arc};

use crate::{
    codec::digest::HashLength,
    error::Error,
    format::redaction::Redaction,
    storage::{backend::Wrap, permissions::Permissions},
    write::clock::Clock,
};

/// The point at which an entry counts as recorded: `append` returns the receipt after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// The entry is linked in memory. The log writes it within 15 ms, or earlier if 256 KiB are waiting. If the process
    /// is killed, the last entries may be lost. A process that exits in order loses none.
    Buffered,
    /// The entry is written: the OS has it. It survives if the process is killed, and may be lost in a power failure.
    #[default]
    Written,
    /// The entry is synced: `fdatasync` put it on the device. It survives a power failure, unless the device reports a
    /// sync too early.
    Synced,
}

/// Reaction of a log to an entry that could not be recorded, after the caller has received the error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFailure {
    /// Counts the failure, calls the [`on_error`](crate::AuditLogBuilder::on_error) hook, and tries again with the next
    /// entry.
    #[default]
    Report,
    /// Ends the process by [`std::process::abort`]. Use it for services that must not run without an audit trail.
    Abort,
}

/// Function that a log calls with its errors.
pub(crate) type Hook = Arc<dyn Fn(&Error) + Send + Sync>;

/// All settings of a log, as its builder sets them.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) directory: PathBuf,
    pub(crate) access: Permissions,
    /// Actor of entries whose drafts name none.
    pub(crate) actor: String,
    /// Member `adopted` of `audit_started`, if the trail replaces a sealed one.
    pub(crate) adopted: Option<serde_json::Value>,
    pub(crate) clock: Clock,
    pub(crate) durability: Durability,
    pub(crate) hook: Option<Hook>,
    pub(crate) on_failure: OnFailure,
    pub(crate) wrap: Wrap,
    /// Required length of hashes. `None` accepts the trail's own, and means 64 digits for a new trail.
    pub(crate) hash_length: Option<HashLength>,
    /// Names of fields that entries inherit from the spans around them.
    pub(crate) inherit_fields: Vec<String>,
    /// Bytes after which a file is full. `None` for no limit.
    pub(crate) max_file_size: Option<u64>,
    /// Days that entries must be kept, as `audit_started` states it.
    pub(crate) min_retention_days: u32,
    pub(crate) redaction: Redaction,
    pub(crate) service: Option<String>,
    /// `true` if entries have a `context.source`.
    pub(crate) source_location: bool,
    pub(crate) version: Option<String>,
}

impl Settings {
    /// Returns the default settings.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            access: Permissions::default(),
            actor: "system".to_owned(),
            adopted: None,
            clock: Clock::System,
            durability: Durability::default(),
            hook: None,
            on_failure: OnFailure::default(),
            wrap: Arc::new(|file, _| Box::new(file)),
            hash_length: None,
            inherit_fields: Vec::new(),
            max_file_size: None,
            min_retention_days: 0,
            redaction: Redaction::default(),
            service: None,
            source_location: false,
            version: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("directory", &self.directory)
            .field("access", &self.access)
            .field("actor", &self.actor)
            .field("durability", &self.durability)
            .field("on_failure", &self.on_failure)
            .field("hash_length", &self.hash_length)
            .field("inherit", &self.inherit_fields)
            .field("max_file_size", &self.max_file_size)
            .field("min_retention_days", &self.min_retention_days)
            .field("service", &self.service)
            .field("source_location", &self.source_location)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
