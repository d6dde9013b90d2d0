//! Opening a trail: the checks before a log continues it, and the entries that a run begins with.
//!
//! 1. Refuse a directory with logs of the Python tool. Create the directory and take its lock.
//! 2. Read a pending adoption, if there is one: an old trail that was moved away and is not recorded yet.
//! 3. Inspect: the head, the first entry, and the last entry, which must have its printed hash and agree with the head.
//! 4. From here on the trail is changed. Remove private records of entries that the trail does not have.
//! 5. Copy each torn tail into a file of its own and truncate it.
//! 6. Open head and live file for writing.
//! 7. Link `audit_started`, an `audit_recovered` for lost entries and for each torn tail, and a pending `audit_erased`.
//! 8. Write and sync these entries, and a new head.
//! 9. Clean up what is recorded now: the erased values, the pending adoption, the names of torn tails.
//!
//! A trail that is refused in steps 1 to 3 is left as it was. Only the first and last lines of files are read, so the
//! time of opening grows with the number of files, not with their length.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{
    codec::{
        digest::HashLength,
        json::{serialize::to_value, value::Value},
    },
    error::{Error, Operation},
    format::{
        chain::Chain,
        draft::{Draft, MAX_VALUE_LEVELS, Origin},
        file_name::SegmentName,
        head::{self, Head, Mark},
        line::{self, Line, MAX_LINE_BYTES},
        prepared_entry::EntryDefaults,
        receipt::TrailId,
    },
    storage::{
        durable::metadata,
        head_file::FoundHead,
        line_reader::Piece,
        lock::Lock,
        permissions, process,
        prune_record::Pruned,
        segments::{self, TrailFile, TrailFormat},
        tail::FileTail,
    },
    write::{
        adopt,
        commit::{linker::Linker, queue::CommitQueue},
        erasure::Erasure,
        private_file,
        settings::Settings,
        torn_tail::{self, TornTail},
        trail_writer::TrailWriter,
    },
};

/// Version of the format that is written.
const FORMAT_VERSION: u64 = 1;

/// Details of `audit_started`.
#[derive(Serialize)]
struct Started<'a> {
    format: u64,
    trail_id: String,
    hash_length: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    host: String,
    pid: u32,
    min_retention_days: u32,
    resumed_from: Option<ResumedFrom>,
    adopted: Option<&'a serde_json::Value>,
}

/// The last entry of the run before.
#[derive(Clone, Serialize)]
struct ResumedFrom {
    seq: u64,
    hash: String,
}

/// Details of `audit_recovered` for entries that were written, not synced, and lost to a power failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Lost {
    lost_from: u64,
    lost_to: u64,
    head_hash: String,
}

/// A trail as the inspection found it.
struct FoundTrail {
    trail_id: TrailId,
    chain: Chain,
    /// Highest `min_retention_days` that the trail states.
    min_retention_days: u32,
    /// The last entry. `None` in a trail without entries.
    resumed_from: Option<ResumedFrom>,
    /// File to continue. `None` if the next line begins a new file.
    live: Option<(PathBuf, SegmentName)>,
    torn: Vec<TornTail>,
    lost: Option<Lost>,
    head: Head,
}

impl FoundTrail {
    /// A trail that has a head and no entries.
    fn without_entries(settings: &Settings, head: Head) -> Result<Self, Error> {
        let directory = &settings.directory;
        let trail_id = head.trail_id.parse().map_err(|_| refused(directory, "the head names no trail"))?;
        Ok(Self {
            trail_id,
            chain: Chain::new(settings.hash_length.unwrap_or_default()),
            min_retention_days: 0,
            resumed_from: None,
            live: None,
            torn: Vec::new(),
            lost: check_head(directory, &head, None)?,
            head,
        })
    }
}

/// Opens the trail in the settings' directory, or creates one there.
pub(crate) fn open(settings: Settings) -> Result<CommitQueue, Error> {
    let directory = settings.directory.clone();
    refuse_tool_logs(&directory)?;
    settings.access.create_directory(&directory).map_err(Error::io(Operation::Create, &directory))?;
    let lock = Lock::take(&directory, settings.access)?;
    open_locked(settings, lock)
}

/// Opens the trail whose lock the caller holds.
pub(crate) fn open_locked(mut settings: Settings, lock: Lock) -> Result<CommitQueue, Error> {
    let directory = settings.directory.clone();
    adopt::resume(&mut settings)?;
    let mut found = inspect(&settings)?;

    // Every refusal is behind: the trail is changed from here on.
    private_file::remove_records_from(&directory, found.chain.next)?;
    for tail in &found.torn {
        if !tail.set_aside(&directory, settings.access)? {
            // The unfinished line stays in the file, so the next line must not follow it there.
            found.live = None;
        }
    }
    let live = found.live.take();
    let wrap = settings.wrap.clone();
    let writer = TrailWriter::new(directory, settings.access, wrap, lock, found.head.clone(), live)?;
    begin_run(settings, found, writer)
}

