//! The evidence that a trail's owner cannot make up: checkpoints under a given key, and receipts.
//!
//! The evidence is read before the trail's files are listed, receives each entry during the scan, and is concluded
//! after it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    checkpoint::verifying_key::VerifyingKey,
    codec::{digest::Digest, timestamp::Timestamp},
    error::Error,
    findings::{notice::Notice, verification::count},
    format::receipt::Receipt,
    storage::prune_record::Pruned,
    verify::{checkpoint_check::CheckpointCheck, receipt_check::ReceiptCheck, scan_state::ScanState},
};

/// The evidence that the caller requires beside the trail itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requirements {
    pub(crate) keys: Vec<VerifyingKey>,
    /// Files with checkpoints that were kept elsewhere.
    pub(crate) kept: Vec<PathBuf>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) receipts: Vec<Receipt>,
    /// Files with receipts.
    pub(crate) receipt_files: Vec<PathBuf>,
    /// `true` if the record of pruned entries need not be covered by a checkpoint.
    pub(crate) accept_pruned: bool,
}

impl Requirements {
    /// Returns `true` if a checkpoint from elsewhere shows where the trail ends, so that it needs no head.
    pub(crate) fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Returns `true` if no evidence is required.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.has_checkpoints() && self.receipts.is_empty() && self.receipt_files.is_empty()
    }

    fn has_checkpoints(&self) -> bool {
        !self.keys.is_empty() || !self.kept.is_empty() || self.max_age.is_some()
    }
}

/// The evidence, and the results of comparing entries with it so far.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    checkpoints: CheckpointCheck,
    receipts: ReceiptCheck,
    pruned: Option<PrunedStart>,
    accept_pruned: bool,
    /// The first reason why required evidence is missing.
    missing: Option<String>,
}

/// The pruned entries at the start of a trail.
#[derive(Debug)]
struct PrunedStart {
    /// Number of pruned entries that the tree covers.
    size: u64,
    /// Number of the `audit_pruned` that records them.
    recorded_at: u64,
    /// Number of the first entry that is there.
    first: Option<u64>,
}

/// The result of comparing a trail with the evidence.
#[derive(Debug, Default)]
pub(super) struct EvidenceOutcome {
    /// Reason why required evidence is missing.
    pub(super) missing: Option<String>,
    /// Basis of the verdict, if evidence holds.
    pub(super) basis: Option<String>,
    /// Number of the last entry that a checkpoint covers which holds.
    pub(super) signed_through: Option<u64>,
}

impl Evidence {
    /// Reads the required evidence. `directory` is that of the whole trail, or `None` if only a part is verified.
    ///
    /// The trail may grow meanwhile, so the caller lists its files afterwards: a checkpoint never covers an entry
    /// that is not in the list.
    pub(crate) fn gather(required: &Requirements, directory: Option<&Path>) -> Result<Self, Error> {
        let mut evidence = Self {
            checkpoints: CheckpointCheck::new(
                required.has_checkpoints(),
                required.keys.clone(),
                required.max_age,
            ),
            accept_pruned: required.accept_pruned,
            ..Self::default()
        };
        for receipt in &required.receipts {
            evidence.receipts.add(receipt);
        }
        for path in &required.receipt_files {
            let missing = evidence.receipts.add_file(path)?;
            evidence.add_missing(missing);
        }
        if required.has_checkpoints() {
            let missing = match directory {
                _ if required.keys.is_empty() => {
                    Some("no key was given to check checkpoints with".to_owned())
                }
                None => Some(
                    "checkpoints cover a trail from its first entry on, and this is a part of one".to_owned(),
                ),
                Some(directory) => evidence.checkpoints.read_files(&required.kept, directory)?,
            };
            evidence.add_missing(missing);
        }
        Ok(evidence)
    }

    /// Continues from the tree over the pruned entries, which the trail records.
    pub(super) fn after_pruned(mut self, pruned: &Pruned) -> Self {
        self.pruned = Some(PrunedStart { size: pruned.size(), recorded_at: pruned.seq, first: None });
        let missing = self.checkpoints.after_pruned(pruned);
        self.add_missing(missing);
        self
    }

    fn add_missing(&mut self, reason: Option<String>) {
        if self.missing.is_none() {
            self.missing = reason;
        }
    }

    /// Returns `true` if the scan must call [`add_entry`](Self::add_entry) for each entry.
    pub(super) fn follows_entries(&self) -> bool {
        self.checkpoints.is_required() || self.pruned.is_some() || !self.receipts.is_empty()
    }

    /// Adds an entry in the order of the scan. `leaf` is the hash that the entry should have, in full; `hash` is the
    /// hash as printed, which may be short.
    #[inline]
    pub(super) fn add_entry(&mut self, seq: u64, leaf: &[u8; 32], hash: &Digest, time: Timestamp) {
        self.receipts.add_entry(seq, hash);
        if let Some(pruned) = &mut self.pruned {
            pruned.first.get_or_insert(seq);
            // The tree begins after the pruned entries. Their files can still be there: a crash leaves them, or they
            // were copied back.
            if seq < pruned.size {
                return;
            }
        }
        self.checkpoints.add_entry(seq, leaf, time);
    }

    /// Ends the tree at a line whose leaf is unknown.
    pub(super) fn lose_tree(&mut self) {
        self.checkpoints.lose_tree();
    }

