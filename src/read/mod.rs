//! Showing entries: what stands in a trail, one entry after the other, with the values that they withhold as far as they
//! are at hand.
//!
//! It holds one entry at a time, and says of each whether it has the hash that it states. Whether the trail is whole is
//! for verification to say.

pub(crate) mod stored_entry;

use std::{
    fs::File,
    ops::{Bound, RangeBounds},
    path::{Path, PathBuf},
};

pub use crate::read::stored_entry::{DamagedLine, ErasableValue, StoredEntry, StoredLine};
use crate::{
    error::{Error, Operation},
    format::{entry_commitments::commitments, line::Line},
    storage::{
        line_reader::{Lines, Piece},
        lookup,
        private_reader::PrivateReader,
        private_values::PrivateValues,
        segments::{self, MAX_TOOL_LINE, TrailFile, TrailFormat},
    },
};

/// Selects entries of a trail to be shown.
///
/// | setting | default |
/// |---|---|
/// | [`seq`](Self::seq) | all |
/// | [`actor`](Self::actor) | anybody |
/// | [`event_type`](Self::event_type) | all |
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("audit");
/// # kling_audit::AuditLog::open(&directory)?.close()?;
/// use kling_audit::read::Reader;
///
/// for shown in Reader::new(&directory).seq(0..=9).event_type("audit_started").entries()? {
///     println!("{}", shown?);
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

/// The selected entries, in the order of the trail; made by [`Reader::entries`].
///
/// After an error there is no more.
#[derive(Debug)]
pub struct Entries {
    reader: Reader,
    trail: PathBuf,
    writer: TrailFormat,
    files: std::vec::IntoIter<TrailFile>,
    open: Option<Open>,
    done: bool,
}

/// A file that is being read.
struct Open {
    file: TrailFile,
    lines: Lines<File>,
    /// Where in the file the lines begin.
    from: u64,
    values: Option<PrivateReader>,
}

impl Reader {
    /// Prepares to show the trail at `path`: a directory, or one file of a trail.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), from: 0, to: u64::MAX, actor: None, event_type: None }
    }

    /// Only entries of these numbers. What comes before them is not read, so this is quick in a long trail. Logs of the
    /// Python tool have no numbers, and none of their entries is selected.
    pub fn seq(mut self, range: impl RangeBounds<u64>) -> Self {
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

    /// Only entries of this actor.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Only entries of this type.
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        self.event_type = Some(event_type.into());
        self
    }

    /// Reads: files are listed and measured now, and nothing that is written later is shown.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Unreadable`] for what can't be read.
    pub fn entries(self) -> Result<Entries, Error> {
        let directory =
            std::fs::metadata(&self.path).map_err(Error::io(Operation::Open, &self.path))?.is_dir();
        let (trail, files) = match (directory, self.path.parent()) {
            (true, _) => (self.path.clone(), segments::list(&self.path)?),
            (false, parent) => {
                (parent.unwrap_or(Path::new("")).to_owned(), vec![TrailFile::alone(&self.path)?])
            }
        };
        let writer = segments::writer(&files)?;
        let first = if writer == TrailFormat::Format1 { lookup::file_of(&files, self.from)? } else { 0 };
        let mut files = files.into_iter();
        if let Some(before) = first.checked_sub(1) {
            files.nth(before);
        }
        let done = self.from > self.to;
        Ok(Entries { reader: self, trail, writer, files, open: None, done })
    }

    /// Whether a line that is no entry is to be shown: nobody knows whether it was one of those.
    fn selects_damaged(&self) -> bool {
        self.actor.is_none() && self.event_type.is_none()
    }

    fn selects(&self, entry: &StoredEntry) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        let all = self.from == 0 && self.to == u64::MAX;
        entry.seq().map_or(all, |seq| (self.from..=self.to).contains(&seq))
            && is(&self.actor, entry.actor())
            && is(&self.event_type, entry.event_type())
    }
}

impl Entries {
    fn read(&mut self) -> Result<Option<StoredLine>, Error> {
        loop {
            let open = match &mut self.open {
                Some(open) => open,
                none => match self.files.next() {
                    Some(file) => none.insert(Open::new(&self.trail, file, self.writer, self.reader.from)?),
                    None => return Ok(None),
                },
            };
            let Some(piece) = open.lines.next().map_err(Error::io(Operation::Read, &open.file.path))? else {
                self.open = None;
                continue;
            };
            let (offset, bytes) = match piece {
                Piece::Line { offset, bytes } => (offset, Ok(bytes)),
                Piece::Long { offset, length, .. } => (offset, Err(format!("a line of {length} bytes"))),
                // A write under way, or what a crash leaves.
                Piece::Rest => continue,
            };
            let shown = bytes.and_then(|bytes| {
                match self.writer {
                    TrailFormat::Format1 => {
                        Line::recognise(bytes).map_err(|malformed| malformed.to_string()).map(Some)
                    }
                    TrailFormat::PythonTool => Ok(None),
                }
                .map(|line| (line, bytes))
            });
            let entry = match shown {
                Ok((Some(line), bytes)) => {
                    if line.seq > self.reader.to {
                        return Ok(None);
                    }
                    let committed = commitments(line.context, line.details);
                    let found = match &mut open.values {
                        Some(values) if !committed.is_empty() => values.of(line.seq)?,
                        _ => Vec::new(),
                    };
                    Ok(StoredEntry::of(&line, bytes, &committed, &found))
                }
                Ok((None, bytes)) => StoredEntry::of_tool(bytes),
                Err(why) => Err(why),
            };
            match entry {
                Ok(entry) if self.reader.selects(&entry) => return Ok(Some(StoredLine::Entry(entry))),
                Ok(_) => {}
                Err(why) if self.reader.selects_damaged() => {
                    let file = open.file.name.clone();
                    return Ok(Some(StoredLine::Damaged(DamagedLine {
                        file,
                        offset: open.from + offset,
                        why,
                    })));
                }
                Err(_) => {}
            }
        }
    }
}

impl Open {
    fn new(trail: &Path, file: TrailFile, writer: TrailFormat, seq: u64) -> Result<Self, Error> {
        if writer == TrailFormat::PythonTool {
            return Ok(Self { lines: file.lines(MAX_TOOL_LINE)?, file, from: 0, values: None });
        }
        let from = lookup::offset_of(&file, seq)?;
        let values = PrivateValues::of(trail, &file.name)?;
        let values = values.as_ref().map(PrivateReader::new).transpose()?;
        Ok(Self { lines: lookup::from(&file, from)?, file, from, values })
    }
}

impl Iterator for Entries {
    type Item = Result<StoredLine, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let read = self.read().transpose();
        self.done = !matches!(read, Some(Ok(_)));
        read
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("file", &self.file).finish_non_exhaustive()
    }
}
