//! Opening files in a directory that is not trusted: regular files alone, whatever stands under a name.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use crate::error::{Error, Operation};

/// Opens a regular file; links are not followed, and devices and pipes are left alone.
pub(crate) fn open_regular(path: &Path, options: &mut OpenOptions) -> Result<(File, u64), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        use rustix::fs::OFlags;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let unreadable =
        || Error::Unreadable { action: Operation::Open, path: path.to_owned(), reason: "not a regular file" };
    // A link is refused by the flag above; asking first gives the clearer answer, and serves where there is no flag.
    let metadata = std::fs::symlink_metadata(path).map_err(Error::io(Operation::Open, path))?;
    if !metadata.is_file() {
        return Err(unreadable());
    }
    let file = options.open(path).map_err(Error::io(Operation::Open, path))?;
    let metadata = file.metadata().map_err(Error::io(Operation::Open, path))?;
    if !metadata.is_file() {
        return Err(unreadable());
    }
    Ok((file, metadata.len()))
}
