//! Adoption: a trail that cannot be continued is sealed as evidence, and a new trail begins in its directory.
//!
//! 1. The trail is verified as it is. The result and the hashes of all files are written into `sealed/TRAIL_ID/`.
//! 2. `sealed/untold.json` is written: the pending adoption, with the details that the new trail must record.
//! 3. The files are moved into `sealed/TRAIL_ID/`, the head last.
//! 4. The new trail is opened. Its `audit_started` records the adoption.
//! 5. `sealed/untold.json` is removed.
//!
//! No file is deleted or changed. An adoption that was interrupted continues when it is run again.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    error::{Error, Operation},
    format::{
        details::Details,
        head::{self, Head},
        line::{Line, MAX_LINE_BYTES},
    },
    storage::{
        durable::{create_file, exists, metadata, remove_if_exists, replace_file, sync_directory},
        head_file::FoundHead,
        line_reader::Piece,
        lock::Lock,
        open::open_regular,
        permissions::Permissions,
        private_values,
        sealed::{SEALED_DIRECTORY_NAME, SEALED_MANIFEST_NAME, SEALED_VERIFICATION_NAME},
        segments,
        tail::hash_from,
    },
    verify::Verifier,
    write::settings::Settings,
};

/// File of a pending adoption: the details that the new trail must record. It exists from before the first file is
/// moved until the new trail has recorded the adoption.
///
/// The name must not change: an interrupted adoption has left the file on disk, and a later version must find it.
const PENDING_FILE: &str = "untold.json";

/// Most files that the new trail's first entry lists. For more files, it has the hash of the manifest only.
const MAX_LISTED_FILES: usize = 250;

/// Most characters of a trail id that become the name of a directory.
const MAX_ID_CHARS: usize = 32;

/// The member `adopted` of the new trail's `audit_started`.
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

/// An adoption that was begun and is not recorded in the new trail yet.
struct PendingAdoption {
    /// An [`Adopted`], as it is in the file.
    adopted: serde_json::Value,
    /// Directory of the sealed trail.
    sealed: PathBuf,
}

/// Seals the trail in the settings' directory, and returns the directory's lock for the new trail. Opening that one
/// reads the pending adoption by [`resume`].
pub(crate) fn seal(settings: &Settings, actor: &str, reason: &str) -> Result<Lock, Error> {
    let directory = &settings.directory;
    let lock = Lock::take(directory, settings.access)?;
    let pending = match PendingAdoption::read(directory)? {
        Some(pending) => pending,
        None => prepare(settings, actor, reason)?,
    };
    let (values, kept) = (
        directory.join(private_values::PRIVATE_DIRECTORY_NAME),
        pending.sealed.join(private_values::PRIVATE_DIRECTORY_NAME),
    );
    if exists(&values)? && !exists(&kept)? {
        fs::rename(&values, &kept).map_err(Error::io(Operation::Move, &values))?;
    }
    // The head goes last. Until then, the files that are left are a trail without its beginning, which no opening
    // continues.
    let mut names = pending.to_move()?;
    names.sort_by_key(|name| (name == head::NAME, name.clone()));
    for name in names {
        let from = directory.join(&name);
        fs::rename(&from, pending.sealed.join(&name)).map_err(Error::io(Operation::Move, &from))?;
    }
    sync_directory(&pending.sealed)?;
    sync_directory(directory)?;
    Ok(lock)
}

/// Reads the pending adoption into the settings, so that the new trail records it.
///
/// # Errors
///
/// [`Error::CannotResume`] if files are left to be moved: the adoption must be run again.
pub(crate) fn resume(settings: &mut Settings) -> Result<(), Error> {
    if let Some(pending) = PendingAdoption::read(&settings.directory)? {
        if !pending.to_move()?.is_empty() {
            return Err(Error::CannotResume {
                path: settings.directory.clone(),
                reason: "an adoption was interrupted: run it again".to_owned(),
            });
        }
        settings.adopted = Some(pending.adopted);
    }
    Ok(())
}

/// Removes the pending adoption. The caller has recorded it in the new trail.
pub(crate) fn finish(directory: &Path) -> Result<(), Error> {
    let path = directory.join(SEALED_DIRECTORY_NAME).join(PENDING_FILE);
    fs::remove_file(&path).map_err(Error::io(Operation::Remove, &path))?;
    sync_directory(&directory.join(SEALED_DIRECTORY_NAME))
}

