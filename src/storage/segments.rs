//! The files of a trail, in their order.
//!
//! Names are labels: files stand in the order of their first `seq`, taken from lines whose hash holds, so that no
//! single damaged line misplaces a file. Only regular files are opened.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;

use crate::{
    codec::json::{self, value::Value},
    error::{Error, Operation},
    format::{
        file_name::SegmentName,
        line::{self, Line, MAX_LINE},
    },
    storage::{
        line_reader::{Lines, Piece},
        open::open_regular,
    },
};

/// What a line of the Python tool may have, its newline included.
pub(crate) const MAX_TOOL_LINE: usize = 1 << 20;

/// How many lines of a file are looked at to learn where it stands.
const LOOKED_AT: u64 = 16;

/// How much of a file's end is looked at for the same.
const TAIL: u64 = 4 * MAX_LINE as u64;

/// How the lines of the Python tool begin.
pub(crate) const TOOL_START: &[u8] = b"{\"timestamp\": ";

/// The format of a trail's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrailFormat {
    /// Format 1, which this crate writes.
    Format1,
    /// The Python tool whose logs this crate reads.
    PythonTool,
}

/// One file of a trail, as long as it was when the directory was read.
#[derive(Clone, Debug)]
pub(crate) struct TrailFile {
    pub(crate) path: PathBuf,
    /// The name in the directory.
    pub(crate) name: String,
    /// What the name says: day and number.
    pub(crate) label: Option<SegmentName>,
    pub(crate) length: u64,
}

impl TrailFile {
    /// A file that is looked at by itself.
    pub(crate) fn alone(path: &Path) -> Result<Self, Error> {
        let (_, length) = open_regular(path, OpenOptions::new().read(true))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { path: path.to_owned(), label: SegmentName::parse(&name), name, length })
    }

    pub(crate) fn open(&self) -> Result<File, Error> {
        open_regular(&self.path, OpenOptions::new().read(true)).map(|(file, _)| file)
    }

    /// The lines of the file, as far as it was long when the directory was read.
    pub(crate) fn lines(&self, limit: usize) -> Result<Lines<File>, Error> {
        Ok(Lines::new(self.open()?, self.length, limit))
    }

    /// Which entries the file has, by the lines near its start and its end that hold; most of them decide, so that
    /// a line which does not belong there misplaces no file.
    fn span(&self) -> Result<Option<Span>, Error> {
        let io = |error| Error::io(Operation::Read, &self.path)(error);
        let mut starts = Vec::new();
        let mut lines = self.lines(MAX_LINE)?;
        let mut single = true;
        for at in 0..LOOKED_AT {
            match lines.next().map_err(io)? {
                Some(Piece::Line { bytes, .. }) => {
                    starts.extend(held_seq(bytes).map(|seq| seq.saturating_sub(at)));
                }
                Some(Piece::Long { .. }) => {}
                Some(Piece::Rest) | None => break,
            }
            single = at == 0;
        }
        let Some(first) = median(starts) else { return Ok(None) };

        let from = self.length.saturating_sub(TAIL);
        let mut file = self.open()?;
        file.seek(SeekFrom::Start(from)).map_err(io)?;
        let mut tail = Vec::new();
        file.take(self.length - from).read_to_end(&mut tail).map_err(io)?;
        let ends = tail.rsplit(|&byte| byte == b'\n').skip(1).zip(0..LOOKED_AT);
        let ends = ends.filter_map(|(bytes, at)| held_seq(bytes).map(|seq| seq.saturating_add(at)));
        let last = median(ends.collect()).unwrap_or(first);
        Ok(Some(Span { first, last, single }))
    }
}

/// The first and the last `seq` of a file.
#[derive(Clone, Copy)]
struct Span {
    first: u64,
    last: u64,
    /// It has but one line.
    single: bool,
}

/// The `seq` of a line that holds.
fn held_seq(bytes: &[u8]) -> Option<u64> {
    Line::recognise(bytes).ok().filter(Line::holds).map(|line| line.seq)
}

fn median(mut numbers: Vec<u64>) -> Option<u64> {
    numbers.sort_unstable();
    numbers.get(numbers.len().saturating_sub(1) / 2).copied()
}

