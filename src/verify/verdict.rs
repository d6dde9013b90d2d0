//! The verdict of a verification and its basis.
//!
//! Any finding means `tampered`. Without findings, a trail is `unverifiable` if the scan stopped, if it has no
//! entries, or if required evidence is missing. Otherwise it is `intact`, and the basis states how far that can be
//! believed.

use std::path::Path;

use crate::{
    findings::verification::{EntryRef, Verdict, Verification, count},
    storage::segments::{TrailFile, TrailFormat},
    verify::{anchor::Anchor, evidence::EvidenceOutcome, scan_state::ScanState},
};

/// The part of a trail that is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The whole trail.
    Whole,
    /// The newest files of a trail.
    Newest,
    /// A single file.
    File,
    /// The entries from a known one on.
    Since(Anchor),
}

/// The input of a verdict beside the results of the scan.
pub(super) struct VerdictInput<'a> {
    pub(super) path: &'a Path,
    /// Files that were read.
    pub(super) files: &'a [TrailFile],
    pub(super) format: TrailFormat,
    pub(super) extent: Extent,
    /// `true` if the end was compared with a head.
    pub(super) has_head: bool,
}

impl VerdictInput<'_> {
    /// Forms the verification.
    pub(super) fn conclude(&self, state: ScanState, evidence: EvidenceOutcome) -> Verification {
        let (verdict, basis) = self.judge(&state, &evidence);
        Verification {
            path: self.path.to_owned(),
            verdict,
            basis,
            signed_through: evidence.signed_through,
            entries: state.entries,
            files: self.files.iter().map(|file| file.name.clone()).collect(),
            first: state.first,
            last: state.last.map(|last| EntryRef::new(last.seq, last.hash, last.time)),
            findings: state.findings,
            findings_total: state.findings_total,
            notices: state.notices,
            notices_total: state.notices_total,
            erasable: state.erasable,
        }
    }

    fn judge(&self, state: &ScanState, evidence: &EvidenceOutcome) -> (Verdict, String) {
        // A finding proves an edit, whatever else is missing or unknown, so it comes first.
        if state.findings_total > 0 {
            return (Verdict::Tampered, count(state.findings_total, "finding", "findings"));
        }
        if let Some(reason) = &state.stopped {
            return (Verdict::Unverifiable, reason.clone());
        }
        if state.entries == 0 {
            return (Verdict::Unverifiable, "there are no entries".to_owned());
        }
        if let Some(missing) = &evidence.missing {
            return (Verdict::Unverifiable, missing.clone());
        }
        let by = match (self.format, &evidence.basis) {
            (TrailFormat::Format1, Some(basis)) => basis.as_str(),
            (TrailFormat::Format1, None) if self.has_head => {
                "by the chain and its head: the directory's owner could rewrite both"
            }
            (TrailFormat::Format1, None) => {
                "by the chain alone: the directory's owner could rewrite it or cut its end"
            }
            // No checkpoint or receipt exists for these logs.
            (TrailFormat::PythonTool, _) => {
                "by the Python tool's chain of 64-bit hashes alone: the directory's owner could rewrite it or \
                 cut its end"
            }
        };
        let start = match self.extent {
            Extent::Whole => String::new(),
            Extent::Newest => {
                "; of the period: what came before its first entry is taken on trust".to_owned()
            }
            Extent::File => "; one file: what came before its first entry is taken on trust".to_owned(),
            Extent::Since(Anchor { seq, hash }) => {
                format!(
                    "; from seq {seq} on, which has the hash that was given, {hash}: what came before is taken \
                     on trust"
                )
            }
        };
        (Verdict::Intact, format!("{by}{start}"))
    }
}
