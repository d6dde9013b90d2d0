//! Retention: files whose entries are all older than a period leave the trail, after the trail has recorded that.
//!
//! Only verified entries under a checkpoint leave: a removal must not hide an earlier edit. Files leave from the
//! oldest on, so an interruption leaves a trail in which only a part of the beginning is missing.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    codec::{digest::Digest, merkle::Frontier, terminal::Escaped, timestamp::Timestamp},
    error::{Error, Operation},
    format::{
        draft::{Draft, Origin},
        line::{Line, MAX_LINE_BYTES},
        receipt::TrailId,
    },
    log::open_log::OpenLog,
    storage::{
        durable::{exists, replace_file, sync_directory},
        line_reader::Piece,
        permissions::Permissions,
        private_values,
        prune_record::{PRUNE_HINT_NAME, Pruned, first_seq},
        segments::{self, TrailFile},
        tail::{FileTail, hash_from, is_before},
    },
    write::{commit::awaited_entry::WaitFor, signing::prune_check},
};

/// Largest number of files that an `audit_pruned` entry names. Its `files_total` counts all of them.
const MAX_FILES_IN_PRUNE_RECORD: usize = 250;

/// Settings of [`AuditLog::prune`](crate::AuditLog::prune).
///
/// | setting | default | effect |
/// |---|---|---|
/// | [`days`](Self::days) | | period that entries are kept |
/// | [`archive`](Self::archive) | older files are deleted | directory that older files are moved to |
/// | [`actor`](Self::actor) | the log's actor | actor of the `audit_pruned` entry |
#[derive(Clone, Debug)]
#[must_use = "nothing is pruned before `AuditLog::prune`"]
pub struct Retention {
    days: u32,
    archive: Option<PathBuf>,
    actor: Option<String>,
}

/// Result of [`AuditLog::prune`](crate::AuditLog::prune). Empty if no file was old enough.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Pruning {
    /// Names of the files that left the trail, oldest first.
    pub files: Vec<String>,
    /// Sequence number of the last entry that left the trail.
    pub through: Option<u64>,
    /// Sequence number of the `audit_pruned` entry that records the removal.
    pub recorded_at: Option<u64>,
}

impl Retention {
    /// Keeps entries that are not older than `days` times 24 hours.
    pub fn days(days: u32) -> Self {
        Self { days, archive: None, actor: None }
    }

    /// Moves older files to `directory` instead of deleting them. A missing directory is created.
    ///
    /// Files that are moved back into the trail verify as before.
    pub fn archive(mut self, directory: impl Into<PathBuf>) -> Self {
        self.archive = Some(directory.into());
        self
    }

    /// Sets the actor of the `audit_pruned` entry.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }
}

/// Prunes the trail of `log` by `retention`.
///
/// Each step makes the next one safe:
///
/// 1. A checkpoint signs the present trail. An earlier edit of the old files would be refused here.
/// 2. `audit_pruned` records the Merkle frontier over the entries that leave. The frontier lets a verifier check the
///    rest of the trail against checkpoints that were signed while the old entries were there.
/// 3. A second checkpoint signs that record.
/// 4. The old files leave, oldest first.
pub(super) fn prune(log: &OpenLog, retention: &Retention) -> Result<Pruning, Error> {
    log.flush()?;
    let _guard = log.lock_for_maintenance();
    let trail = log.directory();
    let files = segments::list(trail)?;
    let old = count_older(&files, retention.days, log.now())?;
    let Some((pruned, kept)) = files.split_at_checked(old).filter(|(pruned, _)| !pruned.is_empty()) else {
        return Ok(Pruning::default());
    };
    if !log.signs_checkpoints() {
        return Err(refuse(
            trail,
            "no checkpoint would cover the record of the pruning: use a log that signs checkpoints \
             (`AuditLogBuilder::checkpoints`, or `kling-audit prune --key FILE`)"
                .to_owned(),
        ));
    }
    if let Some(archive) = &retention.archive {
        prepare_archive(trail, archive)?;
    }
    let promised = prune_check::stated_days(trail)?;
    if retention.days < promised {
        return Err(refuse(
            trail,
            format!(
                "the trail promises to keep entries for {promised} days, and the retention is {} days",
                retention.days
            ),
        ));
    }
    let Some(end) = first_seq(kept)? else {
        return Err(refuse(trail, "the first file that would stay begins with no entry".to_owned()));
    };
    let recorded_at = record(log, retention, &files, pruned, end, promised)?;
    // This checkpoint covers the record. From here on the trail verifies without the old files.
    log.checkpoint()?;
    write_note(trail, recorded_at)?;
    for file in pruned {
        remove_segment(trail, &file.name, retention.archive.as_deref())?;
    }
    sync_directory(trail)?;
    Ok(Pruning {
        files: pruned.iter().map(|file| file.name.clone()).collect(),
        through: end.checked_sub(1),
        recorded_at: Some(recorded_at),
    })
}

