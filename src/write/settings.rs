//! What a log was opened with.

use std::{fmt, path::PathBuf, sync::Arc};

use crate::{
    codec::digest::HashLength,
    error::Error,
    format::redaction::Redaction,
    storage::{backend::Wrap, permissions::Permissions},
    write::clock::Clock,
};

/// When `append` may say that an entry is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// It is linked in memory; it is handed to the system within 15 ms or 256 KiB. The death of the process can
    /// take what came last; an orderly exit can't.
    Buffered,
    /// It was handed to the system: it survives the death of the process, not a power cut.
    #[default]
    Written,
    /// It is on the device (`fdatasync`): it survives a power cut, as far as the device tells the truth.
    Synced,
}

/// What a log does when an entry could not be recorded, after its caller was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFailure {
    /// It counts, tells the [`on_error`](crate::AuditLogBuilder::on_error) hook, and tries again with the next entry.
    #[default]
    Report,
    /// It ends the process with [`std::process::abort`]: for services that must not go on unrecorded.
    Abort,
}

/// Told of errors.
pub(crate) type Hook = Arc<dyn Fn(&Error) + Send + Sync>;

/// Everything that a builder can set.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) directory: PathBuf,
    pub(crate) access: Permissions,
    pub(crate) actor: String,
    /// What a trail says of the one that it takes the place of.
    pub(crate) adopted: Option<serde_json::Value>,
    pub(crate) clock: Clock,
    pub(crate) durability: Durability,
    pub(crate) hook: Option<Hook>,
    pub(crate) on_failure: OnFailure,
    pub(crate) wrap: Wrap,
    /// `None`: as the trail has it; 64 digits for a new one.
    pub(crate) hash_length: Option<HashLength>,
    /// Names of fields that entries take over from the spans around them.
    pub(crate) inherit_fields: Vec<String>,
    pub(crate) max_file_size: Option<u64>,
    pub(crate) min_retention_days: u32,
    pub(crate) redaction: Redaction,
    pub(crate) service: Option<String>,
    pub(crate) source_location: bool,
    pub(crate) version: Option<String>,
}

impl Settings {
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
