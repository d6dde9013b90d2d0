//! Retention: whole files that are older than a period leave the trail, and the trail tells of it first.
//!
//! Nothing leaves that does not verify, or that no checkpoint covers: a removal must not hide what was done to it. Files
//! go from the oldest on, so an interruption leaves a trail whose beginning alone is gone.

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
    },
    log::AuditLog,
    storage::{
        durable::{exists, replace_file, sync_directory},
        line_reader::Piece,
        permissions::Permissions,
        private_values,
        prune_record::{PRUNE_HINT_NAME, Pruned, first_seq},
        segments::{self, TrailFile},
        tail::{FileTail, hash_from, is_before},
    },
    write::signing,
};

/// So many files are named in the trail.
const LISTED: usize = 250;

/// How long entries are kept, and what becomes of older ones. For [`AuditLog::prune`].
///
/// | setting | default |
/// |---|---|
/// | [`archive`](Self::archive) | older files are removed |
/// | [`actor`](Self::actor) | the log's |
#[derive(Clone, Debug)]
#[must_use = "nothing is pruned before `AuditLog::prune`"]
pub struct Retention {
    days: u32,
    archive: Option<PathBuf>,
    actor: Option<String>,
}

/// What was pruned.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Pruning {
    /// The names of the files that are not in the trail any more, oldest first.
    pub files: Vec<String>,
    /// The last entry that is not there any more.
    pub through: Option<u64>,
    /// The `audit_pruned` that tells of it: its number.
    pub told_at: Option<u64>,
}

impl Retention {
    /// Keeps what is not older than `days` times 24 hours.
    pub fn days(days: u32) -> Self {
        Self { days, archive: None, actor: None }
    }

    /// Moves older files to `directory`, which is created where it is missing, instead of removing them. Put back, they
    /// verify as before.
    pub fn archive(mut self, directory: impl Into<PathBuf>) -> Self {
        self.archive = Some(directory.into());
        self
    }

    /// Who prunes, for the record.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }
}

impl AuditLog {
    /// Takes whole files whose entries are all older than `retention` says out of the trail, and records that first, as
    /// `audit_pruned`. With nothing to prune, nothing is recorded.
    ///
    /// Age counts from this log's clock or from the last entry, whichever is earlier, so that a clock that is wrong
    /// prunes nothing before its time. The live file stays. The values that pruned entries withhold go with them.
    ///
    /// Only a log with [`checkpoints`](crate::AuditLogBuilder::checkpoints) prunes: it has one signed before the record and
    /// one after it, and only then takes files out.
    ///
    /// The trail without its beginning is intact for who verifies it with the key of a checkpoint that covers the
    /// `audit_pruned`; for others it is unverifiable. See [the manual](crate::manual::retention).
    ///
    /// # Errors
    ///
    /// [`Error::NotIntact`] if the trail does not verify. [`Error::Conflict`] if it ever stated that entries are kept for
    /// longer ([`min_retention_days`](crate::AuditLogBuilder::min_retention_days)), or if the log signs no
    /// checkpoints. Else as [`append`](Self::append), and [`Error::Io`]: run again, it goes on where it was.
    pub fn prune(&self, retention: &Retention) -> Result<Pruning, Error> {
        self.flush()?;
        let _nothing_is_erased_meanwhile = self.erasing().lock();
        let trail = self.directory();
        let files = segments::list(trail)?;
        let count = older(&files, retention.days, self.now())?;
        let Some((pruned, kept)) = files.split_at_checked(count).filter(|(pruned, _)| !pruned.is_empty())
        else {
            return Ok(Pruning::default());
        };
        let refuse =
            |reason: String| Error::Conflict { action: Operation::Prune, path: trail.to_owned(), reason };
        if !self.signs() {
            return Err(refuse(
                "no checkpoint would cover the record of it: prune with a log that signs \
                 (`AuditLogBuilder::checkpoints`, or `kling-audit prune --key FILE`)"
                    .to_owned(),
            ));
        }
        if let Some(archive) = &retention.archive {
            Permissions::Owner.create_directory(archive).map_err(Error::io(Operation::Create, archive))?;
            let place = |path: &Path| path.canonicalize().map_err(Error::io(Operation::Inspect, path));
            if place(archive)? == place(trail)? {
                return Err(refuse("the archive is the trail's own directory".to_owned()));
            }
        }
        let stated = signing::prune_check::stated_days(trail)?;
        if retention.days < stated {
            return Err(refuse(format!(
                "the trail states that entries are kept for {stated} days, and {} were asked for",
                retention.days
            )));
        }
        let Some(end) = first_seq(kept)? else {
            return Err(refuse("what would be left begins with no entry".to_owned()));
        };
        let tree = Tree::until(&files, end)?;
        let told = Pruned::find(&files, end)?;
        let told_at = match (tree, told) {
            // Told and interrupted, or put back and pruned again.
            (None, Some(told)) => told.seq,
            (Some(tree), Some(told)) if told.size() > end || tree.is_told_by(&told) => told.seq,
            (Some(tree), _) => {
                // Refused where they do not go on from what was signed.
                self.checkpoint()?;
                self.record(tree.draft(self, retention, pruned, stated))?.seq
            }
            (None, None) => {
                return Err(refuse(format!("the entries below {end} changed while they were read")));
            }
        };
        // From here on the trail verifies without them.
        self.checkpoint()?;
        note(trail, told_at)?;
        for file in pruned {
            take_out(trail, &file.name, retention.archive.as_deref())?;
        }
        sync_directory(trail)?;
        Ok(Pruning {
            files: pruned.iter().map(|file| file.name.clone()).collect(),
            through: end.checked_sub(1),
            told_at: Some(told_at),
        })
    }
}

