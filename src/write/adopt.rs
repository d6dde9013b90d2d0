//! Giving a trail up deliberately: what is there is sealed as evidence, and a new trail begins that tells of it.
//!
//! Nothing is deleted or changed, only moved. Interrupted and run again, it goes on where it was.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::storage::head_file::FoundHead;
use crate::{
    codec::json::value::Value,
    error::{Error, Operation},
    format::{
        head::Head,
        line::{Line, MAX_LINE},
    },
    storage::{
        durable::{create_file, exists, remove_if_exists, replace_file, sync_directory},
        line_reader::Piece,
        lock::Lock,
        open::open_regular,
        permissions::Permissions,
        private_values, segments,
        tail::hash_from,
    },
    verify::Verifier,
    write::settings::Settings,
};

/// Where given-up trails are kept, each under its id.
pub(crate) const SEALED: &str = "sealed";

/// The hashes of a sealed trail's files, as `sha256sum` writes and checks them.
pub(crate) const MANIFEST: &str = "SHA256SUMS";

/// The verification of a sealed trail, as it was when it was given up.
const VERIFICATION: &str = "verification.json";

/// So many files are named in the new trail's first entry; of more, the manifest's hash stands for them.
const LISTED: usize = 250;

/// An adoption under way: what the new trail's first entry is to say. It is there from before the first file is moved
/// until the new trail has said it, so that nothing of an interrupted adoption goes untold.
const UNTOLD: &str = "untold.json";

/// What the new trail's `audit_started` says of the old one.
#[derive(Serialize)]
struct Adopted {
    trail_id: String,
    actor: String,
    reason: String,
    verdict: String,
    entries: u64,
    findings: u64,
    head: Option<Head>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<SealedFile>>,
    manifest_sha256: String,
}

#[derive(Serialize)]
struct SealedFile {
    name: String,
    length: u64,
    sha256: String,
}

/// An adoption that was begun.
struct PendingAdoption {
    adopted: serde_json::Value,
    sealed: PathBuf,
}

/// Seals the trail in the settings' directory. The lock is held on; [`resume`] says in the settings what was sealed.
pub(crate) fn seal(settings: &Settings, actor: &str, reason: &str) -> Result<Lock, Error> {
    let directory = &settings.directory;
    let lock = Lock::take(directory, settings.access)?;
    let untold = match PendingAdoption::read(directory)? {
        Some(untold) => untold,
        None => prepare(settings, actor, reason)?,
    };
    let (values, kept) = (directory.join(private_values::NAME), untold.sealed.join(private_values::NAME));
    if exists(&values)? && !exists(&kept)? {
        fs::rename(&values, &kept).map_err(Error::io(Operation::Move, &values))?;
    }
    // The head goes last: until then, what is not moved is still a trail that can't be gone on with.
    let mut names = untold.to_move()?;
    names.sort_by_key(|name| (name == crate::format::head::NAME, name.clone()));
    for name in names {
        let from = directory.join(&name);
        fs::rename(&from, untold.sealed.join(&name)).map_err(Error::io(Operation::Move, &from))?;
    }
    sync_directory(&untold.sealed)?;
    sync_directory(directory)?;
    Ok(lock)
}

/// Puts into the settings what an adoption that the trail does not tell of yet is to say.
///
/// # Errors
///
/// An adoption was interrupted while files were moved.
pub(crate) fn resume(settings: &mut Settings) -> Result<(), Error> {
    if let Some(untold) = PendingAdoption::read(&settings.directory)? {
        if !untold.to_move()?.is_empty() {
            return Err(Error::CannotResume {
                path: settings.directory.clone(),
                reason: "an adoption was interrupted: run it again".to_owned(),
            });
        }
        settings.adopted = Some(untold.adopted);
    }
    Ok(())
}

/// The new trail has told.
pub(crate) fn told(directory: &Path) -> Result<(), Error> {
    let path = directory.join(SEALED).join(UNTOLD);
    fs::remove_file(&path).map_err(Error::io(Operation::Remove, &path))?;
    sync_directory(&directory.join(SEALED))
}

