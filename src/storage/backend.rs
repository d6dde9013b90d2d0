//! The file operations that a trail's writer uses, as a trait: the file system's, or those of a test with faults.

use std::{
    fmt,
    fs::File,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

/// An open file that entries, private values or the head are written to.
pub(crate) trait Storage: fmt::Debug + Send {
    /// Writes some of `bytes` at the end. Returns their number.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`.
    fn overwrite(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Waits until all bytes written are on the device.
    fn sync(&mut self) -> io::Result<()>;

    /// Truncates the file to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// The file's current length in bytes.
    fn length(&self) -> io::Result<u64>;
}

/// A function that opens the storage over each file that the writer creates or opens. Tests add faults by it.
pub(crate) type Wrap = Arc<dyn Fn(File, &Path) -> Box<dyn Storage> + Send + Sync>;

impl Storage for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    fn overwrite(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::write_all_at(self, bytes, offset);
        #[cfg(not(unix))]
        {
            std::io::Seek::seek(self, std::io::SeekFrom::Start(offset))?;
            self.write_all(bytes)
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }
}
