//! Reading the entries of a trail one by one, with those of their erasable values that are still there.
//!
//! A reader holds one entry in memory at a time, and checks each entry's own hash. That no entry is missing or was
//! replaced takes a verification.
//!
//! | file | owns |
//! |---|---|
//! | `mod` | [`Reader`], which selects entries, and [`Entries`], which reads them |
//! | `stored_entry` | one entry as text and as JSON |

pub(crate) mod stored_entry;

use std::{
    fs::File,
    ops::{Bound, RangeBounds},
    path::{Path, PathBuf},
};

pub use crate::read::stored_entry::{DamagedLine, ErasableValue, StoredEntry, StoredLine};
use crate::{
    error::{Error, Operation},
    format::{
        entry_commitments::commitments,
        line::{Line, MAX_LINE_BYTES},
    },
    storage::{
        line_reader::{Lines, Piece},
        lookup,
        private_reader::PrivateReader,
        private_values::PrivateValues,
        segments::{self, MAX_TOOL_LINE, TrailFile, TrailFormat},
    },
};

/// Selects the entries of a trail to read.
///
/// | setting | default |
/// |---|---|
/// | [`seq`](Self::seq) | all |
/// | [`actor`](Self::actor) | all |
/// | [`event_type`](Self::event_type) | all |
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("audit");
/// # kling_audit::AuditLog::open(&directory)?.close()?;
/// use kling_audit::read::Reader;
///
/// for line in Reader::new(&directory).seq(0..=9).event_type("audit_started").entries()? {
///     println!("{}", line?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `entries`"]
pub struct Reader {
    path: PathBuf,
    from: u64,
    to: u64,
    actor: Option<String>,
    event_type: Option<String>,
}

/// Iterator over the selected entries in the order of the trail. [`Reader::entries`] returns it.
///
/// Iteration ends after the first error.
#[derive(Debug)]
pub struct Entries {
    reader: Reader,
    trail: PathBuf,
    format: TrailFormat,
    /// Files after `current`.
    files: std::vec::IntoIter<TrailFile>,
    current: Option<OpenFile>,
    is_done: bool,
}

/// A file being read.
struct OpenFile {
    file: TrailFile,
    lines: Lines<File>,
    /// Position in the file of the first of `lines`.
    from: u64,
    values: Option<PrivateReader>,
}

impl Reader {
    /// Selects all entries of the trail at `path`, which is a directory or one file of a trail.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), from: 0, to: u64::MAX, actor: None, event_type: None }
    }

    /// Selects entries with these numbers only.
    ///
    /// Entries before them are not read, so the time does not grow with the trail. Logs of the Python tool have no
    /// numbers: a range selects none of their entries.
    pub fn seq(mut self, range: impl RangeBounds<u64>) -> Self {
        // No number is from 1 and up to 0.
        let empty = (1, 0);
        let from = match range.start_bound() {
            Bound::Included(from) => Some(*from),
            Bound::Excluded(before) => before.checked_add(1),
            Bound::Unbounded => Some(0),
        };
        let to = match range.end_bound() {
            Bound::Included(to) => Some(*to),
            Bound::Excluded(after) => after.checked_sub(1),
            Bound::Unbounded => Some(u64::MAX),
        };
        (self.from, self.to) = from.zip(to).unwrap_or(empty);
        self
    }

    /// Selects entries of this actor only.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Selects entries of this type only.
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        self.event_type = Some(event_type.into());
        self
    }

    /// Opens the trail for reading. Entries that are written after this call are not read.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], or [`Error::Unreadable`] if the path holds nothing that can be read as a trail.
    pub fn entries(self) -> Result<Entries, Error> {
        let is_directory =
            std::fs::metadata(&self.path).map_err(Error::io(Operation::Open, &self.path))?.is_dir();
        let (trail, files) = match (is_directory, self.path.parent()) {
            (true, _) => (self.path.clone(), segments::list(&self.path)?),
            (false, parent) => {
                (parent.unwrap_or(Path::new("")).to_owned(), vec![TrailFile::alone(&self.path)?])
            }
        };
        let format = segments::trail_format(&files)?;
        let first = match format {
            TrailFormat::Format1 => lookup::file_of(&files, self.from)?,
            TrailFormat::PythonTool => 0,
        };
        let mut files = files.into_iter();
        if let Some(before) = first.checked_sub(1) {
            files.nth(before);
        }
        let is_done = self.from > self.to;
        Ok(Entries { reader: self, trail, format, files, current: None, is_done })
    }

    /// Returns `true` if damaged lines are selected. A choice of actors or types excludes them, since a damaged line
    /// has neither.
    fn selects_damaged(&self) -> bool {
        self.actor.is_none() && self.event_type.is_none()
    }

    fn selects(&self, entry: &StoredEntry) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        let has_no_range = self.from == 0 && self.to == u64::MAX;
        entry.seq().map_or(has_no_range, |seq| (self.from..=self.to).contains(&seq))
            && is(&self.actor, entry.actor())
            && is(&self.event_type, entry.event_type())
    }
}