/// Everything but the moving.
fn prepare(settings: &Settings, actor: &str, reason: &str) -> Result<PendingAdoption, Error> {
    let directory = &settings.directory;
    let movable = movable(directory)?;
    if movable.is_empty() {
        return Err(Error::Conflict {
            action: Operation::Adopt,
            path: directory.clone(),
            reason: "there is no trail to give up".to_owned(),
        });
    }
    let head = match FoundHead::read(directory)? {
        FoundHead::Head(head) => Some(head),
        FoundHead::Missing | FoundHead::Blank | FoundHead::Unreadable => None,
    };
    let verification = Verifier::new(directory).run()?;
    // The name comes from a file that is not trusted.
    let id = head.as_ref().map(|head| head.trail_id.clone()).or(stated_id(directory)?).unwrap_or_default();
    let name: String = id.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    let sealed = free_directory(directory, if name.is_empty() { "unknown" } else { &name })?;
    settings.access.create_directory(&sealed).map_err(Error::io(Operation::Create, &sealed))?;

    let path = sealed.join(VERIFICATION);
    let json = serde_json::to_vec(&verification)
        .map_err(|error| Error::io(Operation::Write, &path)(error.into()))?;
    create_file(&path, Permissions::Owner, &json)?;
    let files =
        movable.iter().chain([&path]).map(|path| SealedFile::of(path)).collect::<Result<Vec<_>, _>>()?;
    let path = sealed.join(MANIFEST);
    let manifest: String = files.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect();
    create_file(&path, Permissions::Owner, manifest.as_bytes())?;
    let adopted = Adopted {
        trail_id: sealed.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        actor: actor.to_owned(),
        reason: reason.to_owned(),
        verdict: verification.verdict().name().to_owned(),
        entries: verification.entries(),
        findings: verification.findings_total(),
        head,
        files: (files.len() <= LISTED).then_some(files),
        manifest_sha256: hash_from(&path, 0)?.1,
    };
    sync_directory(&sealed)?;
    let path = directory.join(SEALED).join(UNTOLD);
    let json =
        serde_json::to_vec(&adopted).map_err(|error| Error::io(Operation::Write, &path)(error.into()))?;
    replace_file(&path, Permissions::Owner, &json)?;
    sync_directory(directory)?;
    let adopted =
        serde_json::to_value(&adopted).map_err(|error| Error::io(Operation::Write, &path)(error.into()))?;
    Ok(PendingAdoption { adopted, sealed })
}

impl PendingAdoption {
    /// The adoption that the trail in `directory` has yet to tell of.
    fn read(directory: &Path) -> Result<Option<Self>, Error> {
        let path = directory.join(SEALED).join(UNTOLD);
        if !exists(&path)? {
            return Ok(None);
        }
        let (file, _) = open_regular(&path, OpenOptions::new().read(true))?;
        let adopted: serde_json::Value =
            serde_json::from_reader(file).map_err(|error| Error::io(Operation::Read, &path)(error.into()))?;
        let text = |name: &str| adopted.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        if stated(directory, "adopted")?.is_some_and(|told| states(&told, text("manifest_sha256"))) {
            told(directory)?;
            return Ok(None);
        }
        let name: String =
            text("trail_id").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
        let sealed = directory.join(SEALED).join(name.trim_matches('.'));
        Ok(Some(Self { adopted, sealed }))
    }

    /// The names of the files that are not moved yet.
    fn to_move(&self) -> Result<Vec<String>, Error> {
        let path = self.sealed.join(MANIFEST);
        let manifest = fs::read_to_string(&path).map_err(Error::io(Operation::Read, &path))?;
        let names =
            manifest.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name.to_owned());
        let mut to_move = Vec::new();
        for name in names {
            if !exists(&self.sealed.join(&name))? {
                to_move.push(name);
            }
        }
        Ok(to_move)
    }
}

impl SealedFile {
    fn of(path: &Path) -> Result<Self, Error> {
        let (length, sha256) = hash_from(path, 0)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, length, sha256 })
    }
}

/// What the first entry of the trail in `directory` states, if it holds.
fn stated(directory: &Path, detail: &str) -> Result<Option<Value>, Error> {
    let files = segments::list(directory)?;
    let Some(first) = files.iter().find(|file| file.length > 0) else { return Ok(None) };
    let mut lines = first.lines(MAX_LINE)?;
    let Some(Piece::Line { bytes, .. }) = lines.next().map_err(Error::io(Operation::Read, &first.path))?
    else {
        return Ok(None);
    };
    let line = Line::recognise(bytes).ok().filter(|line| line.holds() && line.is("audit_started"));
    Ok(line.and_then(|line| line.detail(detail)))
}

/// The id that the first entry of the trail gives it.
fn stated_id(directory: &Path) -> Result<Option<String>, Error> {
    let id = stated(directory, "trail_id")?;
    Ok(id.and_then(|id| if let Value::String(id) = id { Some(id.to_string_lossy()) } else { None }))
}

/// Whether an `adopted` is about the sealed trail with this manifest.
fn states(adopted: &Value, manifest_sha256: &str) -> bool {
    let Value::Object(members) = adopted else { return false };
    members.iter().any(|(name, value)| {
        name.to_str() == Some("manifest_sha256")
            && matches!(value, Value::String(text) if text.to_str() == Some(manifest_sha256))
    })
}

/// A directory for a sealed trail of this name, which holds none yet.
fn free_directory(directory: &Path, name: &str) -> Result<PathBuf, Error> {
    let sealed = directory.join(SEALED);
    let mut path = sealed.join(name);
    let mut number = 2;
    while exists(&path)? {
        // What an interruption left before anything was moved is made anew.
        let mut entries = fs::read_dir(&path).map_err(Error::io(Operation::List, &path))?;
        let holds_more = entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name() != MANIFEST && entry.file_name() != VERIFICATION)
        });
        if !holds_more {
            remove_if_exists(&path.join(MANIFEST))?;
            remove_if_exists(&path.join(VERIFICATION))?;
            break;
        }
        path = sealed.join(format!("{name}.{number}"));
        number += 1;
    }
    Ok(path)
}

/// The files that belong to the trail.
fn movable(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::io(Operation::List, directory))? {
        let path = entry.map_err(Error::io(Operation::List, directory))?.path();
        // No name of ours is other than printable.
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.contains(char::is_control) {
            continue;
        }
        let ours = name.starts_with("audit") && name != "audit.lock";
        if ours && path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