/// Writes the entries that a run begins with, and returns the queue of the open log.
fn begin_run(settings: Settings, found: FoundTrail, mut writer: TrailWriter) -> Result<CommitQueue, Error> {
    let directory = settings.directory.clone();
    let started = Started {
        format: FORMAT_VERSION,
        trail_id: found.trail_id.to_string(),
        hash_length: found.chain.length.digits(),
        service: settings.service.as_deref(),
        version: settings.version.as_deref(),
        host: host(),
        pid: std::process::id(),
        min_retention_days: settings.min_retention_days.max(found.min_retention_days),
        resumed_from: found.resumed_from,
        adopted: settings.adopted.as_ref(),
    };
    let first = found.chain.next;
    let mut linker = Linker::new(
        found.chain,
        writer.position(),
        found.trail_id,
        EntryDefaults {
            actor: settings.actor,
            inherit_fields: settings.inherit_fields,
            redaction: settings.redaction,
            source_location: settings.source_location,
        },
        settings.clock,
        directory.clone(),
        settings.max_file_size,
    );
    let torn = torn_tail::unrecorded(&directory)?;
    linker.link_own(own_draft("audit_started", &started))?;
    // Lost entries come before torn tails. The new head, below, is the end of all knowledge about lost entries: their
    // numbers are used again. A torn tail keeps its file until it is recorded, even if this opening is interrupted.
    if let Some(lost) = &found.lost {
        linker.link_own(own_draft("audit_recovered", lost))?;
    }
    for tail in &torn {
        linker.link_own(own_draft("audit_recovered", tail))?;
    }
    let erasure = Erasure::pending(&directory)?;
    if let Some(erasure) = &erasure
        && erasure.find_record(&directory, found.trail_id)?.is_none()
    {
        linker.link_own(erasure.draft())?;
    }
    linker.write_all(&mut writer)?;
    // The entries above are on the device. An interruption between these steps is completed by the next opening.
    if let Some(erasure) = erasure {
        erasure.finish(&directory)?;
    }
    if settings.adopted.is_some() {
        adopt::finish(&directory)?;
    }
    for tail in &torn {
        tail.set_recorded(&directory)?;
    }
    Ok(CommitQueue::new(linker, writer, first, settings.durability, settings.hook))
}

/// Reads the trail's head, its first and its last entry, and refuses a trail that cannot be continued. Changes nothing.
fn inspect(settings: &Settings) -> Result<FoundTrail, Error> {
    let directory = &settings.directory;
    let head = FoundHead::read(directory)?;
    let files = segments::list(directory)?;
    let first = files.iter().find(|file| file.length > 0);
    let (Some(first), FoundHead::Head(head)) = (first, &head) else {
        return inspect_incomplete(settings, first.is_some(), head);
    };
    let end = find_end(&files)?;
    let Some(LastLine { file: newest, tail, bytes: last }) = end.last else {
        // The files hold torn tails and nothing else: the first write of the trail did not complete.
        let found = FoundTrail::without_entries(settings, head.clone())?;
        return Ok(FoundTrail { torn: end.torn, ..found });
    };
    let identity = Identity::read(directory, &files, first)?;
    if let Some(asked) = settings.hash_length.filter(|asked| *asked != identity.length) {
        return Err(Error::HashLength { path: directory.clone(), found: identity.length, asked });
    }
    if head.trail_id != identity.trail_id.to_string() {
        return Err(refused(&directory.join(head::NAME), "the head is that of another trail"));
    }
    let refuse = |reason: &str| {
        Err(refused(&newest.path, &format!("the last entry (at byte {}) {reason}", tail.last_line_offset())))
    };
    let line = match Line::recognise(&last) {
        Ok(line) => line,
        Err(malformed) => return refuse(&format!("is malformed: {malformed}")),
    };
    if !line.holds() {
        return refuse("does not have its printed hash");
    }
    if line.stated.length() != identity.length {
        return refuse("has a hash of another length than the trail");
    }
    if newest.label.is_none_or(|name| name.day != line.time.date()) {
        return refuse("is in a file of another day");
    }
    let lost = check_head(directory, head, Some(&line))?;
    let mut chain = Chain::new(identity.length);
    chain.set(line.seq, line.stated, line.time);
    // The file is closed if its mode says so, or if a newer file exists, even an empty one.
    let is_closed = metadata(&newest.path)?.is_some_and(|metadata| permissions::is_closed(&metadata));
    let is_live = files.last().is_some_and(|last| last.path == newest.path) && !is_closed;
    Ok(FoundTrail {
        trail_id: identity.trail_id,
        chain,
        min_retention_days: identity.min_retention_days,
        resumed_from: Some(ResumedFrom { seq: line.seq, hash: line.stated.to_string() }),
        live: newest.label.filter(|_| is_live).map(|name| (newest.path.clone(), name)),
        torn: end.torn,
        lost,
        head: head.clone(),
    })
}

