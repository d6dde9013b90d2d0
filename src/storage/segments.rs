//! The files of a trail, in the order of their entries.
//!
//! A file's name is a label and no proof: the order comes from the numbers of entries whose own hash is right, and no
//! single damaged line misplaces a file.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{self, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;

use crate::{
    codec::json::{parse::parse_python, value::Value},
    error::{Error, Operation},
    format::{
        file_name::SegmentName,
        line::{self, Line, MAX_LINE_BYTES},
    },
    storage::{
        line_reader::{Lines, Piece},
        open::open_regular,
        reverse_lines::ReverseLines,
    },
};

/// Maximum length in bytes of a line of the Python tool, its newline included.
pub(crate) const MAX_TOOL_LINE: usize = 1 << 20;

/// Number of lines at the start and at the end of a file that decide about its place.
const SPAN_LINES: u64 = 16;

/// First bytes of each line of the Python tool.
pub(crate) const TOOL_START: &[u8] = b"{\"timestamp\": ";

/// The format of a trail's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrailFormat {
    /// Format 1, which this crate writes.
    Format1,
    /// The Python tool whose logs this crate reads.
    PythonTool,
}

/// A file of a trail, with its length when the directory was listed.
#[derive(Clone, Debug)]
pub(crate) struct TrailFile {
    pub(crate) path: PathBuf,
    /// The file's name in the directory.
    pub(crate) name: String,
    /// Day and number in the name.
    pub(crate) label: Option<SegmentName>,
    pub(crate) length: u64,
}

impl TrailFile {
    /// The file at `path`, outside of a listing.
    pub(crate) fn alone(path: &Path) -> Result<Self, Error> {
        let (_, length) = open_regular(path, OpenOptions::new().read(true))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { path: path.to_owned(), label: SegmentName::parse(&name), name, length })
    }

    /// Opens the file for reading.
    pub(crate) fn open(&self) -> Result<File, Error> {
        open_regular(&self.path, OpenOptions::new().read(true)).map(|(file, _)| file)
    }

    /// Reads the lines of the file up to the length it had when it was listed.
    pub(crate) fn lines(&self, limit: usize) -> Result<Lines<File>, Error> {
        self.lines_from(0, limit)
    }

    /// Reads the lines from `offset` on, up to the length the file had when it was listed. Positions count from there.
    pub(crate) fn lines_from(&self, offset: u64, limit: usize) -> Result<Lines<File>, Error> {
        let mut file = self.open()?;
        if offset > 0 {
            file.seek(SeekFrom::Start(offset)).map_err(Error::io(Operation::Read, &self.path))?;
        }
        Ok(Lines::new(file, self.length.saturating_sub(offset), limit))
    }

    /// Returns the numbers of the file's first and last entry, or `None` if no line near its start is intact.
    ///
    /// Each intact line among the first ones implies a number for the first entry, and the median of these counts. A
    /// line that belongs elsewhere is outvoted. The same goes for the end.
    fn span(&self) -> Result<Option<Span>, Error> {
        let io = |error| Error::io(Operation::Read, &self.path)(error);
        let mut starts = Vec::new();
        let mut lines = self.lines(MAX_LINE_BYTES)?;
        let mut is_single = true;
        for at in 0..SPAN_LINES {
            match lines.next().map_err(io)? {
                Some(Piece::Line { bytes, .. }) => {
                    starts.extend(intact_seq(bytes).map(|seq| seq.saturating_sub(at)));
                }
                Some(Piece::TooLong { .. }) => {}
                Some(Piece::Unterminated) | None => break,
            }
            is_single = at == 0;
        }
        let Some(first) = median(starts) else { return Ok(None) };

        let mut ends = Vec::new();
        let mut lines = ReverseLines::new(self.open()?, self.length, MAX_LINE_BYTES);
        let mut at = 0;
        while at < SPAN_LINES
            && let Some(line) = lines.next().map_err(io)?
        {
            if line.is_terminated {
                ends.extend(intact_seq(line.bytes).map(|seq| seq.saturating_add(at)));
                at += 1;
            }
        }
        Ok(Some(Span { first, last: median(ends).unwrap_or(first), is_single }))
    }
}

/// The entries of a file.
#[derive(Clone, Copy)]
struct Span {
    first: u64,
    last: u64,
    /// `true` if the file has one line.
    is_single: bool,
}

/// Returns the number of the entry on a line whose own hash is right.
fn intact_seq(bytes: &[u8]) -> Option<u64> {
    Line::recognise(bytes).ok().filter(Line::holds).map(|line| line.seq)
}

fn median(mut numbers: Vec<u64>) -> Option<u64> {
    numbers.sort_unstable();
    numbers.get(numbers.len().saturating_sub(1) / 2).copied()
}

