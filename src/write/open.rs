//! Opening a trail: whether it can be gone on with, and the entries that a run begins with.
//!
//! Everything is looked at before anything is changed: a refused opening leaves the trail as it was. The files' ends
//! are read, and not the trail.

use std::path::Path;

use serde::Serialize;

use crate::storage::head_file::FoundHead;
use crate::{
    codec::{
        digest::HashLength,
        json::{self, value::Value},
    },
    error::{Error, Operation},
    format::{
        chain::Chain,
        draft::{Draft, MAX_VALUE_LEVELS, Origin},
        file_name::SegmentName,
        head::{Head, Mark},
        line::{self, Line, MAX_LINE},
        prepared_entry::EntryDefaults,
        receipt::TrailId,
    },
    storage::{
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
        torn_tail,
        trail_writer::TrailWriter,
    },
};

/// The version of the format that is written here.
const FORMAT: u64 = 1;

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

#[derive(Clone, Serialize)]
struct ResumedFrom {
    seq: u64,
    hash: String,
}

/// Entries that were acknowledged, never put on the device, and lost with the power.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Lost {
    lost_from: u64,
    lost_to: u64,
    head_hash: String,
}

/// A trail as it was found.
struct FoundTrail {
    trail_id: TrailId,
    chain: Chain,
    min_retention_days: u32,
    resumed_from: Option<ResumedFrom>,
    /// The file to go on with.
    live: Option<(std::path::PathBuf, SegmentName)>,
    torn: Vec<(TrailFile, FileTail)>,
    lost: Option<Lost>,
    head: Head,
}

/// Opens the trail in the settings' directory, or begins one there.
pub(crate) fn open(settings: Settings) -> Result<CommitQueue, Error> {
    let directory = settings.directory.clone();
    refuse_tool_logs(&directory)?;
    settings.access.create_directory(&directory).map_err(Error::io(Operation::Create, &directory))?;
    let lock = Lock::take(&directory, settings.access)?;
    open_locked(settings, lock)
}

/// Opens the trail whose lock is held.
pub(crate) fn open_locked(mut settings: Settings, lock: Lock) -> Result<CommitQueue, Error> {
    let directory = settings.directory.clone();
    adopt::resume(&mut settings)?;
    let mut standing = look(&settings)?;

    // From here on the trail is changed.
    private_file::sweep(&directory, standing.chain.next)?;
    for (file, ending) in &standing.torn {
        if !torn_tail::set_aside(&directory, settings.access, file, ending)? {
            standing.live = None;
        }
    }
    let live = standing.live.take();
    let wrap = settings.wrap.clone();
    let writer = TrailWriter::new(directory, settings.access, wrap, lock, standing.head.clone(), live)?;
    begin(settings, standing, writer)
}

