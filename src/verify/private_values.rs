//! The values that entries withhold: each that is at hand is held against what its entry commits to.

use std::path::Path;

use crate::{
    codec::json::value::Value,
    error::{Error, Operation},
    format::{
        entry_commitments::{Commitment, commitments},
        line::{Line, MAX_LINE},
    },
    storage::{
        durable::exists,
        line_reader::Piece,
        private_reader::PrivateReader,
        private_values::{self, PrivateValues},
        segments::TrailFile,
    },
};
use crate::{
    findings::{
        finding::{Finding, FindingKind},
        notice::Notice,
        withheld::ErasableCounts,
    },
    verify::scan::Seen,
};

/// Looks at the values of `files`; nothing is asked of a trail that keeps none, as copies for others do.
pub(super) fn look(trail: &Path, files: &[TrailFile], seen: &mut Seen) -> Result<(), Error> {
    let directory = private_values::directory(trail);
    if !exists(&directory)? {
        return Ok(());
    }
    // While a value is overwritten its line is neither whole nor gone.
    let being_erased = exists(&directory.join(private_values::ERASING))?;
    let mut withheld = ErasableCounts::default();
    let mut changed = 0;
    for file in files {
        changed += look_at(trail, file, being_erased, &mut withheld, seen)?;
    }
    withheld.missing = withheld.values.saturating_sub(withheld.at_hand + withheld.erased + changed);
    if withheld.missing > 0 {
        seen.notice(Notice::ValuesMissing { values: withheld.missing });
    }
    seen.withheld = Some(withheld);
    Ok(())
}

/// Looks at the values of one file, and says how many were changed.
fn look_at(
    trail: &Path,
    file: &TrailFile,
    being_erased: bool,
    withheld: &mut ErasableCounts,
    seen: &mut Seen,
) -> Result<u64, Error> {
    let mut changed = 0;
    let values = PrivateValues::of(trail, &file.name)?;
    let mut values = values.as_ref().map(PrivateReader::new).transpose()?;
    let name = format!("{}/{}", private_values::NAME, file.name);
    let finding = |line, offset, seq, expected: &str, found: &str| Finding {
        kind: FindingKind::ValueChanged,
        file: name.clone(),
        line: Some(line),
        offset: Some(offset),
        seq,
        expected: expected.to_owned(),
        found: found.to_owned(),
    };
    let either = memchr::memmem::Finder::new(b"eras");
    let mut lines = file.lines(MAX_LINE)?;
    while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
        let Piece::Line { bytes, .. } = piece else { continue };
        // Looked for before the line is read, since most neither withhold a value nor tell that one was erased.
        if either.find(bytes).is_none() {
            continue;
        }
        let Ok(line) = Line::recognise(bytes) else { continue };
        if !line.holds() {
            continue;
        }
        if line.is("audit_erased")
            && let Some(Value::Array(fields)) = line.detail("fields")
        {
            withheld.erased += fields.len() as u64;
        }
        let committed = commitments(line.context, line.details);
        if committed.is_empty() {
            continue;
        }
        withheld.values += committed.len() as u64;
        let Some(values) = &mut values else { continue };
        let found = values.of(line.seq)?;
        for Commitment { field, digest } in &committed {
            let mut of_field = found.iter().filter(|value| value.field == *field).peekable();
            let Some(first) = of_field.peek().copied() else { continue };
            if of_field.any(|value| value.commitment == *digest) {
                withheld.at_hand += 1;
                continue;
            }
            changed += 1;
            seen.finding(finding(
                first.line,
                first.offset,
                Some(line.seq),
                &format!("the value with commitment {digest}"),
                &format!("one with {}", first.commitment),
            ));
        }
    }
    if let Some(values) = values {
        for damaged in values.finish()?.into_iter().filter(|_| !being_erased) {
            seen.finding(finding(
                damaged.line,
                damaged.offset,
                None,
                "a value with its salt",
                "no such line",
            ));
        }
    }
    Ok(changed)
}
