//! The check of adopted trails: the files that the operator sealed when the present trail took their place.
//!
//! An `audit_started` states the names and hashes of the sealed files. Each of them must be there, unchanged. The
//! sealed trail may itself have adopted an earlier one, so the check follows the line of trails back to the first.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use crate::{
    codec::json::{value::Value, wtf8::Text},
    error::{Error, Operation},
    findings::{finding::FindingKind, notice::Notice},
    format::line::{Line, MAX_LINE_BYTES},
    storage::{
        durable,
        line_reader::{Lines, Piece},
        open::open_regular,
        sealed::{SEALED_DIRECTORY_NAME, SEALED_MANIFEST_NAME, SEALED_VERIFICATION_NAME},
        segments::TrailFile,
        tail::hash_from,
    },
    verify::{position::Position, scan_state::ScanState},
};

/// Maximum number of adopted trails that are checked, each adopted by the one before.
const MAX_ADOPTED_TRAILS: usize = 1_000;

/// An adopted trail.
struct AdoptedTrail {
    directory: PathBuf,
    /// Names of the files that it had when it was sealed.
    files: BTreeSet<String>,
}

/// The facts that verification reported about a trail when it was sealed. The operator accepted these by sealing it.
///
/// All is empty if the file is missing or unreadable. Each reference to an earlier trail is followed then.
#[derive(Default)]
struct SealedVerification {
    /// Files with findings.
    files_with_findings: BTreeSet<String>,
    /// Ids of the earlier trails that the verification listed.
    adopted_ids: Option<BTreeSet<String>>,
}

/// A check of one adoption, as an entry at `at` records it.
struct AdoptionCheck<'a> {
    at: Position<'a>,
    /// `true` if the files must be there. A copy of a trail may lack them.
    reads_files: bool,
    /// Files that had findings when they were sealed. They are not reported again.
    known_findings: BTreeSet<String>,
}

/// One sealed file.
struct SealedFile<'a> {
    trail: &'a Path,
    trail_id: &'a str,
    name: &'a str,
    sha256: &'a str,
}

/// Checks the trail that `adopted` describes, and the trails that it adopted in turn. `adopted` is a member of the
/// `audit_started` at `at`.
pub(super) fn check(
    adopted: &Value,
    at: Position<'_>,
    reads_files: bool,
    state: &mut ScanState,
) -> Result<(), Error> {
    let mut check = AdoptionCheck { at, reads_files, known_findings: BTreeSet::new() };
    let mut next = check.check_one(adopted, state)?;
    // A trail that refers to itself, directly or in a circle, ends the loop at the second visit.
    let mut visited = BTreeSet::new();
    while let Some(trail) = next {
        if !visited.insert(trail.directory.clone()) || visited.len() >= MAX_ADOPTED_TRAILS {
            break;
        }
        let mut verification = SealedVerification::read(&trail.directory);
        next = match earlier_adoption(&trail, &verification)? {
            Some(adopted) => {
                check.known_findings.append(&mut verification.files_with_findings);
                check.check_one(&adopted, state)?
            }
            None => None,
        };
    }
    Ok(())
}

impl SealedVerification {
    /// Reads the verification of the sealed trail in `directory`. Its hash is checked with those of the other sealed
    /// files.
    fn read(directory: &Path) -> Self {
        let verification =
            open_regular(&directory.join(SEALED_VERIFICATION_NAME), OpenOptions::new().read(true))
                .ok()
                .and_then(|(file, _)| serde_json::from_reader(BufReader::new(file)).ok());
        let Some(verification): Option<serde_json::Value> = verification else { return Self::default() };
        let texts = |list: &str, name: &str| {
            let items = verification[list].as_array().into_iter().flatten();
            items.filter_map(|item| item[name].as_str()).map(str::to_owned).collect()
        };
        Self {
            files_with_findings: texts("findings", "file"),
            adopted_ids: Some(texts("notices", "trail_id")),
        }
    }

    fn lists(&self, adopted: &Value) -> bool {
        let Value::Object(members) = adopted else { return false };
        let Some(ids) = &self.adopted_ids else { return true };
        matches!(member(members, "trail_id"), Some(Value::String(id)) if ids.contains(&*id.to_string_lossy()))
    }
}