fn refuse(trail: &Path, reason: String) -> Error {
    Error::Conflict { action: Operation::Prune, path: trail.to_owned(), reason }
}

/// Creates the archive. Refuses the trail's own directory, where files would be moved onto themselves.
fn prepare_archive(trail: &Path, archive: &Path) -> Result<(), Error> {
    Permissions::Owner.create_directory(archive).map_err(Error::io(Operation::Create, archive))?;
    if is_same_path(archive, trail)? {
        return Err(refuse(trail, "the archive is the trail's own directory".to_owned()));
    }
    Ok(())
}

/// Records that the entries below `end` leave. Returns the sequence number of the `audit_pruned` entry.
fn record(
    log: &OpenLog,
    retention: &Retention,
    files: &[TrailFile],
    pruned: &[TrailFile],
    end: u64,
    promised_days: u32,
) -> Result<u64, Error> {
    let tree = PrunedTree::below(files, end)?;
    let earlier = Pruned::find(files, end)?;
    match (tree, earlier) {
        // An earlier pruning was interrupted after its record, or its files were moved back.
        (None, Some(earlier)) => Ok(earlier.seq),
        (Some(tree), Some(earlier)) if earlier.size() > end || tree.is_recorded_by(&earlier) => {
            Ok(earlier.seq)
        }
        (Some(tree), _) => {
            // Signing reads the entries since the last checkpoint again, and refuses if they do not continue it. So
            // the frontier below is that of the signed entries.
            log.checkpoint()?;
            let draft = tree.draft(log.trail_id(), retention, pruned, promised_days);
            Ok(log.append(draft, WaitFor::Linked)?.seq)
        }
        (None, None) => {
            Err(refuse(log.directory(), format!("the entries below seq {end} changed while they were read")))
        }
    }
}

/// Returns the number of files, counted from the oldest, that may leave.
///
/// The file with the last entry stays, and so do all files after it: the chain must continue from an entry that is
/// there.
fn count_older(files: &[TrailFile], days: u32, now: DateTime<Utc>) -> Result<usize, Error> {
    let mut last_entry = None;
    for (index, file) in files.iter().enumerate().rev() {
        let tail = FileTail::read(&mut file.open()?, file.length, MAX_LINE_BYTES)
            .map_err(Error::io(Operation::Read, &file.path))?;
        if let Some((_, bytes)) = tail.last_line {
            last_entry = Line::recognise(&bytes).ok().map(|line| (index, line.time));
            break;
        }
    }
    let Some((last_file, last_time)) = last_entry else { return Ok(0) };
    // The earlier of two clocks: a clock that runs ahead must not prune entries before their time.
    let now = last_time.to_utc().min(now);
    let Some(limit) = now.checked_sub_signed(TimeDelta::days(i64::from(days))) else { return Ok(0) };
    let mut count = 0;
    for file in files.iter().take(last_file) {
        let is_older = match (file.length, file.label) {
            (0, Some(name)) => name.day < limit.date_naive(),
            _ => is_before(file, Timestamp::from(limit))?,
        };
        if !is_older {
            break;
        }
        count += 1;
    }
    // The first file that stays must begin with an entry, because the record names that entry. If it is empty, the
    // files before it stay as well.
    while count > 0 && files.get(count).is_some_and(|file| file.length == 0) {
        count -= 1;
    }
    Ok(count)
}