/// The entries that a run begins with.
fn begin(settings: Settings, standing: FoundTrail, mut writer: TrailWriter) -> Result<CommitQueue, Error> {
    let directory = settings.directory.clone();
    let started = Started {
        format: FORMAT,
        trail_id: standing.trail_id.to_string(),
        hash_length: standing.chain.length.digits(),
        service: settings.service.as_deref(),
        version: settings.version.as_deref(),
        host: host(),
        pid: std::process::id(),
        min_retention_days: settings.min_retention_days.max(standing.min_retention_days),
        resumed_from: standing.resumed_from,
        adopted: settings.adopted.as_ref(),
    };
    let first = standing.chain.next;
    let mut linker = Linker::new(
        standing.chain,
        writer.position(),
        standing.trail_id,
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
    // Losses first: their numbers are given again from here on, and the torn bytes are kept until they are recorded.
    if let Some(lost) = &standing.lost {
        linker.link_own(own_draft("audit_recovered", lost))?;
    }
    for found in &torn {
        linker.link_own(own_draft("audit_recovered", found))?;
    }
    let erasure = Erasure::pending(&directory)?;
    if let Some(erasure) = &erasure
        && erasure.told(&directory, standing.trail_id)?.is_none()
    {
        linker.link_own(erasure.draft())?;
    }
    linker.write_all(&mut writer)?;
    if let Some(erasure) = erasure {
        erasure.finish(&directory)?;
    }
    if settings.adopted.is_some() {
        adopt::told(&directory)?;
    }
    for found in &torn {
        found.recorded(&directory)?;
    }
    Ok(CommitQueue::new(linker, writer, first, settings.durability, settings.hook))
}

/// Looks at what is there, and refuses what can't be gone on with.
fn look(settings: &Settings) -> Result<FoundTrail, Error> {
    let directory = &settings.directory;
    let head = FoundHead::read(directory)?;
    let files = segments::list(directory)?;
    let first = files.iter().find(|file| file.length > 0);
    let (Some(first), FoundHead::Head(head)) = (first, &head) else {
        return look_at_beginning(settings, first.is_some(), head);
    };
    let found = find_end(&files)?;
    let Some((newest, ending, last)) = found.last else {
        // Torn bytes are all there is.
        let mut standing = beginning(settings, head.clone(), directory)?;
        standing.torn = found.torn;
        standing.lost = check_head(directory, head, None)?;
        return Ok(standing);
    };
    let identity = Identity::read(directory, &files, first)?;
    if let Some(asked) = settings.hash_length.filter(|asked| *asked != identity.length) {
        return Err(Error::HashLength { path: directory.clone(), found: identity.length, asked });
    }
    if head.trail_id != identity.trail_id.to_string() {
        return Err(refused(&directory.join(crate::format::head::NAME), "the head is that of another trail"));
    }
    let refuse = |reason: &str| {
        Err(refused(
            &newest.path,
            &format!("the last entry (at byte {}) {reason}", ending.last_line_offset()),
        ))
    };
    let line = match Line::recognise(&last) {
        Ok(line) => line,
        Err(malformed) => return refuse(&format!("is malformed: {malformed}")),
    };
    if !line.holds() {
        return refuse("does not have the hash that it states");
    }
    if line.stated.length() != identity.length {
        return refuse("has a hash of another length than the trail");
    }
    if newest.label.is_none_or(|label| label.day != line.time.date()) {
        return refuse("stands in a file of another day");
    }
    let lost = check_head(directory, head, Some(&line))?;
    let mut chain = Chain::new(identity.length);
    chain.set(line.seq, line.stated, line.time);
    // A newer file without entries means that this one is closed, and so does its mode: the trail goes on in another.
    let closed = newest.path.symlink_metadata().is_ok_and(|metadata| permissions::is_closed(&metadata));
    let newest_of_all = files.last().is_some_and(|last| last.path == newest.path) && !closed;
    Ok(FoundTrail {
        trail_id: identity.trail_id,
        chain,
        min_retention_days: identity.min_retention_days,
        resumed_from: Some(ResumedFrom { seq: line.seq, hash: line.stated.to_string() }),
        live: newest.label.filter(|_| newest_of_all).map(|label| (newest.path.clone(), label)),
        torn: found.torn,
        lost,
        head: head.clone(),
    })
}

/// A directory without entries, or without a head that can be read.
fn look_at_beginning(settings: &Settings, has_entries: bool, head: FoundHead) -> Result<FoundTrail, Error> {
    let directory = &settings.directory;
    let path = directory.join(crate::format::head::NAME);
    let head = match head {
        // The head is on the device before the first entry: one that can't be read, without entries, was being begun.
        FoundHead::Missing | FoundHead::Blank | FoundHead::Unreadable if !has_entries => {
            Head::begin(new_id(directory)?)
        }
        FoundHead::Missing => {
            return Err(refused(
                &path,
                "the head is missing, so nobody can tell whether the end of the trail is there",
            ));
        }
        FoundHead::Blank | FoundHead::Unreadable => return Err(refused(&path, "the head can't be read")),
        FoundHead::Head(head) => head,
    };
    let mut standing = beginning(settings, head, directory)?;
    standing.lost = check_head(directory, &standing.head, None)?;
    Ok(standing)
}

/// A trail without entries.
fn beginning(settings: &Settings, head: Head, directory: &Path) -> Result<FoundTrail, Error> {
    let trail_id = head.trail_id.parse().map_err(|_| refused(directory, "the head names no trail"))?;
    Ok(FoundTrail {
        trail_id,
        chain: Chain::new(settings.hash_length.unwrap_or_default()),
        min_retention_days: 0,
        resumed_from: None,
        live: None,
        torn: Vec::new(),
        lost: None,
        head,
    })
}

/// What the first entry says of the whole trail.
struct Identity {
    trail_id: TrailId,
    length: HashLength,
    min_retention_days: u32,
}

impl Identity {
    fn read(directory: &Path, files: &[TrailFile], first: &TrailFile) -> Result<Self, Error> {
        let mut lines = first.lines(MAX_LINE)?;
        let piece = lines.next().map_err(Error::io(Operation::Read, &first.path))?;
        let Some(Piece::Line { bytes, .. }) = piece else {
            return Err(refused(&first.path, "the first line is no entry"));
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
        let id = match line.detail("trail_id") {
            Some(Value::String(text)) => text.to_str().and_then(|text| text.parse().ok()),
            _ => None,
        };
        let Some(trail_id) = id.filter(|_| line.is("audit_started")) else {
            return Err(refused(directory, "the first entry is no `audit_started` with a `trail_id`"));
        };
        let min_retention_days = match line.detail("min_retention_days") {
            Some(Value::Number(days)) => days.parse().unwrap_or(0),
            _ => 0,
        };
        Ok(Self { trail_id, length: line.stated.length(), min_retention_days })
    }
}

impl Identity {
    /// Of a trail whose beginning was pruned.
    fn of_pruned(directory: &Path, files: &[TrailFile], first: &TrailFile, seq: u64) -> Result<Self, Error> {
        let Some(pruned) = Pruned::find_noted(directory, files, seq)? else {
            let reason = format!(
                "the trail begins with seq {seq}, and no entry tells that those before it were pruned: files before \
                 this one are missing"
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

/// Where the trail ends.
struct End {
    /// The newest file with a whole line, how it ends, and that line.
    last: Option<(TrailFile, FileTail, Vec<u8>)>,
    /// Unfinished lines in this file, and in newer ones where no whole line stands.
    torn: Vec<(TrailFile, FileTail)>,
}

fn find_end(files: &[TrailFile]) -> Result<End, Error> {
    let mut end = End { last: None, torn: Vec::new() };
    for file in files.iter().rev() {
        let mut opened = file.open()?;
        let mut ending = FileTail::read(&mut opened, file.length, MAX_LINE)
            .map_err(Error::io(Operation::Read, &file.path))?;
        let last = ending.last_line.as_mut().map(|(_, bytes)| std::mem::take(bytes));
        // A new file is begun when the one before it is whole, or could not be cut back to whole lines after a failed
        // write: then the first lines of the new one tell of it, and no such line is here yet.
        if ending.rest < ending.length {
            end.torn.insert(0, (file.clone(), ending.clone()));
        }
        if let Some(last) = last {
            end.last = Some((file.clone(), ending, last));
            break;
        }
    }
    Ok(end)
}

/// Holds the trail's last whole line against its head.
fn check_head(directory: &Path, head: &Head, last: Option<&Line<'_>>) -> Result<Option<Lost>, Error> {
    let refuse = |reason: String| Err(refused(directory, &reason));
    let next = last.map_or(0, |line| line.seq + 1);
    let is_other =
        |mark: &Mark| last.is_some_and(|line| line.seq == mark.seq && line.stated.to_string() != mark.hash);
    let mut marks = [&head.synced, &head.written].into_iter().flatten();
    if let (Some(last), Some(written), true) = (last, &head.written, was_other_boot(head))
        && head.synced.as_ref().is_none_or(|synced| synced.seq < written.seq.min(next) && !is_other(synced))
    {
        // A power cut took entries, and the opening that was to tell of it stopped before it renewed the head.
        let told = |line: &Line<'_>| match line.detail("head_hash") {
            Some(hash) => is_text(&hash, &written.hash),
            // Torn bytes are told of after losses.
            None => written.seq < next,
        };
        if last.is("audit_recovered") && told(last) {
            return Ok(None);
        }
        // Their numbers may have been given again.
        let given_again = Some(last).filter(|line| line.is("audit_started")).and_then(resumed_after);
        let from = match given_again.unwrap_or(next) {
            from if is_other(written) => from.min(written.seq),
            from => from,
        };
        let is_there = written.seq == last.seq && !is_other(written);
        if written.seq >= from && !is_there {
            return Ok(Some(Lost { lost_from: from, lost_to: written.seq, head_hash: written.hash.clone() }));
        }
    }
    if let Some(mark) = marks.find(|mark| is_other(mark)) {
        return refuse(format!("the entry {} is not the one that the head names", mark.seq));
    }
    let Some(written) = head.written.as_ref().filter(|mark| mark.seq >= next) else { return Ok(None) };
    let ends = match next.checked_sub(1) {
        Some(seq) => format!("ends with seq {seq}"),
        None => "has no entries".to_owned(),
    };
    if let Some(synced) = head.synced.as_ref().filter(|mark| mark.seq >= next) {
        return refuse(format!(
            "the trail {ends}, and seq {} was on the device: its end was cut off",
            synced.seq
        ));
    }
    if !was_other_boot(head) {
        return refuse(format!(
            "the trail {ends}, and seq {} was acknowledged since the machine was started: its end was cut off",
            written.seq
        ));
    }
    Ok(Some(Lost { lost_from: next, lost_to: written.seq, head_hash: written.hash.clone() }))
}

/// Whether the head was written under another boot than this one.
fn was_other_boot(head: &Head) -> bool {
    head.boot_id.is_some() && head.boot_id != process::boot_id()
}

/// The number after the entry that a run went on from.
fn resumed_after(started: &Line<'_>) -> Option<u64> {
    let Some(Value::Object(members)) = started.detail("resumed_from") else { return Some(0) };
    let seq = members.iter().find(|(name, _)| name.to_str() == Some("seq"));
    let Some((_, Value::Number(seq))) = seq else { return None };
    seq.parse::<u64>().ok().map(|seq| seq + 1)
}

fn is_text(value: &Value, expected: &str) -> bool {
    matches!(value, Value::String(text) if text.to_str() == Some(expected))
}

fn refuse_tool_logs(directory: &Path) -> Result<(), Error> {
    if directory.is_dir() && segments::writer(&segments::list(directory)?)? == TrailFormat::PythonTool {
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

/// A draft of the log's own, with the members of `details`.
fn own_draft(event_type: &'static str, details: &impl Serialize) -> Draft {
    let mut draft = Draft::from_origin(event_type, Origin::Log);
    // Own types serialise to objects.
    if let Ok(Value::Object(members)) = json::to_value(details, MAX_VALUE_LEVELS + 1) {
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
