//! Erasure of private values.
//!
//! 1. `find` finds the records of the values.
//! 2. `begin` writes `erasing.json`, which describes the erasure.
//! 3. The caller records `draft`, an `audit_erased`, and syncs it.
//! 4. `finish` overwrites the records with spaces and removes `erasing.json`.
//!
//! Each step is on the device before the next one begins. So an interrupted erasure is completed by the next erasure or
//! opening, and recorded exactly once.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    codec::json::value::Value,
    error::{Error, Operation},
    format::{
        draft::{Draft, Origin},
        entry_commitments::commitments,
        file_name::SegmentName,
        line::{Line, MAX_LINE_BYTES},
        private_record::PrivateLine,
        receipt::{Receipt, TrailId},
    },
    storage::{
        backend::Storage as _,
        durable::{exists, replace_file, sync_directory},
        line_reader::Piece,
        lookup,
        open::open_regular,
        permissions::Permissions,
        private_values::{self, PrivateValues},
        segments,
    },
};

/// An erasure of values of one entry: the content of `erasing.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Erasure {
    /// Number of the entry.
    seq: u64,
    /// Paths of the values, ascending.
    fields: Vec<String>,
    actor: String,
    reason: String,
    /// Name of the file with the private records.
    file: String,
    /// Positions of the records.
    spans: Vec<RecordSpan>,
    /// Number of the next entry when the erasure began: its `audit_erased` has this number or a higher one.
    next: u64,
}

/// Position of a record in its file, without its newline.
#[derive(Debug, Serialize, Deserialize)]
struct RecordSpan {
    offset: u64,
    length: u64,
}

