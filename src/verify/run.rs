//! One verification of a list of files: chooses the format, scans, and forms the verification.

use std::path::Path;

use crate::{
    error::{Error, Operation},
    findings::{notice::Notice, verification::Verification},
    format::head,
    storage::{
        head_file::FoundHead,
        permissions,
        prune_record::Pruned,
        segments::{self, TrailFile, TrailFormat},
    },
    verify::{
        anchor::{Anchor, AnchorSearch},
        evidence::{Evidence, EvidenceOutcome},
        format1::Format1,
        observer::Observer,
        private_values,
        python_tool::PythonTool,
        scan,
        scan_state::ScanState,
        verdict::{Extent, VerdictInput},
    },
};

/// The head and the evidence that a trail is compared with.
pub(crate) struct Against {
    /// `None` if a head is not required.
    pub(crate) head: Option<FoundHead>,
    pub(crate) evidence: Evidence,
}

/// Verifies `files`, which are the part `extent` of the trail at `path`.
pub(crate) fn verify_files(
    path: &Path,
    files: &[TrailFile],
    extent: Extent,
    Against { head, evidence }: Against,
    observer: &mut Observer<'_>,
) -> Result<Verification, Error> {
    let mut state = ScanState::default();
    let has_head = matches!(head, Some(FoundHead::Head(_)));
    let format = segments::trail_format(files)?;
    let outcome = match format {
        TrailFormat::Format1 => {
            check_permissions(path, files, extent, &mut state)?;
            let checker = match extent {
                Extent::Whole => Format1::whole(),
                Extent::Newest | Extent::Since(_) => Format1::part(),
                Extent::File => Format1::file(),
            };
            let pruned = if extent == Extent::Whole { Pruned::of_trail(files)? } else { None };
            let mut checker = checker.with_head(head).with_evidence(evidence).after_pruned(pruned);
            scan::scan(files, 0, &mut checker, &mut state, observer)?;
            let outcome = checker.conclude(last_file(files), &mut state);
            if extent != Extent::File {
                private_values::check(path, files, &mut state)?;
            }
            outcome
        }
        TrailFormat::PythonTool => {
            let mut checker = match extent {
                Extent::Whole => PythonTool::whole(),
                Extent::Newest | Extent::File | Extent::Since(_) => PythonTool::part(),
            };
            scan::scan(files, 0, &mut checker, &mut state, observer)?;
            evidence.conclude_python_tool()
        }
    };
    Ok(VerdictInput { path, files, format, extent, has_head }.conclude(state, outcome))
}

/// Verifies the entries of `files` from a known entry on.
///
/// Evidence needs the whole trail, so the verdict is never `intact` if the caller also `requires_evidence`. Erasable
/// values are not checked.
pub(super) fn verify_since(
    path: &Path,
    files: &[TrailFile],
    extent: Extent,
    anchor: &Anchor,
    requires_evidence: bool,
    head: Option<FoundHead>,
    observer: &mut Observer<'_>,
) -> Result<Verification, Error> {
    let mut state = ScanState::default();
    let has_head = matches!(head, Some(FoundHead::Head(_)));
    let format = segments::trail_format(files)?;
    let mut read = files;
    let mut outcome = EvidenceOutcome::default();
    if format == TrailFormat::PythonTool {
        state.stopped = Some("entries of the Python tool have no numbers to begin at".to_owned());
        read = &[];
    } else {
        match anchor.search(files)? {
            AnchorSearch::Found { file, offset, finding } => {
                read = files.get(file..).unwrap_or_default();
                check_permissions(path, read, extent, &mut state)?;
                if let Some(finding) = finding {
                    state.add_finding(finding);
                }
                let checker = if extent == Extent::File { Format1::file() } else { Format1::part() };
                let mut checker = checker.with_head(head);
                scan::scan(read, offset, &mut checker, &mut state, observer)?;
                outcome = checker.conclude(last_file(files), &mut state);
                if let Some(first) = read.first() {
                    scan::count_lines_from_start(first, offset, &mut state)?;
                }
                if requires_evidence {
                    let reason = "checkpoints and receipts were asked for too, which need the whole trail";
                    outcome.missing = Some(reason.to_owned());
                }
            }
            AnchorSearch::Missing(finding) => state.add_finding(finding),
            AnchorSearch::BeginsLater(first) => {
                let seq = anchor.seq;
                state.stopped =
                    Some(format!("entry {seq} is not there: what is there begins with seq {first}"));
            }
            AnchorSearch::NoEntries => {}
        }
    }
    let extent = Extent::Since(*anchor);
    Ok(VerdictInput { path, files: read, format, extent, has_head }.conclude(state, outcome))
}

/// Returns the name of the newest file, or that of the head in a trail without files.
fn last_file(files: &[TrailFile]) -> &str {
    files.last().map_or(head::NAME, |file| &file.name)
}

/// Adds a notice for each file whose mode gives access beyond its owner and a reading group.
fn check_permissions(
    path: &Path,
    files: &[TrailFile],
    extent: Extent,
    state: &mut ScanState,
) -> Result<(), Error> {
    let mut check = |name: &str, path: &Path| {
        let metadata = std::fs::symlink_metadata(path).map_err(Error::io(Operation::Open, path))?;
        if let Some(mode) = permissions::loose_mode(&metadata) {
            state.add_notice(Notice::LoosePermissions { file: name.to_owned(), mode: format!("{mode:04o}") });
        }
        Ok(())
    };
    if extent != Extent::File {
        check(".", path)?;
    }
    files.iter().try_for_each(|file| check(&file.name, &file.path))
}