impl Entries {
    fn read(&mut self) -> Result<Option<StoredLine>, Error> {
        loop {
            let current = match &mut self.current {
                Some(current) => current,
                none => match self.files.next() {
                    Some(file) => {
                        none.insert(OpenFile::new(&self.trail, file, self.format, self.reader.from)?)
                    }
                    None => return Ok(None),
                },
            };
            let Some(piece) = current.lines.next().map_err(Error::io(Operation::Read, &current.file.path))?
            else {
                self.current = None;
                continue;
            };
            let (offset, bytes) = match piece {
                Piece::Line { offset, bytes } => (offset, Ok(bytes)),
                Piece::TooLong { offset, length, .. } => (offset, Err(format!("a line of {length} bytes"))),
                // An unfinished line is a write in progress, or the remainder of a crash. It is not an entry yet.
                Piece::Unterminated => continue,
            };
            let entry = match (bytes, self.format) {
                (Err(why), _) => Err(why),
                (Ok(bytes), TrailFormat::PythonTool) => StoredEntry::of_tool(bytes),
                (Ok(bytes), TrailFormat::Format1) => match Line::recognise(bytes) {
                    Err(malformed) => Err(malformed.to_string()),
                    // Entries are in the order of their numbers, so no later one is selected.
                    Ok(line) if line.seq > self.reader.to => return Ok(None),
                    Ok(line) => {
                        let committed = commitments(line.context, line.details);
                        let found = match &mut current.values {
                            Some(values) if !committed.is_empty() => values.of(line.seq)?,
                            _ => Vec::new(),
                        };
                        Ok(StoredEntry::of(&line, bytes, &committed, &found))
                    }
                },
            };
            match entry {
                Ok(entry) if self.reader.selects(&entry) => return Ok(Some(StoredLine::Entry(entry))),
                Ok(_) => {}
                Err(why) if self.reader.selects_damaged() => {
                    let (file, offset) = (current.file.name.clone(), current.from + offset);
                    return Ok(Some(StoredLine::Damaged(DamagedLine { file, offset, why })));
                }
                Err(_) => {}
            }
        }
    }
}

impl OpenFile {
    /// Opens `file` near entry `seq`.
    fn new(trail: &Path, file: TrailFile, format: TrailFormat, seq: u64) -> Result<Self, Error> {
        if format == TrailFormat::PythonTool {
            return Ok(Self { lines: file.lines(MAX_TOOL_LINE)?, file, from: 0, values: None });
        }
        let from = lookup::offset_of(&file, seq)?;
        let values = PrivateValues::of(trail, &file.name)?;
        let values = values.as_ref().map(PrivateReader::new).transpose()?;
        Ok(Self { lines: file.lines_from(from, MAX_LINE_BYTES)?, file, from, values })
    }
}

impl Iterator for Entries {
    type Item = Result<StoredLine, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let read = self.read().transpose();
        self.is_done = !matches!(read, Some(Ok(_)));
        read
    }
}

impl std::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenFile").field("file", &self.file).finish_non_exhaustive()
    }
}