impl Erasure {
    /// Finds the value of `field` in entry `seq`, or all values of the entry. The number of the trail's next entry is
    /// `next`.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if the trail has no such entry, the entry has no such value, or the value is not in the
    /// private records, because it was erased before.
    pub(crate) fn find(
        trail: &Path,
        seq: u64,
        field: Option<&str>,
        (actor, reason): (&str, &str),
        next: u64,
    ) -> Result<Self, Error> {
        let refuse =
            |reason: String| Error::Conflict { action: Operation::Erase, path: trail.to_owned(), reason };
        let Some(found) = lookup::find_entry(trail, seq)? else {
            return Err(refuse(format!("there is no entry {seq} that verifies")));
        };
        let Ok(line) = Line::recognise(&found.line) else {
            return Err(refuse(format!("entry {seq} can't be read")));
        };
        let mut wanted = commitments(line.context, line.details);
        if wanted.is_empty() {
            return Err(refuse(format!("entry {seq} has no erasable values")));
        }
        if let Some(field) = field {
            let known: Vec<_> = wanted.iter().map(|commitment| format!("`{}`", commitment.path())).collect();
            wanted.retain(|commitment| commitment.path() == field);
            if wanted.is_empty() {
                let known = known.join(", ");
                return Err(refuse(format!("entry {seq} has no erasable value `{field}`; it has {known}")));
            }
        }
        let (mut fields, mut spans) = (Vec::new(), Vec::new());
        if let Some(values) = PrivateValues::of(trail, &found.file.name)? {
            let mut lines = values.lines()?;
            while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, values.path()))? {
                let Piece::Line { offset, bytes } = piece else { continue };
                // The commitment is not compared: a record that was changed is erased too.
                if let PrivateLine::Record(record) = PrivateLine::read(bytes)
                    && record.seq == seq
                    && let Some(commitment) =
                        wanted.iter().find(|commitment| commitment.field == record.field)
                {
                    fields.push(commitment.path());
                    spans.push(RecordSpan { offset, length: bytes.len() as u64 });
                }
            }
        }
        fields.sort_unstable();
        fields.dedup();
        if spans.is_empty() {
            let value = field.map_or("value".to_owned(), |field| format!("value `{field}`"));
            return Err(refuse(format!(
                "there is no {value} of entry {seq} any more: it was erased before, or is not in {}",
                private_values::PRIVATE_DIRECTORY_NAME
            )));
        }
        let (actor, reason) = (actor.to_owned(), reason.to_owned());
        Ok(Self { seq, fields, actor, reason, file: found.file.name, spans, next })
    }

    /// Reads the erasure that was begun and not finished, if there is one.
    pub(crate) fn pending(trail: &Path) -> Result<Option<Self>, Error> {
        let path = private_values::directory(trail).join(private_values::ERASURE_FILE_NAME);
        if !exists(&path)? {
            return Ok(None);
        }
        let (file, _) = open_regular(&path, OpenOptions::new().read(true))?;
        serde_json::from_reader(io::BufReader::new(file))
            .map(Some)
            .map_err(|error| Error::io(Operation::Read, &path)(error.into()))
    }

    /// Returns `true` if this erasure includes the value of `field` of entry `seq`. Without a field, the entry decides.
    pub(crate) fn covers(&self, seq: u64, field: Option<&str>) -> bool {
        self.seq == seq && field.is_none_or(|field| self.fields.iter().any(|known| known == field))
    }

    /// Writes `erasing.json`. From here on the erasure will be completed, even after a crash.
    pub(crate) fn begin(&self, trail: &Path) -> Result<(), Error> {
        let path = private_values::directory(trail).join(private_values::ERASURE_FILE_NAME);
        let json =
            serde_json::to_vec(self).map_err(|error| Error::io(Operation::Write, &path)(error.into()))?;
        replace_file(&path, Permissions::Owner, &json)
    }

    /// Returns the draft of the entry that records this erasure.
    pub(crate) fn draft(&self) -> Draft {
        Draft::from_origin("audit_erased", Origin::Log)
            .actor(self.actor.clone())
            .detail("fields", &self.fields)
            .detail("reason", &self.reason)
            .detail("seq", self.seq)
            .critical()
    }

    /// Finds the entry that records this erasure, if the trail has it already.
    pub(crate) fn find_record(&self, trail: &Path, trail_id: TrailId) -> Result<Option<Receipt>, Error> {
        let files = segments::list(trail)?;
        let from = lookup::file_of(&files, self.next)?;
        for file in files.get(from..).unwrap_or_default() {
            let mut lines = file.lines_from(lookup::offset_of(file, self.next)?, MAX_LINE_BYTES)?;
            while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &file.path))? {
                let Piece::Line { bytes, .. } = piece else { continue };
                if memchr::memmem::find(bytes, b"\"audit_erased\"").is_none() {
                    continue;
                }
                match Line::recognise(bytes) {
                    Ok(line) if line.holds() && line.seq >= self.next && self.is_recorded_by(&line) => {
                        return Ok(Some(Receipt { trail_id, seq: line.seq, hash: line.stated }));
                    }
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    fn is_recorded_by(&self, line: &Line<'_>) -> bool {
        let fields: Vec<_> = self.fields.iter().map(|field| Value::String(field.as_str().into())).collect();
        let details = line.decoded_details();
        line.is("audit_erased")
            && details.get("seq") == Some(&Value::integer(self.seq))
            && details.array("fields") == Some(&fields)
    }

    /// Overwrites the records and removes `erasing.json`.
    pub(crate) fn finish(&self, trail: &Path) -> Result<(), Error> {
        let directory = private_values::directory(trail);
        // `erasing.json` is not trusted: another name could lead to a file outside the directory.
        if SegmentName::parse(&self.file).is_some() {
            self.overwrite(&directory.join(&self.file))?;
        }
        let note = directory.join(private_values::ERASURE_FILE_NAME);
        fs::remove_file(&note).map_err(Error::io(Operation::Remove, &note))?;
        sync_directory(&directory)
    }

    /// Overwrites the records in their file with spaces and syncs it.
    fn overwrite(&self, path: &Path) -> Result<(), Error> {
        if !exists(path)? {
            return Ok(());
        }
        let (mut file, length) = open_regular(path, OpenOptions::new().read(true).write(true))?;
        for span in &self.spans {
            if self.is_a_line(&mut file, length, span).map_err(Error::io(Operation::Read, path))? {
                let blank = vec![b' '; usize::try_from(span.length).unwrap_or_default()];
                file.overwrite(&blank, span.offset).map_err(Error::io(Operation::EraseValue, path))?;
            }
        }
        file.sync_all().map_err(Error::io(Operation::Sync, path))
    }

    /// Returns `true` if the span is exactly one line. It is not if the file was truncated since, or if `erasing.json`
    /// was forged to erase other records.
    fn is_a_line(&self, file: &mut fs::File, length: u64, span: &RecordSpan) -> io::Result<bool> {
        let end = span.offset.saturating_add(span.length);
        if end >= length || span.length >= MAX_LINE_BYTES as u64 {
            return Ok(false);
        }
        let from = span.offset.saturating_sub(1);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(end + 1 - from).read_to_end(&mut bytes)?;
        let line = if span.offset == 0 { Some(&bytes[..]) } else { bytes.strip_prefix(b"\n") };
        Ok(line.and_then(|line| line.strip_suffix(b"\n")).is_some_and(|line| !line.contains(&b'\n')))
    }
}
