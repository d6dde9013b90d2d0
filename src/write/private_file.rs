//! The private values of the live file, as they are written: each before the line that commits to it.
//!
//! What was kept for lines that were not written after all is taken out again, at once or when the file is opened.

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

/// How much of a file's end is read at first.
const TAIL: u64 = 1 << 16;

/// A file of private values, open for appending.
#[derive(Debug)]
pub(crate) struct PrivateFile {
    storage: Box<dyn Storage>,
    /// The same file, to look at and to read back.
    file: File,
    path: PathBuf,
    length: u64,
    unsynced: bool,
}

impl PrivateFile {
    /// Opens or creates the file for the trail's file of that name, whose next entry is `next`: what was kept for it
    /// or for later ones is left over from lines that were not written.
    pub(crate) fn open(trail: &Path, name: &str, next: u64, wrap: &Wrap) -> Result<Self, Error> {
        let directory = private_values::directory(trail);
        create_directory(trail, &directory)?;
        let path = directory.join(name);
        let mut options = OpenOptions::new();
        options.append(true).read(true);
        if exists(&path)? {
            let (mut file, length) = open_regular(&path, &mut options)?;
            let kept = end(&mut file, length, next).map_err(Error::io(Operation::Read, &path))?;
            let mut opened = Self::with(file, path, kept, wrap)?;
            if kept < length {
                opened.storage.cut(kept).map_err(Error::io(Operation::Truncate, &opened.path))?;
            }
            opened.unsynced = true;
            return Ok(opened);
        }
        let file = create(&path)?;
        sync_directory(&directory)?;
        Self::with(file, path, 0, wrap)
    }

    fn with(file: File, path: PathBuf, length: u64, wrap: &Wrap) -> Result<Self, Error> {
        let storage = wrap(file.try_clone().map_err(Error::io(Operation::Open, &path))?, &path);
        Ok(Self { storage, file, path, length, unsynced: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file still stands under its name.
    pub(crate) fn is_in_place(&self) -> Result<bool, Error> {
        same_file(&self.file, &self.path).map_err(Error::io(Operation::Inspect, &self.path))
    }

    /// Copies the content back from the open descriptor to where it stood, unless something else stands there.
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

    /// Appends records. After an error the file may hold some of them, and must be opened anew.
    pub(crate) fn append(&mut self, mut records: &[u8]) -> Result<(), Error> {
        self.unsynced = true;
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

    /// Takes the last `bytes` out again.
    pub(crate) fn take_back(&mut self, bytes: usize) -> Result<(), Error> {
        if bytes > 0 {
            let length = self.length.saturating_sub(bytes as u64);
            self.storage.cut(length).map_err(Error::io(Operation::Truncate, &self.path))?;
            self.length = length;
        }
        Ok(())
    }

    /// Waits until everything that was appended is on the device.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        if self.unsynced {
            self.storage.sync().map_err(Error::io(Operation::Sync, &self.path))?;
            self.unsynced = false;
        }
        Ok(())
    }
}

/// Takes out what was kept for entries from `next` on, which the trail does not have.
pub(crate) fn sweep(trail: &Path, next: u64) -> Result<(), Error> {
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
        let kept = end(&mut file, length, next).map_err(Error::io(Operation::Read, &path))?;
        if kept < length {
            file.set_len(kept)
                .and_then(|()| file.sync_all())
                .map_err(Error::io(Operation::Truncate, &path))?;
        }
    }
    Ok(())
}

/// Gives the values of the trail's file `from` the name of its copy `to`.
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

/// Where the records of entries before `next` end, read from behind.
fn end(file: &mut File, length: u64, next: u64) -> io::Result<u64> {
    let mut size = TAIL;
    loop {
        let from = length.saturating_sub(size);
        file.seek(SeekFrom::Start(from))?;
        let mut window = Vec::new();
        (&mut *file).take(length - from).read_to_end(&mut window)?;
        let mut kept = length;
        let mut end = window.len();
        loop {
            let start = match memchr::memrchr(b'\n', &window[..end]) {
                Some(at) => at + 1,
                None if from == 0 => 0,
                // It begins before the window.
                None => break,
            };
            match PrivateLine::read(&window[start..end]) {
                // Torn, since no newline follows.
                _ if end == window.len() => kept = from + start as u64,
                PrivateLine::Record(record) if record.seq < next => return Ok(kept),
                PrivateLine::Record(_) => kept = from + start as u64,
                PrivateLine::Erased | PrivateLine::Unreadable => {}
            }
            if start == 0 {
                return Ok(kept);
            }
            end = start - 1;
        }
        size = size.saturating_mul(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of `text` where the next entry is `next`.
    fn kept(text: &str, next: u64) -> String {
        let mut file = tempfile::tempfile().expect("a file");
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("written");
        let end = end(&mut file, text.len() as u64, next).expect("read");
        text[..end as usize].to_owned()
    }

    fn record(seq: u64) -> String {
        format!("{{\"field\": \"f\", \"salt\": \"00\", \"seq\": {seq}, \"value\": 1}}\n")
    }

    #[test]
    fn what_is_left_over_is_taken_out() {
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
    fn the_end_is_found_behind_more_than_is_read_at_first() {
        let many: String = (10..4_000).map(record).collect();
        let first = record(1);

        assert_eq!(kept(&format!("{first}{many}"), 2), first);
        assert_eq!(kept(&many, 2), "");
        assert_eq!(kept(&format!("{first}{}\n", " ".repeat(200_000)), 2).len(), first.len() + 200_001);
    }
}