/// Verifies the trail, creates the directory for it, and writes the pending adoption: everything before files are
/// moved.
fn prepare(settings: &Settings, actor: &str, reason: &str) -> Result<PendingAdoption, Error> {
    let directory = &settings.directory;
    let movable = movable(directory)?;
    if movable.is_empty() {
        return Err(Error::Conflict {
            action: Operation::Adopt,
            path: directory.clone(),
            reason: "there is no trail to seal".to_owned(),
        });
    }
    let head = match FoundHead::read(directory)? {
        FoundHead::Head(head) => Some(head),
        FoundHead::Missing | FoundHead::Blank | FoundHead::Unreadable => None,
    };
    let verification = Verifier::new(directory).run()?;
    // The id comes from a file that is not trusted, so it is reduced to characters that are safe in a path.
    let id =
        head.as_ref().map(|head| head.trail_id.clone()).or(first_trail_id(directory)?).unwrap_or_default();
    let name: String = id.chars().filter(char::is_ascii_alphanumeric).take(MAX_ID_CHARS).collect();
    let sealed = free_directory(directory, if name.is_empty() { "unknown" } else { &name })?;
    settings.access.create_directory(&sealed).map_err(Error::io(Operation::Create, &sealed))?;

    let path = sealed.join(SEALED_VERIFICATION_NAME);
    let json = serde_json::to_vec(&verification)
        .map_err(|error| Error::io(Operation::Write, &path)(error.into()))?;
    create_file(&path, Permissions::Owner, &json)?;
    let files =
        movable.iter().chain([&path]).map(|path| SealedFile::of(path)).collect::<Result<Vec<_>, _>>()?;
    let path = sealed.join(SEALED_MANIFEST_NAME);
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
        files: (files.len() <= MAX_LISTED_FILES).then_some(files),
        manifest_sha256: hash_from(&path, 0)?.1,
    };
    sync_directory(&sealed)?;
    let path = directory.join(SEALED_DIRECTORY_NAME).join(PENDING_FILE);
    let json =
        serde_json::to_vec(&adopted).map_err(|error| Error::io(Operation::Write, &path)(error.into()))?;
    replace_file(&path, Permissions::Owner, &json)?;
    sync_directory(directory)?;
    let adopted =
        serde_json::to_value(&adopted).map_err(|error| Error::io(Operation::Write, &path)(error.into()))?;
    Ok(PendingAdoption { adopted, sealed })
}

impl PendingAdoption {
    /// Reads the pending adoption in `directory`, if there is one. If the trail has recorded it already, the file is
    /// left over from an interrupted opening, and is removed.
    fn read(directory: &Path) -> Result<Option<Self>, Error> {
        let path = directory.join(SEALED_DIRECTORY_NAME).join(PENDING_FILE);
        if !exists(&path)? {
            return Ok(None);
        }
        let (file, _) = open_regular(&path, OpenOptions::new().read(true))?;
        let adopted: serde_json::Value =
            serde_json::from_reader(file).map_err(|error| Error::io(Operation::Read, &path)(error.into()))?;
        let text = |name: &str| adopted.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        if is_recorded(directory, text("manifest_sha256"))? {
            finish(directory)?;
            return Ok(None);
        }
        let name: String =
            text("trail_id").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
        let sealed = directory.join(SEALED_DIRECTORY_NAME).join(name.trim_matches('.'));
        Ok(Some(Self { adopted, sealed }))
    }

    /// Returns the names of the files that are not moved yet.
    fn to_move(&self) -> Result<Vec<String>, Error> {
        let path = self.sealed.join(SEALED_MANIFEST_NAME);
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

/// Reads the details of the trail's first entry, if that is an `audit_started` whose hash is right.
fn first_details(directory: &Path) -> Result<Option<Details>, Error> {
    let files = segments::list(directory)?;
    let Some(first) = files.iter().find(|file| file.length > 0) else { return Ok(None) };
    let mut lines = first.lines(MAX_LINE_BYTES)?;
    let Some(Piece::Line { bytes, .. }) = lines.next().map_err(Error::io(Operation::Read, &first.path))?
    else {
        return Ok(None);
    };
    let line = Line::recognise(bytes).ok().filter(|line| line.holds() && line.is("audit_started"));
    Ok(line.map(|line| line.decoded_details()))
}

/// Reads the id of the trail from its first entry.
fn first_trail_id(directory: &Path) -> Result<Option<String>, Error> {
    Ok(first_details(directory)?.and_then(|details| details.str("trail_id").map(str::to_owned)))
}

/// Returns `true` if the trail's first entry records the adoption of the sealed trail with this manifest.
fn is_recorded(directory: &Path, manifest_sha256: &str) -> Result<bool, Error> {
    let adopted = first_details(directory)?.and_then(|details| details.object("adopted"));
    Ok(adopted.is_some_and(|adopted| adopted.str("manifest_sha256") == Some(manifest_sha256)))
}

/// Returns a directory for a sealed trail that does not hold one yet: `sealed/NAME`, or `sealed/NAME.2` and so on.
fn free_directory(directory: &Path, name: &str) -> Result<PathBuf, Error> {
    let sealed = directory.join(SEALED_DIRECTORY_NAME);
    let mut path = sealed.join(name);
    let mut number = 2;
    while exists(&path)? {
        // Manifest and verification alone are from an adoption that was interrupted before it moved a file. They are
        // written again.
        let mut entries = fs::read_dir(&path).map_err(Error::io(Operation::List, &path))?;
        let holds_more = entries.any(|entry| {
            entry.is_ok_and(|entry| {
                entry.file_name() != SEALED_MANIFEST_NAME && entry.file_name() != SEALED_VERIFICATION_NAME
            })
        });
        if !holds_more {
            remove_if_exists(&path.join(SEALED_MANIFEST_NAME))?;
            remove_if_exists(&path.join(SEALED_VERIFICATION_NAME))?;
            break;
        }
        path = sealed.join(format!("{name}.{number}"));
        number += 1;
    }
    Ok(path)
}

/// Returns the files that belong to the trail: regular files whose names begin with `audit`, without the lock.
fn movable(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::io(Operation::List, directory))? {
        let path = entry.map_err(Error::io(Operation::List, directory))?.path();
        // The manifest has a line per file, so a name with a newline could forge another line. This crate's files have
        // printable names.
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.contains(char::is_control) {
            continue;
        }
        let is_own = name.starts_with("audit") && name != "audit.lock";
        if is_own && metadata(&path)?.is_some_and(|metadata| metadata.is_file()) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