/// Merkle tree over the entries that leave the trail.
struct PrunedTree {
    frontier: Frontier,
    last_hash: Digest,
}

impl PrunedTree {
    /// Builds the tree over the entries below `end`. The caller has verified the trail.
    ///
    /// Returns `None` if an earlier pruning already went beyond `end`. Then files of it were moved back, or it was
    /// interrupted before all of them left.
    fn below(files: &[TrailFile], end: u64) -> Result<Option<Self>, Error> {
        let mut frontier = match first_seq(files)? {
            Some(first @ 1..) => {
                Pruned::find(files, first)?.map(|earlier| earlier.frontier).unwrap_or_default()
            }
            _ => Frontier::default(),
        };
        let mut last_hash = None;
        if frontier.size() < end {
            grow(files, &mut frontier, |frontier, line| {
                if frontier.size() == end {
                    last_hash = Some(line.stated);
                }
                frontier.size() < end
            })?;
        }
        Ok(last_hash.map(|last_hash| Self { frontier, last_hash }))
    }

    fn is_recorded_by(&self, earlier: &Pruned) -> bool {
        earlier.frontier == self.frontier && earlier.through == self.last_hash
    }

    fn draft(
        &self,
        trail_id: TrailId,
        retention: &Retention,
        pruned: &[TrailFile],
        promised_days: u32,
    ) -> Draft {
        let names: Vec<_> =
            pruned.iter().take(MAX_FILES_IN_PRUNE_RECORD).map(|file| file.name.as_str()).collect();
        let draft = Draft::from_origin("audit_pruned", Origin::Log)
            .detail("archived", retention.archive.is_some())
            .detail("files", names)
            .detail("files_total", pruned.len())
            .detail("frontier", self.frontier.nodes())
            .detail("keep_days", retention.days)
            .detail("min_retention_days", promised_days)
            .detail("through_hash", self.last_hash.to_string())
            .detail("through_seq", self.frontier.size().saturating_sub(1))
            .detail("trail_id", trail_id.to_string())
            .critical();
        match &retention.actor {
            Some(actor) => draft.actor(actor.clone()),
            None => draft,
        }
    }
}

