//! Trails that were given up: whether they are still what they were when the present trail told of them.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use crate::{
    codec::json::{value::Value, wtf8::Text},
    error::{Error, Operation},
    format::line::{Line, MAX_LINE},
    storage::{
        line_reader::{Lines, Piece},
        open::open_regular,
        segments::TrailFile,
        tail::hash_from,
    },
};
use crate::{
    findings::{finding::FindingKind, notice::Notice},
    verify::scan::{At, Seen},
};

/// The hashes of a sealed trail's files.
const MANIFEST: &str = "SHA256SUMS";

/// What verification said of a sealed trail when it was given up.
const VERIFICATION: &str = "verification.json";

/// So many trails are looked after that were given up one after the other.
const GENERATIONS: usize = 1_000;

/// A trail that was given up.
struct Sealed {
    directory: PathBuf,
    /// The names of the files that it had then.
    files: BTreeSet<String>,
}

/// Looks after what `adopted`, of an `audit_started`, tells of, and what the trail that was given up told of in its
/// turn. The files are read only where they are to be there.
pub(super) fn look(adopted: &Value, at: At<'_>, rehash: bool, seen: &mut Seen) -> Result<(), Error> {
    let mut known = BTreeSet::new();
    let mut found = BTreeSet::new();
    let mut next = look_at_one(adopted, &found, at, rehash, seen)?;
    let mut is_new = |sealed: &Sealed| known.insert(sealed.directory.clone()) && known.len() < GENERATIONS;
    while let Some(sealed) = next.filter(&mut is_new) {
        let mut then = Then::of(&sealed.directory);
        next = match earlier(&sealed, &then)? {
            Some(adopted) => {
                found.append(&mut then.found);
                look_at_one(&adopted, &found, at, rehash, seen)?
            }
            None => None,
        };
    }
    Ok(())
}

/// What verification said of a trail when it was given up: whoever gave it up knew of that. Where that is not there, nothing
/// is found and all is heeded.
#[derive(Default)]
struct Then {
    /// The files in which something was found.
    found: BTreeSet<String>,
    /// The ids of the trails given up before it that were told of in lines which were heeded.
    heeded: Option<BTreeSet<String>>,
}

impl Then {
    /// The verification of the trail in `sealed` is one of the files that are looked after.
    fn of(sealed: &Path) -> Self {
        let verification = open_regular(&sealed.join(VERIFICATION), OpenOptions::new().read(true))
            .ok()
            .and_then(|(file, _)| serde_json::from_reader(BufReader::new(file)).ok());
        let Some(verification): Option<serde_json::Value> = verification else { return Self::default() };
        let texts = |list: &str, name: &str| {
            let items = verification[list].as_array().into_iter().flatten();
            items.filter_map(|item| item[name].as_str()).map(str::to_owned).collect()
        };
        Self { found: texts("findings", "file"), heeded: Some(texts("notices", "trail_id")) }
    }

    fn heeded(&self, adopted: &Value) -> bool {
        let Value::Object(members) = adopted else { return false };
        let Some(heeded) = &self.heeded else { return true };
        matches!(member(members, "trail_id"), Some(Value::String(id)) if heeded.contains(&*id.to_string_lossy()))
    }
}

/// What the trail in `sealed` tells of one that was given up before it. A file that somebody put there later tells
/// nothing, nor does a line that was not heeded when the trail was given up.
fn earlier(sealed: &Sealed, then: &Then) -> Result<Option<Value>, Error> {
    for name in sealed.files.iter().filter(|name| name.ends_with(".jsonl")) {
        let path = sealed.directory.join(name);
        let file = match TrailFile::alone(&path) {
            Ok(file) => file,
            // What is gone, or has something else in its place, is a finding by now.
            Err(Error::Unreadable { .. }) => continue,
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut lines = file.lines(MAX_LINE)?;
        let Some(Piece::Line { bytes, .. }) = lines.next().map_err(Error::io(Operation::Read, &path))? else {
            continue;
        };
        let line = Line::recognise(bytes).ok();
        let first = line.filter(|line| line.seq == 0 && line.holds() && line.is("audit_started"));
        let adopted = first.and_then(|line| line.detail("adopted"));
        if let Some(adopted) = adopted.filter(|adopted| then.heeded(adopted)) {
            return Ok(Some(adopted));
        }
    }
    Ok(None)
}

/// Gives the trail that was given up, where its files were read.
fn look_at_one(
    adopted: &Value,
    found_before: &BTreeSet<String>,
    at: At<'_>,
    rehash: bool,
    seen: &mut Seen,
) -> Result<Option<Sealed>, Error> {
    let Value::Object(members) = adopted else { return Ok(None) };
    let text = |name: &str| match member(members, name) {
        Some(Value::String(text)) => text.to_string_lossy(),
        _ => String::new(),
    };
    let trail_id = text("trail_id");
    seen.notice(Notice::Adopted {
        trail_id: trail_id.clone(),
        verdict: text("verdict"),
        actor: text("actor"),
        reason: text("reason"),
    });
    let Some(directory) = at.file.path.parent().filter(|_| rehash && is_plain(&trail_id)) else {
        return Ok(None);
    };
    let sealed = directory.join("sealed").join(&trail_id);
    let mut names = BTreeSet::new();
    let mut check = |name: &str, sha256: &str| {
        names.insert(name.to_owned());
        if found_before.contains(&shown(&trail_id, name)) {
            return Ok(false);
        }
        check(&sealed, &trail_id, name, sha256, at, seen)
    };
    let manifest_holds = check(MANIFEST, &text("manifest_sha256"))?;
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
        let path = sealed.join(MANIFEST);
        let (file, length) = open_regular(&path, OpenOptions::new().read(true))?;
        let mut lines = Lines::new(file, length, MAX_LINE);
        while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &path))? {
            let Piece::Line { bytes, .. } = piece else { continue };
            let text = String::from_utf8_lossy(bytes);
            if let Some((sha256, name)) = text.split_once("  ") {
                check(name, sha256)?;
            }
        }
    }
    names.retain(|name| is_plain(name));
    Ok(Some(Sealed { directory: sealed, files: names }))
}

/// Whether a sealed file is what it was.
fn check(
    sealed: &Path,
    trail_id: &str,
    name: &str,
    sha256: &str,
    at: At<'_>,
    seen: &mut Seen,
) -> Result<bool, Error> {
    if !is_plain(name) {
        return Ok(false);
    }
    let path = sealed.join(name);
    let there = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    let (kind, found) = if there {
        let (_, found) = hash_from(&path, 0)?;
        if found == sha256 {
            return Ok(true);
        }
        (FindingKind::HashMismatch, found)
    } else {
        (FindingKind::MissingFile, "nothing".to_owned())
    };
    let mut finding = at.finding(kind, None, sha256, &found);
    finding.file = shown(trail_id, name);
    finding.line = None;
    finding.offset = None;
    seen.finding(finding);
    Ok(false)
}

/// A sealed file's name in findings.
fn shown(trail_id: &str, name: &str) -> String {
    format!("sealed/{trail_id}/{name}")
}

/// A name that leads nowhere else.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}

fn member<'a>(members: &'a [(Text, Value)], name: &str) -> Option<&'a Value> {
    members.iter().find(|(known, _)| known.to_str() == Some(name)).map(|(_, value)| value)
}
