//! Opening files in a directory that is not trusted: regular files only, whatever has the name.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use crate::error::{Error, Operation};

/// Opens a regular file. Returns it with its length.
///
/// # Errors
///
/// [`Error::Unreadable`] for a link, a device, a pipe or a directory; [`Error::Io`].
pub(crate) fn open_regular(path: &Path, options: &mut OpenOptions) -> Result<(File, u64), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        use rustix::fs::OFlags;
        // A pipe that was put in the file's place between the two checks must not block the open.
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let unreadable =
        || Error::Unreadable { action: Operation::Open, path: path.to_owned(), reason: "not a regular file" };
    // NOFOLLOW refuses a link too. This check gives the clearer error, and works on systems without the flag.
    let metadata = std::fs::symlink_metadata(path).map_err(Error::io(Operation::Open, path))?;
    if !metadata.is_file() {
        return Err(unreadable());
    }
    let file = options.open(path).map_err(Error::io(Operation::Open, path))?;
    // The name may have come to mean another file since: the open file is the one that counts.
    let metadata = file.metadata().map_err(Error::io(Operation::Open, path))?;
    if !metadata.is_file() {
        return Err(unreadable());
    }
    Ok((file, metadata.len()))
}