/// Adds entries of `files` to the frontier until `wants_more` returns `false`.
///
/// Lines that do not have the next sequence number are skipped: after files were moved back, the first of them may
/// hold entries that the frontier already contains.
fn grow(
    files: &[TrailFile],
    frontier: &mut Frontier,
    mut wants_more: impl FnMut(&Frontier, &Line<'_>) -> bool,
) -> Result<(), Error> {
    for file in files {
        let mut lines = file.lines(MAX_LINE_BYTES)?;
        while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
            let Piece::Line { bytes, .. } = piece else { continue };
            let Some(line) = Line::recognise(bytes).ok().filter(|line| line.seq == frontier.size()) else {
                continue;
            };
            frontier.push(&line.sha256);
            if !wants_more(frontier, &line) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Writes the note that names the `audit_pruned` entry, so that the next opening need not search the trail for it.
fn write_note(trail: &Path, recorded_at: u64) -> Result<(), Error> {
    replace_file(&trail.join(PRUNE_HINT_NAME), Permissions::Owner, format!("{recorded_at}\n").as_bytes())
}

/// Removes or archives a file of the trail together with its private values and its torn tails.
///
/// The trail's file goes last. If this is interrupted, the next pruning still finds the file in the list and repeats
/// the step; nothing would lead it to values without a file.
fn remove_segment(trail: &Path, name: &str, archive: Option<&Path>) -> Result<(), Error> {
    let values = private_values::directory(trail);
    move_out(&values, name, archive.map(private_values::directory).as_deref())?;
    for entry in fs::read_dir(trail).map_err(Error::io(Operation::List, trail))? {
        let entry = entry.map_err(Error::io(Operation::List, trail))?.file_name();
        // `NAME.OFFSET.torn` holds bytes that a recovery took out of the file `NAME`.
        let Some(torn) = entry.to_str().filter(|torn| torn.ends_with(".torn")) else { continue };
        if torn.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')) {
            move_out(trail, torn, archive)?;
        }
    }
    move_out(trail, name, archive)
}

/// Moves a file to the archive, or deletes it if there is none. A missing file is no error.
fn move_out(directory: &Path, name: &str, archive: Option<&Path>) -> Result<(), Error> {
    let from = directory.join(name);
    if !exists(&from)? {
        return Ok(());
    }
    let Some(archive) = archive else {
        return fs::remove_file(&from).map_err(Error::io(Operation::Remove, &from));
    };
    Permissions::Owner.create_directory(archive).map_err(Error::io(Operation::Create, archive))?;
    let to = archive.join(name);
    if exists(&to)? {
        return finish_interrupted_move(&from, &to);
    }
    match fs::rename(&from, &to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => move_to_other_device(&from, &to)?,
        Err(error) => return Err(Error::io(Operation::Move, &from)(error)),
    }
    sync_directory(archive)
}

/// Deletes `from` if `to` is a copy of it. That is the state after a copy that was interrupted before its last step.
fn finish_interrupted_move(from: &Path, to: &Path) -> Result<(), Error> {
    let refuse =
        |reason: String| Err(Error::Conflict { action: Operation::Archive, path: from.to_owned(), reason });
    // Deleting `from` would delete the only copy.
    if is_same_path(from, to)? {
        return refuse(format!("{} is the same file", to.display()));
    }
    if hash_from(from, 0)? != hash_from(to, 0)? {
        return refuse(format!("{} exists and is another file", to.display()));
    }
    fs::remove_file(from).map_err(Error::io(Operation::Remove, from))
}

/// Copies a file to another file system and deletes it. The copy is synced and compared before the deletion.
fn move_to_other_device(from: &Path, to: &Path) -> Result<(), Error> {
    let copy = to.with_extension("copying");
    fs::copy(from, &copy).map_err(Error::io(Operation::Copy, from))?;
    fs::File::open(&copy).and_then(|copy| copy.sync_all()).map_err(Error::io(Operation::Sync, &copy))?;
    if hash_from(from, 0)? != hash_from(&copy, 0)? {
        return Err(Error::Conflict {
            action: Operation::Archive,
            path: from.to_owned(),
            reason: format!("its copy {} differs from it", copy.display()),
        });
    }
    fs::rename(&copy, to).map_err(Error::io(Operation::Rename, &copy))?;
    if let Some(directory) = to.parent() {
        sync_directory(directory)?;
    }
    fs::remove_file(from).map_err(Error::io(Operation::Remove, from))
}

/// Returns `true` if both paths lead to one file or directory.
fn is_same_path(a: &Path, b: &Path) -> Result<bool, Error> {
    let canonical = |path: &Path| path.canonicalize().map_err(Error::io(Operation::Inspect, path));
    Ok(canonical(a)? == canonical(b)?)
}

impl fmt::Display for Pruning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(through), Some(recorded_at)) = (self.through, self.recorded_at) else {
            return f.write_str("nothing to prune: no file is old enough");
        };
        for file in &self.files {
            writeln!(f, "{}", Escaped(file.as_str()))?;
        }
        write!(
            f,
            "entries through seq {through} left the trail, as seq {recorded_at} records; the trail verifies with the key \
             of a checkpoint that covers that entry"
        )
    }
}
