//! How a running log is to sign: with what, how often, and where it goes.

use std::{fmt, sync::Arc, time::Duration};

use crate::checkpoint::{signer::Signer, sink::CheckpointSink};

/// How a log signs checkpoints; for [`AuditLogBuilder::checkpoints`](crate::AuditLogBuilder::checkpoints).
///
/// | setting | default |
/// |---|---|
/// | [`every_entries`](Self::every_entries) | 100,000 |
/// | [`every`](Self::every) | 1 hour |
/// | [`sink`](Self::sink) | none: the trail's own `audit.checkpoints` alone |
///
/// One is signed at either of them, when the trail goes on in a new file, and when the log is closed. Signing is on a
/// thread of its own and delays no entry; an entry `audit_checkpoint` tells of each but the last.
#[derive(Clone)]
#[must_use = "nothing is signed before a log is opened with it"]
pub struct Checkpoints {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) every_entries: u64,
    pub(crate) every: Duration,
    pub(crate) sinks: Vec<CheckpointSink>,
}

impl Checkpoints {
    /// Signs with `signer`.
    pub fn new(signer: impl Signer + 'static) -> Self {
        Self {
            signer: Arc::new(signer),
            every_entries: 100_000,
            every: Duration::from_secs(3_600),
            sinks: Vec::new(),
        }
    }

    /// Signs after that many entries of callers; the log's own don't count, so no checkpoint is the reason for another.
    pub fn every_entries(mut self, entries: u64) -> Self {
        self.every_entries = entries.max(1);
        self
    }

    /// Signs once in that time, also while nothing is recorded: a trail that is silent is then a trail that says so. The
    /// age that a verifier asks for should be twice this.
    pub fn every(mut self, time: Duration) -> Self {
        self.every = time.max(Duration::from_millis(1));
        self
    }

    /// Hands each checkpoint to `sink` too; to each of several.
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
