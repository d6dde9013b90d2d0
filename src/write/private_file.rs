//! The file of private records beside the live file, as it is written.
//!
//! Each record is written, and synced, before the line that commits to its value: no line in the trail ever lacks its
//! value because of a crash. Records of lines that were not written are removed again, at once or when the file is opened.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Operation},
    format::{file_name::SegmentName, private_record::PrivateLine},
    storage::{
        backend::{Storage, Wrap},
        durable::{exists, sync_directory},
        lock::same_file,
        open::open_regular,
        permissions::Permissions,
        private_values,
    },
};

/// Bytes at a file's end that are read first to find the last needed record.
const FIRST_TAIL_BYTES: u64 = 1 << 16;

/// A file of private records, open for appending.
#[derive(Debug)]
pub(crate) struct PrivateFile {
    /// The file as records are appended to it. In tests it fails on request.
    storage: Box<dyn Storage>,
    /// The same file, for metadata and for reading back.
    file: File,
    path: PathBuf,
    length: u64,
    /// `true` if records may not be on the device yet.
    is_unsynced: bool,
}

impl PrivateFile {
    /// Opens or creates the file of private records for the trail's file `name`. Records of entry `next` and later ones are
    /// removed: their lines were not written.
    pub(crate) fn open(trail: &Path, name: &str, next: u64, wrap: &Wrap) -> Result<Self, Error> {
        let directory = private_values::directory(trail);
        create_directory(trail, &directory)?;
        let path = directory.join(name);
        let mut options = OpenOptions::new();
        options.append(true).read(true);
        if exists(&path)? {
            let (mut file, length) = open_regular(&path, &mut options)?;
            let needed = needed_length(&mut file, length, next).map_err(Error::io(Operation::Read, &path))?;
            let mut opened = Self::with(file, path, needed, wrap)?;
            if needed < length {
                opened.storage.cut(needed).map_err(Error::io(Operation::Truncate, &opened.path))?;
            }
            // The process that appended the last records may have ended before it synced them.
            opened.is_unsynced = true;
            return Ok(opened);
        }
        let file = create(&path)?;
        sync_directory(&directory)?;
        Self::with(file, path, 0, wrap)
    }

    fn with(file: File, path: PathBuf, length: u64, wrap: &Wrap) -> Result<Self, Error> {
        let storage = wrap(file.try_clone().map_err(Error::io(Operation::Open, &path))?, &path);
        Ok(Self { storage, file, path, length, is_unsynced: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns `true` if the path still names this file.
    pub(crate) fn is_in_place(&self) -> Result<bool, Error> {
        same_file(&self.file, &self.path).map_err(Error::io(Operation::Inspect, &self.path))
    }

    /// Copies the content from the open descriptor into a new file of the same name. It is an error if a file of that name
    /// exists.
    pub(crate) fn restore(&self) -> Result<(), Error> {
        if let Some(directory) = self.path.parent()
            && let Some(trail) = directory.parent()
        {
            create_directory(trail, directory)?;
        }
        let mut copy = create(&self.path)?;
        let mut file = self.file.try_clone().map_err(Error::io(Operation::ReadBack, &self.path))?;
        file.seek(SeekFrom::Start(0)).map_err(Error::io(Operation::ReadBack, &self.path))?;
        io::copy(&mut file.take(self.length), &mut copy).map_err(Error::io(Operation::Write, &self.path))?;
        copy.sync_all().map_err(Error::io(Operation::Sync, &self.path))?;
        self.path.parent().map_or(Ok(()), sync_directory)
    }

    /// Appends records. After an error the file may hold a part of them, and the caller must open it again.
    pub(crate) fn append(&mut self, mut records: &[u8]) -> Result<(), Error> {
        self.is_unsynced = true;
        while !records.is_empty() {
            match self.storage.append(records) {
                Ok(0) => {
                    return Err(Error::io(Operation::Append, &self.path)(io::ErrorKind::WriteZero.into()));
                }
                Ok(count) => {
                    self.length += count as u64;
                    records = records.get(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(Operation::Append, &self.path)(error)),
            }
        }
        Ok(())
    }

    /// Truncates the file by `bytes`: the records of lines that were not written.
    pub(crate) fn truncate_by(&mut self, bytes: usize) -> Result<(), Error> {
        if bytes > 0 {
            let length = self.length.saturating_sub(bytes as u64);
            self.storage.cut(length).map_err(Error::io(Operation::Truncate, &self.path))?;
            self.length = length;
        }
        Ok(())
    }

    /// Waits until all appended records are on the device.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        if self.is_unsynced {
            self.storage.sync().map_err(Error::io(Operation::Sync, &self.path))?;
            self.is_unsynced = false;
        }
        Ok(())
    }
}

/// Removes the records of entry `next` and later ones from all files of private records. The trail has no such entries.
pub(crate) fn remove_records_from(trail: &Path, next: u64) -> Result<(), Error> {
    let directory = private_values::directory(trail);
    if !exists(&directory)? {
        return Ok(());
    }
    for entry in std::fs::read_dir(&directory).map_err(Error::io(Operation::List, &directory))? {
        let path = entry.map_err(Error::io(Operation::List, &directory))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.and_then(SegmentName::parse).is_none() {
            continue;
        }
        let (mut file, length) = open_regular(&path, OpenOptions::new().read(true).write(true))?;
        let needed = needed_length(&mut file, length, next).map_err(Error::io(Operation::Read, &path))?;
        if needed < length {
            file.set_len(needed)
                .and_then(|()| file.sync_all())
                .map_err(Error::io(Operation::Truncate, &path))?;
        }
    }
    Ok(())
}

/// Renames the file of private records of the trail's file `from`, which was copied under the name `to`.
pub(crate) fn rename(trail: &Path, from: &str, to: &str) -> Result<(), Error> {
    let directory = private_values::directory(trail);
    let path = directory.join(from);
    match std::fs::rename(&path, directory.join(to)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io(Operation::Rename, path)(error)),
        Ok(()) => sync_directory(&directory),
    }
}

fn create(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.append(true).read(true).create_new(true);
    Permissions::Owner.on_create(&mut options);
    let file = options.open(path).map_err(Error::io(Operation::Create, path))?;
    Permissions::Owner.live(&file).map_err(Error::io(Operation::SetMode, path))?;
    Ok(file)
}

/// Creates the directory of private records if it is missing.
fn create_directory(trail: &Path, directory: &Path) -> Result<(), Error> {
    match std::fs::symlink_metadata(directory) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(Error::Unreadable {
            action: Operation::Open,
            path: directory.to_owned(),
            reason: "not a directory",
        }),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io(Operation::Inspect, directory)(error))
        }
        Err(_) => {
            Permissions::Owner
                .create_directory(directory)
                .map_err(Error::io(Operation::Create, directory))?;
            sync_directory(trail)
        }
    }
}