    /// Ends the comparison. `last` is the number of the trail's last entry.
    pub(super) fn conclude(
        mut self,
        last_file: &str,
        last: Option<u64>,
        state: &mut ScanState,
    ) -> EvidenceOutcome {
        // The order of these three is the order of findings, and of the reasons of which the first is reported.
        let first = self.pruned.as_ref().and_then(|pruned| pruned.first);
        let missing = self.receipts.conclude(first, state);
        self.add_missing(missing);
        self.checkpoints.conclude(last_file, last, state);
        let missing = self.conclude_pruned(state);
        self.add_missing(missing);
        self.outcome(last)
    }

    /// Ends the comparison with a log of the Python tool, for which there is no evidence.
    pub(super) fn conclude_python_tool(self) -> EvidenceOutcome {
        let is_required =
            self.checkpoints.is_required() || !self.receipts.is_empty() || self.missing.is_some();
        let missing = || "logs of the Python tool have no checkpoints, and no receipts".to_owned();
        EvidenceOutcome { missing: is_required.then(missing), ..EvidenceOutcome::default() }
    }

    /// Adds the notice about pruned entries. Returns a reason if no checkpoint covers their record: without one, an
    /// attacker could delete the start of a trail and append a record of pruning.
    fn conclude_pruned(&self, state: &mut ScanState) -> Option<String> {
        let pruned = self.pruned.as_ref()?;
        let last = pruned.first.and_then(|first| first.checked_sub(1))?;
        let recorded_at = pruned.recorded_at;
        state.add_notice(Notice::Pruned { last, recorded_at });
        let is_accepted = self.accept_pruned || self.checkpoints.covers(recorded_at);
        (!is_accepted).then(|| {
            format!(
                "entries 0 to {last} are not there: seq {recorded_at} says that they were pruned, and no checkpoint \
                 that holds under a given key covers that entry"
            )
        })
    }

    fn outcome(self, last: Option<u64>) -> EvidenceOutcome {
        let signed_through = self.checkpoints.signed_through();
        let receipts_through = self.receipts.confirmed_through();
        let mut basis = Vec::new();
        if let Some(signed) = signed_through {
            basis.push(format!("signed through seq {signed} by {}", self.checkpoints.signed_by()));
        }
        if let Some(received) = receipts_through {
            let receipts = count(self.receipts.confirmed(), "receipt holds", "receipts hold");
            basis.push(format!("{receipts} through seq {received}"));
        }
        // Entries after the last proven one rest on the chain alone. The basis names them.
        let proven = signed_through.max(receipts_through);
        if let (Some(proven), Some(last)) = (proven, last) {
            match last.saturating_sub(proven) {
                0 => {}
                1 => basis.push(format!("seq {last} by the chain alone")),
                _ => basis.push(format!("{} to {last} by the chain alone", proven + 1)),
            }
        }
        let basis = proven.is_some().then(|| basis.join("; "));
        EvidenceOutcome { missing: self.missing, basis, signed_through }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::{
        checkpoint::{policy::Checkpoints, signing_key::SigningKey},
        findings::verification::Verdict,
        format::draft::Draft,
        log::AuditLog,
        verify::verifier::Verifier,
    };

    #[test]
    fn many_own_checkpoints_do_not_displace_a_kept_one() {
        let place = tempfile::tempdir().expect("a directory");
        let [trail, key, kept] = ["audit", "key", "kept"].map(|name| place.path().join(name));
        let public = SigningKey::generate(&key, "example.com/audit").expect("a key").verifying_key().clone();
        let run = || {
            let checkpoints = Checkpoints::new(SigningKey::open(&key).expect("a key"));
            let log = AuditLog::builder(&trail).checkpoints(checkpoints).open().expect("opens");
            for number in 0..5 {
                log.append(Draft::new("worked").detail("number", number)).expect("recorded");
                log.checkpoint().expect("signed");
            }
            log.close().expect("closes");
        };
        run();
        let old: Vec<_> = fs::read_dir(&trail)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").path())
            .map(|path| (path.clone(), fs::read(path).expect("readable")))
            .collect();
        run();
        fs::copy(trail.join("audit.checkpoints"), &kept).expect("copied");
        let verify =
            || Verifier::new(&trail).key(public.clone()).checkpoint(&kept).run().expect("readable").verdict();
        assert_eq!(verify(), Verdict::Intact);

        for (path, bytes) in old {
            fs::remove_file(&path).expect("removed");
            fs::write(&path, bytes).expect("written");
        }
        let own = trail.join("audit.checkpoints");
        let signed = fs::read_to_string(&own).expect("readable");
        fs::write(&own, [signed.trim_end(); 10].join("\n\n") + "\n").expect("written");

        assert_eq!(verify(), Verdict::Tampered);
    }

    #[test]
    fn each_required_file_of_receipts_must_have_one() {
        let place = tempfile::tempdir().expect("a directory");
        let [trail, good, empty] = ["audit", "good", "empty"].map(|name| place.path().join(name));
        let log = AuditLog::open(&trail).expect("opens");
        let receipt = log.append(Draft::new("worked")).expect("recorded");
        log.close().expect("closes");
        fs::write(&good, format!("{} {}\n", receipt.seq, receipt.hash)).expect("written");
        fs::write(&empty, "\n").expect("written");
        let verify = |files: &[&std::path::PathBuf]| {
            let verifier =
                files.iter().fold(Verifier::new(&trail), |verifier, file| verifier.receipts(*file));
            verifier.run().expect("readable").verdict()
        };

        assert_eq!(verify(&[&good]), Verdict::Intact);
        assert_eq!(verify(&[&good, &empty]), Verdict::Unverifiable);
        assert_eq!(verify(&[&empty, &good]), Verdict::Unverifiable);
    }
}