/// Returns the description of the trail that `trail` adopted, from its first entry. A file that was added after the
/// sealing is not read, and an entry that verification did not accept at the sealing does not count.
fn earlier_adoption(trail: &AdoptedTrail, verification: &SealedVerification) -> Result<Option<Value>, Error> {
    for name in trail.files.iter().filter(|name| name.ends_with(".jsonl")) {
        let path = trail.directory.join(name);
        let file = match TrailFile::alone(&path) {
            Ok(file) => file,
            // A missing file, or something else in its place, is a finding already.
            Err(Error::Unreadable { .. }) => continue,
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut lines = file.lines(MAX_LINE_BYTES)?;
        let Some(Piece::Line { bytes, .. }) = lines.next().map_err(Error::io(Operation::Read, &path))? else {
            continue;
        };
        let line = Line::recognise(bytes).ok();
        let first = line.filter(|line| line.seq == 0 && line.holds() && line.is("audit_started"));
        let adopted = first.and_then(|line| line.detail("adopted"));
        if let Some(adopted) = adopted.filter(|adopted| verification.lists(adopted)) {
            return Ok(Some(adopted));
        }
    }
    Ok(None)
}

impl AdoptionCheck<'_> {
    /// Checks one adopted trail. Returns it if its files were read.
    fn check_one(&self, adopted: &Value, state: &mut ScanState) -> Result<Option<AdoptedTrail>, Error> {
        let Value::Object(members) = adopted else { return Ok(None) };
        let text = |name: &str| match member(members, name) {
            Some(Value::String(text)) => text.to_string_lossy(),
            _ => String::new(),
        };
        let trail_id = text("trail_id");
        state.add_notice(Notice::Adopted {
            trail_id: trail_id.clone(),
            verdict: text("verdict"),
            actor: text("actor"),
            reason: text("reason"),
        });
        let parent = self.at.file.path.parent();
        let Some(parent) = parent.filter(|_| self.reads_files && is_plain_name(&trail_id)) else {
            return Ok(None);
        };
        let directory = parent.join(SEALED_DIRECTORY_NAME).join(&trail_id);
        let mut names = BTreeSet::new();
        let mut check = |name: &str, sha256: &str| {
            names.insert(name.to_owned());
            let file = SealedFile { trail: &directory, trail_id: &trail_id, name, sha256 };
            self.check_file(&file, state)
        };
        let manifest_holds = check(SEALED_MANIFEST_NAME, &text("manifest_sha256"))?;
        if let Some(Value::Array(files)) = member(members, "files") {
            for file in files {
                let Value::Object(file) = file else { continue };
                if let (Some(Value::String(name)), Some(Value::String(sha256))) =
                    (member(file, "name"), member(file, "sha256"))
                {
                    check(&name.to_string_lossy(), &sha256.to_string_lossy())?;
                }
            }
        } else if manifest_holds {
            // The entry of a trail with many files states the hash of the manifest alone.
            let path = directory.join(SEALED_MANIFEST_NAME);
            let (file, length) = open_regular(&path, OpenOptions::new().read(true))?;
            let mut lines = Lines::new(file, length, MAX_LINE_BYTES);
            while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &path))? {
                let Piece::Line { bytes, .. } = piece else { continue };
                let text = String::from_utf8_lossy(bytes);
                if let Some((sha256, name)) = text.split_once("  ") {
                    check(name, sha256)?;
                }
            }
        }
        names.retain(|name| is_plain_name(name));
        Ok(Some(AdoptedTrail { directory, files: names }))
    }

    /// Checks one sealed file. Returns `true` if it has the stated hash.
    fn check_file(&self, file: &SealedFile<'_>, state: &mut ScanState) -> Result<bool, Error> {
        let shown_name = format!("{SEALED_DIRECTORY_NAME}/{}/{}", file.trail_id, file.name);
        // A name with a separator would lead out of the sealed directory. The writer never makes one.
        if self.known_findings.contains(&shown_name) || !is_plain_name(file.name) {
            return Ok(false);
        }
        let path = file.trail.join(file.name);
        let (kind, found) = if is_regular_file(&path)? {
            let (_, found) = hash_from(&path, 0)?;
            if found == file.sha256 {
                return Ok(true);
            }
            (FindingKind::HashMismatch, found)
        } else {
            (FindingKind::MissingFile, "nothing".to_owned())
        };
        let mut finding = self.at.finding(kind, None, file.sha256, &found);
        finding.file = shown_name;
        finding.line = None;
        finding.offset = None;
        state.add_finding(finding);
        Ok(false)
    }
}

/// Returns `true` if `path` is a regular file. The path comes from an entry, so it may be one that no file can have:
/// too long a name, or a file in the place of a directory. Nothing is there then.
fn is_regular_file(path: &Path) -> Result<bool, Error> {
    match durable::metadata(path) {
        Ok(metadata) => Ok(metadata.is_some_and(|metadata| metadata.is_file())),
        Err(Error::Io { source, .. })
            if matches!(source.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Returns `true` for a name that leads to no other directory.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}

fn member<'a>(members: &'a [(Text, Value)], name: &str) -> Option<&'a Value> {
    members.iter().find(|(known, _)| known.to_str() == Some(name)).map(|(_, value)| value)
}
