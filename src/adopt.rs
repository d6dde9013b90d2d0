//! Giving a trail up deliberately: what is there is sealed as evidence, and a new trail begins that tells of it.
//!
//! Nothing is deleted or changed, only moved. Interrupted and run again, it goes on where it was.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    ending::hash_from,
    error::Error,
    head::{Found, Head},
    lock::Lock,
    settings::Settings,
    verify::{Verification, Verifier},
    writer::sync_directory,
};

/// Where given-up trails are kept, each under its id.
pub(crate) const SEALED: &str = "sealed";

/// The hashes of a sealed trail's files, as `sha256sum` writes and checks them.
pub(crate) const MANIFEST: &str = "SHA256SUMS";

/// The verification of a sealed trail, as it was when it was given up.
const VERIFICATION: &str = "verification.json";

/// So many files are named in the new trail's first entry; of more, the manifest's hash stands for them.
const LISTED: usize = 250;

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

/// Seals the trail in the settings' directory, and says in them what was sealed. The lock is held on.
pub(crate) fn seal(settings: &mut Settings, actor: &str, reason: &str) -> Result<Lock, Error> {
    let directory = settings.directory.clone();
    let lock = Lock::take(&directory, settings.access)?;
    let refuse =
        |reason: &str| Error::State { action: "adopt", path: directory.clone(), reason: reason.to_owned() };
    let moved = movable(&directory)?;
    let head = match Found::read(&directory)? {
        Found::Head(head) => Some(head),
        Found::Missing | Found::Unreadable => None,
    };
    if moved.is_empty() {
        return Err(refuse("there is no trail to give up"));
    }
    let verification = Verifier::new(&directory).run()?;
    let trail_id = head.as_ref().map_or_else(|| "unknown".to_owned(), |head| head.trail_id.clone());
    // The name comes from a file that is not trusted.
    let name: String = trail_id.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    let sealed = directory.join(SEALED).join(if name.is_empty() { "unknown" } else { &name });
    settings.access.create_directory(&sealed).map_err(Error::io("create", &sealed))?;
    keep_verification(&sealed, &verification)?;
    for path in moved {
        let to = sealed.join(path.file_name().unwrap_or_default());
        if to.symlink_metadata().is_ok() {
            return Err(refuse("a sealed trail of that id holds a file of the same name already"));
        }
        // The head goes last: until then, what is not moved is still a trail that can't be gone on with.
        fs::rename(&path, &to).map_err(Error::io("move", &path))?;
    }
    let files = hashes(&sealed)?;
    let manifest_sha256 = write_manifest(&sealed, &files)?;
    sync_directory(&sealed)?;
    sync_directory(&directory)?;
    let adopted = Adopted {
        trail_id: sealed.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        actor: actor.to_owned(),
        reason: reason.to_owned(),
        verdict: verification.verdict().name().to_owned(),
        entries: verification.entries(),
        findings: verification.findings_total(),
        head,
        files: (files.len() <= LISTED).then_some(files),
        manifest_sha256,
    };
    settings.adopted = serde_json::to_value(&adopted).ok();
    Ok(lock)
}

/// What belongs to the trail, in the order in which it is moved: the head last.
fn movable(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::io("list", directory))? {
        let path = entry.map_err(Error::io("list", directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ours = name.starts_with("audit") && name != "audit.lock";
        if ours && path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            paths.push(path);
        }
    }
    paths.sort_by_key(|path| (path.ends_with(crate::head::NAME), path.clone()));
    Ok(paths)
}

/// Keeps the first verification: after an interruption there is less to verify.
fn keep_verification(sealed: &Path, verification: &Verification) -> Result<(), Error> {
    let path = sealed.join(VERIFICATION);
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let json = serde_json::to_vec(verification).map_err(|error| Error::io("write", &path)(error.into()))?;
    create(&path, &json)
}

fn hashes(sealed: &Path) -> Result<Vec<SealedFile>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(sealed).map_err(Error::io("list", sealed))? {
        let path = entry.map_err(Error::io("list", sealed))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != MANIFEST {
            let (length, sha256) = hash_from(&path, 0)?;
            files.push(SealedFile { name, length, sha256 });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn write_manifest(sealed: &Path, files: &[SealedFile]) -> Result<String, Error> {
    let path = sealed.join(MANIFEST);
    let text: String = files.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect();
    if path.symlink_metadata().is_ok() {
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    }
    create(&path, text.as_bytes())?;
    hash_from(&path, 0).map(|(_, sha256)| sha256)
}

fn create(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    crate::access::Access::Owner.on_create(&mut options);
    let mut file = options.open(path).map_err(Error::io("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", path))
}
