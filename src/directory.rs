//! The files of a trail, in their order.
//!
//! Names are labels: files stand in the order of their first `seq`, taken from lines whose hash holds, so that no
//! single damaged line misplaces a file. Only regular files are opened.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use chrono::NaiveDate;

use crate::{
    canonical::{self, Value},
    error::Error,
    line::{Line, MAX_LINE},
    lines::{Lines, Piece},
    segment::open_regular,
    timestamp,
};

/// What a line of the Python tool may have, its newline included.
pub(crate) const MAX_TOOL_LINE: usize = 1 << 20;

/// How many lines of a file are looked at to learn where it stands.
const LOOKED_AT: u64 = 16;

/// Who wrote a trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// This crate.
    Native,
    /// The Python tool whose logs this crate reads.
    Tool,
}

/// One file of a trail, as long as it was when the directory was read.
#[derive(Clone, Debug)]
pub(crate) struct TrailFile {
    pub(crate) path: PathBuf,
    /// The name in the directory.
    pub(crate) name: String,
    /// What the name says: day and number.
    pub(crate) label: Option<Label>,
    pub(crate) length: u64,
}

/// The name of a file, read: `audit-DAY.jsonl` is number 1, `audit-DAY_0002.jsonl` number 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label {
    pub(crate) day: NaiveDate,
    pub(crate) number: u32,
}

impl Label {
    pub(crate) fn name(self) -> String {
        match self.number {
            1 => format!("audit-{}.jsonl", self.day),
            number => format!("audit-{}_{number:04}.jsonl", self.day),
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_prefix("audit-")?.strip_suffix(".jsonl")?;
        let (day, number) = match stem.split_once('_') {
            None => (stem, 1),
            Some((day, digits)) => (day, digits.parse().ok()?),
        };
        let label = Self { day: timestamp::parse_date(day.as_bytes())?, number };
        (label.name() == name).then_some(label)
    }
}

impl TrailFile {
    /// A file that is looked at by itself.
    pub(crate) fn alone(path: &Path) -> Result<Self, Error> {
        let (_, length) = open_regular(path, OpenOptions::new().read(true))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { path: path.to_owned(), label: Label::parse(&name), name, length })
    }

    pub(crate) fn open(&self) -> Result<File, Error> {
        open_regular(&self.path, OpenOptions::new().read(true)).map(|(file, _)| file)
    }

    /// The lines of the file, as far as it was long when the directory was read.
    pub(crate) fn lines(&self, limit: usize) -> Result<Lines<File>, Error> {
        Ok(Lines::new(self.open()?, self.length, limit))
    }

    /// The `seq` of the file's first line, by the first of its lines that holds.
    fn first_seq(&self) -> Result<Option<u64>, Error> {
        let mut lines = self.lines(MAX_LINE)?;
        for at in 0..LOOKED_AT {
            match lines.next().map_err(Error::io("read", &self.path))? {
                Some(Piece::Line { bytes, .. }) => match Line::recognise(bytes) {
                    Ok(line) if line.holds() => return Ok(Some(line.seq.saturating_sub(at))),
                    _ => {}
                },
                Some(Piece::Long { .. }) => {}
                Some(Piece::Rest { .. }) | None => break,
            }
        }
        Ok(None)
    }
}

/// Lists the files of the trail in `directory`, oldest first, with their lengths of now.
///
/// # Errors
///
/// What can't be read, and something that is no regular file under a trail file's name: it may hide one.
pub(crate) fn list(directory: &Path) -> Result<Vec<TrailFile>, Error> {
    let mut files = Vec::new();
    for name in names(directory).map_err(Error::io("list", directory))? {
        let path = directory.join(&name);
        files.push(TrailFile::alone(&path)?);
    }
    files.sort_by(|a, b| (a.label, &a.name).cmp(&(b.label, &b.name)));
    if files.len() > 1 && writer(&files)? == Writer::Native {
        sort_by_seq(&mut files)?;
    }
    Ok(files)
}

/// Who wrote the trail: decided once, by the first line of its first file.
pub(crate) fn writer(files: &[TrailFile]) -> Result<Writer, Error> {
    let Some(first) = files.iter().find(|file| file.length > 0) else { return Ok(Writer::Native) };
    let mut lines = first.lines(MAX_TOOL_LINE)?;
    let piece = lines.next().map_err(Error::io("read", &first.path))?;
    let Some(Piece::Line { bytes, .. }) = piece else { return Ok(Writer::Native) };
    Ok(if is_tool_line(bytes) { Writer::Tool } else { Writer::Native })
}

/// The highest number that a file of `day` has; 0 if there is none.
pub(crate) fn last_number(directory: &Path, day: NaiveDate) -> io::Result<u32> {
    let numbers = names(directory)?.into_iter().filter_map(|name| Label::parse(&name));
    Ok(numbers.filter(|label| label.day == day).map(|label| label.number).max().unwrap_or(0))
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        // A name that is no Unicode isn't one of ours.
        if let Ok(name) = entry?.file_name().into_string()
            && name.starts_with("audit-")
            && name.ends_with(".jsonl")
        {
            names.push(name);
        }
    }
    Ok(names)
}

fn is_tool_line(bytes: &[u8]) -> bool {
    if let Ok(Value::Object(members)) = canonical::parse_tool(bytes, 128) {
        let has = |name: &str| members.iter().any(|(known, _)| known.to_str() == Some(name));
        let all = ["timestamp", "event_type", "actor", "details", "prev_hash", "hash"].into_iter().all(has);
        return all && !has("seq");
    }
    false
}

/// Sorts by first `seq`. A file that shows none keeps its place after the file before it.
fn sort_by_seq(files: &mut Vec<TrailFile>) -> Result<(), Error> {
    let mut placed = Vec::with_capacity(files.len());
    let mut seq = 0;
    for file in files.drain(..) {
        seq = file.first_seq()?.unwrap_or(seq);
        placed.push((seq, file));
    }
    placed.sort_by_key(|(seq, _)| *seq);
    files.extend(placed.into_iter().map(|(_, file)| file));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_back_and_nothing_else_is_one() {
        for name in ["audit-2026-11-24.jsonl", "audit-2026-11-24_0002.jsonl", "audit-2026-11-24_12345.jsonl"]
        {
            assert_eq!(Label::parse(name).map(Label::name).as_deref(), Some(name));
        }
        for name in [
            "audit-2026-11-24_0001.jsonl",
            "audit-2026-11-24_2.jsonl",
            "audit-2026-02-30.jsonl",
            "audit-x.jsonl",
            "audit-2026-11-24_+002.jsonl",
        ] {
            assert_eq!(Label::parse(name), None, "{name}");
        }
    }
}
