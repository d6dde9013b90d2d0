//! The check of erasable values: each private value that is there is compared with the commitment in its entry.
//!
//! A copy for others has no private values. Nothing is checked then.

use std::path::Path;

use crate::{
    codec::json::value::Value,
    error::{Error, Operation},
    findings::{
        finding::{Finding, FindingKind},
        notice::Notice,
        withheld::ErasableCounts,
    },
    format::{
        entry_commitments::{Commitment, commitments},
        line::{Line, MAX_LINE_BYTES},
    },
    storage::{
        durable,
        line_reader::Piece,
        private_reader::PrivateReader,
        private_values::{self, PrivateValues},
        segments::TrailFile,
    },
    verify::scan_state::ScanState,
};

/// Checks the private values of one trail.
struct ValueCheck<'a> {
    trail: &'a Path,
    /// `true` while the writer erases a value. The value's line is neither whole nor gone then, and no finding.
    is_being_erased: bool,
    counts: ErasableCounts,
    /// Number of values that differ from their commitment.
    changed: u64,
}

/// Checks the private values of `files`.
pub(super) fn check(trail: &Path, files: &[TrailFile], state: &mut ScanState) -> Result<(), Error> {
    let directory = private_values::directory(trail);
    if !durable::exists(&directory)? {
        return Ok(());
    }
    let is_being_erased = durable::exists(&directory.join(private_values::ERASURE_FILE_NAME))?;
    let mut check = ValueCheck { trail, is_being_erased, counts: ErasableCounts::default(), changed: 0 };
    for file in files {
        check.check_file(file, state)?;
    }
    let ValueCheck { mut counts, changed, .. } = check;
    counts.missing = counts.values.saturating_sub(counts.at_hand + counts.erased + changed);
    if counts.missing > 0 {
        state.add_notice(Notice::ValuesMissing { values: counts.missing });
    }
    state.erasable = Some(counts);
    Ok(())
}

impl ValueCheck<'_> {
    fn check_file(&mut self, file: &TrailFile, state: &mut ScanState) -> Result<(), Error> {
        let values = PrivateValues::of(self.trail, &file.name)?;
        let mut values = values.as_ref().map(PrivateReader::new).transpose()?;
        let name = format!("{}/{}", private_values::PRIVATE_DIRECTORY_NAME, file.name);
        let finding = |line, offset, seq, expected: &str, found: &str| Finding {
            kind: FindingKind::ValueChanged,
            file: name.clone(),
            line: Some(line),
            offset: Some(offset),
            seq,
            expected: expected.to_owned(),
            found: found.to_owned(),
        };
        // Entries with erasable values and `audit_erased` both contain this text. A search for it is faster than
        // parsing, and most entries lack it.
        let erasable_or_erased = memchr::memmem::Finder::new(b"eras");
        let mut lines = file.lines(MAX_LINE_BYTES)?;
        while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
            let Piece::Line { bytes, .. } = piece else { continue };
            if erasable_or_erased.find(bytes).is_none() {
                continue;
            }
            // A malformed or changed line is a finding of the scan already.
            let Some(line) = Line::recognise(bytes).ok().filter(Line::holds) else { continue };
            if line.is("audit_erased")
                && let Some(Value::Array(fields)) = line.detail("fields")
            {
                self.counts.erased += fields.len() as u64;
            }
            let committed = commitments(line.context, line.details);
            if committed.is_empty() {
                continue;
            }
            self.counts.values += committed.len() as u64;
            let Some(values) = &mut values else { continue };
            let found = values.of(line.seq)?;
            for Commitment { field, digest } in &committed {
                let mut of_field = found.iter().filter(|value| value.field == *field).peekable();
                let Some(first) = of_field.peek().copied() else { continue };
                // A repeated write leaves a second value for the same field. One of them must match.
                if of_field.any(|value| value.commitment == *digest) {
                    self.counts.at_hand += 1;
                    continue;
                }
                self.changed += 1;
                state.add_finding(finding(
                    first.line,
                    first.offset,
                    Some(line.seq),
                    &format!("the value with commitment {digest}"),
                    &format!("one with {}", first.commitment),
                ));
            }
        }
        if let Some(values) = values {
            for damaged in values.finish()?.into_iter().filter(|_| !self.is_being_erased) {
                state.add_finding(finding(
                    damaged.line,
                    damaged.offset,
                    None,
                    "a value with its salt",
                    "no such line",
                ));
            }
        }
        Ok(())
    }
}
