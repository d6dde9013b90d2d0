//! The position of the scan in a trail, and the findings that are made there.

use crate::{
    findings::finding::{Finding, FindingKind},
    storage::segments::TrailFile,
    verify::sequence::ChainBreak,
};

/// Maximum characters of a text in a finding. Longer texts end with an ellipsis.
const MAX_FINDING_TEXT_CHARS: usize = 200;

/// One line of a trail, by its place in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position<'a> {
    pub(super) file: &'a TrailFile,
    /// Number of the line in its file, from 1.
    pub(super) line: u64,
    /// Offset of the line's first byte in its file.
    pub(super) offset: u64,
}

impl Position<'_> {
    /// Returns a finding at this line.
    pub(super) fn finding(
        &self,
        kind: FindingKind,
        seq: Option<u64>,
        expected: &str,
        found: &str,
    ) -> Finding {
        Finding {
            kind,
            file: self.file.name.clone(),
            line: Some(self.line),
            offset: Some(self.offset),
            seq,
            expected: truncate_text(expected),
            found: truncate_text(found),
        }
    }

    /// Returns a finding about a break of the chain. A break at the first line of a file means that a whole file is
    /// missing before this one.
    pub(super) fn chain_finding(&self, seq: Option<u64>, found: &ChainBreak) -> Finding {
        let mut finding = self.finding(found.kind, seq, &found.expected, &found.found);
        if self.line == 1 && matches!(found.kind, FindingKind::SequenceGap | FindingKind::ChainBroken) {
            finding.kind = FindingKind::MissingFile;
            finding.line = None;
            finding.offset = None;
            let member = if found.kind == FindingKind::SequenceGap { "seq" } else { "prev_hash" };
            finding.expected = format!("{member} {}", found.expected);
            finding.found = format!("{member} {}", found.found);
        }
        finding
    }
}

fn truncate_text(text: &str) -> String {
    match text.char_indices().nth(MAX_FINDING_TEXT_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
