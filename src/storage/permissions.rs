//! Who may read a trail: modes of the directory, of the live file and of closed files.
//!
//! Unix alone has modes; elsewhere the directory's own access list decides.

use std::{
    fs::{File, Metadata, OpenOptions},
    io,
    path::Path,
};

/// The modes that a log gives to what it creates. What exists already keeps its own.
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

    pub(crate) fn on_create(self, options: &mut OpenOptions) {
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(options, self.modes().1);
        #[cfg(not(unix))]
        let _: &mut OpenOptions = options;
    }

    /// Sets the mode of a file that was just created, whatever the process's mask took away.
    pub(crate) fn live(self, file: &File) -> io::Result<()> {
        set(file, self.modes().1)
    }

    pub(crate) fn closed(self, file: &File) -> io::Result<()> {
        set(file, self.modes().2)
    }

    const fn modes(self) -> (u32, u32, u32) {
        match self {
            Self::Owner => (0o700, 0o600, 0o400),
            Self::GroupReadable => (0o750, 0o640, 0o440),
        }
    }
}

/// Whether nobody is to write the file any more.
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

/// The mode of a file or directory of a trail, if it lets in more than the owner and a reading group.
#[cfg(unix)]
pub(crate) fn loose_mode(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;

    let mode = metadata.permissions().mode() & 0o7777;
    let allowed = if metadata.is_dir() { 0o750 } else { 0o740 };
    (mode & 0o777 & !allowed != 0).then_some(mode)
}

/// Modes are known on Unix alone.
#[cfg(not(unix))]
pub(crate) fn loose_mode(_: &Metadata) -> Option<u32> {
    None
}