/// Returns the end of the last record of an entry below `next`. The file is read backwards, in growing windows, because
/// that record is nearly always near the end.
fn needed_length(file: &mut File, length: u64, next: u64) -> io::Result<u64> {
    let mut size = FIRST_TAIL_BYTES;
    loop {
        let from = length.saturating_sub(size);
        file.seek(SeekFrom::Start(from))?;
        let mut window = Vec::new();
        (&mut *file).take(length - from).read_to_end(&mut window)?;
        let mut needed = length;
        let mut end = window.len();
        loop {
            let start = match memchr::memrchr(b'\n', &window[..end]) {
                Some(at) => at + 1,
                None if from == 0 => 0,
                // The line begins before the window: a larger one is needed.
                None => break,
            };
            match PrivateLine::read(&window[start..end]) {
                // The text after the last newline: an unfinished record, or nothing.
                _ if end == window.len() => needed = from + start as u64,
                PrivateLine::Record(record) if record.seq < next => return Ok(needed),
                PrivateLine::Record(_) => needed = from + start as u64,
                // Such a line has no number. It goes with a later record before it, and stays otherwise.
                PrivateLine::Erased | PrivateLine::Unreadable => {}
            }
            if start == 0 {
                return Ok(needed);
            }
            end = start - 1;
        }
        size = size.saturating_mul(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the needed part of `text` if the trail's next entry is `next`.
    fn kept(text: &str, next: u64) -> String {
        let mut file = tempfile::tempfile().expect("a file");
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("written");
        let end = needed_length(&mut file, text.len() as u64, next).expect("read");
        text[..end as usize].to_owned()
    }

    fn record(seq: u64) -> String {
        format!("{{\"field\": \"f\", \"salt\": \"00\", \"seq\": {seq}, \"value\": 1}}\n")
    }

    #[test]
    fn records_without_an_entry_are_removed() {
        let (first, second) = (record(1), record(2));
        let erased = format!("{}\n", " ".repeat(30));
        let both = format!("{first}{second}");

        for (text, expected) in [
            (String::new(), ""),
            (first.clone(), &*first),
            (both.clone(), &*first),
            (format!("{both}{second}"), &*first),
            (format!("{first}{{\"fie"), &*first),
            ("{\"fie".to_owned(), ""),
            (second.clone(), ""),
            (format!("{first}{erased}"), &*format!("{first}{erased}")),
            (format!("{first}{second}{erased}"), &*first),
            (format!("{erased}{second}"), &*erased),
        ] {
            assert_eq!(kept(&text, 2), expected, "{text}");
        }
    }

    #[test]
    fn the_end_is_found_beyond_the_first_window() {
        let many: String = (10..4_000).map(record).collect();
        let first = record(1);

        assert_eq!(kept(&format!("{first}{many}"), 2), first);
        assert_eq!(kept(&many, 2), "");
        assert_eq!(kept(&format!("{first}{}\n", " ".repeat(200_000)), 2).len(), first.len() + 200_001);
    }
}