/// Lists the files of the trail in `directory`, oldest first, with their current lengths.
///
/// # Errors
///
/// [`Error::Io`]; [`Error::Unreadable`] if anything but a regular file has the name of a trail's file, since it may
/// take the place of one.
pub(crate) fn list(directory: &Path) -> Result<Vec<TrailFile>, Error> {
    // A listing is no snapshot: it can miss a file that is created meanwhile and yet show one created after it. The
    // second listing has every file that the first one missed before its last file. Files that only the second one
    // shows and that come after that last file are newer than the first listing, and are dropped.
    let known = names(directory).map_err(Error::io(Operation::List, directory))?;
    let mut files = Vec::new();
    for name in names(directory).map_err(Error::io(Operation::List, directory))? {
        let path = directory.join(&name);
        files.push(TrailFile::alone(&path)?);
    }
    files.sort_by(|a, b| (a.label, &a.name).cmp(&(b.label, &b.name)));
    if files.len() > 1 && trail_format(&files)? == TrailFormat::Format1 {
        sort_by_seq(&mut files)?;
    }
    let last = files.iter().rposition(|file| known.contains(&file.name));
    files.truncate(last.map_or(0, |last| last + 1));
    Ok(files)
}

/// Returns the format of a trail, which the first line of its first file decides.
pub(crate) fn trail_format(files: &[TrailFile]) -> Result<TrailFormat, Error> {
    let Some(first) = files.iter().find(|file| file.length > 0) else { return Ok(TrailFormat::Format1) };
    let mut lines = first.lines(MAX_TOOL_LINE)?;
    let piece = lines.next().map_err(Error::io(Operation::Read, &first.path))?;
    let is_tool = match piece {
        Some(Piece::Line { bytes, .. }) => is_tool_line(bytes),
        Some(Piece::TooLong { start, .. }) => start.starts_with(TOOL_START),
        Some(Piece::Unterminated) | None => false,
    };
    Ok(if is_tool { TrailFormat::PythonTool } else { TrailFormat::Format1 })
}

/// Returns the number for the next file of `day`: one more than the highest in use.
pub(crate) fn next_number(directory: &Path, day: NaiveDate) -> Result<u32, Error> {
    let numbers = names(directory)
        .map_err(Error::io(Operation::List, directory))?
        .into_iter()
        .filter_map(|name| SegmentName::parse(&name));
    let last = numbers.filter(|name| name.day == day).map(|name| name.number).max();
    Ok(last.unwrap_or(0).saturating_add(1))
}

fn names(directory: &Path) -> io::Result<HashSet<String>> {
    let mut names = HashSet::new();
    for entry in std::fs::read_dir(directory)? {
        // A name that is not Unicode was not given by this crate or the Python tool.
        if let Ok(name) = entry?.file_name().into_string()
            && name.starts_with("audit-")
            && name.ends_with(".jsonl")
        {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Returns `true` for a line of the Python tool.
///
/// The start, the end or the parsed whole is enough. So a single damaged byte can't hide a line of the tool, and it
/// turns no line of this crate into one.
fn is_tool_line(bytes: &[u8]) -> bool {
    if bytes.starts_with(line::START) {
        return false;
    }
    if bytes.starts_with(TOOL_START) || line::ends_like_one_of_the_tool(bytes) {
        return true;
    }
    let Ok(Value::Object(members)) = parse_python(bytes, 128) else { return false };
    let has = |name: &str| members.iter().any(|(known, _)| known.to_str() == Some(name));
    ["timestamp", "event_type", "actor", "details", "prev_hash", "hash"].into_iter().all(has) && !has("seq")
}

/// Sorts files by their first entry. Names need not follow that order: after the clock was set back, a new file can
/// have an earlier day.
///
/// A file whose lines contradict each other keeps the place that its name gives it. A file without an intact line goes
/// where numbers are missing, or else to the end, where a crash leaves such a file.
fn sort_by_seq(files: &mut Vec<TrailFile>) -> Result<(), Error> {
    let spans = files.iter().map(TrailFile::span).collect::<Result<Vec<_>, _>>()?;
    // A single line has no neighbours to confirm its number.
    let is_within_another = |span: &Span| {
        let mut others = spans.iter().flatten();
        span.is_single && others.any(|other| other.first < span.first && span.first <= other.last)
    };
    let mut before = 0;
    let mut placed = Vec::new();
    let mut unplaced = Vec::new();
    for (file, span) in files.drain(..).zip(&spans) {
        match span {
            Some(span) if span.last < span.first || is_within_another(span) => {
                placed.push((before, before, file))
            }
            Some(span) => {
                before = span.first;
                placed.push((span.first, span.last, file));
            }
            None => unplaced.push(file),
        }
    }
    // A stable sort: files with the same number keep the order of their names.
    placed.sort_by_key(|(first, ..)| *first);
    for file in unplaced {
        let mut next = 0;
        let gap = placed.iter().position(|&(first, last, _)| {
            let is_missing = first > next;
            next = next.max(last.saturating_add(1));
            is_missing
        });
        match gap.filter(|_| file.length > 0) {
            Some(at) => {
                let end = placed[at].0;
                placed.insert(at, (end - 1, end - 1, file));
            }
            None => placed.push((u64::MAX, u64::MAX, file)),
        }
    }
    files.extend(placed.into_iter().map(|(.., file)| file));
    Ok(())
}
