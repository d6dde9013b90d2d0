//! Read access to a trail: the modes of its directory, of the live file and of closed files.
//!
//! Only Unix has modes. On other systems the access list of the directory decides, and nothing here changes it.

use std::{
    fs::{File, Metadata, OpenOptions},
    io,
    path::Path,
};

/// The modes of the files and directories that a log creates. Existing ones keep their modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Permissions {
    /// Directory 0700, live file 0600, closed files 0400.
    #[default]
    Owner,
    /// Directory 0750, live file 0640, closed files 0440.
    GroupReadable,
}

impl Permissions {
    /// Creates a directory and its missing parents.
    pub(crate) fn create_directory(self, path: &Path) -> io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, self.modes().0);
        builder.create(path)
    }

    /// Sets the mode that a new file gets. The process's umask can still take bits away.
    pub(crate) fn on_create(self, options: &mut OpenOptions) {
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(options, self.modes().1);
        #[cfg(not(unix))]
        let _: &mut OpenOptions = options;
    }

    /// Sets the mode of a new live file, with the bits that the process's umask took away.
    pub(crate) fn live(self, file: &File) -> io::Result<()> {
        set(file, self.modes().1)
    }

    /// Sets the mode of a file that gets no further entries.
    pub(crate) fn closed(self, file: &File) -> io::Result<()> {
        set(file, self.modes().2)
    }

    /// Modes of the directory, of the live file and of closed files.
    const fn modes(self) -> (u32, u32, u32) {
        match self {
            Self::Owner => (0o700, 0o600, 0o400),
            Self::GroupReadable => (0o750, 0o640, 0o440),
        }
    }
}

/// Returns `true` if the file's mode is that of a closed file, which no process may write.
pub(crate) fn is_closed(metadata: &Metadata) -> bool {
    metadata.permissions().readonly()
}

#[cfg(unix)]
fn set(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// Returns the mode of a file or directory of a trail if it allows more than access by the owner and reading by the
/// group.
#[cfg(unix)]
pub(crate) fn loose_mode(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;

    let mode = metadata.permissions().mode() & 0o7777;
    let allowed = if metadata.is_dir() { 0o750 } else { 0o740 };
    (mode & 0o777 & !allowed != 0).then_some(mode)
}

/// Returns `None`: there are no modes.
#[cfg(not(unix))]
pub(crate) fn loose_mode(_: &Metadata) -> Option<u32> {
    None
}
