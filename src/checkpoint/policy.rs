//! The signing policy of a running log: the signer, the intervals and the sinks.

use std::{fmt, sync::Arc, time::Duration};

use crate::checkpoint::{signer::Signer, sink::CheckpointSink};

/// The signing policy of a log, for [`AuditLogBuilder::checkpoints`](crate::AuditLogBuilder::checkpoints).
///
/// | setting | default |
/// |---|---|
/// | [`every_entries`](Self::every_entries) | 100,000 |
/// | [`every`](Self::every) | 1 hour |
/// | [`sink`](Self::sink) | none: the trail's own `audit.checkpoints` alone |
///
/// A checkpoint is signed when either interval ends, when the trail continues in a new file, and when the log is
/// closed. A thread of its own signs, so no entry waits. An entry `audit_checkpoint` records each checkpoint but the
/// last.
#[derive(Clone)]
#[must_use = "nothing is signed before a log is opened with it"]
pub struct Checkpoints {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) every_entries: u64,
    pub(crate) every: Duration,
    pub(crate) sinks: Vec<CheckpointSink>,
}

impl Checkpoints {
    /// Signs with `signer` at the default intervals.
    pub fn new(signer: impl Signer + 'static) -> Self {
        Self {
            signer: Arc::new(signer),
            every_entries: 100_000,
            every: Duration::from_secs(3_600),
            sinks: Vec::new(),
        }
    }

    /// Sets the number of entries between two checkpoints. The log's own entries do not count, so that no checkpoint
    /// causes another.
    pub fn every_entries(mut self, entries: u64) -> Self {
        self.every_entries = entries.max(1);
        self
    }

    /// Sets the time between two checkpoints. One is signed even if nothing was recorded meanwhile: a silent trail is
    /// then distinct from a truncated one. Verifiers should require a maximum age of twice this time.
    pub fn every(mut self, time: Duration) -> Self {
        self.every = time.max(Duration::from_millis(1));
        self
    }

    /// Adds a sink, which receives each checkpoint too. Several may be added.
    pub fn sink(mut self, sink: CheckpointSink) -> Self {
        self.sinks.push(sink);
        self
    }
}

impl fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoints")
            .field("key", self.signer.verifying_key())
            .field("every_entries", &self.every_entries)
            .field("every", &self.every)
            .field("sinks", &self.sinks)
            .finish_non_exhaustive()
    }
}