/// Lists the files of the trail in `directory`, oldest first, with their lengths of now.
///
/// # Errors
///
/// What can't be read, and something that is no regular file under a trail file's name: it may hide one.
pub(crate) fn list(directory: &Path) -> Result<Vec<TrailFile>, Error> {
    // A listing can miss a file that is created meanwhile, and yet show one that is created after it. What it misses
    // is in a second one, and what only the second one shows is not needed beyond the last file of the first.
    let known = names(directory).map_err(Error::io(Operation::List, directory))?;
    let mut files = Vec::new();
    for name in names(directory).map_err(Error::io(Operation::List, directory))? {
        let path = directory.join(&name);
        files.push(TrailFile::alone(&path)?);
    }
    files.sort_by(|a, b| (a.label, &a.name).cmp(&(b.label, &b.name)));
    if files.len() > 1 && writer(&files)? == TrailFormat::Format1 {
        sort_by_seq(&mut files)?;
    }
    let last = files.iter().rposition(|file| known.contains(&file.name));
    files.truncate(last.map_or(0, |last| last + 1));
    Ok(files)
}

/// Who wrote the trail: decided once, by the first line of its first file.
pub(crate) fn writer(files: &[TrailFile]) -> Result<TrailFormat, Error> {
    let Some(first) = files.iter().find(|file| file.length > 0) else { return Ok(TrailFormat::Format1) };
    let mut lines = first.lines(MAX_TOOL_LINE)?;
    let piece = lines.next().map_err(Error::io(Operation::Read, &first.path))?;
    let tool = match piece {
        Some(Piece::Line { bytes, .. }) => is_tool_line(bytes),
        Some(Piece::Long { start, .. }) => start.starts_with(TOOL_START),
        Some(Piece::Rest) | None => false,
    };
    Ok(if tool { TrailFormat::PythonTool } else { TrailFormat::Format1 })
}

/// The number for the next file of `day`: one more than the highest that there is.
pub(crate) fn next_number(directory: &Path, day: NaiveDate) -> Result<u32, Error> {
    let numbers = names(directory)
        .map_err(Error::io(Operation::List, directory))?
        .into_iter()
        .filter_map(|name| SegmentName::parse(&name));
    let last = numbers.filter(|label| label.day == day).map(|label| label.number).max();
    Ok(last.unwrap_or(0).saturating_add(1))
}

fn names(directory: &Path) -> io::Result<HashSet<String>> {
    let mut names = HashSet::new();
    for entry in std::fs::read_dir(directory)? {
        // A name that is no Unicode isn't one of ours.
        if let Ok(name) = entry?.file_name().into_string()
            && name.starts_with("audit-")
            && name.ends_with(".jsonl")
        {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Whether the Python tool wrote this, as it is recognised by its start, by its end, or as a whole: a single damaged
/// byte hides no more than one of these, and turns no line of this crate into one of the tool's.
fn is_tool_line(bytes: &[u8]) -> bool {
    if bytes.starts_with(line::START) {
        return false;
    }
    if bytes.starts_with(TOOL_START) || line::ends_like_one_of_the_tool(bytes) {
        return true;
    }
    let Ok(Value::Object(members)) = json::parse_tool(bytes, 128) else { return false };
    let has = |name: &str| members.iter().any(|(known, _)| known.to_str() == Some(name));
    ["timestamp", "event_type", "actor", "details", "prev_hash", "hash"].into_iter().all(has) && !has("seq")
}

/// Sorts by first `seq`, which names need not follow: after a clock stepped back, a new file can have an earlier day.
///
/// A file whose lines contradict its place keeps the one it has by name. One without a line that holds goes where
/// entries are missing, or else to the end, where a crash leaves such a file.
fn sort_by_seq(files: &mut Vec<TrailFile>) -> Result<(), Error> {
    let spans = files.iter().map(TrailFile::span).collect::<Result<Vec<_>, _>>()?;
    let within_another = |span: &Span| {
        let mut others = spans.iter().flatten();
        span.single && others.any(|other| other.first < span.first && span.first <= other.last)
    };
    let mut before = 0;
    let mut placed = Vec::new();
    let mut astray = Vec::new();
    for (file, span) in files.drain(..).zip(&spans) {
        match span {
            Some(span) if span.last < span.first || within_another(span) => {
                placed.push((before, before, file))
            }
            Some(span) => {
                before = span.first;
                placed.push((span.first, span.last, file));
            }
            None => astray.push(file),
        }
    }
    placed.sort_by_key(|(first, ..)| *first);
    for file in astray {
        let mut next = 0;
        let hole = placed.iter().position(|&(first, last, _)| {
            let missing = first > next;
            next = next.max(last.saturating_add(1));
            missing
        });
        match hole.filter(|_| file.length > 0) {
            Some(at) => {
                let until = placed[at].0;
                placed.insert(at, (until - 1, until - 1, file));
            }
            None => placed.push((u64::MAX, u64::MAX, file)),
        }
    }
    files.extend(placed.into_iter().map(|(.., file)| file));
    Ok(())
}