/// How many of `files`, from the oldest on, end before the period.
fn older(files: &[TrailFile], days: u32, now: DateTime<Utc>) -> Result<usize, Error> {
    // From the file with the last entry on, all stay.
    let mut last = None;
    for (at, file) in files.iter().enumerate().rev() {
        let ending = FileTail::read(&mut file.open()?, file.length, MAX_LINE_BYTES)
            .map_err(Error::io(Operation::Read, &file.path))?;
        if let Some((_, bytes)) = ending.last_line {
            last = Line::recognise(&bytes).ok().map(|line| (at, line.time));
            break;
        }
    }
    let Some((stay, last)) = last else { return Ok(0) };
    let earlier = last.to_utc().min(now);
    let Some(from) = earlier.checked_sub_signed(TimeDelta::days(i64::from(days))) else { return Ok(0) };
    let mut count = 0;
    for file in files.iter().take(stay) {
        let before = match (file.length, file.label) {
            (0, Some(label)) => label.day < from.date_naive(),
            _ => is_before(file, Timestamp::from(from))?,
        };
        if !before {
            break;
        }
        count += 1;
    }
    // Without an entry after them, empty files would part the trail in the middle of nothing.
    while count > 0 && files.get(count).is_some_and(|file| file.length == 0) {
        count -= 1;
    }
    Ok(count)
}

/// The tree over what is to be pruned.
struct Tree {
    frontier: Frontier,
    through: Digest,
}

impl Tree {
    /// Over the entries below number `end`; `None` where the trail was pruned beyond that, and the rest put back or not
    /// yet removed. The trail was verified.
    fn until(files: &[TrailFile], end: u64) -> Result<Option<Self>, Error> {
        let mut frontier = match first_seq(files)? {
            Some(first @ 1..) => {
                Pruned::find(files, first)?.map(|pruned| pruned.frontier).unwrap_or_default()
            }
            _ => Frontier::default(),
        };
        let mut through = None;
        if frontier.size() < end {
            grow(files, &mut frontier, |frontier, line| {
                if frontier.size() == end {
                    through = Some(line.stated);
                }
                frontier.size() < end
            })?;
        }
        Ok(through.map(|through| Self { frontier, through }))
    }

    fn is_told_by(&self, told: &Pruned) -> bool {
        told.frontier == self.frontier && told.through == self.through
    }

    fn draft(&self, log: &AuditLog, retention: &Retention, files: &[TrailFile], stated: u32) -> Draft {
        let names: Vec<_> = files.iter().take(LISTED).map(|file| file.name.as_str()).collect();
        let draft = Draft::from_origin("audit_pruned", Origin::Log)
            .detail("archived", retention.archive.is_some())
            .detail("files", names)
            .detail("files_total", files.len())
            .detail("frontier", self.frontier.nodes())
            .detail("keep_days", retention.days)
            .detail("min_retention_days", stated)
            .detail("through_hash", self.through.to_string())
            .detail("through_seq", self.frontier.size().saturating_sub(1))
            .detail("trail_id", log.trail_id().to_string())
            .critical();
        match &retention.actor {
            Some(actor) => draft.actor(actor.clone()),
            None => draft,
        }
    }
}