/// Inspects a directory without entries, or without a readable head.
fn inspect_incomplete(settings: &Settings, has_entries: bool, head: FoundHead) -> Result<FoundTrail, Error> {
    let directory = &settings.directory;
    let path = directory.join(head::NAME);
    let head = match head {
        // The head is on the device before the first entry is written. Without entries, an unreadable head is one whose
        // first write was interrupted, and a new trail can begin.
        FoundHead::Missing | FoundHead::Blank | FoundHead::Unreadable if !has_entries => {
            Head::new(new_id(directory)?, process::boot_id())
        }
        FoundHead::Missing => {
            let reason = "the head is missing, so it is unknown whether the end of the trail is complete";
            return Err(refused(&path, reason));
        }
        FoundHead::Blank | FoundHead::Unreadable => return Err(refused(&path, "the head can't be read")),
        FoundHead::Head(head) => head,
    };
    FoundTrail::without_entries(settings, head)
}

/// Properties of a whole trail, from its first entry.
struct Identity {
    trail_id: TrailId,
    length: HashLength,
    min_retention_days: u32,
}

impl Identity {
    fn read(directory: &Path, files: &[TrailFile], first: &TrailFile) -> Result<Self, Error> {
        let mut lines = first.lines(MAX_LINE_BYTES)?;
        let piece = lines.next().map_err(Error::io(Operation::Read, &first.path))?;
        let Some(Piece::Line { bytes, .. }) = piece else {
            return Err(refused(&first.path, "the first line is not an entry"));
        };
        if let Some(start) = line::foreign_start(bytes) {
            let reason = format!("the trail has format {}, and this is format 1", start.format);
            return Err(refused(&first.path, &reason));
        }
        let line = match Line::recognise(bytes) {
            Ok(line) if line.holds() => line,
            _ => return Err(refused(&first.path, "the first line does not verify")),
        };
        if line.seq != 0 {
            return Self::of_pruned(directory, files, first, line.seq);
        }
        let details = line.decoded_details();
        let trail_id = details.str("trail_id").and_then(|id| id.parse().ok());
        let Some(trail_id) = trail_id.filter(|_| line.is("audit_started")) else {
            return Err(refused(directory, "the first entry is not an `audit_started` with a `trail_id`"));
        };
        let days = details.u64("min_retention_days").and_then(|days| days.try_into().ok());
        Ok(Self { trail_id, length: line.stated.length(), min_retention_days: days.unwrap_or(0) })
    }

    /// Reads the identity from the `audit_pruned` that recorded the removal of the entries before `seq`.
    fn of_pruned(directory: &Path, files: &[TrailFile], first: &TrailFile, seq: u64) -> Result<Self, Error> {
        let Some(pruned) = Pruned::find_noted(directory, files, seq)? else {
            let reason = format!(
                "the trail begins with seq {seq}, and no entry records that the entries before it were pruned: files \
                 before this one are missing"
            );
            return Err(refused(&first.path, &reason));
        };
        Ok(Self {
            trail_id: pruned.trail_id,
            length: pruned.hash_length(),
            min_retention_days: pruned.min_retention_days,
        })
    }
}

/// The end of a trail.
struct End {
    last: Option<LastLine>,
    /// Torn tails of the file with the last line and of newer files, oldest first.
    torn: Vec<TornTail>,
}

/// The last complete line of a trail.
struct LastLine {
    file: TrailFile,
    tail: FileTail,
    bytes: Vec<u8>,
}

/// Finds the last complete line, and the torn tails after it.
fn find_end(files: &[TrailFile]) -> Result<End, Error> {
    let mut end = End { last: None, torn: Vec::new() };
    for file in files.iter().rev() {
        let mut opened = file.open()?;
        let mut tail = FileTail::read(&mut opened, file.length, MAX_LINE_BYTES)
            .map_err(Error::io(Operation::Read, &file.path))?;
        let last = tail.last_line.as_mut().map(|(_, bytes)| std::mem::take(bytes));
        // An older file can have a torn tail too: the trail continues in a new file if a failed write could not be
        // truncated. The first lines of the new file describe it then. Here, no such line exists yet.
        if tail.rest < tail.length {
            end.torn.insert(0, TornTail { file: file.clone(), tail: tail.clone() });
        }
        if let Some(bytes) = last {
            end.last = Some(LastLine { file: file.clone(), tail, bytes });
            break;
        }
    }
    Ok(end)
}