/// Adds entries of `files` to the tree, as long as `more` says so.
fn grow(
    files: &[TrailFile],
    frontier: &mut Frontier,
    mut more: impl FnMut(&Frontier, &Line<'_>) -> bool,
) -> Result<(), Error> {
    for file in files {
        let mut lines = file.lines(MAX_LINE_BYTES)?;
        while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
            let Piece::Line { bytes, .. } = piece else { continue };
            let Some(line) = Line::recognise(bytes).ok().filter(|line| line.seq == frontier.size()) else {
                continue;
            };
            frontier.push(&line.sha256);
            if !more(frontier, &line) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Notes which entry tells, for the next opening.
fn note(trail: &Path, told_at: u64) -> Result<(), Error> {
    replace_file(&trail.join(PRUNE_HINT_NAME), Permissions::Owner, format!("{told_at}\n").as_bytes())
}

/// Takes a file out of the trail, with what stands beside it: first what nobody would find without it.
fn take_out(trail: &Path, name: &str, archive: Option<&Path>) -> Result<(), Error> {
    let values = private_values::directory(trail);
    move_out(&values, name, archive.map(private_values::directory).as_deref())?;
    for entry in fs::read_dir(trail).map_err(Error::io(Operation::List, trail))? {
        let entry = entry.map_err(Error::io(Operation::List, trail))?.file_name();
        // Bytes that recovery took out of it.
        let Some(torn) = entry.to_str().filter(|torn| torn.ends_with(".torn")) else { continue };
        if torn.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')) {
            move_out(trail, torn, archive)?;
        }
    }
    move_out(trail, name, archive)
}

/// Moves a file to another directory, or removes it; one that is not there is left at that.
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
        let place = |path: &Path| path.canonicalize().map_err(Error::io(Operation::Inspect, path));
        if place(&from)? == place(&to)? {
            return Err(Error::Conflict {
                action: Operation::Archive,
                path: from,
                reason: format!("{} is the same file", to.display()),
            });
        }
        // A copy that was interrupted before the file was removed here.
        if hash_from(&from, 0)? != hash_from(&to, 0)? {
            return Err(Error::Conflict {
                action: Operation::Archive,
                path: from,
                reason: format!("{} is there and is another file", to.display()),
            });
        }
        return fs::remove_file(&from).map_err(Error::io(Operation::Remove, &from));
    }
    match fs::rename(&from, &to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy_out(&from, &to)?,
        Err(error) => return Err(Error::io(Operation::Move, &from)(error)),
    }
    sync_directory(archive)
}

/// Copies a file to another file system, and removes it once the copy is on that device and the same.
fn copy_out(from: &Path, to: &Path) -> Result<(), Error> {
    let unready = to.with_extension("copying");
    fs::copy(from, &unready).map_err(Error::io(Operation::Copy, from))?;
    fs::File::open(&unready)
        .and_then(|copy| copy.sync_all())
        .map_err(Error::io(Operation::Sync, &unready))?;
    if hash_from(from, 0)? != hash_from(&unready, 0)? {
        return Err(Error::Conflict {
            action: Operation::Archive,
            path: from.to_owned(),
            reason: format!("the copy {} is not the same", unready.display()),
        });
    }
    fs::rename(&unready, to).map_err(Error::io(Operation::Rename, &unready))?;
    if let Some(directory) = to.parent() {
        sync_directory(directory)?;
    }
    fs::remove_file(from).map_err(Error::io(Operation::Remove, from))
}

impl fmt::Display for Pruning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(through), Some(told_at)) = (self.through, self.told_at) else {
            return f.write_str("nothing is older");
        };
        for file in &self.files {
            writeln!(f, "{}", Escaped(file.as_str()))?;
        }
        write!(
            f,
            "entries through seq {through} are not in the trail any more, as seq {told_at} tells; it verifies with a \
             checkpoint that covers that"
        )
    }
}