/// Compares the trail's last complete line with its head. Returns the entries that a power failure took.
///
/// Entries that the head names and the trail lacks were lost to a power failure if they were never synced and the
/// machine was started again since. In any other case the end of the trail was truncated or replaced, and the trail is
/// refused.
fn check_head(directory: &Path, head: &Head, last: Option<&Line<'_>>) -> Result<Option<Lost>, Error> {
    let refuse = |reason: String| Err(refused(directory, &reason));
    let next = last.map_or(0, |line| line.seq + 1);
    // The last line has the number of `mark` and another hash.
    let contradicts =
        |mark: &Mark| last.is_some_and(|line| line.seq == mark.seq && line.stated.to_string() != mark.hash);
    // After a power failure, an opening may have been interrupted between its first entries and its new head. The head
    // is then older than the last line, and numbers of lost entries are in use again.
    if let (Some(last), Some(written), true) =
        (last, &head.written, process::is_other_boot(head.boot_id.as_deref()))
        && head
            .synced
            .as_ref()
            .is_none_or(|synced| synced.seq < written.seq.min(next) && !contradicts(synced))
    {
        if last.is("audit_recovered") && records_loss(last, written, next) {
            return Ok(None);
        }
        // An `audit_started` in the place of lost entries gives the number after the last entry that was left.
        let after_resumed = Some(last).filter(|line| line.is("audit_started")).and_then(resumed_after);
        let lost_from = match after_resumed.unwrap_or(next) {
            from if contradicts(written) => from.min(written.seq),
            from => from,
        };
        let is_present = written.seq == last.seq && !contradicts(written);
        if written.seq >= lost_from && !is_present {
            return Ok(Some(Lost { lost_from, lost_to: written.seq, head_hash: written.hash.clone() }));
        }
    }
    let mut marks = [&head.synced, &head.written].into_iter().flatten();
    if let Some(mark) = marks.find(|mark| contradicts(mark)) {
        return refuse(format!("the entry {} is not the one that the head names", mark.seq));
    }
    let Some(written) = head.written.as_ref().filter(|mark| mark.seq >= next) else { return Ok(None) };
    let ends = match next.checked_sub(1) {
        Some(seq) => format!("ends with seq {seq}"),
        None => "has no entries".to_owned(),
    };
    if let Some(synced) = head.synced.as_ref().filter(|mark| mark.seq >= next) {
        return refuse(format!("the trail {ends}, and seq {} was synced: its end was truncated", synced.seq));
    }
    if !process::is_other_boot(head.boot_id.as_deref()) {
        return refuse(format!(
            "the trail {ends}, and seq {} was written since the machine was started: its end was truncated",
            written.seq
        ));
    }
    Ok(Some(Lost { lost_from: next, lost_to: written.seq, head_hash: written.hash.clone() }))
}

/// Returns `true` if an `audit_recovered`, the trail's last entry, proves that the loss up to `written` is recorded. It
/// does if it records that loss, or a torn tail: torn tails are recorded after losses.
fn records_loss(recovered: &Line<'_>, written: &Mark, next: u64) -> bool {
    let details = recovered.decoded_details();
    match details.get("head_hash") {
        Some(_) => details.str("head_hash") == Some(&written.hash),
        None => written.seq < next,
    }
}

/// Returns the number after the entry that an `audit_started` resumed from.
fn resumed_after(started: &Line<'_>) -> Option<u64> {
    let Some(resumed_from) = started.decoded_details().object("resumed_from") else { return Some(0) };
    resumed_from.u64("seq").map(|seq| seq + 1)
}

fn refuse_tool_logs(directory: &Path) -> Result<(), Error> {
    if directory.is_dir() && segments::trail_format(&segments::list(directory)?)? == TrailFormat::PythonTool {
        return Err(refused(
            directory,
            "the directory holds logs of the Python tool, which can be verified and reported but not continued",
        ));
    }
    Ok(())
}

fn new_id(directory: &Path) -> Result<TrailId, Error> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)
        .map_err(|error| Error::io(Operation::GenerateId, directory)(std::io::Error::other(error)))?;
    Ok(TrailId::new(bits))
}

fn refused(path: &Path, reason: &str) -> Error {
    Error::CannotResume { path: path.to_owned(), reason: reason.to_owned() }
}

/// Returns the draft of one of the log's own entries, with the members of `details`.
fn own_draft(event_type: &'static str, details: &impl Serialize) -> Draft {
    let mut draft = Draft::from_origin(event_type, Origin::Log);
    // The types of this module always serialise to an object.
    if let Ok(Value::Object(members)) = to_value(details, MAX_VALUE_LEVELS + 1) {
        for (name, value) in &members {
            draft.put(&name.to_string_lossy(), value);
        }
    }
    draft
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}
